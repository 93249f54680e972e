"""Every kind of agent under the switches of an update: pieces of a batch, half the numbers, compiled losses."""

import pytest
import torch

from fulgurite.recipe import build, compose
from fulgurite.selftest.drill import FAMILIES
from fulgurite.selftest.fixture import small_recipe

ALWAYS = ("dreamer/pendulum", "sac/pendulum")
TABULAR = ("dyna/maze",)  # no gradient
SHORT = ["experience.max_env_steps=60"]


def trained(name, place, *words):
    """The agent after two collections."""
    experiment = build(compose(small_recipe(name, place), [*SHORT, *words]))
    place = place / "run"
    place.mkdir()
    assert experiment.fit(place)["status"] == "completed"
    return experiment.agent


@pytest.mark.parametrize(
    "name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES if n not in TABULAR]
)
def test_pieces_of_half_the_numbers(name, tmp_path):
    agent = trained(name, tmp_path, "agent.update.accumulate=2", "trainer.precision=bf16-mixed")
    assert all(parameter.dtype == torch.float32 for parameter in agent.parameters())
    assert all(value.isfinite().all() for value in agent.state_dict().values() if value.is_floating_point())
