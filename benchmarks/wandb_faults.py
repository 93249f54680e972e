"""What W&B costs a run when something is wrong with it: the start, a step, the end.

Every line is a process of its own with the recipes' W&B logger. A step is 10 ms of arithmetic, and every twentieth one
writes a row of ten numbers, as does a run a few times a second at most. Chunks of steps with the metrics file alone and
with W&B beside it take turns; the ratio is the median over the turns.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from fulgurite.selftest.wandb_faults import FAULTS, HUNG, KILLED, cores, fault

from .table import machine

STEPS, TURNS, EVERY = 40, 9, 20


def measured(name: str) -> dict[str, Any]:
    """What a process with that fault found out; its exit code and what it said with it."""
    folder = Path(tempfile.mkdtemp(prefix="wandb-faults-"))
    own = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "NETRC"))}
    try:
        with fault(name, folder) as variables:
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", __spec__.name, str(folder), name],
                env={**own, "HOME": str(folder), "OMP_NUM_THREADS": "1", **variables},
                capture_output=True, text=True, timeout=180, check=False,
            )  # fmt: skip
            found = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
            rows = (folder / "metrics.jsonl").read_text().splitlines() if (folder / "metrics.jsonl").exists() else []
        whole = time.perf_counter() - began
        return {"name": name, "code": done.returncode, "rows": len(rows), "whole": whole, "said": done.stderr, **found}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def one(folder: Path, name: str) -> None:
    """The work of a process: turns of steps without and with W&B."""
    import numpy as np

    from fulgurite.callbacks.wandb_logger import Wandb
    from fulgurite.runs.metrics import MetricsFile, report

    data = SimpleNamespace(counters=lambda: {"env_steps": step, "gradient_steps": step, "wall_seconds": 0.0})
    trainer = SimpleNamespace(default_root_dir=str(folder), loggers=[], datamodule=data)
    file, logger = MetricsFile(folder), Wandb()
    step, square = 0, np.random.default_rng(0).normal(size=(96, 96))
    began, pieces = time.perf_counter(), 0
    while time.perf_counter() < began + 0.5:
        square @ square
        pieces += 1
    pieces //= 50

    def steps(loggers: list[Any]) -> tuple[float, float]:
        nonlocal step
        trainer.loggers, slowest = loggers, 0.0
        began = time.perf_counter()
        for _ in range(STEPS):
            step += 1
            for _ in range(pieces):
                square @ square
            if step % EVERY == 0:
                at = time.perf_counter()
                report(trainer, {f"value/{k}": float(k + step) for k in range(10)})  # type: ignore[arg-type]
                slowest = max(slowest, time.perf_counter() - at)
        return time.perf_counter() - began, slowest

    began = time.perf_counter()
    logger.log_graph(SimpleNamespace(trainer=trainer))
    start = time.perf_counter() - began
    ratios, slowest = [], 0.0
    for turn in range(TURNS):
        if name in (KILLED, HUNG) and turn == TURNS // 2:
            tell_core(signal.SIGKILL if name == KILLED else signal.SIGSTOP)
        alone, _ = steps([file])
        both, slow = steps([file, logger])
        ratios.append(both / alone)
        slowest = max(slowest, slow)
    began = time.perf_counter()
    logger.finalize("success")
    end = time.perf_counter() - began
    if name == HUNG:
        tell_core(signal.SIGKILL)  # stopped as it is, it would not notice our end
    told = {"start": start, "ratio": median(ratios), "worst": max(ratios), "slowest": slowest, "end": end}
    print(json.dumps(told), flush=True)


def tell_core(number: signal.Signals) -> None:
    """Sends a signal to W&B's own process."""
    for pid in cores(os.getpid()):
        os.kill(pid, number)


def line(it: dict[str, Any]) -> str:
    """A row of the table."""
    sync = "yes" if "wandb sync" in it["said"] else "no"
    rows = f"{it['rows']} of {2 * STEPS * TURNS // EVERY}"
    cells = [it["name"], f"{it['start']:.1f} s", f"{it['ratio']:.3f}", f"{it['worst']:.2f}"]
    cells += [f"{it['slowest'] * 1e3:.0f} ms", f"{it['end']:.1f} s", f"{it['whole']:.1f} s", str(it["code"])]
    return f"| {' | '.join([*cells, rows, sync])} |"


def run(options: Namespace) -> str:
    """The table."""
    names = ["fault", "start", "step with / without", "worst turn", "longest call", "end", "whole", "exit", "rows"]
    lines = [f"| {' | '.join([*names, '`wandb sync` said'])} |", "|---" * (len(names) + 1) + "|"]
    results = [measured(name) for name in FAULTS]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "wandb_faults.json").write_text(json.dumps({"machine": machine(), "rows": results}, indent=1) + "\n")
    return "\n".join([machine(), "", *lines, *map(line, results)])


if __name__ == "__main__":
    one(Path(sys.argv[1]), sys.argv[2])
