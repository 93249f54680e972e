import pytest
import torch

from fulgurite.models.frozen import frozen
from fulgurite.models.value_head import TwoHot
from fulgurite.policies.action_values import ActionValues
from fulgurite.policies.state_value import StateValue


@pytest.mark.parametrize("head", [None, TwoHot(bins=41, largest=6)])
def test_a_value_is_fitted_to_its_returns(head):
    torch.manual_seed(0)
    value = StateValue(hidden=(32,), head=head, learning_rate=1e-2).build(1)
    state = torch.linspace(-1, 1, 64)[:, None]
    target = 30 * state[:, 0] - 10
    optimizer = value.make_optimizer()
    for _ in range(800):
        optimizer.zero_grad()
        value.fit(state, target).mean().backward()
        optimizer.step()
    assert (value(state) - target).abs().mean() < 1.0


def test_a_two_hot_value_begins_at_zero():
    value = StateValue(hidden=(8,), head=TwoHot()).build(3)
    assert torch.equal(value(torch.randn(10, 3)), torch.zeros(10))


def test_the_slow_copy_follows_and_is_never_trained():
    value = StateValue(hidden=(4,), target_rate=0.25).build(2)
    before = [p.clone() for p in value.slow.parameters()]
    with torch.no_grad():
        for parameter in value.network.parameters():
            parameter += 1.0
    value.follow()
    for slow, was in zip(value.slow.parameters(), before, strict=True):
        torch.testing.assert_close(slow, was + 0.25)
    assert not {id(p) for p in value.slow.parameters()} & {id(p) for p in value.own_parameters()}
    assert any("slow" in name for name in value.state_dict())


def test_action_values_are_as_many_as_asked_for_and_each_is_its_own_network():
    values = ActionValues(count=3, hidden=(8,)).build(4, 2)
    state, action = torch.randn(5, 6, 4), torch.rand(5, 6, 2)
    q = values(state, action)
    assert q.shape == (3, 5, 6)
    assert q.std(0).min() > 0
    torch.testing.assert_close(values.target(state, action), q)
    target = torch.randn(5, 6)
    by_hand = sum(0.5 * (q[i] - target) ** 2 for i in range(3))
    torch.testing.assert_close(values.fit(state, action, target), by_hand)


def test_a_frozen_model_passes_the_gradient_on_and_takes_none():
    values = ActionValues(count=1, hidden=(8,)).build(2, 1)
    action = torch.rand(3, 1, requires_grad=True)
    before = values(torch.zeros(3, 2), action).sum()
    with frozen(values):
        within = values(torch.zeros(3, 2), action).sum()
    assert all(parameter.requires_grad for parameter in values.network.parameters())
    within.backward(retain_graph=True)
    assert action.grad is not None
    assert action.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in values.parameters())
    before.backward()
    assert all(parameter.grad is not None for parameter in values.network.parameters())


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"target_rate: need a number in \(0, 1\], got 0"):
        StateValue(target_rate=0.0)
    with pytest.raises(ValueError, match="count: need at least 1, got 0"):
        ActionValues(count=0)
    with pytest.raises(ValueError, match="bins: need an odd number from 3, got 4"):
        TwoHot(bins=4)
    with pytest.raises(ValueError, match="largest: need more than 0, got 0"):
        TwoHot(largest=0.0)


@pytest.mark.parametrize("value", [StateValue(hidden=(8,)).build(3), ActionValues(hidden=(8,)).build(2, 1)])
def test_half_the_numbers_do_not_round_what_a_value_is(value):
    """bfloat16 would make 201 of it."""
    last = list(value.network.parameters())[-1 if isinstance(value, ActionValues) else 3]
    with torch.no_grad():
        for parameter in value.network.parameters():
            parameter.zero_()
        last.fill_(200.7)
    state = torch.randn(5, 3)
    with torch.autocast("cpu", torch.bfloat16):
        found = value(state) if isinstance(value, StateValue) else value(state[:, :2], state[:, 2:])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.full_like(found, 200.7))
