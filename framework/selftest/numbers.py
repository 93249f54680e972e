"""A drill on numbers that are not finite: in losses, gradients, and in the model that a planner looks into."""

import json
import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from ..agents.agent import Agent
from ..data.environments import Environment
from ..data.play import play
from ..recipe import build, compose
from ..runs import metrics
from ..runs.checkpoint import checkpoints, load
from ..runs.difference import difference
from ..runs.nonfinite import nonfinite
from .drill import FAMILIES, SEARCHING, Extent, Failed
from .fixture import small_recipe
from .killed_run import finish, last_words, left_alone, start, the_run

SPOILT = "callbacks.spoilt={{_target_: {}.not_finite.NotFiniteUpdates, what: {}, first: {}, count: {}}}"
FIRST = 45  # the update that is spoiled first; before it, checkpoints were written
BAD = (math.nan, math.inf, -math.inf, 1e30)  # what a model's predictions are multiplied by
SEARCHES = (*SEARCHING, "mppi/pendulum", "random_shooting/pendulum")


def numbers(place: Path, extent: Extent) -> str:
    """Losses and gradients that are not finite for three updates, and for ever; then exploding models."""
    words = [small_recipe(FAMILIES[0], place)]
    whole, _ = left_alone(words, place / "whole")
    kinds = ("loss", "gradient")
    for_ever = kinds if extent.long else kinds[:1]
    few = [(kind, place / f"{kind}-few", 3) for kind in (kinds if extent.long else kinds[1:])]
    many = [(kind, place / f"{kind}-many", 10**9) for kind in for_ever]
    runs = [
        (kind, folder, count, start(["train", *words, SPOILT.format(__package__, kind, FIRST, count)], folder))
        for kind, folder, count in [*few, *many]
    ]
    for kind, folder, count, process in runs:
        if count == 3:
            finish(process, folder)
            skipped(kind, the_run(folder))
        else:
            finish(process, folder, expected=1)
            stopped(kind, folder, whole)
    searches = [planned(name, place) for name in SEARCHES]
    return (
        f"3 updates were skipped ({', '.join(kind for kind, *_ in few)}); where they stayed bad "
        f"({', '.join(for_ever)}) the run stopped with a dump, without a checkpoint that is not finite, and resumed to "
        "the same bits; "
        f"finite actions within bounds of {len(searches)} planners in models that give {', '.join(map(str, BAD))}"
    )


def skipped(kind: str, run: Path) -> None:
    """Raises `Failed` unless three updates were skipped and counted, and no trace of them is left."""
    rows = metrics.read(run)
    times = sum(row.get("train/skipped_updates") or 0 for row in rows)
    if times != 3:
        raise Failed(f"{kind}: {times} updates are counted as skipped, 3 were bad")
    finite_checkpoints(kind, run)
    if any(name.startswith("loss/") and value is None for row in rows for name, value in row.items()):
        raise Failed(f"{kind}: a mean loss is not finite")


def stopped(kind: str, folder: Path, whole: Path) -> None:
    """Raises `Failed` unless the run stopped with a dump, and ends as it would have once what was bad is away."""
    run = the_run(folder)
    reason = json.loads((run / "result.json").read_text()).get("reason", "")
    if "after 3 skipped updates in a row" not in reason:
        raise Failed(f"{kind}: result.json says {reason!r}")
    dump = torch.load(run / "dump" / "rank0.pt", weights_only=True)
    if nonfinite(dump["weights"]) is not None or not {"batch", "losses", "random"} <= set(dump):
        raise Failed(f"{kind}: the dump holds {sorted(dump)}")
    if "failed; continue with: fulgurite resume" not in last_words(folder):
        raise Failed(f"{kind}: no way back: {last_words(folder)}")
    finite_checkpoints(kind, run)
    finish(start(["resume", run.relative_to(folder), "callbacks.spoilt=null"], folder), folder)
    found = difference(whole, run, in_order=False)
    if found is not None:
        raise Failed(f"{kind}: resumed without it, the run differs in {found}")


def finite_checkpoints(kind: str, run: Path) -> None:
    """Raises `Failed` where a checkpoint is not finite, or there is none."""
    found = checkpoints(run)
    if not found:
        raise Failed(f"{kind}: no checkpoint is left")
    for folder in found:
        bad = nonfinite(load(folder)["state_dict"])
        if bad is not None:
            raise Failed(f"{kind}: {folder.name} holds {bad}, which is not finite")


def planned(name: str, place: Path) -> str:
    """Plays an episode each with a planner, or a search, in a model that explodes.

    Raises:
        Failed: for an action that is not finite, or out of bounds, and where nobody asked the model.
    """
    experiment = build(compose(small_recipe(name, place / name.replace("/", "-"))))
    agent, environment = experiment.agent, experiment.environment
    for bad in BAD:
        action, asked = played(agent, environment, bad)
        if not asked:
            raise Failed(f"{name}: the model was not asked for a plan")
        sound = action.isfinite().all(-1) & (action.abs() <= 1).all(-1)
        if environment.discrete_actions:
            sound &= action.sum(-1) == 1
        if not sound.all():
            raise Failed(
                f"{name}: the action {action[~sound][0].tolist()} in a model whose predictions are times {bad}"
            )
    return name


def played(agent: Agent, environment: Environment, bad: float) -> tuple[torch.Tensor, int]:
    """The actions `[T, A]` of an episode in which predictions are multiplied by `bad`, and how many were asked for."""
    assert agent.world_model is not None
    dynamics, asked = agent.world_model.dynamics, 0
    step = dynamics.step

    def spoilt(*given: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        return step(*given, **named) * bad

    with patch.object(dynamics, "step", spoilt):
        [episode] = play(environment, agent.eval(), [0])
    return episode.transitions["action"], asked
