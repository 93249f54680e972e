"""Proximal policy optimisation: several epochs on what the policy just did, with ratios that are clipped.

    delta_t = r_t + gamma (1 - terminated_t) V(s_{t+1}) - V(s_t)        A_t = sum_k (gamma lambda)^k delta_{t+k}
    rho = pi(a | s) / pi_old(a | s)
    loss = E [ - min(rho A, clip(rho, 1 - c, 1 + c) A) - beta H(pi(. | s)) + l(V(s), A + V_old(s)) ]

The sum ends with the episode or the collection. Schulman et al. 2017, equation 7; Schulman et al. 2016 (generalised
advantage estimation). Advantage and policy loss are TorchRL's `GAE` and `ClipPPOLoss`.
"""

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor, nn
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from ..data.latest_collection import OnPolicy
from ..keys import (
    ACTION,
    ACTION_LOG_PROB,
    ADVANTAGE,
    DONE,
    NEXT_OBSERVATION,
    OBSERVATION,
    RETURN,
    REWARD,
    STATE,
    TERMINATED,
    TRAJECTORY,
    ObservationShape,
)
from ..models.update import Update
from ..policies.action_distribution import ActionDistribution
from ..policies.policy import Policy
from ..policies.state_value import StateValue
from .lent import Lent
from .policy_agent import PolicyAgent


class PPO(PolicyAgent, OnPolicy):
    """Learns from its latest collection alone. What the old policy thought is worked out once, before the first update.

    Args:
        policy: pi.
        value: V.
        observation_shape, action_size, discrete_actions: see `PolicyAgent`.
        discount: gamma.
        lambda_: 0 for one step of temporal differences, 1 for returns.
        clip: c.
        entropy_bonus: beta, a nat's worth.
        normalize_advantage: whether the advantages of a minibatch are shifted and scaled to mean 0 and deviation 1.
        update: see `Update`.

    Raises:
        ValueError: for a policy without a density, and for numbers out of range.
    """

    def __init__(
        self,
        policy: Policy,
        value: StateValue,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool = False,
        discount: float = 0.99,
        lambda_: float = 0.95,
        clip: float = 0.2,
        entropy_bonus: float = 0.0,
        normalize_advantage: bool = True,
        update: Update | None = None,
    ) -> None:
        if not policy.has_density:
            raise ValueError(f"policy: need one with a density, got a {type(policy).__name__}")
        if not 0 <= lambda_ <= 1:
            raise ValueError(f"lambda_: need a number in [0, 1], got {lambda_}")
        if not 0 < clip < 1 or entropy_bonus < 0:
            raise ValueError(f"need clip in (0, 1) and entropy_bonus of at least 0, got {clip} and {entropy_bonus}")
        super().__init__(policy, observation_shape, action_size, discrete_actions, None, discount, update=update)
        self.critic = value.build(self.state_size)
        self.lambda_ = lambda_
        self.clip, self.entropy_bonus, self.normalize_advantage = clip, entropy_bonus, normalize_advantage
        self._objective = Lent[PPO, ClipPPOLoss](clipped)

    def value(self, state: Tensor) -> Tensor:
        return self.critic(state)

    @torch.no_grad()
    def credit(self, transitions: TensorDictBase) -> TensorDict:
        """Advantage, return and log pi_old(a | s), each `[N, 1]`, on the transitions' device."""
        rows = transitions.to(self.device)
        number = rows[TRAJECTORY]
        cut = torch.cat([number[1:] != number[:-1], torch.ones_like(number[:1], dtype=torch.bool)])
        steps = {
            "state_value": self.critic(rows[OBSERVATION])[:, None],
            "next": {
                "state_value": self.critic(rows[NEXT_OBSERVATION])[:, None],
                "reward": rows[REWARD],
                "terminated": rows[TERMINATED],
                "done": rows[DONE] | cut,  # of what is summed; only a termination ends the value
            },
        }
        estimate = GAE(gamma=self.discount, lmbda=self.lambda_, value_network=None, device=self.device)
        told = estimate(TensorDict(steps, rows.shape)[None])[0]
        log_prob = self.policy(rows[OBSERVATION]).log_prob(rows[ACTION])
        found = {ADVANTAGE: told["advantage"], RETURN: told["value_target"], ACTION_LOG_PROB: log_prob[:, None]}
        return TensorDict(found, rows.shape).to(transitions[REWARD].device)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Of transitions with their credit; nothing for those without, as in a validation."""
        if ADVANTAGE not in batch:
            return {}
        batch = self.states(batch)
        given = TensorDict(batch.select(STATE, ACTION, ADVANTAGE).to_dict(), batch.batch_size)
        objective = self._objective(self)
        given[objective.tensor_keys.sample_log_prob] = batch[ACTION_LOG_PROB][..., 0]
        found = objective.forward(given)
        for name, key in NOTED.items():
            self.note(f"policy/{name}", found[key])
        value = self.critic.fit(batch[STATE], batch[RETURN][..., 0]).mean()
        return {"policy": found["loss_objective"], "entropy": found["loss_entropy"], "value": value}


NOTED = {"entropy": "entropy", "kl": "kl_approx", "clipped": "clip_fraction", "ratio_max": "max_ratio"}


class Read(nn.Module):
    """A policy in the form that TorchRL's loss asks for the distribution over actions."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def get_dist(self, td: TensorDictBase) -> ActionDistribution:
        found: ActionDistribution = self.policy(td[STATE])
        return found


def clipped(agent: PPO) -> ClipPPOLoss:
    """TorchRL's loss of the policy; that of the value is its head's own."""
    loss = ClipPPOLoss(
        Read(agent.policy), None, clip_epsilon=agent.clip, entropy_coeff=agent.entropy_bonus, critic_coeff=0.0,
        normalize_advantage=agent.normalize_advantage, functional=False,
    )  # fmt: skip
    loss.in_keys = [STATE, ACTION, ADVANTAGE, loss.tensor_keys.sample_log_prob]  # it asks a critic for them otherwise
    return loss.to(agent.device)
