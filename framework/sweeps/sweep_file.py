"""The file of a sweep, in W&B's own words, so that one file serves both W&B and Optuna.

    method: bayes                                     # or random, grid
    metric: {name: eval/return_mean, goal: maximize}
    run_cap: 20                                       # trials
    parameters:
      agent.planner.candidates: {min: 50, max: 400}
      agent.world_model.dynamics.learning_rate: {min: 1.0e-4, max: 1.0e-2, distribution: log_uniform_values}
      agent.planner: {values: [cem, icem]}
    early_terminate: {type: hyperband, min_iter: 2}   # counted in evaluations
    seeds: 2                                          # ours: of every trial, which counts with its mean
    overrides: [experience.max_env_steps=800]         # ours: of every trial

The keys of `parameters` are a recipe's, as `fulgurite train` takes them. It is checked before anything runs.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..recipe import check, compose, parse, read
from ..recipe_error import RecipeError, nearest, shown

METHODS = ("bayes", "random", "grid")
GOALS = ("maximize", "minimize")
STOPPERS = ("hyperband", "median")
KEYS = ("name", "method", "metric", "run_cap", "parameters", "early_terminate", "seeds", "overrides")
DISTRIBUTIONS = ("uniform", "int_uniform", "log_uniform_values", "q_uniform", "q_log_uniform_values")
SPEC = ("values", "value", "min", "max", "distribution", "q")
STOPPER_KEYS = ("type", "min_iter", "eta")
MAX_CHECKS = 60  # values that are checked against the recipe


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: whole ones, on a logarithmic scale, in steps."""

    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None

    def ends(self) -> list[float]:
        return [self.low, self.high]


@dataclass(frozen=True)
class Values:
    """One of several values, each as a recipe's text has it."""

    options: tuple[str, ...]


@dataclass(frozen=True)
class Stopper:
    """What ends trials early: `hyperband` keeps the best 1 / eta at min_iter, min_iter eta, ... evaluations; `median`
    those that are better than half of the others, from min_iter evaluations on."""

    kind: str
    min_iter: int = 1
    eta: int = 3


@dataclass(frozen=True)
class Sweep:
    """A checked file."""

    name: str
    method: str
    metric: str
    goal: str
    trials: int
    parameters: dict[str, Range | Values]
    stopper: Stopper | None = None
    seeds: int = 1
    overrides: list[str] = field(default_factory=list)


def read_sweep(path: Path) -> Sweep:
    """The sweep that a file describes, without a look at the recipe.

    Raises:
        RecipeError: with the file, the key, what was expected, what came, and the nearest right name.
    """
    if not path.is_file():
        raise RecipeError(f"{path}: expected the file of a sweep, got none")
    said = read(path.read_text(encoding="utf-8"), str(path))
    where = Where(str(path))
    where.only(said, KEYS, "")
    metric = where.mapping(said.get("metric", {}), "metric")
    where.only(metric, ("name", "goal"), "metric")
    parameters = where.mapping(said.get("parameters"), "parameters")
    if not parameters:
        raise where.wrong("parameters", "at least one key of the recipe", parameters)
    found = {key: parameter(where, key, one) for key, one in parameters.items()}
    method = where.one_of(said.get("method", "bayes"), METHODS, "method")
    size = grid_size(where, found) if method == "grid" else None
    overrides = said.get("overrides", [])
    if not isinstance(overrides, list) or not all(isinstance(one, str) for one in overrides):
        raise where.wrong("overrides", "a list such as [experience.max_env_steps=800]", overrides)
    return Sweep(
        name=re.sub(r"[^\w.-]", "-", str(said.get("name", path.stem))),
        method=method,
        metric=str(metric.get("name", "eval/return_mean")),
        goal=where.one_of(metric.get("goal", "maximize"), GOALS, "metric.goal"),
        trials=min(where.count(said.get("run_cap", size or 20), "run_cap"), size or sys.maxsize),
        parameters=found,
        stopper=stopper(where, said.get("early_terminate")),
        seeds=where.count(said.get("seeds", 1), "seeds"),
        overrides=overrides,
    )


def check_sweep(sweep: Sweep, label: str, recipe: str, overrides: Sequence[str] = (), trust: bool = False) -> None:
    """Checks every value of every parameter against the recipe; torch is not imported.

    Raises:
        RecipeError: as for a recipe.
    """
    given = [*overrides, *sweep.overrides]
    check(compose(recipe, given, trust=trust))
    problems: list[str] = []
    taken = {parse(one)[0] for one in given} | ({"seed"} if sweep.seeds > 1 else set())
    for key, one in sweep.parameters.items():
        if key in taken:
            why = (
                "seeds gives every trial its own"
                if key == "seed" and sweep.seeds > 1
                else "an override sets it for all"
            )
            problems.append(f"{label}: parameters.{key}: {why}; leave out one of the two")
        for text in texts(one):
            try:
                check(compose(recipe, [*given, f"{key}={text}"], trust=trust))
            except RecipeError as error:
                problems += [line.replace("command line: ", f"{label}: parameters.", 1) for line in error.problems]
    if problems:
        raise RecipeError(*dict.fromkeys(problems))


