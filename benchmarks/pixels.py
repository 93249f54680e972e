"""Planning in the latent space of a camera, Pendulum-v1: returns on the way, after 20,000 steps, and what they cost.

python -m benchmarks pixels [--seeds 3] [--jobs 1] [--out DIR] [--page FILE]

Both agents are trained by the command with their recipes, the second with one seed, for the time that it takes. On the
way 8 starts judge them, at the end 50.
"""

import json
import statistics
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fulgurite.runs import metrics

from .learning import TASKS, random_policy, true_model
from .table import machine, spread
from .trained import trained

STARTS, ON_THE_WAY = 50, 8
BUDGETS = (4000, 8000, 12_000, 16_000)
RECIPES = {  # and how many seeds at most
    "PlaNet, filtering": ("planet/pendulum_pixels", 3),
    "latent MPC, single step of two frames": ("latent_mpc/pendulum_pixels", 1),
}


def learned(recipe: str, seed: int, out: Path) -> dict[str, Any]:
    """What a run returned and what it cost; one that was made before is read again."""
    run = trained(
        out / f"{recipe.replace('/', '-')}-seed{seed}", recipe, f"seed={seed}", f"evaluation.episodes={STARTS}",
        f"callbacks.evaluate.interim_episodes={ON_THE_WAY}", "logger=null",
    )  # fmt: skip
    rows = metrics.read(run)
    judged = {row["env_steps"]: row for row in rows if row.get("eval/return_mean") is not None}
    result = json.loads((run / "result.json").read_text())
    cost = [row for row in rows if row.get("speed/share_model") is not None][-1]
    return {
        "seed": seed,
        "on_the_way": [judged[budget]["eval/return_mean"] for budget in BUDGETS],
        "return": judged[result["env_steps"]]["eval/return_mean"],
        "least": judged[result["env_steps"]]["eval/return_min"],
        "seconds": result["wall_seconds"],
        "update": cost["speed/share_model"] * cost["wall_seconds"] / cost["gradient_steps"],
        "plan": cost["plan/seconds"],
    }


def line(name: str, rows: list[dict[str, Any]]) -> str:
    """A row of the table."""
    returns = " | ".join(spread([row["on_the_way"][i] for row in rows]) for i in range(len(BUDGETS)))
    by_seed = ", ".join(f"{row['return']:.0f}" for row in rows)
    seconds, update, plan = (statistics.mean(row[key] for row in rows) for key in ("seconds", "update", "plan"))
    cost = f"{seconds / 60:.0f} | {1000 * update:.0f} | {1000 * plan:.0f}"
    ending = f"{spread([row['return'] for row in rows])} | {by_seed} | {min(row['least'] for row in rows):.0f}"
    return f"| {name} | {returns} | {ending} | {cost} |"


def run(options: Namespace) -> str:
    """Trains both with every seed, `jobs` at a time; returns the table."""
    out = options.out / "pixels"
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = {
            name: [pool.submit(learned, recipe, seed, out) for seed in range(min(options.seeds, most))]
            for name, (recipe, most) in RECIPES.items()
        }
        found = {name: [future.result() for future in futures] for name, futures in waiting.items()}
    bounds = [random_policy(TASKS["pendulum"]), true_model(TASKS["pendulum"]) | {"who": "PETS planner, true model"}]
    (out / "rows.json").write_text(json.dumps({"machine": machine(), "rows": found, "bounds": bounds}) + "\n")
    header = "| agent | " + " | ".join(f"{budget:,} steps" for budget in BUDGETS)
    header += " | 20,000 steps, 50 starts | by seed | worst start | wall minutes | ms an update | ms a plan |\n"
    header += "|---|" + "---|" * (len(BUDGETS) + 6) + "\n"
    levels = {row["who"]: row["returns"] for row in bounds} | {"optimum": bounds[0]["optimum"]}
    empty = " |" * len(BUDGETS)
    outer = [f"| {who} |{empty} {statistics.mean(v):.0f} | | {min(v):.0f} | | | |" for who, v in levels.items()]
    return f"{machine()}\n\n{header}" + "\n".join(outer + [line(name, rows) for name, rows in found.items()])
