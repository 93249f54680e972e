"""What knowing what one does not know is worth with little data: families of models on Pendulum-v1.

python -m benchmarks uncertainty [--seeds 3] [--jobs 1] [--out DIR] [--budgets 200 500 1000 2000] [--families NAME ...]

Each recipe is trained by the command with collections of 100 steps, and stopped for a look after 200, 500, 1,000 and
2,000 environment steps: 10 fixed starts are played, and the model is held against 5 episodes of the same planner on the
true model, from other starts. Those are the same for all, and where a good policy goes. "Knows its error" is the rank
correlation of the draws' disagreement with the one-step error, 0 for models without it; "in 80 %" should be 80 %. The
interval is Student's for the mean over seeds, which takes them for normal.
"""

import json
import subprocess
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from fulgurite.data.environments import Environment
from fulgurite.recipe import build, compose

from .budgets import record
from .pendulum_optimum import optimal_returns
from .table import machine

STARTS, RECORDED, FIRST_RECORDED_SEED = 10, 5, 200_000
WRONG_LENGTH = ("agent.world_model.dynamics.learned=[mass, friction]", "agent.world_model.dynamics.length=2")
FAMILIES: dict[str, tuple[str, ...]] = {
    "single network": ("single/pendulum",),
    "ensemble of 5": ("pets/pendulum",),
    "ensemble of 5, same batches": ("pets/pendulum", "experience.bootstrap=false"),
    "Bayesian network": ("bayesian/pendulum",),
    "MC-dropout": ("dropout/pendulum",),
    "system identification": ("system_id/pendulum",),
    "system identification, length wrong by 2": ("system_id/pendulum", *WRONG_LENGTH),
}
OFF = ("evaluate", "model_error", "calibration", "video", "plots", "checkpoint", "progress")
SCORES = (
    "model/nll", "model/crps", "model/crps_h8", "model/coverage_80", "model/coverage_80_h8",
    "model/disagreement_correlation",
)  # fmt: skip
STUDENT = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # 97.5 % quantiles by degrees of freedom
COLUMNS = (
    "model", "env steps", "mean return", "95 % interval", "of the seeds", "NLL, 1 step", "CRPS, 1 step",
    "CRPS, 8 steps", "in 80 %, 1 step", "in 80 %, 8 steps", "knows its error", "promised - realised",
)  # fmt: skip


def recorded_episodes(file: Path) -> None:
    """Plays the planner on the true model."""
    overrides = [f"evaluation.episodes={RECORDED}", f"evaluation.seed={FIRST_RECORDED_SEED}", "callbacks=null"]
    recipe = compose("pets/pendulum", [*overrides, "agent.world_model.dynamics=pendulum_physics", "logger=null"])
    experiment = build(recipe)
    record(experiment.evaluation.run(experiment.agent), file)


def trained(family: str, seed: int, budgets: tuple[int, ...], out: Path) -> list[dict[str, Any]]:
    """Trains one recipe with one seed; a row for each budget."""
    recipe, *overrides = FAMILIES[family]
    file = out / f"{family.replace(' ', '_')}-seed{seed}.jsonl"
    file.unlink(missing_ok=True)
    judge: dict[str, Any] = {"_target_": "benchmarks.budgets.JudgeAt", "evaluation": "${evaluation}"}
    judge |= {"file": str(file), "recorded": str(out / "recorded.pt"), "budgets": list(budgets)}
    overrides += [f"callbacks.{name}=null" for name in OFF]
    overrides += [f"callbacks.judge={json.dumps(judge)}", f"evaluation.episodes={STARTS}", f"seed={seed}"]
    overrides += [f"experience.max_env_steps={max(budgets)}", "experience.env_steps_per_collection=100", "logger=null"]
    command = [sys.executable, "-m", "fulgurite", "train", recipe, *overrides, "--runs", str(out / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{family}, seed {seed} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return [{"family": family, "seed": seed, **json.loads(row)} for row in file.read_text().splitlines()]


def optimum() -> float:
    """What no policy can beat, on average over the starts."""
    environment = Environment("Pendulum-v1").make_single(0)
    starts = [environment.reset(seed=100_000 + i)[0] for i in range(STARTS)]
    environment.close()
    return optimal_returns(torch.stack([torch.as_tensor(start) for start in starts])).mean().item()


def line(family: str, steps: int, rows: list[dict[str, Any]]) -> str:
    """A row of the table: returns over seeds, and the scores' means over seeds."""
    returns = [mean(row["returns"]) for row in rows]
    scores = []
    for name in SCORES:
        values = [row["held_out"][name] for row in rows if name in row["held_out"]]
        scores.append("" if not values else f"{mean(values):.0%}" if "coverage" in name else f"{mean(values):.3g}")
    promised = mean(row["played"]["plan/promised_return"] - row["played"]["plan/realised_return"] for row in rows)
    each = f"{min(returns):.0f} to {max(returns):.0f}"
    n = len(returns)
    within = f"+- {STUDENT[min(n - 2, 8)] * stdev(returns) / n**0.5:.0f}" if n > 1 else ""
    return f"| {family} | {steps} | {mean(returns):.1f} | {within} | {each} | {' | '.join(scores)} | {promised:.1f} |"


def run(options: Namespace) -> str:
    """Trains everything, `jobs` processes at a time; returns the table and writes it with all numbers to `out`."""
    out = options.out / "uncertainty"
    out.mkdir(parents=True, exist_ok=True)
    options.families = options.families or list(FAMILIES)
    recorded_episodes(out / "recorded.pt")
    budgets = tuple(options.budgets)
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = [
            pool.submit(trained, name, seed, budgets, out) for name in options.families for seed in range(options.seeds)
        ]
        rows = [row for future in waiting for row in future.result()]
    best = optimum()
    content = {"machine": machine(), "optimum": best, "rows": rows}
    (options.out / "uncertainty.json").write_text(json.dumps(content) + "\n")
    header = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"
    lines = [
        line(name, steps, [row for row in rows if (row["family"], row["env_steps"]) == (name, steps)])
        for name in options.families
        for steps in budgets
    ]
    note = f"Optimum on these {STARTS} starts: {best:.1f}. {options.seeds} seeds."
    return f"{machine()}\n\n{note}\n\n{header}" + "\n".join(lines)
