"""Soft actor-critic's targets and losses on three transitions, by hand."""

import math

import pytest
import torch

from fulgurite.equations.soft_actor_critic import actor_loss, discounted, soft_value, temperature_loss

Q = torch.tensor([[1.0, 5.0, -2.0], [3.0, 4.0, -1.0]])
LOG_PROB = torch.tensor([0.5, -1.0, 2.0])
ALPHA = torch.tensor(0.2)


def test_the_least_value_and_the_entropy_count():
    torch.testing.assert_close(soft_value(Q, LOG_PROB, ALPHA), torch.tensor([0.9, 4.2, -2.4]))


def test_nothing_follows_an_end():
    reward, ended = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 0.0, 1.0])
    found = discounted(reward, ended, torch.tensor([10.0, 20.0, 30.0]), 0.9)
    torch.testing.assert_close(found, torch.tensor([10.0, 20.0, 3.0]))


def test_the_actor_is_greedy_and_wants_entropy():
    torch.testing.assert_close(actor_loss(Q, LOG_PROB, ALPHA), torch.tensor(-(0.9 + 4.2 - 2.4) / 3))


def test_the_temperature_rises_where_there_is_too_little_entropy():
    log_alpha = torch.tensor(math.log(0.2), requires_grad=True)
    log_prob = LOG_PROB.clone().requires_grad_()
    loss = temperature_loss(log_alpha, log_prob, -1.0)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(0.2) * (0.5 - 1))
    assert log_alpha.grad.item() == pytest.approx(0.5)  # entropy -0.5 is more than the -1 wanted: alpha falls
    assert log_prob.grad is None
