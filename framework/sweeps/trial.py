"""One trial of a sweep: its seeds' runs, one after another, each a `fulgurite train` of its own.

A run of its own process can be stopped as any run can, and gone on with: a trial that a stopped sweep has left half
done is taken up from its runs' checkpoints.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ..recipe_files import RUN_RECIPE
from ..runs import metrics
from ..runs.lifeline import end_with
from ..runs.live_folder import files_below

LOG = "log.txt"
PATIENCE = 60.0  # seconds for a run to write its last checkpoint


@dataclass
class Trial:
    """Runs in `folder`, `overrides` for each of `seeds`.

    Attributes:
        failed: why a run failed, or empty.
    """

    folder: Path
    recipe: str
    overrides: Sequence[str]
    seeds: Sequence[int]
    metric: str
    trust: bool = False
    failed: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None
    _left: list[int] = field(default_factory=list)

    def start(self) -> None:
        """Begins with the first seed that is not done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._left = [seed for seed in self.seeds if not done(self.run_of(seed))]
        self._next()

    def running(self) -> bool:
        """Whether a run is still going on; starts the next one where the last has ended well."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._close()
        if code != 0:
            self.failed = f"seed {self._left[0]} ended with {code}: {last_line(self.folder / LOG)}"
            return False
        self._left.pop(0)
        self._next()
        return self._process is not None

    def evaluations(self) -> list[tuple[int, float]]:
        """Environment steps and the metric of the first seed's evaluations so far, by which trials are ended early."""
        return found(self.run_of(self.seeds[0]), self.metric)

    def value(self) -> float | None:
        """The mean of the seeds' last values, None where one has none."""
        last = [rows[-1][1] for seed in self.seeds if (rows := found(self.run_of(seed), self.metric))]
        return sum(last) / len(last) if len(last) == len(self.seeds) else None

    def stop(self) -> None:
        """Asks the run to end with a checkpoint, and waits for that."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def run_of(self, seed: int) -> Path | None:
        """The folder of a seed's run."""
        runs = [path.parent for path in files_below(self.folder, RUN_RECIPE) if path.match(f"*-seed{seed}/*")]
        return runs[-1] if runs else None

    def _next(self) -> None:
        if not self._left:
            return
        run = self.run_of(self._left[0])
        if run is not None and not any((run / "checkpoints").glob("step-*")):
            shutil.rmtree(run)
            run = None
        words = ["resume", str(run)] if run else self._train(self._left[0])
        self._log = (self.folder / LOG).open("ab")
        parent = os.getpid()
        self._process = subprocess.Popen(  # in a session of its own: a Ctrl-C is for the sweep, which tells the runs
            [sys.executable, "-m", "fulgurite", *words],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            start_new_session=True, preexec_fn=lambda: end_with(parent),
        )  # fmt: skip

    def _train(self, seed: int) -> list[str]:
        words = [self.recipe, *self.overrides, f"seed={seed}", "--runs", str(self.folder)]
        return ["train", *words, *(["--trust"] if self.trust else [])]

    def _close(self) -> None:
        self._process = None
        if self._log is not None:
            self._log.close()


def done(run: Path | None) -> bool:
    """Whether a run has made all its steps."""
    import json

    path = None if run is None else run / "result.json"
    return path is not None and path.is_file() and json.loads(path.read_text())["status"] == "completed"


def found(run: Path | None, metric: str) -> list[tuple[int, float]]:
    """Environment steps and values of a metric."""
    rows = [] if run is None else metrics.read(run)
    return [(int(row["env_steps"]), float(row[metric])) for row in rows if row.get(metric) is not None]


def last_line(path: Path) -> str:
    """What a log says at last."""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
    telling = [line for line in lines if line.strip() and not line.startswith("failed;")]
    return telling[-1][:200] if telling else "it said nothing"
