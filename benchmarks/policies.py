"""Policies that learn in the model, a planner and SAC on Pendulum-v1: return against environment steps, three seeds.

python -m benchmarks policies [--seeds 3] [--jobs 1] [--out DIR] [--page FILE] [--tasks svg sac ...]

Every agent is trained by the command with its recipe and judged during the run from the same 50 starts. Two of them and
the planner are trained for 5,000 steps instead of 10,000, for the time that they take.
"""

import json
import statistics
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fulgurite.runs import metrics
from fulgurite.runs.figures import COLOURS, GREY, legend, level_line, panels

from .learning import TASKS, random_policy, true_model
from .table import machine, spread
from .trained import trained

STARTS, BUDGETS = 50, (1000, 2000, 5000, 10_000)


class Contestant(NamedTuple):
    """A recipe, how long it is trained, and how often it is judged: a planner's evaluations are dear."""

    name: str
    recipe: str
    env_steps: int = 10_000
    every: int = 1000


CONTESTANTS = {
    "svg": Contestant("SVG(H), pathwise", "svg/pendulum"),
    "imagined_pg": Contestant("imagined policy gradient", "imagined_pg/pendulum", env_steps=5000),
    "mbpo": Contestant("MBPO", "mbpo/pendulum"),
    "dreamer": Contestant("Dreamer", "dreamer/pendulum", env_steps=5000),
    "sac": Contestant("SAC, no model", "sac/pendulum"),
    "pets": Contestant("PETS, planner", "pets/pendulum", env_steps=5000, every=5000),
}


def learned(key: str, seed: int, out: Path) -> dict[str, Any]:
    """A run's evaluations by environment steps; one that was made before is read again."""
    contestant = CONTESTANTS[key]
    runs = out / f"{key}-seed{seed}"
    run = trained(
        runs, contestant.recipe, f"seed={seed}", f"experience.max_env_steps={contestant.env_steps}",
        f"evaluation.episodes={STARTS}", f"callbacks.evaluate.every_env_steps={contestant.every}",
        "callbacks.evaluate.interim_episodes=null", "callbacks.video=null", "logger=null",
    )  # fmt: skip
    rows = [row for row in metrics.read(run) if row.get("eval/return_mean") is not None]
    return {
        "who": contestant.name,
        "seed": seed,
        "env_steps": [row["env_steps"] for row in rows],
        "return": [row["eval/return_mean"] for row in rows],
        "least": [row["eval/return_min"] for row in rows],
        "seconds": json.loads((run / "result.json").read_text())["wall_seconds"],
    }


def after(rows: list[dict[str, Any]], budget: int) -> str:
    """Mean and spread over seeds of the first evaluation from this budget on, less than one collection late."""
    found = []
    for row in rows:
        late = [i for i, steps in enumerate(row["env_steps"]) if budget <= steps < budget + 500]
        if late:
            found.append(row["return"][late[0]])
    return spread(found) if found else ""


def line(name: str, rows: list[dict[str, Any]]) -> str:
    """A row of the table."""
    by_seed = ", ".join(f"{row['return'][-1]:.0f}" for row in rows)
    seconds = statistics.mean(row["seconds"] for row in rows)
    returns = " | ".join(after(rows, budget) for budget in BUDGETS)
    return f"| {name} | {returns} | {by_seed} | {min(row['least'][-1] for row in rows):.0f} | {seconds:.0f} |"


def picture(path: Path, found: dict[str, list[dict[str, Any]]], levels: dict[str, float]) -> None:
    """What is missing to the optimum against environment steps, mean over seeds, the seeds as thin lines."""
    optimum = levels["optimum"]
    drawing, (axes,) = panels("Pendulum-v1: optimum less mean return over 50 starts", "environment steps")
    axes.set_yscale("log")
    for (name, rows), colour in zip(found.items(), (*COLOURS, GREY), strict=False):
        for row in rows:
            axes.plot(row["env_steps"], optimum - np.array(row["return"]), color=colour, alpha=0.3, linewidth=0.8)
        least = min(len(row["return"]) for row in rows)
        mean = np.mean([row["return"][:least] for row in rows], 0)
        steps = rows[0]["env_steps"][:least]
        axes.plot(steps, optimum - mean, color=colour, marker="o", markersize=3, label=f"{name}, {mean[-1]:.0f}")
    for name, level in levels.items():
        if level < optimum:
            level_line(axes, f"{name}, {level:.0f}", optimum - level)
    legend(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=110)


def run(options: Namespace) -> str:
    """Trains all contestants, or those of `--tasks`, `jobs` at a time; returns the table."""
    out = options.out / "policies"
    out.mkdir(parents=True, exist_ok=True)
    chosen = [key for key in CONTESTANTS if key in options.tasks] or list(CONTESTANTS)
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = {key: [pool.submit(learned, key, seed, out) for seed in range(options.seeds)] for key in chosen}
        found = {CONTESTANTS[key].name: [future.result() for future in futures] for key, futures in waiting.items()}
    bounds = {row["who"]: row for row in (random_policy(TASKS["pendulum"]), true_model(TASKS["pendulum"]))}
    (out / "rows.json").write_text(json.dumps({"machine": machine(), "rows": found, "bounds": bounds}) + "\n")
    levels = {who: statistics.mean(row["returns"]) for who, row in bounds.items()}
    levels["optimum"] = statistics.mean(next(iter(bounds.values()))["optimum"])
    if options.page:
        picture(options.page.parent / "images" / "policies.png", found, levels)
    header = "| agent | " + " | ".join(f"{budget:,} steps" for budget in BUDGETS)
    header += " | last, by seed | worst start | training wall s |\n|---|" + "---|" * (len(BUDGETS) + 3) + "\n"
    rows = [f"| {who} | {level:.0f} | {level:.0f} | {level:.0f} | | | |" for who, level in levels.items()]
    return header + "\n".join(rows + [line(name, rows) for name, rows in found.items()])
