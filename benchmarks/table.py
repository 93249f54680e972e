"""Results as rows: a markdown table to read, JSON to keep."""

import json
import platform
import statistics
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from .timing import Rounds, ratio, typical


class Row(NamedTuple):
    """One comparison. `wall` and `cpu` are the ratio in both clocks; `need` is the target, ">= 4" or "<= 1.05"."""

    what: str
    threads: int
    ours: str
    theirs: str
    wall: float
    cpu: float
    need: str

    @property
    def met(self) -> str:
        """Whether the target holds, by processor time on one thread (it is steadier) and by the clock on more."""
        if not self.need:
            return ""
        sign, bound = self.need.split()
        value = self.cpu if self.threads == 1 else self.wall
        return "yes" if (value >= float(bound) if sign == ">=" else value <= float(bound)) else "no"


def compared(what: str, threads: int, rounds: Rounds, ours: str, theirs: str, need: str, *, speedup: bool) -> Row:
    """The row of two contestants: theirs / ours where a `speedup` is wanted, else ours / theirs, an overhead."""
    parts = (rounds[theirs], rounds[ours]) if speedup else (rounds[ours], rounds[theirs])
    wall, cpu = ratio(*parts)
    return Row(
        what, threads, duration(typical(rounds[ours]).wall), duration(typical(rounds[theirs]).wall), wall, cpu, need
    )


def duration(seconds: float) -> str:
    """Three significant digits with a fitting unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def spread(values: list[float]) -> str:
    """Their mean, and their standard deviation where there are several."""
    mean = f"{statistics.mean(values):.0f}"
    return f"{mean} ± {statistics.stdev(values):.0f}" if len(values) > 1 else mean


def markdown(rows: list[Row]) -> str:
    """A table with one line a comparison."""
    lines = [
        "| comparison | threads | ours | other | ratio (wall) | ratio (CPU) | target | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.what} | {r.threads} | {r.ours} | {r.theirs} | {r.wall:.2f} | {r.cpu:.2f} | {r.need} | {r.met} |"
        for r in rows
    ]
    return "\n".join(lines)


def machine() -> str:
    """What the numbers were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = f"{len(names)} x {names[0]}" if names else model
    return f"{model}, Python {platform.python_version()}, torch {torch.__version__}"


def save(folder: Path, name: str, rows: list[Row]) -> None:
    """Writes `<name>.json`: the machine and the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "rows": [{**row._asdict(), "met": row.met} for row in rows]}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def tables(name: str, rows: Callable[[int], list[Row]], options: Namespace) -> str:
    """The table of a benchmark for every number of threads asked for; also written as JSON."""
    found = [row for threads in options.threads for row in rows(threads)]
    save(options.out, name, found)
    return f"{machine()}\n\n{markdown(found)}"
