"""UCT: every action of a node is an arm of a bandit, and the most optimistic one is tried.

    a = argmax_a  Q(s, a) + c sqrt( ln N(s) / N(s, a) )          an action never tried goes first

Kocsis and Szepesvari 2006; Browne et al. 2012, section 3.3. The action that was tried most is played.
"""

import math

import torch
from torch import Tensor

from .tree_search import TreeSearch
from .tree_search_arrays import Statistics

FIRST = 1e9  # above every score of an action that was tried


class UCT(TreeSearch):
    """Upper confidence bounds applied to trees; pays no heed to priors.

    Args:
        exploration: c, in units of the return; sqrt(2) is for returns between 0 and 1.
        simulations, discount, max_depth, outcomes, bounds, compiled: see `TreeSearch`.

    Raises:
        ValueError: for a negative c; see `TreeSearch` for the others.
    """

    def __init__(
        self,
        exploration: float = math.sqrt(2),
        simulations: int = 50,
        discount: float = 0.99,
        max_depth: int = 50,
        outcomes: int = 1,
        bounds: tuple[float, float] | None = None,
        compiled: bool = False,
    ) -> None:
        super().__init__(simulations, discount, max_depth, outcomes, bounds, compiled)
        if exploration < 0:
            raise ValueError(f"exploration: need at least 0, got {exploration}")
        self.exploration = exploration

    def score(self, statistics: Statistics) -> Tensor:
        visits = statistics.visits
        tries = visits.sum(-1, keepdim=True).clamp_min(1)
        bonus = self.exploration * (tries.log() / visits.clamp_min(1)).sqrt()
        score = torch.where(visits > 0, statistics.q + bonus, FIRST * (1 + statistics.noise.sigmoid()))
        return torch.where(statistics.allowed, score, -torch.inf)

    def root_score(self, statistics: Statistics, simulation: Tensor) -> Tensor:
        return self.score(statistics)

    def choose(self, statistics: Statistics) -> tuple[Tensor, Tensor]:
        return most_tried(statistics)


def most_tried(statistics: Statistics) -> tuple[Tensor, Tensor]:
    """The action `[B]` of most visits, ties by its mean return; the shares `[B, A]` of the visits."""
    visits = torch.where(statistics.allowed, statistics.visits, -1.0)
    tied = visits == visits.amax(-1, keepdim=True)
    action = torch.where(tied, statistics.q, -torch.inf).argmax(-1)
    return action, statistics.visits / statistics.visits.sum(-1, keepdim=True)
