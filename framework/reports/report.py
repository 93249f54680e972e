"""A report: what was run, whether it learned, whether its model can be trusted, and how to go on. One file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from . import learning
from .difference import Change, resume_command, train_command
from .group import Group, groups
from .page import count, duration, number, write
from .panels import panels
from .pictures import Room, pictures
from .run import Run, read

MEGABYTES = 4.0  # of pictures, in all; a third more in the file


def report(folders: Sequence[Path], path: Path, megabytes: float = MEGABYTES) -> None:
    """Writes the page of one run or of several.

    Args:
        folders: of runs.
        path: of the page.
        megabytes: of pictures to embed; what does not fit is linked.

    Raises:
        ValueError: where a folder holds no run.
        OSError: where the page cannot be written.
    """
    found = groups([read(folder) for folder in folders])
    runs = [run for group in found for run in group.runs]
    alone = runs[0] if len(runs) == 1 else None
    room = Room(megabytes)
    curves = [learning.of_run(alone)] if alone else [learning.of_groups(found)]
    if not alone:
        curves.append(learning.of_groups(found, "wall_seconds"))
    write(
        path,
        "report.html.jinja",
        title=found[0].name if len(found) == 1 else f"{found[0].name} and {len(found) - 1} more",
        alone=alone,
        runs=runs,
        facts=facts(alone) if alone else [],
        learning=[chart for chart in curves if chart is not None],
        table_of_runs=table_of_runs(found),
        groups=[shown(group, room, path) for group in found],
    )


def facts(run: Run) -> list[tuple[str, str, str]]:
    """Name, value and a further word of what a run came to."""
    final, best, steps = run.final, run.best, run.last("env_steps")
    most = run.recipe.get("experience", {})
    most = most.get("max_env_steps") if isinstance(most, dict) else None
    return [
        ("final return", spread(final), starts(final)),
        ("best return", number(best.get("eval/return_mean")), at(best)),
        ("environment steps", count(run.result.get("env_steps", steps)), f"of {count(most)}" if most else ""),
        ("gradient steps", count(run.result.get("gradient_steps", run.last("gradient_steps"))), ""),
        ("wall time", duration(run.result.get("wall_seconds", run.last("wall_seconds"))), ""),
        ("device", str(run.result.get("device", "-")), ""),
    ]


def table_of_runs(found: Sequence[Group]) -> list[list[str]]:
    """A line for each run."""
    head = ["run", "seed", "status", "env steps", "wall time", "final return", "starts", "best return", "folder"]
    return [head] + [
        [
            group.name, run.seed, run.status, count(run.result.get("env_steps", run.last("env_steps"))),
            duration(run.result.get("wall_seconds", run.last("wall_seconds"))), spread(run.final),
            count(run.final.get("eval/episodes")), number(run.best.get("eval/return_mean")), str(run.folder),
        ]
        for group in found
        for run in group.runs
    ]  # fmt: skip


def shown(group: Group, room: Room, path: Path) -> dict[str, Any]:
    """What the template says of a group."""
    first = group.runs[0]
    several = len(group.runs) > 1
    return {
        "name": group.name,
        "source": first.source,
        "several": several,
        "seed": first.seed,
        "panels": panels(group),
        "pictures": [picture for run in group.runs for picture in pictures(run, room, path)],
        "changed": None if group.changed is None else as_table(group.changed),
        "recipe": yaml.safe_dump(first.recipe, sort_keys=False, allow_unicode=True),
        "commands": [*commands(group)],
        "versions": versions(first),
        "faults": [line for run in group.runs for line in faults(run, several)],
    }


def commands(group: Group) -> list[dict[str, str]]:
    """To go on with what has not ended, and to train the same again."""
    first = group.runs[0]
    again = {"label": "Train the same again:", "command": train_command(first, group.changed)}
    saved = [run for run in group.runs if any((run.folder / "checkpoints").glob("step-*"))]
    if not saved:
        return [again]
    open_ended = [run for run in saved if run.status != "completed"]
    if open_ended:
        way_on = "\n".join(map(resume_command, open_ended))
        return [{"label": "Go on from the newest checkpoint:", "command": way_on}, again]
    more = f"{resume_command(saved[0])} experience.max_env_steps={2 * int(saved[0].last('env_steps') or 0)}"
    return [{"label": "Go on from where it ended, to twice the steps:", "command": more}, again]


def faults(run: Run, several: bool) -> list[str]:
    """What went wrong and did not end the run."""
    whose = f"seed {run.seed}: " if several else ""
    skipped = sum(run.series("train/skipped_updates")[1])
    failed = run.last("train/environment_faults") or 0
    left_out = sum(run.series("eval/left_out")[1])
    found = [
        (skipped, "updates were skipped, since losses or gradients were not finite"),
        (failed, "environment faults were survived; their episodes were cut"),
        (left_out, "starts of evaluations were left out, since their environment failed twice"),
        (run.broken, f"lines of {run.folder / 'metrics.jsonl'} cannot be read and are not shown"),
    ]
    lines = [f"{whose}{many:,.0f} {words}." for many, words in found if many]
    if (run.folder / "dump").is_dir():
        lines.append(f"{whose}{run.folder / 'dump'} holds the batch that made an update not finite.")
    return lines


def versions(run: Run) -> str:
    known = run.result.get("versions")
    if not isinstance(known, dict):
        return "Versions: written when a run ends."
    return "Versions: " + ", ".join(f"{name} {version}" for name, version in known.items()) + "."


def as_table(changed: Sequence[Change]) -> list[list[str]]:
    return [["key", "shipped", "this run"], *([one.key, one.shipped, one.run] for one in changed)] if changed else []


def spread(row: dict[str, float]) -> str:
    if "eval/return_mean" not in row:
        return "-"
    return f"{number(row['eval/return_mean'])} \N{PLUS-MINUS SIGN} {number(row.get('eval/return_std'))}"


def starts(row: dict[str, float]) -> str:
    return f"std over {count(row['eval/episodes'])} fixed starts" if "eval/episodes" in row else ""


def at(row: dict[str, float]) -> str:
    if not row:
        return ""
    return f"at {count(row['env_steps'])} steps, {count(row.get('eval/episodes'))} starts"