def texts(one: Range | Values) -> list[str]:
    """The values to check, as a recipe's texts."""
    return (
        list(one.options[:MAX_CHECKS]) if isinstance(one, Values) else [text_of(number(one, end)) for end in one.ends()]
    )


def number(one: Range, value: float) -> float | int:
    return int(value) if one.whole else value


def text_of(value: Any) -> str:
    """A value as `key=value` has it."""
    return value if isinstance(value, str) else json.dumps(value)


def parameter(where: Where, key: str, said: Any) -> Range | Values:
    place = f"parameters.{key}"
    if isinstance(said, list):
        said = {"values": said}
    spec = where.mapping(said, place)
    where.only(spec, SPEC, place)
    if ("values" in spec) + ("value" in spec) + ("min" in spec or "max" in spec) != 1:
        raise where.wrong(place, "one of values, value, or min and max", spec)
    if "value" in spec or "values" in spec:
        options = spec.get("values", [spec.get("value")])
        if not isinstance(options, list) or not options:
            raise where.wrong(f"{place}.values", "a list of at least one", options)
        return Values(tuple(dict.fromkeys(map(text_of, options))))
    ends = [spec.get("min"), spec.get("max")]
    for name, end in zip(("min", "max"), ends, strict=True):
        if isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end):
            raise where.wrong(f"{place}.{name}", "a number", end)
    low, high = (float(end) for end in ends if end is not None)
    if not low < high:
        raise where.wrong(f"{place}.max", f"more than min, {ends[0]}", ends[1])
    both_whole = all(isinstance(end, int) for end in ends)
    kind = where.one_of(
        spec.get("distribution", "int_uniform" if both_whole else "uniform"), DISTRIBUTIONS, f"{place}.distribution"
    )
    log, whole = "log" in kind, kind in ("int_uniform", "q_log_uniform_values")
    if log and low <= 0:
        raise where.wrong(f"{place}.min", "more than 0 on a logarithmic scale", ends[0])
    if whole and not (low.is_integer() and high.is_integer()):
        raise where.wrong(f"{place}.min", "whole numbers for min and max", ends)
    step = spec.get("q")
    if (kind == "q_uniform") != (step is not None and kind != "q_log_uniform_values"):
        raise where.wrong(f"{place}.q", "a step, for the distribution q_uniform", step)
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | float) or not step > 0):
        raise where.wrong(f"{place}.q", "a number above 0", step)
    if kind == "q_log_uniform_values" and step not in (None, 1):
        raise where.wrong(f"{place}.q", "1, for whole numbers", step)
    return Range(low, high, whole, log, float(step) if kind == "q_uniform" and step else None)


def stopper(where: Where, said: Any) -> Stopper | None:
    if said is None:
        return None
    spec = where.mapping(said, "early_terminate")
    where.only(spec, STOPPER_KEYS, "early_terminate")
    kind = where.one_of(spec.get("type", "hyperband"), STOPPERS, "early_terminate.type")
    eta = spec.get("eta", 3)
    if isinstance(eta, bool) or not isinstance(eta, int) or eta < 2:
        raise where.wrong("early_terminate.eta", "a whole number of at least 2", eta)
    return Stopper(kind, where.count(spec.get("min_iter", 1), "early_terminate.min_iter"), eta)


def grid_size(where: Where, parameters: dict[str, Range | Values]) -> int:
    size = 1
    for key, one in parameters.items():
        if not isinstance(one, Values):
            raise where.wrong(f"parameters.{key}", "values, for a grid", "min and max")
        size *= len(one.options)
    return size


@dataclass(frozen=True)
class Where:
    """Errors of one file."""

    label: str

    def wrong(self, key: str, expected: str, got: Any, hint: str = "") -> RecipeError:
        return RecipeError(f"{self.label}: {key}: expected {expected}, got {shown(got)}{hint}")

    def mapping(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(key, "a mapping", value)
        return value

    def only(self, value: dict[str, Any], names: Sequence[str], key: str) -> None:
        for name in value:
            if name not in names:
                place = f"{key}.{name}".lstrip(".")
                raise RecipeError(f"{self.label}: {place}: unknown{nearest(str(name), names, 'expected one of')}")

    def one_of(self, value: Any, names: Sequence[str], key: str) -> str:
        if value not in names:
            raise self.wrong(key, f"one of {', '.join(names)}", value, nearest(str(value), names))
        return str(value)

    def count(self, value: Any, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.wrong(key, "a whole number of at least 1", value)
        return value
