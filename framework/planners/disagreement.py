"""The disagreement of models about the next state: a penalty where they do not know, or a bonus for going there.

    d(s, a) = 1/S sum_i std_m mu^m_i(s, a) / scale_i,   m = 1..M draws of the parameters        r'(s, a) = r + w d

Only the means are compared, so noise, which no data takes away, does not count: this is the epistemic uncertainty.
w < 0: Yu et al. 2020 (MOPO), equation 4, with this d. w > 0: Pathak et al. 2019, "Self-Supervised Exploration via
Disagreement", section 3, with the standard deviation instead of the variance, so that w has the reward's unit.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..models.world_model import WorldModel

Bonus = Callable[[Tensor, Tensor], Tensor]
"""state `[*B, S]`, action `[*B, A]` -> what is added to the reward `[*B]`."""


class Disagreement:
    """The weighted disagreement of M draws of the parameters at the states that a plan leads to.

    Args:
        weight: w, in the reward's unit for a disagreement of `scale`; negative is a penalty, positive a bonus.
        draws: M; each member of an ensemble is one where they are as many.
        scale: of each state dimension, in its unit; 1 for all by default.

    Raises:
        ValueError: for fewer than two draws.
    """

    def __init__(self, weight: float, draws: int = 5, scale: Sequence[float] | None = None) -> None:
        if draws < 2:
            raise ValueError(f"draws: need at least 2, got {draws}")
        self.weight, self.draws, self.scale = weight, draws, scale

    def bind(self, world_model: WorldModel, state: Tensor, generator: torch.Generator | None) -> Bonus:
        """With parameters drawn once for the search from states `[B, S]`."""
        theta = world_model.sample_parameters(self.draws, generator)
        scale = torch.ones_like(state[0]) if self.scale is None else state.new_tensor(self.scale)  # [S]

        def bonus(state: Tensor, action: Tensor) -> Tensor:
            M = self.draws
            means = world_model.dynamics.step(
                state.expand(M, *state.shape).contiguous(), action.expand(M, *action.shape), theta, None
            )  # [M, *B, S]
            spread = means.var(0, unbiased=False).clamp_min(1e-12).sqrt()  # a root has no slope at 0
            return self.weight * (spread / scale).mean(-1)

        return bonus
