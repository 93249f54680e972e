"""Whether two runs ended alike: every tensor and number of their newest checkpoints, and every row of their metrics."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import checkpoint, metrics, parts

# What tells when and how fast, how long the words for it are, and what a folder is called.
ASIDE = ("wall_seconds", "metrics_bytes", "seconds", "best")
TIME_ROWS = ("speed/", "plan/seconds", "wall_seconds")


def difference(run: Path, other: Path, in_order: bool = True) -> str | None:
    """The first thing in which two runs differ, times aside, or None.

    Args:
        run: a run's folder.
        other: another one's.
        in_order: whether the rows of metrics must stand in one order: an evaluation that was given up comes later.

    Raises:
        ValueError: where one of them has no undamaged checkpoint.
    """
    folders = []
    for folder in (run, other):
        found = checkpoint.latest(folder)
        if found is None:
            raise ValueError(f"{folder}: need an undamaged checkpoint")
        folders.append(found)
    if checkpoint.step(folders[0])[0] != checkpoint.step(folders[1])[0]:
        return f"the newest checkpoints are {folders[0].name} and {folders[1].name}"
    states = [parts.replaced(checkpoint.load(folder), parts.content) for folder in folders]
    for where, one, two in unequal(states[0], states[1], ""):
        return f"{where}: {shown(one)} and {shown(two)}"
    rows = [[timeless(row) for row in metrics.read(folder)] for folder in (run, other)]
    if not in_order:
        rows = [sorted(of_one, key=str) for of_one in rows]
    for number, (row, its) in enumerate(zip_longest(*rows, fillvalue={}), start=1):
        for name in (*row, *its):
            if row.get(name) != its.get(name):
                return f"metrics.jsonl, row {number}, {name}: {row.get(name)} and {its.get(name)}"
    return None


def unequal(one: Any, two: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """The places in which two states differ, by the names that lead there."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in (*one, *(key for key in two if key not in one)):
            if key not in ASIDE:
                yield from unequal(one.get(key), two.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(one, list | tuple) and type(one) is type(two) and len(one) == len(two):
        for index, (item, its) in enumerate(zip(one, two, strict=True)):
            yield from unequal(item, its, f"{where}[{index}]")
    elif isinstance(one, Tensor) and isinstance(two, Tensor):
        alike = one.shape == two.shape and one.dtype == two.dtype
        if not alike or not torch.equal(as_bytes(one), as_bytes(two)):
            yield where, one, two
    elif one != two and not (one != one and two != two):
        yield where, one, two


def as_bytes(x: Tensor) -> Tensor:
    """So that NaN equals itself, and -0 is not 0."""
    return x.contiguous().reshape(-1).view(torch.uint8)


def shown(value: Any) -> str:
    """A value in few words."""
    if isinstance(value, Tensor):
        head = ", ".join(f"{number:.6g}" for number in value.flatten()[:3].tolist())
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)} ({head}{', ...' * (value.numel() > 3)})"
    return str(value)[:100]


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row of metrics without what a clock says."""
    return {name: value for name, value in row.items() if not name.startswith(TIME_ROWS)}
