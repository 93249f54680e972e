"""Partial observability: Pendulum-v1 without its velocity, by three posteriors; what they recover and what they return.

python -m benchmarks hidden_velocity [--seeds 3] [--jobs 1] [--out DIR] [--page FILE]

The velocity is read from the recorded angles, of which it is an exact difference, and regressed on the state that the
agent planned from: on the squares and products of its 16 principal components, by ridge regression, fitted to every
other episode and judged on the rest.
"""

import json
import math
import statistics
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fulgurite.data.play import Episode
from fulgurite.runs.figures import COLOURS, panels
from fulgurite.runs.promises import states

from .learning import TASKS, random_policy, true_model
from .table import machine
from .trained import restored, trained

STEPS, STARTS, COMPONENTS, RIDGE, DT = 2000, 50, 16, 1e-3, 0.05
STACK = "environment.wrappers.stack={_target_: FrameStack, frames: 2}"
VARIANTS = {
    "single step": ("single_step/pendulum_hidden_velocity", ()),
    "single step, two frames": ("single_step/pendulum_hidden_velocity", (STACK,)),
    "filter": ("filtering/pendulum_hidden_velocity", ()),
    "smoother and its filter": ("smoother/pendulum_hidden_velocity", ()),
}


def learned(name: str, seed: int, out: Path) -> dict[str, Any]:
    """Trains a variant by the command, plays the starts and asks what its states tell of the velocity."""
    recipe, overrides = VARIANTS[name]
    runs = out / f"{name.replace(' ', '-').replace(',', '')}-seed{seed}"
    run = trained(
        runs, recipe, f"seed={seed}", f"experience.max_env_steps={STEPS}", "evaluation.episodes=2",
        "callbacks.evaluate.every_env_steps=null", "logger=null", *overrides,
    )  # fmt: skip
    result = json.loads((run / "result.json").read_text())
    error, spread, returns = judged(run)
    return {
        "who": name, "seed": seed, "env_steps": result["env_steps"], "train_seconds": result["wall_seconds"],
        "returns": returns, "velocity_error": error, "velocity_spread": spread,
    }  # fmt: skip


def judged(run: Path) -> tuple[float, float, list[float]]:
    """Error and spread of the velocity, rad/s, and the returns, of the starts."""
    experiment = restored(run, f"evaluation.episodes={STARTS}")
    episodes = experiment.evaluation.run(experiment.agent)
    known = [states(experiment.agent, episode)[1:].double() for episode in episodes]
    truth = [velocity(episode) for episode in episodes]
    error = recovered(torch.cat(known[::2]), torch.cat(truth[::2]), torch.cat(known[1::2]), torch.cat(truth[1::2]))
    return error, torch.cat(truth[1::2]).std().item(), [episode.return_ for episode in episodes]


def velocity(episode: Episode) -> Tensor:
    """`[T - 1]`, rad/s, at every step but the first: Gymnasium adds the new velocity times DT to the angle."""
    newest = episode.transitions["observation"][:, -2:].double()  # of a stack the latest frame
    angle = torch.atan2(newest[:, 1], newest[:, 0])
    turned = angle.diff()
    return torch.atan2(turned.sin(), turned.cos()) / DT


def recovered(x: Tensor, y: Tensor, other_x: Tensor, other_y: Tensor) -> float:
    """The root mean squared error on `other_x [N, S]` of what is fitted to `x`, rad/s."""
    centre = x.mean(0)
    _, _, directions = torch.linalg.svd(x - centre, full_matrices=False)
    basis = directions[:COMPONENTS].T
    scale = ((x - centre) @ basis).std(0).clamp_min(1e-9)

    def features(rows: Tensor) -> Tensor:
        z = (rows - centre) @ basis / scale
        i, j = torch.triu_indices(z.shape[1], z.shape[1])
        return torch.cat([torch.ones(len(z), 1, dtype=z.dtype), z, z[:, i] * z[:, j]], 1)

    a = features(x)
    weights = torch.linalg.solve(a.T @ a / len(a) + RIDGE * torch.eye(a.shape[1], dtype=a.dtype), a.T @ y / len(a))
    return math.sqrt((features(other_x) @ weights - other_y).square().mean().item())


def line(who: str, rows: list[dict[str, Any]]) -> str:
    """A row: means over seeds and their spread."""
    means = [statistics.mean(row["returns"]) for row in rows]
    said = f"{statistics.mean(means):.0f} ± {statistics.pstdev(means):.0f}" if len(rows) > 1 else f"{means[0]:.0f}"
    by_seed = ", ".join(f"{mean:.0f}" for mean in means) if len(rows) > 1 else ""
    errors = [row["velocity_error"] for row in rows if "velocity_error" in row]
    spread = [row["velocity_spread"] for row in rows if "velocity_spread" in row]
    error = f"{statistics.mean(errors):.2f} ± {statistics.pstdev(errors):.2f}" if errors else ""
    of = f"{statistics.mean(spread):.2f}" if spread else ""
    seconds = [row["train_seconds"] for row in rows if "train_seconds" in row]
    wall = f"{statistics.mean(seconds):.0f}" if seconds else ""
    return f"| {who} | {rows[0]['env_steps']} | {said} | {by_seed} | {error} | {of} | {wall} |"


def picture(path: Path, found: dict[str, list[dict[str, Any]]], optimum: float) -> None:
    """Returns and errors, a dot for each seed."""
    drawing, (left, right) = panels("Pendulum with hidden velocity", "return", "error of the velocity, rad/s")
    names = [name for name in VARIANTS if name in found]
    for i, name in enumerate(names):
        returns = [statistics.mean(row["returns"]) for row in found[name]]
        errors = [row["velocity_error"] for row in found[name]]
        for axes, values in ((left, returns), (right, errors)):
            axes.plot(values, [i] * len(values), "o", color=COLOURS[i], alpha=0.7)
            axes.plot(statistics.mean(values), i, "|", color=COLOURS[i], markersize=22, markeredgewidth=2)
    for axes in (left, right):
        axes.set_yticks(range(len(names)), names if axes is left else [""] * len(names))
        axes.set_ylim(len(names) - 0.5, -0.5)
    right.set_xlim(left=0)
    left.axvline(optimum, color="#6b6b6b", linestyle="--", linewidth=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=110)


def run(options: Namespace) -> str:
    """Trains all variants, `jobs` at a time; returns the table."""
    out = options.out / "hidden_velocity"
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = {name: [pool.submit(learned, name, seed, out) for seed in range(options.seeds)] for name in VARIANTS}
        found = {name: [future.result() for future in futures] for name, futures in waiting.items()}
    bounds = [random_policy(TASKS["pendulum"]), true_model(TASKS["pendulum"])]
    (out / "rows.json").write_text(json.dumps({"machine": machine(), "rows": found, "bounds": bounds}) + "\n")
    if options.page:
        optimum = statistics.mean(bounds[1]["optimum"])
        picture(options.page.parent / "images" / "hidden_velocity.png", found, optimum)
    header = "| posterior | env steps | return, mean ± std over seeds | by seed | error of the velocity, rad/s | "
    header += "its spread | training wall s |\n|---|---|---|---|---|---|---|\n"
    rows = [line(row["who"], [row]) for row in bounds] + [line(name, rows) for name, rows in found.items()]
    return header + "\n".join(rows)
