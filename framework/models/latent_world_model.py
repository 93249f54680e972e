"""The world model of what is not seen directly: p(o | s), p(s' | s, a), p(r | s) and q(s | .), trained together.

    L = E_q [ sum_t log p(o_t | s_t) + log p(r_t | s_t) + log p(end_t | s_t) - KL(q(z_t | .) || p(z_t | s_t-1, a_t-1)) ]

the evidence lower bound of a sequence, per frame. Hafner et al. 2019 (PlaNet), equation 3; Krishnan et al. 2017.
Planning happens in the space of s.
"""

from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from .base import Model
from .latent_dynamics import LatentDynamics
from .latent_heads import LatentReward, LatentTermination, StateReward, weighted_mean
from .observation import ObservationModel
from .posterior import Filtered, Inferred, Posterior
from .sequence_objective import SequenceELBO, SequenceObjective
from .world_model import WorldModel

COLLAPSED = 0.01  # nats: a variable that tells less tells nothing


class LatentWorldModel(WorldModel):
    """What an agent knows about a world that it sees through observations.

    The optimiser of this part is the posterior's; the other parts have their own.

    Attributes:
        state_size: S.
        memory_size: M, numbers that an agent carries from step to step to know the state.

    Args:
        action_size: A.
        observation: p(o | s), and the features of an observation.
        posterior: q(s | .).
        dynamics: p(s' | s, a).
        reward: p(r | s).
        termination: P(end | s), or None where nothing ends early.
        objective: what makes states of observations; the evidence lower bound by default.
        burn_in: frames of a sequence that begins within an episode by which only the state is found; nothing is learned
            from their errors.
        learning_rate, weight_decay, gradient_clip: of the posterior; see `Model`.

    Raises:
        ValueError: for a negative `burn_in`.
    """

    sequences = True
    dynamics: LatentDynamics
    reward: StateReward
    termination: LatentTermination | None

    def __init__(
        self,
        action_size: int,
        observation: ObservationModel,
        posterior: Posterior,
        dynamics: LatentDynamics,
        reward: StateReward | None = None,
        termination: LatentTermination | None = None,
        objective: SequenceObjective | None = None,
        burn_in: int = 0,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        if burn_in < 0:
            raise ValueError(f"burn_in: need at least 0, got {burn_in}")
        reward = LatentReward() if reward is None else reward
        super().__init__(
            dynamics,
            reward.build(dynamics.state_size, action_size),
            None if termination is None else termination.build(dynamics.state_size),
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
        )
        self.observation = observation.build(dynamics.state_size)
        self.posterior = posterior.build(observation.feature_size, action_size, dynamics)
        self.objective = SequenceELBO() if objective is None else objective
        self.burn_in = burn_in
        self.members = 1  # members of an ensemble see the same sequences
        self.memory_size = self.posterior.memory_size
        self.state_size = dynamics.state_size
        self.objective.build(self)

    # ------------------------------------------------------------------ acting

    def filter(self, memory: Tensor, action: Tensor, observation: Tensor, is_init: Tensor) -> Filtered:
        """See `Posterior.filter`; the mean or the mode of what is known."""
        features = self.observation.features(observation)
        return self.posterior.filter(self.dynamics, memory, action, features, is_init)

    def decode(self, state: Tensor) -> Any:
        """The mean of p(o | s), in the observation's units: a tensor, or one for each name."""
        return self.observation.decode(state)

    # ------------------------------------------------------------------ learning

    def infer_sequences(self, batch: TensorDictBase) -> Inferred:
        """The states of sequences `[B]` of L frames, see `keys.py`."""
        features = self.observation.features(batch["observation"])
        action = batch["previous_action"]
        noise = torch.randn(*action.shape[:-1], self.dynamics.latent.size, device=action.device, dtype=action.dtype)
        return self.posterior.infer(self.dynamics, features, action, batch["is_init"], noise)

    def counts(self, batch: TensorDictBase) -> Tensor:
        """`[B, L]`: 1 for frames whose errors are learned from, 0 for those that only warm the state up."""
        begun = batch["is_init"][..., 0].cumsum(-1) > 0
        late = torch.arange(begun.shape[-1], device=begun.device) >= self.burn_in
        return (begun | late).float()

    def units(self) -> list[Model]:
        """One: the loss of each part reads the others' weights."""
        return [self]

    def prepare(self, batch: TensorDictBase) -> None:
        """Nothing is known of states before the loss."""

    def adapt(self, batch: TensorDictBase) -> None:
        for part in self.parts().values():
            part.adapt(batch)

    def select(self, scores: dict[str, Tensor]) -> None:
        """No part chooses by scores."""

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return self.losses(batch, self.infer_sequences(batch))

    def losses(self, batch: TensorDictBase, inferred: Inferred) -> dict[str, Tensor]:
        """Those of the states inferred of a batch."""
        counts = self.counts(batch)
        losses = self.objective(self, inferred, batch, counts)
        losses |= {name: weighted_mean(loss, counts) for name, loss in inferred.losses.items()}
        return losses | self.outcome_losses(inferred.state, batch, counts)

    def outcome_losses(self, state: Tensor, batch: TensorDictBase, counts: Tensor) -> dict[str, Tensor]:
        """Those of reward and termination at states `[B, L, S]`, over the steps within episodes."""
        inside = counts[:, 1:] * ~batch["is_init"][:, 1:, 0]
        steps = TensorDict(
            {
                "state": state[:, :-1],
                "action": batch["previous_action"][:, 1:],
                "counts": inside,
                "next": {
                    "state": state[:, 1:],
                    "reward": batch["reward"][:, 1:],
                    "terminated": batch["terminated"][:, 1:],
                },
            },
            inside.shape,
        )
        heads = [self.reward] if self.termination is None else [self.reward, self.termination]
        return {name: loss for head in heads for name, loss in head.loss(steps).items()}

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Scores of held-out sequences by a fixed draw of the noise: the losses, and in nats a frame

        `elbo`, the bound on log p(o), where states are decoded; `kl_nats`, the divergence in it, and of it each
        variable's, `kl_by_variable [V]`; `collapsed`, the share of variables with less than 0.01 nats.
        """
        device = batch["is_init"].device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(0)
            inferred = self.infer_sequences(batch)
            losses = self.losses(batch, inferred)
        counts = self.counts(batch)
        nats = self.observation.log_likelihood(inferred.state, batch["observation"])
        kl = self.dynamics.latent.kl(inferred.posterior, inferred.prior).view(-1, *counts.shape, self.variables).mean(0)
        each = (kl * counts[..., None]).sum((0, 1)) / counts.sum().clamp_min(1)
        scores = {"kl_nats": each.sum(), "kl_by_variable": each, "collapsed": (each < COLLAPSED).float().mean()}
        if nats:
            scores["elbo"] = weighted_mean(sum(nats.values(), start=torch.zeros_like(counts)), counts) - each.sum()
        return losses | scores

    @property
    def variables(self) -> int:
        """V of z."""
        return self.dynamics.latent.variables
