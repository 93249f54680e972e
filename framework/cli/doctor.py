"""Look at this installation: versions, known-bad ones, rendering, disk, W&B, processor and GPU.

Nothing heavy is imported. The exit code is 1 where something is broken.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .output import say, say_json, table

if TYPE_CHECKING:
    from .doctor_checks import Finding


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of all runs (runs)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(given: argparse.Namespace) -> int:
    """Prints one line a finding: ok, note (works, but know this) or broken."""
    from .doctor_checks import disk, gpu, processor, rendering, tracking
    from .doctor_versions import versions

    parts: list[Callable[[], list[Finding]]] = [versions, rendering, lambda: disk(given.runs), tracking, processor, gpu]
    findings = [finding for part in parts for finding in part()]
    broken = [finding for finding in findings if finding.state == "broken"]
    if given.json:
        say_json({"ok": not broken, "findings": [finding._asdict() for finding in findings]})
    else:
        table([(finding.state, finding.what, finding.said) for finding in findings])
        say(f"\n{len(broken)} broken" if broken else "\nnothing is broken")
    return 1 if broken else 0
