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

from .tree_search_outcome import DISCOUNT, PLAYER, REWARD, VALUE, Outcome

if TYPE_CHECKING:
    from .tree_search_arrays import Tree


class Proof:
    """The bounds of every action in B trees; `bounds` are the least and the largest return from any state on."""

    def __init__(self, size: int, actions: int, bounds: tuple[float, float], like: Tensor) -> None:
        self.least, self.most = bounds
        self.low = like.new_full((size, actions), self.least)
        self.high = like.new_full((size, actions), self.most)

    def back_up(self, actions: Tensor, depth: Tensor, last: Tensor, tree: "Tree") -> Tensor:
        """Renews the bounds of the actions `[B, D]` on paths that end at depth `[B, 1]` in children `[B]`.

        Gives the returns `[B, D]` of the actions, brought within the bounds at every step.
        """
        nodes = actions // tree.actions
        is_last = tree.position[: actions.shape[1]] == depth  # [B, D]
        child = torch.where(is_last, last[:, None], nodes.roll(-1, 1))
        into, here = tree.node[child], tree.node[nodes]
        reward, discount, player = into[..., REWARD], into[..., DISCOUNT], here[..., PLAYER]
        legal = tree.action.view(-1, tree.actions, 4)[nodes, :, 2] > -torch.inf  # [B, D, A]
        end_low, end_high = self.of(
            last, tree.action.view(-1, tree.actions, 4)[last, :, 2] > -torch.inf, tree.node[last, PLAYER]
        )
        low, high, value = end_low, end_high, tree.node[last, VALUE]
        returns = torch.zeros_like(reward)
        for d in range(actions.shape[1] - 1, -1, -1):
            low, high = torch.where(is_last[:, d], end_low, low), torch.where(is_last[:, d], end_high, high)
            value = torch.where(is_last[:, d], tree.node[last, VALUE], value)
            low, high, value = (
                (reward[:, d] + discount[:, d] * x).clamp(self.least, self.most) for x in (low, high, value)
            )
            self.low.view(-1)[actions[:, d]], self.high.view(-1)[actions[:, d]] = low, high
            returns[:, d] = value = value.clamp(low, high)
            low, high = self.of(nodes[:, d], legal[:, d], player[:, d])
        return returns

    def look_ahead(self, nodes: Tensor, outcome: Outcome) -> Outcome:
        """Notes the actions that end the game in new nodes `[B]`; their evaluation brought within the bounds."""
        assert outcome.ending is not None
        ending = outcome.ending[0].clamp(self.least, self.most)  # [B, A]
        for bound, default in ((self.low, self.least), (self.high, self.most)):
            bound[nodes] = torch.where(ending.isnan(), default, ending)
        low, high = self.of(nodes, outcome.legal[0], outcome.player[0])
        return outcome._replace(value=outcome.value.clamp(low, high))

    def of(self, nodes: Tensor, legal: Tensor, player: Tensor) -> tuple[Tensor, Tensor]:
        """Low and high `[B]` of nodes; an end, which has no legal action, is bounded by the game."""
        low, high = (extreme(bound[nodes], legal, player) for bound in (self.low, self.high))
        return low.clamp(self.least, self.most), high.clamp(self.least, self.most)

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
