"""Which checkpoint of a run is meant: by name, the best one, or the newest that is whole."""

from collections.abc import Callable
from pathlib import Path

from .checkpoint import BEST, checkpoints, latest, step


def chosen(run: Path, name: str | None = None, warn: Callable[[str], None] = lambda message: None) -> Path:
    """The checkpoint of that name, `best` among them, or the newest undamaged one.

    Raises:
        ValueError: where there is none, naming those that there are.
    """
    if name is None:
        newest = latest(run, warn)
        if newest is None:
            raise ValueError(f"{run}: need the folder of a run with an undamaged checkpoint, got none")
        return newest
    best = run / "checkpoints" / BEST
    wanted = best.read_text().strip() if name == BEST and best.is_file() else name
    found = sorted(checkpoints(run), key=step)
    if wanted not in [folder.name for folder in found]:
        there = ", ".join([BEST] * best.is_file() + [folder.name for folder in found])
        raise ValueError(f"checkpoint: expected one of {there or 'none, since there is none yet'}, got {name}")
    return run / "checkpoints" / wanted
