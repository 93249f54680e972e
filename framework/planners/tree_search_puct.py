"""PUCT: the prior says where to look first, the mean returns take over.

    a = argmax_a  q(s, a) + P(s, a) sqrt(N(s)) / (1 + N(s, a)) [ c_1 + log((N(s) + c_2 + 1) / c_2) ]

with q brought to [0, 1] between the least and the largest of the node's value and its actions' mean returns, 0 where
never tried. Rosin 2011; Silver et al. 2018 (AlphaZero); in this form Schrittwieser et al. 2020 (MuZero), appendix B,
with q normalised at each node as DeepMind's mctx does, instead of over the tree. No noise is added at the root.
"""

import torch
from torch import Tensor

from .tree_search import TreeSearch
from .tree_search_arrays import Statistics
from .tree_search_uct import most_tried


class PUCT(TreeSearch):
    """Predictor and upper confidence bounds applied to trees; returns may have any scale.

    Args:
        exploration: c_1.
        exploration_growth: c_2, the number of visits at which exploration begins to grow.
        simulations, discount, max_depth, outcomes, bounds, compiled: see `TreeSearch`.

    Raises:
        ValueError: unless c_1 >= 0 and c_2 > 0; see `TreeSearch` for the others.
    """

    def __init__(
        self,
        exploration: float = 1.25,
        exploration_growth: float = 19652.0,
        simulations: int = 50,
        discount: float = 0.99,
        max_depth: int = 50,
        outcomes: int = 1,
        bounds: tuple[float, float] | None = None,
        compiled: bool = False,
    ) -> None:
        super().__init__(simulations, discount, max_depth, outcomes, bounds, compiled)
        if exploration < 0 or exploration_growth <= 0:
            raise ValueError(
                f"need exploration >= 0 and exploration_growth > 0, got {exploration} and {exploration_growth}"
            )
        self.exploration, self.exploration_growth = exploration, exploration_growth

    def score(self, statistics: Statistics) -> Tensor:
        visits = statistics.visits
        tries = visits.sum(-1, keepdim=True)
        grown = ((tries + self.exploration_growth + 1) / self.exploration_growth).log()
        bonus = statistics.logits.exp() * tries.sqrt() * (self.exploration + grown) / (1 + visits)
        return torch.where(statistics.allowed, unit(statistics) + bonus, -torch.inf)

    def root_score(self, statistics: Statistics, simulation: Tensor) -> Tensor:
        return self.score(statistics)

    def choose(self, statistics: Statistics) -> tuple[Tensor, Tensor]:
        return most_tried(statistics)


def unit(statistics: Statistics) -> Tensor:
    """Mean returns `[..., A]` brought to [0, 1], 0 for what was never tried."""
    tried, value = statistics.visits > 0, statistics.value[..., None]
    known = torch.where(tried, statistics.q, value)
    least = torch.minimum(known.amin(-1, keepdim=True), value)
    most = torch.maximum(known.amax(-1, keepdim=True), value)
    return torch.where(tried, (statistics.q - least) / (most - least).clamp_min(1e-8), 0.0)
