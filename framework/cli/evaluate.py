"""Play episodes from fixed starts: a run's newest agent, or a recipe's untrained one.

The starts' seeds are printed, so that others can play the same episodes. With --model the agent's model is judged
instead: error and calibration by horizon, on the episodes played and on those that it was never trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .output import Usage, complain, number, say, say_json, table, trusting

if TYPE_CHECKING:
    from ..recipe import Composed
    from ..runs.experiment import Experiment


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", metavar="RUN|RECIPE", help="the folder of a run, a shipped name or a file")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="as for train")
    parser.add_argument("--episodes", type=int, metavar="N", help="how many starts; the recipe's number by default")
    parser.add_argument(
        "--checkpoint", metavar="NAME", help="of a run: best, or one such as step-2000; else the newest"
    )
    parser.add_argument("--model", action="store_true", help="judge the model: error and calibration by horizon")
    trusting(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable, every return with its seed")


def run(given: argparse.Namespace) -> int:
    """Builds the agent, loads it where there is a run, and prints the returns."""
    from ..recipe import check, compose

    episodes = [] if given.episodes is None else [f"evaluation.episodes={given.episodes}"]
    composed = compose(given.recipe, [*given.overrides, *episodes], trust=given.trust)
    check(composed)
    if not given.json:
        say("loading torch ...")
    from ..runs.checkpoint_content import WrongCheckpoint

    try:
        return play(composed, given)
    except WrongCheckpoint as error:
        raise Usage(str(error)) from error


def play(composed: Composed, given: argparse.Namespace) -> int:
    """Builds, loads and plays."""
    from ..recipe import build

    checkpoint = None
    if Path(given.recipe).is_dir():
        checkpoint = chosen(Path(given.recipe), given.checkpoint)
    elif given.checkpoint is not None:
        raise Usage(f"--checkpoint: expected the folder of a run with it, got {given.recipe}")
    from ..data.episodes import EnvironmentFault
    from ..runs.evaluation import NothingPlayed

    experiment = build(composed)
    title = f"{given.recipe}, {'untrained' if checkpoint is None else checkpoint.name}"
    try:
        if given.model:
            judge(experiment, given, checkpoint, title)
            return 0
        result = experiment.evaluate(checkpoint)
    except (EnvironmentFault, NothingPlayed) as error:
        complain(str(error))
        return 1
    if given.json:
        say_json({"recipe": given.recipe, "checkpoint": checkpoint, **result})
        return 0
    say(title)
    names = ("return_mean", "return_std", "return_min", "return_max", "length_mean", "episodes")
    table([(name.replace("_", " "), number(result[name])) for name in names])
    seeds = result["seeds"]
    say(f"seeds {seeds[0]} to {seeds[-1]}" if seeds == list(range(seeds[0], seeds[-1] + 1)) else f"seeds {seeds}")
    if result["left_out"]:
        say(f"left out, since their environment failed twice: {result['left_out']}")
    return 0


def chosen(run: Path, name: str | None) -> Path:
    """The checkpoint of that name, or the newest undamaged one."""
    from ..recipe_files import EXPORTED
    from ..runs import checkpoint_choice

    try:
        return checkpoint_choice.chosen(run, name, complain)
    except ValueError as error:
        if (run / EXPORTED).exists():
            raise Usage(f"{run} is an exported agent; install it first: fulgurite import {run}") from error
        if name is None:
            said = f"{run} has no undamaged checkpoint; a recipe's name evaluates its untrained agent"
            raise Usage(said) from error
        raise Usage(f"--{error}") from error


def judge(experiment: Experiment, given: argparse.Namespace, checkpoint: Path | None, title: str) -> None:
    """Prints the model's report, and draws its picture into the folder of a run."""
    from ..runs.calibration_figure import calibration_figure

    try:
        report = experiment.judge_model(checkpoint)
    except ValueError as error:
        raise Usage(f"{given.recipe}: {error}") from error
    picture = None
    if checkpoint is not None:
        picture = Path(given.recipe) / "plots" / "calibration_evaluated.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        calibration_figure(report["played"]).savefig(picture, dpi=150)
    if given.json:
        say_json({"recipe": given.recipe, "checkpoint": checkpoint, "picture": picture, **report})
        return
    say(title)
    for name, metrics in report.items():
        say()
        say(SOURCES[name])
        by_horizon(metrics)
        table([(said, f"{metrics[key]:.3g}") for key, said in ONCE.items() if key in metrics])
    if picture is not None:
        say()
        say(str(picture))


SOURCES = {"played": "On the episodes just played:", "held_out": "On recorded episodes that were never trained on:"}
COLUMNS = {
    "error": "error", "persistence": "no change", "crps": "CRPS", "coverage_50": "in 50 %", "coverage_80": "in 80 %",
    "coverage_95": "in 95 %", "spread_correlation": "knows its error",
}  # fmt: skip
ONCE = {
    "model/nll": "negative log-likelihood, nats a transition",
    "model/disagreement": "disagreement of the draws, one step",
    "model/disagreement_correlation": "its rank correlation with the error",
    "plan/promised_return": "return promised by the plans",
    "plan/realised_return": "return realised",
}


def by_horizon(metrics: Mapping[str, float]) -> None:
    """A row for each horizon; errors are in standard deviations of the data."""
    from ..runs.rows import horizons

    rows = [["steps ahead", *COLUMNS.values()]]
    for k in horizons(metrics, "model/crps")[0]:
        values = [metrics[f"model/{name}_h{k}"] for name in COLUMNS]
        words = [f"{x:.0%}" if "coverage" in name else f"{x:.3g}" for name, x in zip(COLUMNS, values, strict=True)]
        rows.append([str(k), *words])
    table(rows)
