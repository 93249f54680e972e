"""Processor time from nothing to three 200s in a row on cart-pole: `pets/cartpole` against mbrl-lib.

Both plan with 100 candidates, 3 iterations, 5 particles and horizon 15, and count the whole process, imports included.
Evaluation episodes, model error, videos and plots are switched off, since mbrl-lib makes none.
"""

import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from statistics import median
from typing import Any

from . import peer
from .table import machine
from .timing import use_threads

TARGET = 0.5  # of mbrl-lib's processor time, at most
WATCHERS = ("evaluate", "model_error", "calibration", "video", "plots", "speed")


def ours(seed: int) -> dict[str, Any]:
    """Trains by the command until solved, for 4,000 steps at most."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "race.json"
        overrides = [f"callbacks.{name}=null" for name in WATCHERS]
        overrides += [f"seed={seed}", "logger=null", "experience.max_env_steps=4000", "threads=null"]
        overrides += [f"callbacks.race={{_target_: benchmarks.solved.StopWhenSolved, file: '{file}'}}"]
        command = [sys.executable, "-m", "fulgurite", "train", "pets/cartpole", *overrides, "--runs", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(file.read_text())


def theirs(seed: int) -> dict[str, Any]:
    """The same by mbrl-lib."""
    return peer.run("mbrl_cartpole.py", str(seed))


def line(who: str, seed: int, threads: int, run: dict[str, Any]) -> str:
    """One run's row."""
    outcome = "solved" if run["solved"] else "not solved"
    cpu, episodes = f"{run['cpu_seconds']:.0f} s", len(run["returns"])
    return f"| {who} | {seed} | {threads} | {outcome} | {run['env_steps']} | {episodes} | {cpu} |"


def run(options: Namespace) -> str:
    """The table of all runs, and the ratio of the medians."""
    lines = ["| who | seed | threads | outcome | env steps | episodes | CPU |", "|---|---|---|---|---|---|---|"]
    runs: list[dict[str, Any]] = []
    rivals = {"ours": ours, "mbrl-lib": theirs} if peer.available() else {"ours": ours}
    for threads in options.threads:
        use_threads(threads)
        taken: dict[str, list[float]] = {name: [] for name in rivals}
        for seed in range(options.seeds):
            for name, race in rivals.items():
                result = race(seed)
                runs.append({"who": name, "seed": seed, "threads": threads, **result})
                taken[name].append(result["cpu_seconds"])
                lines.append(line(name, seed, threads, result))
        if len(taken) == 2:
            share = median(taken["ours"]) / median(taken["mbrl-lib"])
            verdict = "met" if share <= TARGET else "not met"
            lines.append(f"| ours / mbrl-lib | median | {threads} | {verdict}: <= {TARGET} | | | {share:.2f} |")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "cartpole_race.json").write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n")
    return machine() + "\n\n" + "\n".join(lines)
