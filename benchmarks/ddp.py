"""One run on one process and on two, each with the same batch and the same environment steps for itself.

    efficiency = speed of two processes / (2 x speed of one)

Two runs side by side, each for itself, use the machine as two processes of one run do, but for what these tell each
other. What one run of two processes loses against them is communication: gradients after each update, and waiting for
the slower one. Rounds of all three take turns, since the machine may have other work.
"""

import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from statistics import median

from .ddp_run import PHASES
from .table import machine

ROUNDS = 3
STEPS = 100  # of each process, after a warm-up of 50
SETTING = ("experience.schedule.first_updates=500", "experience.updates_per_epoch=50")
Spent = dict[str, float]


def measured(processes: int, together: bool, threads: int) -> list[Spent]:
    """What every process spent."""
    with tempfile.TemporaryDirectory() as name:
        ranks = processes if together else 1
        runs = [start(Path(name) / str(seed), ranks, seed, threads) for seed in range(processes // ranks)]
        for run in runs:
            _, errors = run.communicate()
            if run.returncode:
                raise RuntimeError(f"a run of the benchmark failed:\n{errors[-2000:]}")
        return [json.loads(path.read_text()) for path in sorted(Path(name).rglob("rank*.json"))]


def start(folder: Path, ranks: int, seed: int, threads: int) -> subprocess.Popen:
    """A run, started."""
    folder.mkdir()
    steps = [f"experience.max_env_steps={(STEPS + 50) * ranks}", f"experience.warmup_env_steps={50 * ranks}"]
    words = [sys.executable, "-m", "benchmarks.ddp_run", str(ranks), str(seed), str(folder), *SETTING, *steps]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return subprocess.Popen(
        [*words, f"threads={threads}"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def summed_up(spent: list[Spent], together: bool) -> Spent:
    """Speeds of all processes together, and the milliseconds of a process by phase, for an environment step."""
    wall = max(one["wall"] for one in spent)
    own = spent[0]["env_steps"] / (len(spent) if together else 1)  # of one process; counted over ranks
    found = {phase: 1e3 * sum(one[phase] for one in spent) / len(spent) / own for phase in PHASES}
    rest = 1e3 * sum(one["wall"] for one in spent) / len(spent) / own - sum(found.values())
    speeds = {"env": own * len(spent) / wall, "batches": spent[0]["updates"] * len(spent) / wall}
    return {**speeds, **found, "rest": rest}


CASES = {"one process": (1, False), "two runs side by side": (2, False), "two processes, one run": (2, True)}


def run(options: Namespace) -> str:
    """The table, with the first number of threads for each process."""
    threads = options.threads[0]
    rounds: dict[str, list[Spent]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, (processes, together) in CASES.items():
            rounds[name].append(summed_up(measured(processes, together, threads), together))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "ddp.json").write_text(json.dumps({"machine": machine(), "rounds": rounds}, indent=1) + "\n")
    return table(rounds, threads)


def table(rounds: dict[str, list[Spent]], threads: int) -> str:
    """Medians over the rounds; efficiencies are of the same round."""
    typical = {name: {key: median(one[key] for one in taken) for key in taken[0]} for name, taken in rounds.items()}
    lines = [
        "| | env steps / s | batches / s | efficiency (steps, batches) | environment | plan | fit | rest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (processes, _) in CASES.items():
        spent, pairs = typical[name], list(zip(rounds[name], rounds["one process"], strict=True))
        efficiency = ", ".join(f"{median(a[k] / b[k] for a, b in pairs) / processes:.2f}" for k in ("env", "batches"))
        spans = " | ".join(f"{spent[phase]:.1f} ms" for phase in (*PHASES, "rest"))
        lines.append(f"| {name} | {spent['env']:.1f} | {spent['batches']:.1f} | {efficiency} | {spans} |")
    apart, one = typical["two runs side by side"], typical["two processes, one run"]
    lost = sum(one[phase] - apart[phase] for phase in ("fit", "rest"))
    share = lost / sum(one[phase] for phase in (*PHASES, "rest"))
    return (
        f"{machine()}, {threads} thread(s) a process; pets/cartpole, batches of 64, {STEPS} steps each; "
        "times are a process's for one environment step and the updates after it\n\n" + "\n".join(lines) + "\n\n"
        f"Communication, what fit and rest take longer in one run than side by side: {lost:.1f} ms an environment step "
        f"of a process, {100 * share:.0f} % of its time."
    )
