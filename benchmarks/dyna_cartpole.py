"""Does a model help Q-learning? Deep Dyna-Q against double DQN on CartPole-v1 at equal steps, PPO beside them.

python -m benchmarks dyna_cartpole [--seeds 3] [--jobs 1] [--steps 5000] [--out DIR]

Each recipe is trained by the command (once: a run that is there is used again) and greedily plays the same 50 starts
every 1,000 steps. PPO collects 512 steps at a time, so its evaluations come up to 511 steps late. The interval is
Student's for the mean over seeds, which takes them for normal.
"""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from fulgurite.runs import metrics
from fulgurite.runs.figures import COLOURS, GREY, panels

from .learning import Task, random_policy
from .table import machine
from .uncertainty import STUDENT

STARTS, EVERY, SHOWN = 50, 1000, (1000, 2000, 5000, 10_000)
RECIPES = {"DQN": "dqn/cartpole", "deep Dyna-Q": "dyna/cartpole", "PPO": "ppo/cartpole"}
PICTURE = Path("docs/images/dyna_cartpole.png")


class Run(NamedTuple):
    """One training: the mean return over the starts by environment steps, and how long it took."""

    who: str
    seed: int
    returns: dict[int, float]
    seconds: float


def train(who: str, seed: int, steps: int, out: Path) -> Run:
    """Trains by the command, or reads an earlier call's run of as many steps."""
    recipe = RECIPES[who]
    runs = out / f"{recipe.replace('/', '-')}-{steps}-seed{seed}"
    if not (finished := found(runs)):
        overrides = [f"seed={seed}", f"experience.max_env_steps={steps}", f"evaluation.episodes={STARTS}"]
        overrides += [f"callbacks.evaluate.every_env_steps={EVERY}", f"callbacks.evaluate.interim_episodes={STARTS}"]
        overrides += ["callbacks.video=null", "callbacks.model_error=null", "logger=null", "--runs", str(runs)]
        command = [sys.executable, "-m", "fulgurite", "train", recipe, *overrides]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{recipe}, seed {seed} ended with {done.returncode}:\n{done.stderr[-4000:]}")
        finished = found(runs)
    (run,) = finished
    rows = [row for row in metrics.read(run) if row.get("eval/return_mean") is not None]
    seconds = json.loads((run / "result.json").read_text())["wall_seconds"]
    return Run(who, seed, {row["env_steps"] // EVERY * EVERY: row["eval/return_mean"] for row in rows}, seconds)


def found(runs: Path) -> list[Path]:
    """The folder of the completed run among these, if there is one."""
    results = [path for path in runs.rglob("result.json") if json.loads(path.read_text())["status"] == "completed"]
    return [path.parent for path in results[:1]]


def line(runs: Sequence[Run], steps: int) -> str:
    """A row of the table: an agent over all seeds after so many steps."""
    values = [run.returns[steps] for run in runs]
    half = f"+- {STUDENT[len(values) - 2] * stdev(values) / len(values) ** 0.5:.0f}" if len(values) > 1 else ""
    each = ", ".join(f"{value:.0f}" for value in values)
    last = steps == max(runs[0].returns)
    seconds = f"{mean(run.seconds for run in runs):.0f}" if last else ""
    return f"| {runs[0].who} | {steps} | {mean(values):.1f} | {half} | {each} | {seconds} |"


def picture(groups: Sequence[Sequence[Run]], random_return: float, path: Path) -> None:
    """The mean over seeds against environment steps, and every seed's own returns."""
    drawing, (axes,) = panels(f"CartPole-v1: return from {STARTS} starts", "environment steps")
    for runs, colour in zip(groups, COLOURS, strict=False):
        steps = sorted(runs[0].returns)
        for run in runs:
            axes.plot(steps, [run.returns[step] for step in steps], color=colour, alpha=0.3, linewidth=0.8)
        means = [mean(run.returns[step] for run in runs) for step in steps]
        axes.plot(steps, means, "o-", color=colour, markersize=4, linewidth=1.8, label=runs[0].who)
    for value, name in ((500.0, "most"), (random_return, "random")):
        axes.axhline(value, color=GREY, linewidth=0.8, linestyle="--")
        axes.annotate(
            name, (1, value), xycoords=("axes fraction", "data"), fontsize=8, color=GREY, ha="right", va="bottom"
        )
    axes.set_ylim(0, 540)
    axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1, 0.06))
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=120)


def run(options: Namespace) -> str:
    """Trains everything, `jobs` processes at a time."""
    out = options.out / "dyna_cartpole"
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = {
            who: [pool.submit(train, who, seed, options.steps, out) for seed in range(options.seeds)] for who in RECIPES
        }
        groups = [[future.result() for future in futures] for futures in waiting.values()]
    played = random_policy(Task("baselines/random", "CartPole-v1", "", STARTS))
    by_chance = mean(played["returns"])
    content: dict[str, Any] = {"machine": machine(), "random": played, "runs": [r._asdict() for g in groups for r in g]}
    (options.out / "dyna_cartpole.json").write_text(json.dumps(content) + "\n")
    picture(groups, by_chance, PICTURE)
    lines = ["| agent | env steps | mean return | 95 % interval | of the seeds | training wall s |"]
    lines += ["|---|---|---|---|---|---|", f"| random policy | 0 | {by_chance:.1f} |  |  |  |"]
    lines += [line(runs, steps) for runs in groups for steps in SHOWN if steps in runs[0].returns]
    return f"{machine()}\n\n" + "\n".join(lines)
