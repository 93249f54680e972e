"""Gumbel search: its theorem, against the figures that DeepMind's mctx reports for the same problems."""

import pytest
import torch

from fulgurite.models.rules import OnePlayer
from fulgurite.planners.tree_search import Problem
from fulgurite.planners.tree_search_gumbel import GumbelSearch, halving


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bandit(seed=0, B=4096, A=82):
    g = seeded(seed)
    logits, q = torch.randn(B, A, generator=g), torch.rand(B, A, generator=g)
    raw = (logits.softmax(-1) * q).sum(-1)

    def simulate(state, action, generator):
        reward = (action * q).sum(-1)
        return state, reward, torch.zeros_like(reward)

    def evaluate(state, generator):
        return logits.expand(*state.shape[:-1], A), raw.expand(state.shape[:-1])

    return Problem(simulate, evaluate, OnePlayer(A).legal, OnePlayer(A).to_play), q, raw


@pytest.mark.parametrize(("simulations", "gain"), [(2, 0.159), (4, 0.269), (8, 0.315)])
def test_gumbel_search_never_makes_a_policy_worse(simulations, gain):
    """4,096 random problems with 82 actions: the played action is never worse than the prior's with the same noise,
    nor is the returned policy than the prior. Gains are those that mctx reports."""
    problem, q, raw = bandit()
    root = torch.zeros(4096, 1)
    found = GumbelSearch(simulations=simulations, discount=1.0, mixed=False).search(root, problem, seeded(1))
    prior = GumbelSearch(simulations=simulations, discount=1.0, value_scale=0.0).search(root, problem, seeded(1))
    better = q.gather(1, found.action[:, None]) - q.gather(1, prior.action[:, None])
    assert better.min() >= 0
    assert better.mean().item() == pytest.approx(gain, abs=0.02)
    assert ((found.policy * q).sum(-1) - raw).min() >= -1e-6


def test_sequential_halving_by_hand():
    """Four actions, eight simulations: two rounds of four; each of the first four once, then two of them twice."""
    assert halving(4, 8) == [0, 0, 0, 0, 1, 1, 2, 2]
    assert halving(1, 3) == [0, 1, 2]
    assert all(len(halving(m, 50)) == 50 for m in range(17))
