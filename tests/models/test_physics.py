"""True dynamics against the environments, step by step and over whole rollouts."""

import numpy as np
import pytest
import torch

from fulgurite.data.environments import Environment
from fulgurite.models.physics import (
    CartPolePhysics,
    CartPoleSwingUpPhysics,
    InvertedPendulumPhysics,
    PendulumPhysics,
    Physics,
)

TRUE = [
    ("Pendulum-v1", PendulumPhysics(), 1.0),
    ("fulgurite/CartPoleBalance-v0", CartPolePhysics(), 1.0),
    ("fulgurite/CartPoleSwingUp-v0", CartPoleSwingUpPhysics(), 1.0),
    ("InvertedPendulum-v5", InvertedPendulumPhysics(), 0.2),
]


@pytest.mark.parametrize(("id", "physics", "strength"), TRUE)
def test_a_step_agrees_with_the_environment(id: str, physics: Physics, strength: float) -> None:
    env = Environment(id).make_single(0)
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(10):
        observation, over = env.reset()[0], False
        while not over:
            action = (strength * generator.uniform(-1.2, 1.2, 1)).astype(np.float32)
            following, _, terminated, truncated, _ = env.step(action)
            rows.append((observation, action, following))
            observation, over = following, terminated or truncated
    state, action, following = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
    if id == "fulgurite/CartPoleSwingUp-v0":
        assert (following[:, 0].abs() == 2.4).any()  # the rail's ends were met
    predicted = physics.step(state, action, None, None)
    torch.testing.assert_close(predicted, following, rtol=1e-5, atol=3e-6)
    particles = physics.step(state[:20].expand(3, 4, 20, -1), action[:20].expand(3, 4, 20, -1), None, torch.zeros(()))
    torch.testing.assert_close(particles, predicted[:20].expand(3, 4, 20, -1))


@pytest.mark.parametrize(("id", "physics", "strength"), TRUE)
def test_an_open_loop_rollout_stays_with_the_environment(id: str, physics: Physics, strength: float) -> None:
    env = Environment(id).make_single(0)
    generator = np.random.default_rng(0)
    observation, _ = env.reset()
    state = torch.from_numpy(observation)[None].double()
    for _ in range(15):
        action = (strength * generator.uniform(-1, 1, 1)).astype(np.float32)
        observation, _, terminated, *_ = env.step(action)
        state = physics.step(state, torch.from_numpy(action)[None].double(), None, None)
        if terminated:
            break
    np.testing.assert_allclose(state[0].numpy(), observation, rtol=1e-4, atol=1e-4)


def test_physics_has_nothing_to_learn_and_is_certain() -> None:
    physics = PendulumPhysics()
    assert not list(physics.parameters())
    assert physics.sample_parameters(5) is None
    state, action = torch.randn(2, 7, 3), torch.zeros(2, 7, 1)
    prediction = physics.predict(state, action, None)
    assert torch.equal(prediction.mean, physics.step(state, action, None, None))
    assert prediction.variance.sum() == 0
    assert prediction.batch_shape == (2, 7)
    assert physics.loss({}) == {}


@pytest.mark.parametrize(("id", "physics", "strength"), TRUE)
def test_physics_is_differentiable(id: str, physics: Physics, strength: float) -> None:
    state = torch.zeros(1, Environment(id).observation_size, dtype=torch.float64)
    state[0, 0], state[0, 2] = 0.6, 0.8
    action = torch.full((1, 1), 0.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: physics.following(state, a), (action,))
