"""Gumbel search: planning that improves the policy, however few its simulations are.

    root      m actions of highest g(a) + logits(a), g ~ Gumbel, are tried in turn; sequential halving drops the worse
              half by g(a) + logits(a) + sigma(q(a)) until one is left, which is played
    inside    a = argmax_a  pi'(a) - N(a) / (1 + sum_b N(b)),      pi' = softmax(logits + sigma(completed q))
    sigma(q)  (c_visit + max_b N(b)) c_scale q,                    q brought to [0, 1] among the node's actions
    completed q(a) = the mean return where a was tried, else v_mix

Danihelka et al. 2022, "Policy improvement by planning with Gumbel", sections 3 to 5 and appendix D; constants and the
order of simulations as in DeepMind's mctx.
"""

import math

import torch
from torch import Tensor

from .tree_search import TreeSearch
from .tree_search_arrays import Statistics


class GumbelSearch(TreeSearch):
    """Gumbel AlphaZero and MuZero's search.

    Args:
        considered: m, the actions that are tried at the root.
        visit_offset: c_visit.
        value_scale: c_scale.
        gumbel_scale: of g; 0 plays without chance, as in evaluations.
        mixed: completes with v_mix; else with the node's own value, which improves the policy for sure where that is
            the policy's true value.
        simulations, discount, max_depth, outcomes, bounds, compiled: see `TreeSearch`.

    Raises:
        ValueError: for considered below 1; see `TreeSearch` for the others.
    """

    def __init__(
        self,
        considered: int = 16,
        visit_offset: float = 50.0,
        value_scale: float = 0.1,
        gumbel_scale: float = 1.0,
        mixed: bool = True,
        simulations: int = 50,
        discount: float = 0.99,
        max_depth: int = 50,
        outcomes: int = 1,
        bounds: tuple[float, float] | None = None,
        compiled: bool = False,
    ) -> None:
        super().__init__(simulations, discount, max_depth, outcomes, bounds, compiled)
        if considered < 1:
            raise ValueError(f"considered: need at least 1, got {considered}")
        self.visit_offset, self.value_scale, self.gumbel_scale = visit_offset, value_scale, gumbel_scale
        self.considered, self.mixed = considered, mixed
        self.schedule = torch.tensor([halving(m, simulations) for m in range(considered + 1)])  # [m + 1, M]

    def score(self, statistics: Statistics) -> Tensor:
        improved = (statistics.logits + self.sigma(statistics)).softmax(-1)
        visits = statistics.visits
        score = improved - visits / (1 + visits.sum(-1, keepdim=True))
        return torch.where(statistics.allowed, score, -torch.inf)

    def root_score(self, statistics: Statistics, simulation: Tensor) -> Tensor:
        legal = (statistics.logits > -torch.inf).sum(-1).clamp(max=self.considered)  # [B]
        due = self.schedule.to(legal.device)[:, simulation][legal]  # [B, 1]
        return self.sampled(statistics, due)

    def choose(self, statistics: Statistics) -> tuple[Tensor, Tensor]:
        most = torch.where(statistics.allowed, statistics.visits, -1.0).amax(-1, keepdim=True)
        policy = (statistics.logits + self.sigma(statistics)).softmax(-1)
        return self.sampled(statistics, most).argmax(-1), policy

    def sampled(self, statistics: Statistics, due: Tensor) -> Tensor:
        """g + logits + sigma(q) `[B, A]` of the actions with as many visits as are due `[B, 1]`, far less elsewhere."""
        drawn = self.gumbel_scale * statistics.noise + statistics.logits + self.sigma(statistics)
        drawn = torch.where(statistics.visits == due, drawn, drawn.clamp(-1e6, 1e6) - 1e9)
        return torch.where(statistics.allowed, drawn, -torch.inf)

    def sigma(self, statistics: Statistics) -> Tensor:
        """The completed mean returns `[..., A]`, scaled to be added to logits."""
        visits, tried = statistics.visits, statistics.visits > 0
        value = mixed_value(statistics) if self.mixed else statistics.raw
        completed = torch.where(tried, statistics.q, value[..., None])
        least, most = completed.amin(-1, keepdim=True), completed.amax(-1, keepdim=True)
        unit = (completed - least) / (most - least).clamp_min(1e-8)
        return (self.visit_offset + visits.amax(-1, keepdim=True)) * self.value_scale * unit


def mixed_value(statistics: Statistics) -> Tensor:
    """v_mix `[...]`: the node's own value, and the prior's mean of the returns of what was tried.

    v_mix = ( v + sum_b N(b) / sum_{b tried} P(b) sum_{a tried} P(a) q(a) ) / ( 1 + sum_b N(b) ), appendix D.
    """
    prior = torch.where(statistics.visits > 0, statistics.logits.exp().clamp_min(1e-30), 0.0)
    mean = (prior * statistics.q).sum(-1) / prior.sum(-1).clamp_min(1e-30)
    tries = statistics.visits.sum(-1)
    return (statistics.raw + tries * mean) / (1 + tries)


def halving(considered: int, simulations: int) -> list[int]:
    """How many visits the action has that each simulation goes to: sequential halving among `considered` actions."""
    if considered <= 1:
        return list(range(simulations))
    rounds = math.ceil(math.log2(considered))
    order: list[int] = []
    visits, left = [0] * considered, considered
    while len(order) < simulations:
        for _ in range(max(1, simulations // (rounds * left))):
            order += visits[:left]
            visits[:left] = [count + 1 for count in visits[:left]]
        left = max(2, left // 2)
    return order[:simulations]
