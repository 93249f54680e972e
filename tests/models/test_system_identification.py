"""System identification finds the constants that made the data, and admits it where the equation cannot."""

import pytest
import torch
from worlds import inferred, transitions

from fulgurite.equations.pendulum import pendulum_step
from fulgurite.models.physics import PendulumPhysics
from fulgurite.models.system_identification import IdentifiedPendulum


def recorded(mass=1.0, length=1.0, friction=0.0, noise=0.0, count=200):
    """Random states and actions of a pendulum with these constants."""
    generator = torch.Generator().manual_seed(0)
    angle, speed = torch.rand(2, count, generator=generator) * 2 - 1
    state = torch.stack([(3.14 * angle).cos(), (3.14 * angle).sin(), 5 * speed], -1)
    action = torch.rand(count, 1, generator=generator) * 2 - 1
    following = pendulum_step(state, action, mass, length, friction)
    return inferred(transitions(state, action, following + noise * torch.randn(count, 3, generator=generator)))


def fitted(rows, updates=600, **arguments):
    dynamics = IdentifiedPendulum(learning_rate=0.02, **arguments)
    optimizer = dynamics.make_optimizer()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(updates):
        dynamics.loss(rows)["dynamics"].backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return dynamics


@pytest.mark.parametrize(
    "truth", [{"mass": 1.0, "length": 1.0, "friction": 0.0}, {"mass": 0.7, "length": 1.4, "friction": 0.2}]
)
def test_it_finds_the_constants(truth):
    values = fitted(recorded(**truth)).constants().values
    assert {name: value.item() for name, value in values.items()} == pytest.approx(truth, abs=0.003)


def test_it_is_then_the_true_pendulum_everywhere():
    dynamics = fitted(recorded())
    state, action = torch.randn(5, 20, 3), torch.rand(5, 20, 1) * 2 - 1
    state[..., :2] = torch.nn.functional.normalize(state[..., :2], dim=-1)
    stepped = dynamics.step(state, action, dynamics.sample_parameters(5), None)
    torch.testing.assert_close(stepped, PendulumPhysics().step(state, action, None, None), atol=5e-3, rtol=0)


def test_noise_is_learned():
    dynamics = fitted(recorded(noise=0.05, count=2000))
    assert dynamics.constants().std.tolist() == pytest.approx([0.05] * 3, rel=0.08)


def test_a_wrong_structure_is_paid_for_and_admitted():
    rows = recorded(friction=0.3)
    right, frictionless = fitted(rows), fitted(rows, learned=["mass", "length"], friction=0.0)
    long = fitted(rows, learned=["mass", "friction"], length=2.0)
    assert frictionless.constants().std[2] > 20 * right.constants().std[2]
    assert long.constants().std[2] > 20 * right.constants().std[2]
    assert long.constants().values["length"].item() == 2.0
    assert frictionless.loss(rows)["dynamics"] > right.loss(rows)["dynamics"] + 3


def test_predict_is_step_in_distribution():
    dynamics = IdentifiedPendulum()
    state, action = torch.randn(4, 3, 3), torch.randn(4, 3, 1)
    theta = dynamics.sample_parameters(4)
    predicted = dynamics.predict(state, action, theta)
    torch.testing.assert_close(dynamics.step(state, action, theta, None), predicted.mean)
    torch.testing.assert_close(
        dynamics.step(state, action, theta, torch.ones(4, 1, 3)), predicted.mean + predicted.stddev
    )
    assert predicted.batch_shape == (4, 3)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="learned: need some of mass, length, friction, got gravity"):
        IdentifiedPendulum(learned=["gravity"])
    with pytest.raises(ValueError, match="friction: need a number above 0 to start from, got 0"):
        IdentifiedPendulum(friction=0.0)
