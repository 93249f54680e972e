"""The ladder of planning with a learned model: returns of its three rungs, and where each one's plans leave the data.

python -m benchmarks ladder [--seeds 3] [--jobs 1] [--out DIR]

Every rung is trained by the command with the same number of environment steps (once: a run that is there is used
again) and plays the same fixed starts. Beside them the first two rungs' models with the third one's planning, which
tells what their data are worth, the third rung's model with plans executed for k steps, and the planners on the true
equations of motion.
"Off the data" is the distance of a state that the plans led to from the nearest state that the model was trained on,
in standard deviations of all these states, "error" the mean prediction's one-step error there, in the same unit.
"""

import json
import subprocess
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from fulgurite.data.play import Episode
from fulgurite.data.transitions import load_transitions
from fulgurite.data.windows import windows
from fulgurite.imagination import TSInfinity
from fulgurite.keys import HELD_OUT, NEXT_OBSERVATION
from fulgurite.recipe import build, compose
from fulgurite.runs import checkpoint as checkpoints
from fulgurite.runs.experiment import Experiment
from fulgurite.runs.open_loop import OpenLoop
from fulgurite.runs.prediction_error import prediction_error

from .table import machine
from .timing import use_threads

STARTS = 50
REPLANNED_EVERY = (5, 20)  # beside 1, the third rung itself
PICTURE = Path("docs/images/ladder.png")


class Task(NamedTuple):
    """The rungs' recipes, the true dynamics, and which two numbers of an observation make the angle."""

    rungs: dict[str, str]
    physics: str
    cos: int
    speed: int


TASKS = {
    "pendulum": Task(
        {"v0.5": "ladder/v05", "v1.0": "ladder/v10", "v1.5": "ladder/v15"}, "pendulum_physics", cos=0, speed=2
    ),
    "cartpole_swingup": Task(
        {"v0.5": "ladder/swingup_v05", "v1.0": "ladder/swingup_v10", "v1.5": "ladder/swingup_v15"},
        "cart_pole_swing_up_physics",
        cos=2,
        speed=4,
    ),
}


class Played(NamedTuple):
    """What one agent did from the fixed starts; the last three are of learned models only."""

    task: str
    who: str
    seed: int | None
    returns: list[float]
    off_data: float | None = None
    error: float | None = None
    states: tuple[Tensor, Tensor] | None = None  # trained on, and led to, `[R, O]` each


