"""The two cart-poles: against Gymnasium's own, energy, the rail's ends, and what counts as solved."""

import math

import gymnasium
import numpy as np
import pytest
import torch
from tensordict import TensorDict

from fulgurite.data.cart_pole import CartPoleBalance, CartPoleSwingUp, solved
from fulgurite.data.play import Episode
from fulgurite.equations import cart_pole as physics


def test_balancing_agrees_with_gymnasiums_cart_pole() -> None:
    """With the full force to either side it is CartPole-v1."""
    ours, theirs = gymnasium.make("fulgurite/CartPoleBalance-v0").unwrapped, gymnasium.make("CartPole-v1").unwrapped
    generator = np.random.default_rng(0)
    for seed in range(5):
        observation, _ = ours.reset(seed=seed)
        np.testing.assert_array_equal(observation, theirs.reset(seed=seed)[0])
        terminated = False
        while not terminated:
            push = int(generator.integers(2))
            expected, reward, ended, *_ = theirs.step(push)
            observation, ours_reward, terminated, *_ = ours.step(np.array([2.0 * push - 1.0], np.float32))
            np.testing.assert_allclose(observation, expected, rtol=1e-6, atol=1e-7)
            assert (ours_reward, terminated) == (reward, ended)


def test_balancing_ends_beyond_the_limits() -> None:
    env = CartPoleBalance()
    env.reset(seed=0)
    for state, ends in [
        ((2.39, 0.0, 0.0, 0.0), False),
        ((2.41, 0.0, 0.0, 0.0), True),
        ((0.0, 0.0, 0.2, 0.0), False),
        ((0.0, 0.0, -0.21, 0.0), True),
    ]:
        env.state = state
        assert env.step(np.zeros(1, np.float32))[2] is ends


@pytest.mark.parametrize("name", ["Balance", "SwingUp"])
def test_an_episode_takes_200_steps(name: str) -> None:
    env = gymnasium.make(f"fulgurite/CartPole{name}-v0")
    assert env.spec is not None
    assert env.spec.max_episode_steps == 200
    env.reset(seed=0)
    steps = 0
    while name == "SwingUp":
        *_, terminated, truncated, _ = env.step(np.ones(1, np.float32))
        steps += 1
        assert not terminated
        if truncated:
            assert steps == 200
            break


def energy(state: tuple[float, float, float, float]) -> float:
    """Kinetic and potential energy [J] of cart and uniform pole."""
    _, x_dot, theta, theta_dot = state
    m, l = physics.POLE_MASS, physics.HALF_LENGTH
    pole = 0.5 * m * (x_dot**2 + 2 * l * x_dot * theta_dot * math.cos(theta) + 4 / 3 * l**2 * theta_dot**2)
    return 0.5 * (physics.MASS - m) * x_dot**2 + pole + m * physics.GRAVITY * l * math.cos(theta)


def test_a_swing_without_force_keeps_its_energy() -> None:
    env = CartPoleSwingUp()
    env.reset(seed=0)
    env.state = (0.0, 0.0, 2.0, 0.0)
    energies = []
    for _ in range(200):
        env.step(np.zeros(1, np.float32))
        energies.append(energy(env.state))
    assert abs(env.state[0]) < physics.TRACK
    assert np.ptp(energies) < 0.05 * 2 * physics.POLE_MASS * physics.GRAVITY * physics.HALF_LENGTH
    assert abs(np.mean(energies[:100]) - np.mean(energies[100:])) < 0.02  # J, of 0.98 between hanging and upright


def test_the_end_of_the_rail_stops_the_cart_and_only_takes_energy() -> None:
    env = CartPoleSwingUp()
    env.reset(seed=0)
    env.state = (2.39, 3.0, math.pi, 0.0)
    before = energy(env.state)
    observation, *_ = env.step(np.zeros(1, np.float32))
    assert observation[0] == pytest.approx(physics.TRACK)
    assert abs(env.state[1]) < 1e-9
    assert energy(env.state) + physics.POLE_MASS * physics.GRAVITY * physics.HALF_LENGTH > 0
    assert energy(env.state) < before
    assert env.state[3] < 0  # a pole that hangs swings on in the cart's direction: theta falls from pi
    observation, *_ = env.step(-np.ones(1, np.float32))
    assert observation[0] < physics.TRACK


def test_the_pole_gains_at_a_stop_what_keeps_its_angular_momentum_about_the_hinge() -> None:
    """About the pivot, which alone is pushed: m l x' cos theta + 4/3 m l^2 theta' does not change."""
    x_dot, theta_dot, theta = 2.0, -0.7, 0.4
    l = physics.HALF_LENGTH
    after = theta_dot + physics.jerk_of_stop(x_dot, math.cos(theta))
    assert x_dot * math.cos(theta) + 4 / 3 * l * theta_dot == pytest.approx(4 / 3 * l * after)


def test_swing_up_reward_and_start() -> None:
    env = CartPoleSwingUp()
    observation, _ = env.reset(seed=3)
    assert np.abs(observation - [0, 0, -1, 0, 0]).max() < 0.051
    env.state = (1.0, 0.0, 0.0, 0.0)
    observation, reward, *_ = env.step(np.array([0.5], np.float32))
    assert reward == pytest.approx(observation[2] - 0.01 * 0.25 - 0.2 * observation[0] ** 2, abs=1e-6)
    assert env.step(np.array([5.0], np.float32))[0].tolist() == pytest.approx(beyond_the_bounds(), abs=1e-6)


def beyond_the_bounds() -> list[float]:
    """Where the same two steps lead with the second action at its bound."""
    env = CartPoleSwingUp()
    env.reset(seed=3)
    env.state = (1.0, 0.0, 0.0, 0.0)
    env.step(np.array([0.5], np.float32))
    return env.step(np.array([1.0], np.float32))[0].tolist()


def episode(cos: float, x: float, steps: int = 200, bad: int | None = None) -> Episode:
    seen = torch.tensor([[x, 0.0, cos, 0.0, 0.0]]).repeat(steps, 1)
    if bad is not None:
        seen[bad, 2] = 0.0
    return Episode(0, TensorDict({"next": {"observation": seen}}, [steps]))


def test_solved_is_upright_and_centred_for_the_last_50_steps() -> None:
    assert solved(episode(0.99, 0.4))
    assert solved(episode(0.99, -0.4, bad=149))
    assert not solved(episode(0.99, -0.4, bad=150))
    assert not solved(episode(0.99, -0.4, bad=-1))
    assert not solved(episode(0.97, 0.0))
    assert not solved(episode(0.99, 0.6))
    assert not solved(episode(0.99, 0.0, steps=49))


def test_frames_show_cart_and_pole() -> None:
    env = CartPoleSwingUp(render_mode="rgb_array")
    env.reset(seed=0)
    orange = {}
    for name, theta in {"up": 0.0, "down": math.pi, "right": 0.5}.items():
        env.state = (0.5, 0.0, theta, 0.0)
        frame = env.render()
        assert frame.shape == (320, 480, 3)
        assert frame.dtype == np.uint8
        rows, columns = np.nonzero((frame[..., 0] > 200) & (frame[..., 2] < 100))
        orange[name] = (rows.mean(), columns.mean())
    assert orange["up"][0] < 200 < orange["down"][0]
    assert orange["right"][1] > orange["up"][1] + 10
    assert orange["up"][1] == pytest.approx(240 + 0.5 * 88, abs=2)
