"""A drill on W&B that is absent, unreachable, silent or failing midway: the run is what it is without it.

`python -m benchmarks wandb_faults` measures what a step costs meanwhile, with less noise than whole runs have.
"""

import contextlib
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

from ..runs import metrics
from ..runs.difference import difference
from .drill import FAMILIES, Extent, Failed
from .fixture import small_recipe
from .killed_run import finish, left_alone, said, saved, start, the_run, wait_until
from .wandb_faults import FAULTS, FULL, HUNG, KILLED, cores, fault

SHORT = ("not installed", "no network", "never answers", "errors after 3 answers")
TOGETHER = 2  # runs at a time
LATEST = 15.0  # seconds that the start may take longer than without W&B
LOGGER = "logger={wandb: {_target_: Wandb}}"


def wandb_faults(place: Path, extent: Extent) -> str:
    """A run with each fault, held against one without W&B: the same rows and the same bits, exit code 0."""
    names = [name for name in FAULTS if name != FULL] if extent.long else list(SHORT)
    words = [small_recipe(FAMILIES[0], place)]
    whole, _ = left_alone(words, place / "whole")
    starts, slower = [], []
    for first in range(0, len(names), TOGETHER):
        with ExitStack() as stack:
            runs = []
            for name in names[first : first + TOGETHER]:
                folder = place / name.replace(" ", "-")
                folder.mkdir()
                own = {key: None for key in os.environ if key.startswith(("WANDB", "NETRC"))}
                variables = {**own, "HOME": str(folder), **stack.enter_context(fault(name, folder))}
                runs.append((name, folder, start(["train", *words, LOGGER], folder, variables)))
            hurt = [pid for name, folder, process in runs for pid in harmed(name, process, folder)]
            try:
                for _, folder, process in runs:
                    finish(process, folder)
            finally:
                for pid in hurt:  # one that was stopped would not notice the end of its run
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        for name, folder, _ in runs:
            later, share = held_against(name, whole, folder)
            starts.append(later)
            slower.append(share)
    return (
        f"{', '.join(names)}: exit code 0 and the same rows and bits as without W&B; "
        f"the start took at most {max(starts):.1f} s longer, and the rest {min(slower):.2f} to {max(slower):.2f} times "
        f"as long, {TOGETHER} runs at a time"
    )


def harmed(name: str, process: Popen[str], folder: Path) -> list[int]:
    """Kills or stops W&B's own processes once the run has begun, where the fault is that; which they are."""
    if name not in (KILLED, HUNG):
        return []
    wait_until(lambda: saved(folder) > 0, process, folder)
    found = cores(process.pid)
    for core in found:
        os.kill(core, signal.SIGKILL if name == KILLED else signal.SIGSTOP)
    if not found:
        raise Failed(f"{name}: there is none")
    return found


def held_against(name: str, whole: Path, folder: Path) -> tuple[float, float]:
    """How many seconds later training began than in a run without W&B, and how many times as long it took then.

    Raises:
        Failed: where the run is another one, nothing was said, or it began too late.
    """
    run = the_run(folder)
    found = difference(whole, run)
    if found is not None:
        raise Failed(f"{name}: differs from a run without W&B in {found}")
    if name != FAULTS[0] and "W&B" not in said(folder):
        raise Failed(f"{name}: nothing is said of it")
    seconds = [[row["wall_seconds"] for row in metrics.read(one)][1:] for one in (whole, run)]  # W&B starts after one
    later = seconds[1][0] - seconds[0][0]
    if later > LATEST:
        raise Failed(f"{name}: the run began {later:.0f} s later than without W&B")
    return later, (seconds[1][-1] - seconds[1][0]) / (seconds[0][-1] - seconds[0][0])
