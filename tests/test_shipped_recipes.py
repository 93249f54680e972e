"""Every shipped recipe builds, collects, trains, plans with what it learned, and says so."""

from pathlib import Path

import pytest

from fulgurite.recipe import build, compose
from fulgurite.runs import metrics

RECIPES = Path(__file__).parents[1] / "recipes"
NAMES = sorted(str(path.relative_to(RECIPES).with_suffix("")) for path in RECIPES.rglob("*/*.yaml"))
SMALL = [
    "experience.max_env_steps=20", "experience.warmup_env_steps=10", "experience.env_steps_per_collection=10",
    "experience.updates_per_epoch=2", "experience.updates_per_call=1", "experience.batch_size=4",
    "experience.schedule={first_updates: 2, updates_per_env_step: 0.2}",
    "callbacks=null", "logger=null", "evaluation.episodes=1", "environment.max_episode_steps=12",
    "environment.num_envs=1",
]  # fmt: skip
PLANNING = [
    "agent.planner.candidates=4",
    "agent.planner.elites=2",
    "agent.planner.horizon=3",
    "agent.objective.particles=5",
]
DREAMING = ["agent.rollouts.particles=2", "agent.model_first=1", "agent.capacity=100"]
LATENT = ("planet/", "latent_mpc/", "filtering/", "single_step/", "smoother/")
FOLLOWING_PETS = ("pets/", "bayesian/", "dropout/", "single/", "system_id/", *LATENT)
SEQUENCES = ["experience.sequence_length=5", "environment.action_repeat=1"]


def test_there_are_recipes():
    assert len(NAMES) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_two_collections_and_an_evaluation(name, tmp_path):
    overrides = SMALL + (PLANNING if name.startswith(FOLLOWING_PETS) else [])
    overrides += SEQUENCES if name.startswith((*LATENT, "dreamer/")) else []
    overrides += ["agent.starts=null", "agent.horizon=2"] if name.startswith("dreamer/") else []
    overrides += DREAMING if name.startswith("mbpo/") else []
    overrides += ["agent.search.simulations=4"] if name.startswith(("mcts/", "alphazero/")) else []
    experiment = build(compose(name, [*overrides, "trainer.accelerator=cpu"]))
    result = experiment.fit(tmp_path)
    assert result["status"] == "completed"
    assert result["env_steps"] == 20
    assert result["gradient_steps"] == 4
    assert metrics.read(tmp_path)
    assert experiment.evaluate()["episodes"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_header_says_how_to_run_it(name):
    header = [line for line in (RECIPES / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    assert len(header) >= 4
    assert any(f"fulgurite train {name}" in line or f"fulgurite evaluate {name}" in line for line in header)
