"""Deep Dyna-Q: double DQN that also learns from what a learned model of the world imagines.

    (s, a, r, s') replayed:        learn Q from it, learn the model from it
    n times, from s:               a' epsilon-greedy, s'' and r' from the model, learn Q from (s, a', r', s'')

Sutton and Barto 2018, section 8.2, the box of tabular Dyna-Q, with networks for both tables: steps (d), (e) and (f)
are one update. As there, planning begins in states that were visited; unlike there, its actions need not have been
taken, since a network answers for all. Rollouts may go on for several steps.
"""

from typing import Literal

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..imagination import TSInfinity, imagine_policy
from ..keys import STATE, ObservationShape
from ..models.latent_world_model import LatentWorldModel
from ..models.update import Update
from ..models.world_model import WorldModel
from ..policies.epsilon_greedy import EpsilonGreedy, EpsilonGreedyPolicy
from .linear_schedule import LinearSchedule
from .q_agent import QAgent


class DeepDynaQ(QAgent):
    """With `imagined=0` it is `DQN` exactly, beside which a model is learned that nobody asks.

    Args:
        policy, observation_shape, action_size, discrete_actions: see `QAgent`.
        world_model: imagines, and is learned in the same updates; its states are observations.
        imagined: n, rollouts that begin in each replayed state.
        horizon: steps of a rollout, each a transition to learn from unless it comes after an imagined end.
        imagined_epsilon: of the actions in them; 1 for uniform ones.
        particles: draws of the model's parameters among which an update's rollouts are dealt; of an ensemble one for
            each elite. A divisor of the rollouts.
        exploration, discount, target_rate, target_every, distance, update: see `QAgent`.

    Raises:
        ValueError: for actions that are not discrete, a latent world model, and numbers out of range.
    """

    world_model: WorldModel  # never None here
    imagined_epsilon: Tensor

    def __init__(
        self,
        policy: EpsilonGreedyPolicy,
        world_model: WorldModel,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool = False,
        imagined: int = 1,
        horizon: int = 1,
        imagined_epsilon: float = 1.0,
        particles: int = 1,
        exploration: LinearSchedule | None = None,
        discount: float = 0.99,
        target_rate: float = 0.005,
        target_every: int = 1,
        distance: Literal["l2", "smooth_l1"] = "smooth_l1",
        update: Update | None = None,
    ) -> None:
        if isinstance(world_model, LatentWorldModel):
            raise ValueError(
                f"world_model: need one whose states are observations, got a {type(world_model).__name__}: replayed "
                "states would change with its weights"
            )
        for name, number, least in (("imagined", imagined, 0), ("horizon", horizon, 1), ("particles", particles, 1)):
            if number < least:
                raise ValueError(f"{name}: need at least {least}, got {number}")
        if not 0 <= imagined_epsilon <= 1:
            raise ValueError(f"imagined_epsilon: need a number in [0, 1], got {imagined_epsilon}")
        super().__init__(
            policy, observation_shape, action_size, discrete_actions, world_model, exploration,
            discount, target_rate, target_every, distance, update,
        )  # fmt: skip
        self.imagined, self.horizon, self.particles = imagined, horizon, particles
        self.register_buffer("imagined_epsilon", torch.tensor(float(imagined_epsilon)), persistent=False)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        batch = self.states(batch)
        losses = self.world_model.loss(batch)
        rows = batch.reshape(-1)  # of an ensemble's members together
        if not self.imagined:
            return {**losses, "q": self.td_loss(rows)}
        dreamt, counts = self.imagine(rows[STATE])
        self.note("imagined/counting", counts.mean())
        real = rows.select(*dreamt.keys(True, True))
        weight = torch.cat([counts.new_ones(len(rows)), counts])
        return {**losses, "q": self.td_loss(torch.cat([real, dreamt]), weight)}

    @torch.no_grad()
    def imagine(self, state: Tensor) -> tuple[TensorDict, Tensor]:
        """Transitions `[I]` of rollouts from states `[R, S]`, I = R * imagined * horizon, and whether they count `[I]`.

        Where the model says how likely an end is, ends are drawn; what comes after one does not count.
        """
        start = state.repeat(self.imagined, 1)
        start = start[
            torch.randperm(len(start), device=start.device)
        ]  # so that no draw of parameters has rows of its own
        went = imagine_policy(
            self.world_model, start, self.act, self.horizon, propagation=TSInfinity(), particles=self.particles
        )
        going_on = torch.ones_like(went.reward) if went.continuation is None else went.continuation
        goes_on = (torch.rand_like(going_on) < going_on).to(going_on.dtype)  # [H, R]
        counts = torch.cat([torch.ones_like(goes_on[:1]), goes_on.cumprod(0)[:-1]])
        kept = counts[..., None] > 0  # [H, R, 1]; a state after an end may be anything
        ended = goes_on[..., None] == 0
        following = {
            "state": went.next_state.where(kept, 0.0),
            "reward": went.reward[..., None].where(kept, 0.0),
            "terminated": ended,
            "done": ended,
        }
        dreamt = {"state": went.state.where(kept, 0.0), "action": went.action, "next": following}
        return TensorDict(dreamt, counts.shape).reshape(-1), counts.flatten()

    def act(self, state: Tensor, step: int) -> Tensor:
        """Actions `[*B, A]` in imagined states `[*B, S]`."""
        return EpsilonGreedy(self.policy.q(state), self.imagined_epsilon).sample().action
