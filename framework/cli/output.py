"""What the verbs say: plain lines, errors on stderr, tables and JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from ..recipe_error import printable


class Usage(Exception):
    """The command cannot be carried out as it was given."""


def further_rank() -> bool:
    """Whether another process of this run does the talking, as Lightning, torchrun or SLURM's srun told this one."""
    return any(os.environ.get(name, "0") != "0" for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))


def say(text: str = "") -> None:
    """A line on stdout, at once: a run may be piped. Only the first process of a run says anything."""
    if further_rank():
        return
    print(_safe(text), flush=True)  # noqa: T201


def complain(text: str) -> None:
    """A line on stderr."""
    print(_safe(text), file=sys.stderr, flush=True)  # noqa: T201


def _safe(text: str) -> str:
    """The text without what steers a terminal, whoever gave the names in it."""
    return "\n".join(printable(line) for line in text.split("\n"))


def trusting(parser: argparse.ArgumentParser) -> None:
    """The argument of the verbs that may be given a recipe from elsewhere."""
    said = "let a recipe that is fetched name any class, as a file of yours may"
    parser.add_argument("--trust", action="store_true", help=said)


def say_json(value: Any) -> None:
    """One JSON document on stdout."""
    say(json.dumps(value, indent=2, default=str))


def table(rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; the last one is as long as it likes."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def number(value: Any) -> str:
    """A value of a result in few digits."""
    return f"{value:,.1f}" if isinstance(value, float) else "-" if value is None else f"{value:,}"
