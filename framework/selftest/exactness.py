"""Drills on resuming: a killed run goes on to the same bits, in one process and in two; so does the same seed again."""

import random
from pathlib import Path

from ..runs.difference import difference
from .drill import Failed
from .fixture import small_recipe
from .killed_run import finish, killed_and_resumed, left_alone, run_folder, start

TWO = ["trainer.devices=2", "trainer.strategy=ddp"]
FAMILIES = (  # one of each family of recipes, as small as it goes
    ("pets/cartpole", []),
    ("bayesian/pendulum", ["agent.world_model.dynamics.hidden=[16]", "evaluation.episodes=2"]),
    ("system_id/pendulum", ["evaluation.episodes=2"]),
    ("alphazero/frozen_lake", ["agent.search.simulations=8"]),
    ("mcts/cartpole", ["agent.search.simulations=8"]),
)


def resume(place: Path, long: bool) -> str:
    """Killed at random moments, resumed, and compared bit by bit with the run that was left alone."""
    return exact(place, 10 if long else 1, [])


def resume_two_processes(place: Path, long: bool) -> str:
    """The same with two processes (gloo), all killed at once."""
    return exact(place, 10 if long else 1, TWO)


def exact(place: Path, kills: int, extra: list[str]) -> str:
    """Kills and resumes so many runs.

    Raises:
        Failed: naming the first thing that differs.
    """
    words = [small_recipe(place), *extra]
    whole, seconds = left_alone(words, place / "whole")
    chance = random.Random(0)
    for number in range(1, kills + 1):
        other, where = killed_and_resumed(words, place / f"killed{number}", seconds, chance)
        found = difference(whole, other)
        if found is not None:
            raise Failed(f"killed after {where}: differs in {found}")
    return f"identical in {kills} of {kills} random kills"


def same_seed(place: Path, long: bool) -> str:
    """One recipe and seed, in two processes one after the other."""
    words = ["train", small_recipe(place)]
    runs = []
    for name in ("one", "two"):
        finish(start(words, place / name), place / name)
        runs.append(run_folder(place / name))
    assert runs[0] is not None
    assert runs[1] is not None
    found = difference(runs[0], runs[1])
    if found is not None:
        raise Failed(f"the same seed differs in {found}")
    return "two runs of one seed: identical"
