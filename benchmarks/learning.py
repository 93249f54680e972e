"""Learning by the command: three seeds, fixed starts, beside a random policy and the same planner on the true model.

python -m benchmarks learning [--tasks pendulum cartpole ...] [--seeds 3] [--jobs 1] [--out DIR]
"""

import json
import statistics
import subprocess
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from .table import machine


class Task(NamedTuple):
    """A recipe, its true dynamics, and how many starts judge it."""

    recipe: str
    environment: str
    physics: str
    starts: int


TASKS = {
    "pendulum": Task("pets/pendulum", "Pendulum-v1", "pendulum_physics", 50),
    "icem": Task("icem/pendulum", "Pendulum-v1", "pendulum_physics", 50),
    "mppi": Task("mppi/pendulum", "Pendulum-v1", "pendulum_physics", 50),
    "gradient": Task("gradient/pendulum", "Pendulum-v1", "pendulum_physics", 50),
    "random_shooting": Task("random_shooting/pendulum", "Pendulum-v1", "pendulum_physics", 50),
    "cartpole": Task("pets/cartpole", "fulgurite/CartPoleBalance-v0", "cart_pole_physics", 50),
    "cartpole_swingup": Task("pets/cartpole_swingup", "fulgurite/CartPoleSwingUp-v0", "cart_pole_swing_up_physics", 50),
    "inverted_pendulum": Task("pets/inverted_pendulum", "InvertedPendulum-v5", "inverted_pendulum_physics", 10),
}


def command(*arguments: str) -> str:
    """Runs a module of Python and returns what it printed; its complaints go to our standard error where it fails."""
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def episodes(name: str, starts: int, *overrides: str) -> dict[str, Any]:
    """What `benchmarks.episodes` printed."""
    return json.loads(command("benchmarks.episodes", name, str(starts), *overrides).splitlines()[-1])


def random_policy(task: Task) -> dict[str, Any]:
    """The random policy's row."""
    played = episodes("baselines/random", task.starts, f"environment.id={task.environment}")
    return {"who": "random policy", "env_steps": 0, **played}


def true_model(task: Task) -> dict[str, Any]:
    """The row of the recipe's planner on the true dynamics."""
    physics = f"agent.world_model.dynamics={task.physics}"
    played = episodes(task.recipe, task.starts, physics)
    return {"who": "same planner, true model", "env_steps": 0, **played}


def learned(task: Task, seed: int, out: Path) -> dict[str, Any]:
    """Trains with a seed by the command, then plays the starts."""
    runs = out / f"{task.recipe.replace('/', '-')}-seed{seed}"
    command("fulgurite", "train", task.recipe, f"seed={seed}", "evaluation.episodes=2", "--runs", str(runs))
    (run,) = [path.parent for path in runs.rglob("result.json")]
    result = json.loads((run / "result.json").read_text())
    played = episodes(str(run), task.starts)
    steps = {"env_steps": result["env_steps"], "train_seconds": result["wall_seconds"]}
    return {"who": f"learned, seed {seed}", **steps, **played}


def line(name: str, row: dict[str, Any]) -> str:
    """A row of the table: the mean and spread over starts, what was solved, the regret against the optimum."""
    returns = row["returns"]
    extra = ""
    if "optimum" in row:
        regret = statistics.mean(row["optimum"]) - statistics.mean(returns)
        extra = f"regret {regret:.1f}"
    if "solved" in row:
        extra = f"solved {100 * statistics.mean(row['solved']):.0f} %"
    digits = 1 if max(map(abs, returns)) > 1 else 2
    seconds = f"{row['train_seconds']:.0f}" if "train_seconds" in row else ""
    return (
        f"| {name} | {row['who']} | {row['env_steps']} | {statistics.mean(returns):.{digits}f} | "
        f"{statistics.pstdev(returns):.{digits}f} | {min(returns):.{digits}f} | {len(returns)} | {extra} | {seconds} |"
    )


def run(options: Namespace) -> str:
    """Runs everything, `jobs` processes at a time; returns the table and writes it with all returns to `out`."""
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = {
            name: [
                pool.submit(random_policy, TASKS[name]),
                pool.submit(true_model, TASKS[name]),
                *(pool.submit(learned, TASKS[name], seed, out) for seed in range(options.seeds)),
            ]
            for name in options.tasks
        }
        for name, futures in waiting.items():
            rows[name] = [future.result() for future in futures]
            (out / f"learning-{name}.json").write_text(json.dumps({"machine": machine(), "rows": rows[name]}) + "\n")
    header = "| task | agent | env steps | mean return | std over starts | min | starts | | training wall s |\n"
    header += "|---|---|---|---|---|---|---|---|---|\n"
    table = header + "\n".join(line(name, row) for name, found in rows.items() for row in found)
    (out / "learning.md").write_text(table + "\n")
    return table
