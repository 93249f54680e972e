"""Known rewards and terminations against the environments that they are known from."""

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor

from fulgurite.data.environments import Environment
from fulgurite.models import known
from fulgurite.models.reward import RewardFunction
from fulgurite.models.termination import TerminationFunction


def transitions(id: str, steps: int = 400, strength: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Observations, actions, next observations, rewards and ends of random episodes, `[B, ...]`."""
    env = Environment(id).make_single(0)
    generator = np.random.default_rng(0)
    rows = []
    observation, _ = env.reset()
    for _ in range(steps):
        action = (strength * generator.uniform(-1, 1, env.action_space.shape)).astype(np.float32)
        following, reward, terminated, truncated, _ = env.step(action)
        rows.append((observation, action, following, np.float32(reward), np.float32(terminated)))
        observation = env.reset()[0] if terminated or truncated else following
    env.close()
    state, action, following, reward, ended = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
    return state, action, following, reward, ended


@pytest.mark.parametrize(
    ("id", "reward"),
    [
        ("Pendulum-v1", known.pendulum_reward),
        ("fulgurite/CartPoleBalance-v0", known.cart_pole_balance_reward),
        ("fulgurite/CartPoleSwingUp-v0", known.cart_pole_swing_up_reward),
        ("InvertedPendulum-v5", known.inverted_pendulum_reward),
        ("fulgurite/Cliff-v0", known.cliff_reward),
    ],
)
def test_a_known_reward_is_the_environments(id: str, reward: RewardFunction) -> None:
    state, action, following, expected, _ = transitions(id)
    assert expected.unique().numel() > 1 or id == "fulgurite/CartPoleBalance-v0"
    torch.testing.assert_close(reward(state, action, following), expected, rtol=1e-5, atol=1e-5)
    shaped = [x.view(4, 5, 20, -1) for x in (state, action, following)]
    torch.testing.assert_close(reward(*shaped), reward(state, action, following).view(4, 5, 20))


@pytest.mark.parametrize(
    ("id", "termination"),
    [
        ("fulgurite/CartPoleBalance-v0", known.cart_pole_balance_termination),
        ("InvertedPendulum-v5", known.inverted_pendulum_termination),
        ("fulgurite/Cliff-v0", known.cliff_termination),
    ],
)
def test_a_known_termination_is_the_environments(id: str, termination: TerminationFunction) -> None:
    _, _, following, _, ended = transitions(id)
    assert 0 < ended.sum() < len(ended)
    assert torch.equal(termination(following), ended)


def test_the_cart_leaving_its_track_ends_balancing() -> None:
    at = torch.tensor([[2.39, 0, 0, 0], [2.41, 0, 0, 0], [-2.41, 0, 0, 0]])
    assert known.cart_pole_balance_termination(at).tolist() == [0, 1, 1]


def test_a_state_that_is_not_finite_ends_the_inverted_pendulum() -> None:
    state = torch.tensor([[0.0, 0.1, 0.0, 0.0], [torch.nan, 0.0, 0.0, 0.0], [0.0, 0.0, torch.inf, 0.0]])
    assert known.inverted_pendulum_termination(state).tolist() == [0, 1, 1]


def test_the_cheetahs_reward_is_close_and_unbiased() -> None:
    """Within a step the speed changes, of which the observation shows only both ends."""
    state, action, following, expected, _ = transitions("HalfCheetah-v5", 600, strength=0.7)
    error = known.half_cheetah_reward(state, action, following) - expected
    assert error.square().mean().sqrt() < 0.25
    assert error.mean().abs() < 0.02
    effort = -0.1 * action.square().sum(-1)
    exact = gymnasium.make("HalfCheetah-v5").unwrapped.control_cost(action[0].numpy())  # type: ignore[attr-defined]
    assert effort[0].item() == pytest.approx(-exact, rel=1e-5)


def test_actions_beyond_their_bounds_cost_no_more() -> None:
    state = torch.zeros(1, 17)
    for reward in (known.pendulum_reward, known.cart_pole_swing_up_reward, known.half_cheetah_reward):
        bound, beyond = torch.ones(1, 6), torch.full((1, 6), 3.0)
        assert torch.equal(reward(state, beyond, state), reward(state, bound, state))


def test_an_impossible_cosine_earns_no_more_than_upright() -> None:
    state = torch.zeros(2, 5)
    state[:, 2] = torch.tensor([1.0, 1.7])
    rewards = known.cart_pole_swing_up_reward(state, torch.zeros(2, 1), state)
    assert rewards.tolist() == [1, 1]


def test_the_shaped_reward_prefers_upright_and_centred_and_never_a_fall() -> None:
    states = torch.tensor([[0.0, 0, 0, 0], [0.3, 0, 0, 0], [0.9, 0, 0, 0], [0, 0.1, 0, 0], [0, 0.19, 0, 0]])
    reward = known.inverted_pendulum_shaped_reward(states, torch.zeros(5, 1), states)
    assert reward[0] == 1
    assert reward[0] > reward[1] > reward[2] > 0
    assert reward[0] > reward[3] > reward[4] > 0
