"""Value targets on systems whose values are known."""

import pytest
import torch
from worlds import Counter, Drift, ends_above, state_is_reward

from fulgurite.agents.value_expansion import StochasticEnsembleValueExpansion, ValueExpansion
from fulgurite.agents.value_target import Following, OneStep
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.action_distribution import Sampled

GAMMA, ALPHA, ENTROPY = 0.9, 0.5, 0.25


class Steady:
    """A policy that always adds `step`, and says that its draw has a log-probability of -ENTROPY."""

    def __init__(self, step=1.0):
        self.step = step

    def __call__(self, state):
        self.state = state
        return self

    def sample(self):
        return Sampled(
            self.state.new_full(self.state.shape, self.step), self.state.new_full(self.state.shape[:-1], -ENTROPY)
        )


class Values:
    """Q_i(s, a) = c_i + b s."""

    def __init__(self, *offsets, slope=1.0):
        self.offsets, self.slope = torch.tensor(offsets), slope

    def target(self, state, action):
        return self.offsets.view(-1, *[1] * (state.dim() - 1)) + self.slope * state[..., 0]


def following(dynamics=None, values=None, **parts):
    world = WorldModel(Counter() if dynamics is None else dynamics, state_is_reward, **parts)
    return Following(Steady(), values or Values(7.0, 5.0), torch.tensor(ALPHA), GAMMA, world)


BONUS = ALPHA * ENTROPY
STATE = torch.tensor([[0.0], [10.0]])


def test_one_step_takes_the_least_value():
    torch.testing.assert_close(OneStep().following(STATE, following()), torch.tensor([5.0, 15.0]) + BONUS)


@pytest.mark.parametrize("particles", [1, 3])
def test_two_imagined_steps_by_hand(particles):
    found = ValueExpansion(2, particles).following(STATE, following())
    by_hand = [(s + 1 + BONUS) + GAMMA * (s + 2 + BONUS) + GAMMA**2 * (5 + s + 2 + BONUS) for s in (0.0, 10.0)]
    torch.testing.assert_close(found, torch.tensor(by_hand))


def test_no_value_and_no_reward_past_an_imagined_end():
    it = following(termination=ends_above(11.5))
    found = ValueExpansion(3).following(STATE, it)
    assert found[1].item() == pytest.approx((11 + BONUS) + GAMMA * (12 + BONUS))
    steve = StochasticEnsembleValueExpansion(3, 2).following(torch.tensor([[50.0]]), it)
    assert steve.item() == pytest.approx(51 + BONUS, rel=1e-6)  # the values differ by 2, the imagined ends not at all


def test_the_true_values_stay_what_they_are():
    """Where values solve their equation, each horizon says the same: V(s) = s/(1-g) + (1+b)/(1-g) + g/(1-g)^2."""
    b, g = BONUS, GAMMA
    offset = (1 + b) / (1 - g) + g / (1 - g) ** 2
    it = following(values=Values(offset - b, offset - b, slope=1 / (1 - g)))
    truth = OneStep().following(STATE, it)
    for target in (ValueExpansion(1), ValueExpansion(4), StochasticEnsembleValueExpansion(4, 2)):
        torch.testing.assert_close(target.following(STATE, it), truth, rtol=1e-4, atol=0)


def test_steve_trusts_the_model_where_the_values_differ_and_the_values_where_models_do():
    sure = following(values=Values(100.0, -100.0))
    two = StochasticEnsembleValueExpansion(1, 2)
    one_step = 1 + BONUS + GAMMA * (1 + BONUS)  # the mean value of s' = 1 is 1
    direct = BONUS
    weights = [1 / 100.0**2, 1 / (GAMMA * 100.0) ** 2]
    mean = (weights[0] * direct + weights[1] * one_step) / sum(weights)
    assert two.following(STATE[:1], sure).item() == pytest.approx(mean, rel=1e-4)
    models = following(Drift(torch.tensor([-50.0, 50.0])), Values(3.0, 3.0))
    assert two.following(STATE[:1], models).item() == pytest.approx(3 + BONUS, rel=1e-4)


def test_an_end_that_was_seen_stops_everything():
    reward, ended = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])
    for target in (OneStep(), ValueExpansion(2), StochasticEnsembleValueExpansion(2, 2)):
        found = target.target(reward, ended, STATE, following())
        assert found[1] == 2
        assert found[0] > 1


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="horizon: need at least 1, got 0"):
        ValueExpansion(0)
    with pytest.raises(ValueError, match="particles: need at least 2, got 1"):
        StochasticEnsembleValueExpansion(particles=1)
