"""Branched rollouts: short imagined ways under the policy that begin in states which were really visited.

    s_0 ~ replay        a_t ~ pi(. | s_t),  s_{t+1} ~ p(s' | s_t, a_t, theta_t),  t < k,  until the task ends

Janner et al. 2019 (MBPO), algorithm 2, lines 6 to 8. The model errs more with every step, and less often is a state on
which it was never trained when each way begins on the data.
"""

import torch
from torch import Tensor

from ..imagination import TS1, Propagation, imagine_policy
from ..models.world_model import WorldModel
from ..policies.policy import Policy
from .rollout_length import RolloutLength


class BranchedRollouts:
    """Makes transitions.

    Args:
        per_update: rollouts for each update of a call, at most as many as a minibatch has rows.
        length: k by environment steps; always 1 by default.
        propagation: how a rollout goes through p(theta | D); a new draw at each step (TS-1) by default, as in the
            paper, where each row takes a random elite at each step.
        particles: P, draws at a time; the number of an ensemble's elites, so that each has its share of rows.

    Raises:
        ValueError: unless `per_update` and `particles` are positive.
    """

    def __init__(
        self,
        per_update: int = 20,
        length: RolloutLength | None = None,
        propagation: Propagation | None = None,
        particles: int = 5,
    ) -> None:
        if min(per_update, particles) < 1:
            raise ValueError(f"need per_update and particles >= 1, got {per_update} and {particles}")
        self.per_update, self.particles = per_update, particles
        self.length = RolloutLength() if length is None else length
        self.propagation = TS1() if propagation is None else propagation

    @torch.no_grad()
    def made(self, world_model: WorldModel, policy: Policy, state: Tensor, env_steps: int) -> Tensor:
        """Imagined transitions `[R, D]` in the order of `soft_actor_critic.pack`, from states `[B, S]` of any order.

        What would come after an end is left out, and so is what is not finite. States that do not fill the last of the
        P blocks are not begun from.

        Raises:
            ValueError: for fewer states than particles.
        """
        P = self.particles
        if len(state) < P:
            raise ValueError(f"rollouts.particles: need at most the {len(state)} states of a call, got {P}")
        starts = state[: len(state) // P * P].contiguous()
        seen = imagine_policy(
            world_model,
            starts,
            lambda s, t: policy(s).sample().action,
            self.length.at(env_steps),
            propagation=self.propagation,
            particles=P,
        )
        ended = torch.zeros_like(seen.reward)  # [k, B]
        if seen.continuation is not None:
            ended = (torch.rand_like(seen.continuation) >= seen.continuation).to(seen.reward.dtype)
        entries = (seen.state, seen.action, seen.reward[..., None], ended[..., None], seen.next_state)
        rows = torch.cat(entries, -1)  # [k, B, D]
        begun = ended.cumsum(0) - ended == 0  # a step is made where no end came before it
        return rows[begun & rows.isfinite().all(-1)]
