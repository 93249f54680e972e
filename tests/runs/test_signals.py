"""A run that is told to stop, by the command, whatever it is doing: its exit code, how soon, and what it leaves behind.

A witness in the recipe says when a phase is entered and stays in it for a moment, in which the signal comes.
`pytest -m slow tests/runs/test_signals.py` goes through every phase.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from small_run import small_run

from fulgurite.reports.run import found_in
from fulgurite.runs.checkpoint import latest
from fulgurite.selftest.witness import PHASES

RECIPE = small_run("""
callbacks:
  evaluate: {every_env_steps: 60}
  model_error: null
  calibration: null
  video: {every_env_steps: 60}
  checkpoint: {every_env_steps: 20, keep: 9}
  witness: {_target_: fulgurite.selftest.witness.Witness}
logger: {wandb: {mode: offline}}
trainer: {accelerator: cpu}
""")

NOT_BEFORE = {"collect": 41, "evaluate": 61, "checkpoint": 61, "video": 61}  # there is a checkpoint by then
TWO = ("trainer.devices=2", "trainer.strategy=ddp", "callbacks.video=null", "logger=null")


class Told:
    """A run in a process group of its own, with what can be asked about it."""

    def __init__(self, folder: Path, phase: str, *words: str) -> None:
        (folder / "small.yaml").write_text(RECIPE)
        self.folder, self.mark = folder, f"MARK={uuid.uuid4().hex}"
        told = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
        told |= dict([self.mark.split("=")])
        words = (*words, f"callbacks.witness.phase={phase}", f"callbacks.witness.not_before={NOT_BEFORE.get(phase, 0)}")
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fulgurite", "train", "small.yaml", *words],
                cwd=folder, env=told, stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip

    def entered(self, ranks: int = 1) -> list[int]:
        """The processes, once all ranks are in the phase."""
        until = time.monotonic() + 90
        while len(found := sorted(self.folder.rglob("in-phase-*"))) < ranks or not all(p.read_text() for p in found):
            assert time.monotonic() < until, self.err.read_text()[-2000:]
            assert self.process.poll() is None, self.err.read_text()[-2000:]
            time.sleep(0.01)
        return [int(path.read_text()) for path in found]

    def ended(self, patience: float) -> int:
        """The exit code, which must come in time, and be the end of all that the run started."""
        code = self.process.wait(patience)
        until = time.monotonic() + 5
        while self.processes() and time.monotonic() < until:
            time.sleep(0.1)
        assert not self.processes(), self.processes()
        return code

    def processes(self) -> list[str]:
        """The command lines of what the run started and what still runs."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (path / "environ").read_bytes():
                    found.append((path / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found

    @property
    def run(self) -> Path:
        (run,) = found_in(self.folder)
        return run

    def left_in_order(self, of: str = "stopped") -> None:
        """The newest checkpoint is whole, and the way back was printed once."""
        damaged: list[str] = []
        assert latest(self.run, damaged.append) is not None, self.err.read_text()[-2000:]
        assert damaged == []
        assert not list(self.run.glob("checkpoints/.tmp*"))
        way = f"{of}; continue with: fulgurite resume {self.run.relative_to(self.folder)}\n"
        assert self.err.read_text().count(way) == 1, self.err.read_text()[-2000:]

    def __enter__(self) -> "Told":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.mark.parametrize("phase", [p if p in ("collect",) else pytest.param(p, marks=pytest.mark.slow) for p in PHASES])
def test_told_to_stop_in_any_phase(phase: str, tmp_path: Path) -> None:
    with Told(tmp_path, phase) as told:
        told.entered()
        os.kill(told.process.pid, signal.SIGTERM)
        began = time.monotonic()
        assert told.ended(10) == 143, told.err.read_text()[-2000:]
        assert time.monotonic() - began < 10
        told.left_in_order()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGUSR1, 138)])
def test_other_signals_end_it_as_well(number: signal.Signals, code: int, tmp_path: Path) -> None:
    with Told(tmp_path, "fit") as told:
        told.entered()
        os.kill(told.process.pid, number)
        assert told.ended(10) == code, told.err.read_text()[-2000:]
        told.left_in_order()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_twice_it_leaves_at_once(number: signal.Signals, tmp_path: Path) -> None:
    with Told(tmp_path, "collect") as told:
        told.entered()
        os.kill(told.process.pid, number)
        time.sleep(0.1)
        os.kill(told.process.pid, number)
        began = time.monotonic()
        assert told.process.wait(10) == 128 + number
        assert time.monotonic() - began < 1
        told.ended(0)
        told.left_in_order()


@pytest.mark.parametrize("to", ["further", *(pytest.param(to, marks=pytest.mark.slow) for to in ("first", "group"))])
@pytest.mark.parametrize(
    "phase", ["fit", pytest.param("collect", marks=pytest.mark.slow), pytest.param("evaluate", marks=pytest.mark.slow)]
)
def test_two_processes_are_told_to_stop(phase: str, to: str, tmp_path: Path) -> None:
    with Told(tmp_path, phase, *TWO) as told:
        told.entered(1 if phase == "evaluate" else 2)
        first = told.process.pid
        pid = further(first)[0] if to == "further" else first
        (os.killpg if to == "group" else os.kill)(pid, signal.SIGTERM)
        assert told.ended(15) == 143, told.err.read_text()[-2000:]
        assert json.loads((told.run / "result.json").read_text())["status"] == "interrupted"
        told.left_in_order()


@pytest.mark.slow
def test_two_processes_are_interrupted_together(tmp_path: Path) -> None:
    """As Ctrl-C in a terminal does it; a second time they leave at once."""
    with Told(tmp_path, "fit", *TWO) as told:
        told.entered(2)
        os.killpg(told.process.pid, signal.SIGINT)
        assert told.ended(15) == 130, told.err.read_text()[-2000:]
        told.left_in_order()


@pytest.mark.slow
def test_two_processes_told_twice_leave_at_once(tmp_path: Path) -> None:
    with Told(tmp_path, "collect", *TWO) as told:
        told.entered(2)
        os.kill(told.process.pid, signal.SIGTERM)
        time.sleep(0.1)
        os.kill(told.process.pid, signal.SIGTERM)
        began = time.monotonic()
        assert told.process.wait(6) == 143, told.err.read_text()[-2000:]
        assert time.monotonic() - began < 1
        told.ended(0)
        told.left_in_order()


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["fit", "collect", "evaluate"])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_takes_the_other_with_it(rank: int, phase: str, tmp_path: Path) -> None:
    with Told(tmp_path, phase, *TWO) as told:
        ranks = told.entered(1 if phase == "evaluate" else 2)
        if phase == "evaluate":
            ranks += further(ranks[0])
        os.kill(ranks[rank], signal.SIGKILL)
        began = time.monotonic()
        assert told.ended(30) != 0
        if rank == 0:
            assert time.monotonic() - began < 3  # nobody waits for a collective operation
        else:
            assert "was killed by signal 9; the run cannot go on" in told.err.read_text()


def further(pid: int) -> list[int]:
    """The ranks that a process started."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in started if "small.yaml" in Path(f"/proc/{one}/cmdline").read_text()]
