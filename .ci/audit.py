#!/usr/bin/env python3
"""Looks the locked packages up in PyPI's list of known holes: `python .ci/audit.py constraints.txt`.

Ends with 1 for a hole that is known and not on the list below. Where PyPI cannot be asked, or does not know the
packages (a mirror without its advisories), it says so and ends with 0: no hole, and no proof that there is none.
"""

import json
import subprocess
import sys
from typing import Any

PATIENCE = 60  # seconds in all

# Advisories that cannot be helped by another version, each with the reason why it does no harm here.
IGNORED: dict[str, str] = {}


def audited(requirements: str) -> tuple[list[dict[str, Any]] | None, str]:
    """What pip-audit found, package by package, or None and why it found nothing out."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", requirements, "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", "pypi", "--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return None, f"no answer in {PATIENCE} s"
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines()
        return None, lines[-1] if lines else f"pip-audit ended with {done.returncode}"


def judged(packages: list[dict[str, Any]]) -> tuple[list[str], int, int]:
    """What to print, how many holes are not ignored, and how many packages were looked up."""
    lines, holes = [], 0
    known = [package for package in packages if "skip_reason" not in package]
    for package in known:
        for hole in package.get("vulns", []):
            names = [hole["id"], *hole.get("aliases", [])]
            reason = next((IGNORED[name] for name in names if name in IGNORED), None)
            holes += reason is None
            fixed = ", ".join(hole.get("fix_versions", [])) or "no version"
            said = f"ignored: {reason}" if reason else f"fixed in {fixed}"
            lines.append(f"{package['name']} {package['version']}: {' '.join(names)}: {said}")
    if unknown := len(packages) - len(known):
        lines.append(
            f"not looked up, since the index has no advisories for them: {unknown} of {len(packages)} packages"
        )
    return lines, holes, len(known)


def main(requirements: str) -> int:
    packages, problem = audited(requirements)
    if packages is None:
        say(f"NOT AUDITED: {problem}")
        return 0
    lines, holes, known = judged(packages)
    say(*lines)
    say(f"{known} packages looked up, {holes} known holes" if known else "NOT AUDITED: no package could be looked up")
    return 1 if holes else 0


def say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
