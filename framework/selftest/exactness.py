"""Drills on resuming: a killed run goes on to the same bits, in one process and in two; so does the same seed again."""

import random
from pathlib import Path

from ..runs.difference import difference
from .drill import Failed
from .fixture import small_recipe
from .killed_run import finish, killed_and_resumed, left_alone, run_folder, start

KILLS = 10  # of each family, the long way
TWO = ["trainer.devices=2", "trainer.strategy=ddp"]
FAMILIES = (  # one recipe of each kind of model, planner and agent
    "pets/cartpole",
    "icem/pendulum",
    "gradient/pendulum",
    "bayesian/pendulum",
    "system_id/pendulum",
    "ladder/v10",
    "cliff/uncertain",
    "mcts/cartpole",
    "alphazero/frozen_lake",
)


def resume(place: Path, long: bool) -> str:
    """Killed at random moments, resumed, and compared bit by bit with the run that was left alone."""
    return families(place, long, [])


def resume_two_processes(place: Path, long: bool) -> str:
    """The same with two processes (gloo), all killed at once."""
    return families(place, long, TWO)


def families(place: Path, long: bool, extra: list[str]) -> str:
    """One kill of the first family, or ten of each."""
    kills = KILLS if long else 1
    names = FAMILIES if long else FAMILIES[:1]
    for name in names:
        exact(name, place / name.replace("/", "-"), kills, extra)
    return f"identical in {kills} of {kills} random kills" + (f" each of {', '.join(names)}" if long else "")


def exact(name: str, place: Path, kills: int, extra: list[str]) -> None:
    """Kills and resumes a recipe's runs.

    Raises:
        Failed: naming the first thing that differs.
    """
    words = [small_recipe(name, place), *extra]
    whole, seconds = left_alone(words, place / "whole")
    chance = random.Random(0)
    for number in range(1, kills + 1):
        other, where = killed_and_resumed(words, place / f"killed{number}", seconds, chance)
        found = difference(whole, other)
        if found is not None:
            raise Failed(f"{name}, kill {number} of {kills}, after {where}: differs in {found}")


def same_seed(place: Path, long: bool) -> str:
    """One recipe and seed, in two processes one after the other."""
    runs = []
    for name in ("one", "two"):
        finish(start(["train", small_recipe(FAMILIES[0], place)], place / name), place / name)
        runs.append(run_folder(place / name))
    assert runs[0] is not None
    assert runs[1] is not None
    found = difference(runs[0], runs[1])
    if found is not None:
        raise Failed(f"the same seed differs in {found}")
    return "two runs of one seed: identical"
