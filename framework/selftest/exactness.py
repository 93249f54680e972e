"""Drills on resuming: a killed run goes on to the same bits, in one process and in two; so does the same seed again."""

import random
from collections.abc import Sequence
from pathlib import Path

from ..runs.difference import difference
from .drill import ALONE, FAMILIES, Extent, Failed, Skipped
from .fixture import small_recipe
from .killed_run import finish, killed_and_resumed, left_alone, start, the_run

KILLS = 10  # of each family, the long way
TWO = ["trainer.devices=2", "trainer.strategy=ddp"]


def resume(place: Path, extent: Extent) -> str:
    """Killed at random moments, resumed, and compared bit by bit with the run that was left alone."""
    return families(place, extent, extent.chosen, [])


def resume_two_processes(place: Path, extent: Extent) -> str:
    """The same with two processes (gloo), all killed at once."""
    names = [name for name in extent.chosen if name not in ALONE]
    if not names:
        raise Skipped(f"{', '.join(extent.chosen)}: in one process only")
    share = ["experience.warmup_env_steps=80"]  # of which each process has half: a whole sequence of frames
    return families(place, extent, names, [*TWO, *share])


def families(place: Path, extent: Extent, names: Sequence[str], extra: list[str]) -> str:
    """One kill of each of these families, or ten."""
    kills = KILLS if extent.long else 1
    for name in names:
        exact(name, place / name.replace("/", "-"), kills, extra)
    return f"identical in {kills} of {kills} random kills of {', '.join(names)}"


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


def same_seed(place: Path, extent: Extent) -> str:
    """One recipe and seed, in two processes at a time."""
    words = ["train", small_recipe(FAMILIES[0], place)]
    folders = [place / "one", place / "two"]
    for process, folder in [(start(words, folder), folder) for folder in folders]:
        finish(process, folder)
    found = difference(the_run(folders[0]), the_run(folders[1]))
    if found is not None:
        raise Failed(f"the same seed differs in {found}")
    return "two runs of one seed: identical"
