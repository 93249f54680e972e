"""How groups of seeds compare: final returns, areas under their curves, who beats whom, and how soon.

    final      the mean return of a run's last evaluation; of a group the interquartile mean over its runs
    area       the mean height of a run's learning curve, between steps at which all runs were measured
    to reach   the median over runs of the first evaluation with that return, in steps and in seconds

with 95 % stratified bootstrap intervals. Agarwal et al. 2021, sections 4.1 and 4.3. Runs are what varies here: each
plays the same starts, and its evaluation's mean counts as one score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .bootstrap import interval
from .difference import flat
from .efficiency import area, first_at, median_first_at, overlap
from .group import Group, task
from .improvement import probability_of_improvement
from .interquartile_mean import interquartile_mean
from .learning import evaluated
from .run import Run, Series

PORTIONS = (0.5, 0.75, 0.9)  # of the way from the lowest to the highest: levels to reach, where none are given


class NotComparable(ValueError):
    """The runs were not judged on the same."""


@dataclass(frozen=True)
class Estimate:
    """A number over runs, and the ends of its 95 % interval: the number itself where there is one run."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reached:
    """How soon a level was reached: medians over runs, infinite unless most got there."""

    level: float
    steps: float
    seconds: float
    runs: int


@dataclass(frozen=True)
class Standing:
    """What a group came to."""

    name: str
    environment: str
    runs: int
    final: Estimate
    mean: float
    std: float
    area: Estimate
    seconds: float
    finals: list[float]
    reached: list[Reached]


@dataclass(frozen=True)
class Pair:
    """How likely a run of one group ends with a higher return than one of another."""

    name: str
    other: str
    probability: Estimate


@dataclass(frozen=True)
class Comparison:
    """All of it. `notes` say what was left out or has not ended."""

    standings: list[Standing]
    pairs: list[Pair]
    span: tuple[float, float] | None
    notes: list[str]

    def plain(self) -> dict[str, Any]:
        """As JSON has it: what is infinite is null."""
        return finite(asdict(self))


def compare(groups: Sequence[Group], *, levels: Sequence[float] = (), anyway: bool = False) -> Comparison:
    """Compares groups of seeds.

    Args:
        groups: at least one.
        levels: returns whose steps to reach are asked for; by default portions of the way from the lowest first
            evaluation to the best final return.
        anyway: compare what was judged in different environments or from different starts.

    Raises:
        NotComparable: where they were, or where no run has an evaluation.
    """
    if not anyway:
        refuse_different(groups)
    known = {group.name: [run for run in group.runs if run.evaluations] for group in groups}
    notes = [note for group in groups for note in said(group)]
    judged = [group for group in groups if known[group.name]]
    if not judged:
        raise NotComparable("none of the runs has an evaluation yet")
    if anyway and len({str(task(group.runs[0])) for group in judged}) > 1:
        notes.insert(0, "The runs differ in environment or starts: their returns are not on one scale.")
    curves = {group.name: [evaluated(run) for run in known[group.name]] for group in judged}
    span = overlap([curve for found in curves.values() for curve in found])
    if span is None:
        notes.append("No steps were measured by all runs: each area is of the run's own curve.")
    wanted = sorted(levels) or usual_levels(curves)
    standings = [standing(group, known[group.name], curves[group.name], span, wanted) for group in judged]
    return Comparison(standings, pairs(judged, standings), span, notes)


def standing(
    group: Group,
    runs: Sequence[Run],
    curves: Sequence[Series],
    span: tuple[float, float] | None,
    levels: Sequence[float],
) -> Standing:
    """One group's numbers."""
    finals = [curve[1][-1] for curve in curves]
    areas = [area(curve, *(span or (curve[0][0], curve[0][-1]))) for curve in curves]
    times = [evaluated(run, "wall_seconds") for run in runs]  # minutes
    reached = [
        Reached(
            level,
            median_first_at(curves, level),
            60 * median_first_at(times, level),
            sum(math.isfinite(first_at(curve, level)) for curve in curves),
        )
        for level in levels
    ]
    seconds = float(np.mean([run.last("wall_seconds") or 0.0 for run in runs]))
    deviation = float(np.std(finals, ddof=1)) if len(finals) > 1 else 0.0
    return Standing(
        group.name, runs[0].environment, len(runs), estimate(finals), float(np.mean(finals)), deviation,
        estimate(areas), seconds, finals, reached,
    )  # fmt: skip


def estimate(scores: Sequence[float]) -> Estimate:
    """Interquartile mean of runs, with its interval."""
    sample = np.array(scores)[:, None]  # [R, 1]
    return Estimate(float(interquartile_mean(sample)), *interval(interquartile_mean, [sample]))


def pairs(groups: Sequence[Group], standings: Sequence[Standing]) -> list[Pair]:
    """Every group against every other that was judged on the same."""
    found = []
    for i, (group, one) in enumerate(zip(groups, standings, strict=True)):
        for j, (rival, other) in enumerate(zip(groups, standings, strict=True)):
            if i != j and task(group.runs[0]) == task(rival.runs[0]):
                x, y = (np.array(finals)[:, None] for finals in (one.finals, other.finals))
                ends = interval(probability_of_improvement, [x, y], resamples=2000)
                found.append(Pair(one.name, other.name, Estimate(float(probability_of_improvement(x, y)), *ends)))
    return found


def usual_levels(curves: dict[str, list[Series]]) -> list[float]:
    """Portions of the way from the lowest first evaluation to the best group's final return, in round numbers."""
    low = min(curve[1][0] for found in curves.values() for curve in found)
    high = max(float(interquartile_mean(np.array([[c[1][-1]] for c in found]))) for found in curves.values())
    if high <= low:
        return [high]
    return sorted({float(f"{low + portion * (high - low):.3g}") for portion in PORTIONS})


def refuse_different(groups: Sequence[Group]) -> None:
    """Raises `NotComparable` naming the first thing in which the tasks differ."""
    first = groups[0]
    own = asked(first)
    for group in groups[1:]:
        other = asked(group)
        for key in (*own, *other):
            if own.get(key) != other.get(key):
                values = [leaves.get(key, "the default") for leaves in (own, other)]
                raise NotComparable(
                    f"{key}: {first.name} has {values[0]}, {group.name} {values[1]}: returns are compared in one "
                    "environment and from the same starts; --anyway compares them all the same"
                )


def asked(group: Group) -> dict[str, Any]:
    """The task, key by key."""
    return {key: value for key, value in flat(task(group.runs[0])) if value != {}}


def said(group: Group) -> list[str]:
    """What is not as it should be in a group."""
    lines = []
    for run in group.runs:
        if not run.evaluations:
            lines.append(f"{run.folder}: left out, since it has no evaluation.")
        elif run.status != "completed":
            lines.append(f"{run.folder}: {run.status} after {int(run.last('env_steps') or 0):,} steps.")
    counted = {run.final.get("eval/episodes") for run in group.runs if run.evaluations}
    if len(counted) > 1:
        lines.append(f"{group.name}: the last evaluations of its runs played different numbers of starts.")
    if 0 < len(group.runs) < 3:
        lines.append(
            f"{group.name}: {len(group.runs)} seed{'s' * (len(group.runs) > 1)}; intervals mean little below three."
        )
    return lines


def finite(value: Any) -> Any:
    """Plain containers without infinities."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
