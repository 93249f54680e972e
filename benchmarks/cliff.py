"""The cliff: one learned model, planned with by its mean prediction and with its uncertainty: falls and a picture.

python -m benchmarks cliff
"""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from fulgurite.data.cliff import fell
from fulgurite.data.play import Episode
from fulgurite.equations.cliff import EDGE_FROM, EDGE_TO, GOAL
from fulgurite.recipe import build, compose
from fulgurite.runs import checkpoint as checkpoints

from .table import machine
from .timing import use_threads

PLANNERS = {"mean prediction": "cliff/mean", "with uncertainty": "cliff/uncertain"}
STARTS = 100
PICTURE = Path("docs/images/cliff.png")


class Walked(NamedTuple):
    """The episodes of one agent."""

    who: str
    seed: int
    episodes: list[Episode]

    @property
    def falls(self) -> int:
        """How many ended over the edge."""
        return sum(fell(episode.transitions["next", "observation"][-1].numpy()) for episode in self.episodes)

    @property
    def returns(self) -> list[float]:
        return [episode.return_ for episode in self.episodes]


def train(recipe: str, seed: int, out: Path) -> Path:
    """Trains by the command and returns the run folder."""
    runs = out / f"{recipe.replace('/', '-')}-seed{seed}"
    overrides = [f"seed={seed}", "evaluation.episodes=5", "logger=null"]
    command = [sys.executable, "-m", "fulgurite", "train", recipe, *overrides, "--runs", str(runs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(path.parent for path in runs.rglob("result.json"))[-1]


def walks(who: str, recipe: str, run: Path, seed: int) -> Walked:
    """The fixed starts, walked with the model of a run and the planner of a recipe."""
    experiment = build(compose(recipe, [f"evaluation.episodes={STARTS}"]))
    newest = checkpoints.latest(run)
    assert newest is not None, f"{run} has no checkpoint"
    experiment.agent.load_state_dict(checkpoints.load(newest)["state_dict"])
    return Walked(who, seed, experiment.evaluation.run(experiment.agent))


def picture(shown: list[Walked], path: Path) -> None:
    """All paths of each, over the map."""
    figure, grid = plt.subplots(len(shown), 1, figsize=(8, 2.6 * len(shown)), sharex=True, layout="constrained")
    for axes, walked in zip(np.atleast_1d(grid), shown, strict=True):
        panel(axes, walked)
    axes.set_xlabel("x, along the cliff")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def panel(axes: Axes, walked: Walked) -> None:
    """One agent's paths; a cross where one ends by a fall."""
    axes.add_patch(Rectangle((EDGE_FROM, -0.4), EDGE_TO - EDGE_FROM, 0.4, color="#343c4c", zorder=0))
    axes.axvspan(GOAL, 2.2, color="#b9d8bf", zorder=0)
    for episode in walked.episodes:
        rows = episode.transitions
        path = np.concatenate([rows["observation"][:1].numpy(), rows["next", "observation"].numpy()])
        over = fell(path[-1])
        axes.plot(*path.T, color="#d1495b" if over else "#2e7d9a", alpha=0.35, linewidth=0.8)
        if over:
            axes.plot(*path[-1], marker="x", color="#d1495b", markersize=5)
    axes.set(xlim=(-0.15, 2.2), ylim=(-0.2, 0.6), ylabel="y, from the edge")
    axes.set_title(f"{walked.who}: {walked.falls} falls in {len(walked.episodes)} walks", loc="left", fontsize=11)
    axes.text((EDGE_FROM + EDGE_TO) / 2, -0.12, "cliff", color="white", ha="center", va="center")


def run(options: Namespace) -> str:
    """The table; the picture shows the first seed."""
    use_threads(1)
    found = []
    for seed in range(options.seeds):
        runs = {recipe: train(recipe, seed, options.out) for recipe in PLANNERS.values()}
        found += [walks(who, recipe, runs[recipe], seed) for who, recipe in PLANNERS.items()]
        found.append(walks("mean prediction, the other's model", "cliff/mean", runs["cliff/uncertain"], seed))
    picture(found[:2], PICTURE)
    rows = [{"who": it.who, "seed": it.seed, "falls": it.falls, "returns": it.returns} for it in found]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "cliff.json").write_text(json.dumps({"machine": machine(), "rows": rows}) + "\n")
    lines = ["| planned by | seed | falls per 100 walks | mean return | std over starts |", "|---|---|---|---|---|"]
    for walked in sorted(found, key=lambda it: it.who):
        mean, std = np.mean(walked.returns), np.std(walked.returns)
        share = 100 * walked.falls / STARTS
        lines.append(f"| {walked.who} | {walked.seed} | {share:.0f} | {mean:.2f} | {std:.2f} |")
    return "\n".join(lines)
