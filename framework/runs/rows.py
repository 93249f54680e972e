"""The rows of a run's `metrics.jsonl`, read without Lightning, so at once, and also from a file that was damaged."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAME = "metrics.jsonl"


def read(folder: Path | str) -> list[dict[str, Any]]:
    """The rows of a run folder in the order they were written; empty when there is no file yet.

    A last line without its end (the process was killed while writing) is left out.

    Raises:
        ValueError: a complete line is not a JSON object; names file and line.
    """
    path = Path(folder) / NAME
    rows = []
    for index, (line, row) in enumerate(_lines(path), start=1):
        if row is None:
            raise ValueError(f"{path}, line {index}: expected a JSON object, got {line[:60]!r}")
        rows.append(row)
    return rows


def readable(folder: Path | str) -> tuple[list[dict[str, float]], int]:
    """The rows that stand on the axis `env_steps`, with what is a finite number in them, and how many lines are none.

    A file that cannot be opened counts as one such line.
    """
    try:
        found = [row for _, row in _lines(Path(folder) / NAME)]
    except OSError:
        return [], 1
    rows = [{name: value for name, value in (row or {}).items() if _is_finite(value)} for row in found]
    placed = [row for row in rows if "env_steps" in row]
    return placed, len(found) - len(placed)


def horizons(row: Mapping[str, Any], prefix: str) -> tuple[list[int], list[float]]:
    """The horizons k and values of `<prefix>_h<k>`, k rising; empty without any."""
    found = {int(m[1]): row[name] for name in row if (m := re.fullmatch(re.escape(prefix) + r"_h(\d+)", name))}
    present = [k for k in sorted(found) if found[k] is not None]
    return present, [found[k] for k in present]


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """The complete lines, each with the object in it, if it is one."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield line, row if isinstance(row, dict) else None


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