def train(recipe: str, seed: int, out: Path) -> Path:
    """Trains by the command and returns the run folder, or that of an earlier call."""
    runs = out / f"{recipe.replace('/', '-')}-seed{seed}"
    for there in runs.rglob("result.json"):
        if json.loads(there.read_text())["status"] == "completed":
            return there.parent
    overrides = [f"seed={seed}", "evaluation.episodes=1", "callbacks.evaluate=null", "callbacks.video=null"]
    command = [sys.executable, "-m", "fulgurite", "train", recipe, *overrides, "logger=null", "--runs", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{recipe}, seed {seed} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return sorted(path.parent for path in runs.rglob("result.json"))[-1]


def made(recipe: str, *overrides: str) -> Experiment:
    """The experiment, to be evaluated from the fixed starts."""
    return build(compose(recipe, [f"evaluation.episodes={STARTS}", "callbacks=null", "logger=null", *overrides]))


def returns(episodes: list[Episode]) -> list[float]:
    return [episode.return_ for episode in episodes]


def true_model(task: str, rung: str) -> Played:
    """A rung's planner on the true equations of motion."""
    experiment = made(TASKS[task].rungs[rung], f"agent.world_model.dynamics={TASKS[task].physics}")
    return Played(task, f"{rung}, true model", None, returns(experiment.evaluation.run(experiment.agent)))


def learned(task: str, rung: str, seed: int, out: Path) -> list[Played]:
    """Trains a rung and plays it; then its model with other planning."""
    recipe = TASKS[task].rungs[rung]
    run = train(recipe, seed, out)
    newest = checkpoints.latest(run)
    assert newest is not None, f"{run} has no checkpoint"
    weights = checkpoints.load(newest)["state_dict"]
    experiment = made(recipe)
    experiment.agent.load_state_dict(weights)
    episodes = experiment.evaluation.run(experiment.agent)
    rows = load_transitions(run)
    trained = rows[NEXT_OBSERVATION][~rows[HELD_OUT][:, 0]]
    led_to = torch.cat([episode.transitions[NEXT_OBSERVATION] for episode in episodes])
    std = torch.cat([trained, led_to]).std(0)
    starts = windows([episode.transitions for episode in episodes], 1, 2000, torch.Generator().manual_seed(0))
    world_model = experiment.agent.world_model
    assert world_model is not None
    error = prediction_error(world_model, starts, std, OpenLoop((1,), 1, TSInfinity()))["model/error_h1"]
    off_data = torch.cdist(led_to / std, trained / std).amin(1).mean().item()
    found = [Played(task, rung, seed, returns(episodes), off_data, error, (trained, led_to))]
    for steps in REPLANNED_EVERY if rung == "v1.5" else (1,):
        other = made(TASKS[task].rungs["v1.5"], f"agent.replan_every={steps}")
        other.agent.load_state_dict(weights)
        who = f"{rung}'s model, replanned every {'step' if steps == 1 else f'{steps} steps'}"
        found.append(Played(task, who, seed, returns(other.evaluation.run(other.agent))))
    return found


def picture(shown: list[Played], path: Path) -> None:
    """A row of panels for each task: the data of a rung, and where its plans led."""
    names = list(TASKS)
    rungs = len(TASKS[names[0]].rungs)
    figure, grid = plt.subplots(len(names), rungs, figsize=(3.4 * rungs, 3 * len(names)), layout="constrained")
    for axes, played in zip(grid.flat, shown, strict=True):
        panel(axes, played)
    for row, name in zip(grid, names, strict=True):
        row[0].set_ylabel(f"{name.replace('_', ' ')}\nangular speed, rad/s")
    for axes in grid[-1]:
        axes.set_xlabel("angle from upright, rad")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, markerscale=5, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def panel(axes: Axes, played: Played) -> None:
    """The states of one rung."""
    assert played.states is not None
    task = TASKS[played.task]
    looks = (("the model's data", "#2e7d9a", 5, 2), ("where its plans led", "#d1495b", 2, 1))
    for states, (label, colour, size, layer) in zip(played.states, looks, strict=True):
        angle = torch.atan2(states[:, task.cos + 1], states[:, task.cos])
        speed = states[:, task.speed]
        axes.scatter(angle, speed, s=size, color=colour, alpha=0.5, linewidths=0, label=label, zorder=layer)
    axes.set_title(f"{played.who}: return {mean(played.returns):.0f}", loc="left", fontsize=10)


def line(rows: list[Played]) -> str:
    """A row of the table: one agent over all seeds."""
    first = rows[0]
    means = [mean(row.returns) for row in rows]
    pooled = [value for row in rows for value in row.returns]
    each = ", ".join(f"{value:.0f}" for value in means) if first.seed is not None else ""
    off = f"{mean(row.off_data for row in rows if row.off_data is not None):.3f}" if first.off_data is not None else ""
    error = f"{mean(row.error for row in rows if row.error is not None):.4f}" if first.error is not None else ""
    spread = f"{mean(means):.1f} | {each} | {stdev(pooled):.0f}"
    return f"| {first.task} | {first.who} | {spread} | {off} | {error} |"


def run(options: Namespace) -> str:
    """Trains everything, `jobs` processes at a time; the picture shows seed 0."""
    use_threads(1)
    out = options.out / "ladder"
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = [
            pool.submit(learned, name, rung, seed, out)
            for name, task in TASKS.items()
            for rung in task.rungs
            for seed in range(options.seeds)
        ]
        found = [played for future in waiting for played in future.result()]
    found += [true_model(name, rung) for name in TASKS for rung in ("v1.0", "v1.5")]
    picture([played for played in found if played.seed == 0 and played.states is not None], PICTURE)
    rows = [{key: value for key, value in it._asdict().items() if key != "states"} for it in found]
    content: dict[str, Any] = {"machine": machine(), "rows": rows}
    (options.out / "ladder.json").write_text(json.dumps(content) + "\n")
    header = "| task | rung | mean return | of each seed | std over starts | off the data | error |\n"
    groups: dict[tuple[str, str], list[Played]] = {}
    for played in sorted(found, key=lambda it: (list(TASKS).index(it.task), it.who)):
        groups.setdefault((played.task, played.who), []).append(played)
    return f"{machine()}\n\n{header}|---|---|---|---|---|---|---|\n" + "\n".join(map(line, groups.values()))
