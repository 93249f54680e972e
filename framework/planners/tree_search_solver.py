"""Proven values: bounds on the return, backed up exactly beside the averages.

    low(s)  = max_a low(s, a)      high(s)  = max_a high(s, a)         min for both where the opponent is to move
    low(s, a) = r + gamma low(s')  high(s, a) = r + gamma high(s')     an end has no return beyond r

An action with low = high is proven. Neither it nor one whose high is below another's low needs to be tried again, and
the averages are kept within their bounds. Winands, Bjornsson and Saito 2008, "Monte-Carlo Tree Search Solver"; with
bounds instead of wins and losses: Cazenave and Saffidine 2010, "Score Bounded Monte-Carlo Tree Search".
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .tree_search_arrays import Tree


class Proof:
    """The bounds of every action in B trees; `bounds` are the least and the largest return from any state on."""

    def __init__(self, size: int, actions: int, bounds: tuple[float, float], like: Tensor) -> None:
        self.least, self.most = bounds
        self.low = like.new_full((size, actions), self.least)
        self.high = like.new_full((size, actions), self.most)

    def back_up(self, edges: Tensor, nodes: Tensor, depth: Tensor, last: Tensor, tree: "Tree") -> None:
        """Renews the bounds along paths of actions and nodes `[B, D]` that end at depth `[B]` in children `[B]`."""
        is_last = tree.position == depth[:, None]  # [B, D]
        child = torch.where(is_last, last[:, None], nodes.roll(-1, 1))
        reward, discount = tree.reward[child], tree.discount[child]
        player, legal = tree.player[nodes], tree.legal[nodes]
        low, high = torch.full_like(reward[:, 0], self.least), torch.full_like(reward[:, 0], self.most)
        for d in range(edges.shape[1] - 1, -1, -1):
            low = torch.where(is_last[:, d], self.least, low)
            high = torch.where(is_last[:, d], self.most, high)
            for bound, value in ((self.low, low), (self.high, high)):
                bound.view(-1)[edges[:, d]] = (reward[:, d] + discount[:, d] * value).clamp(self.least, self.most)
            low, high = (extreme(x[nodes[:, d]], legal[:, d], player[:, d]) for x in (self.low, self.high))

    def movers(self, nodes: Tensor, player: Tensor) -> tuple[Tensor, Tensor]:
        """Low and high `[..., A]` as the mover counts them."""
        low, high, first = self.low[nodes], self.high[nodes], player[..., None] > 0
        return torch.where(first, low, -high), torch.where(first, high, -low)

    def narrowed(self, nodes: Tensor, legal: Tensor, player: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """The actions worth trying (all legal ones where everything is settled), and q within its bounds."""
        low, high = self.movers(nodes, player)
        sure = torch.where(legal, low, -torch.inf).amax(-1, keepdim=True)
        open_ = legal & (low < high) & (high > sure)
        return torch.where(open_.any(-1, keepdim=True), open_, legal), q.clamp(low, high)

    def decide(self, roots: Tensor, legal: Tensor, player: Tensor, q: Tensor, action: Tensor) -> Tensor:
        """The best proven action `[B]` where the chosen one's mean return promises no more."""
        low, high = self.movers(roots, player)
        proven, best = torch.where(legal & (low == high), low, -torch.inf).max(-1)
        return torch.where(proven >= q.gather(1, action[:, None])[:, 0], best, action)


def extreme(bound: Tensor, legal: Tensor, player: Tensor) -> Tensor:
    """The largest of legal bounds `[B, A]` where player `[B]` is 1, the least where it is -1."""
    largest = torch.where(legal, bound, -torch.inf).amax(-1)
    return torch.where(player > 0, largest, torch.where(legal, bound, torch.inf).amin(-1))
