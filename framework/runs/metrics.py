"""The run's numbers: `metrics.jsonl` in the run folder, one JSON object a line, only ever appended to.

Every row has `env_steps`, `gradient_steps` and `wall_seconds`; the other keys are named scalars (`eval/return_mean`,
`loss/dynamics`). A number that is not finite is written as null: JSON has no NaN. The file is the truth, other loggers
are its mirrors. A checkpoint keeps the file's `confirmed_size`; `truncate` cuts back to it when the run resumes there.
"""

import json
import logging
import math
import os
import threading
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, SupportsFloat

from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from .durable import flush_folder
from .rows import NAME, horizons, read

__all__ = ["AXES", "MetricsFile", "confirmed_size", "horizons", "number", "read", "report", "size", "truncate"]

log = logging.getLogger(__name__)
AXES = ("env_steps", "gradient_steps", "wall_seconds")


def report(trainer: Trainer, metrics: Mapping[str, SupportsFloat]) -> None:
    """Hand one row, completed by the run's counters, to every logger of the trainer.

    To be called on every rank (the counters may be summed over them); only rank zero writes.

    Args:
        trainer: its `datamodule.counters()` gives the row's place on the axes.
        metrics: named scalars: numbers, or tensors of one element.
    """
    counters = trainer.datamodule.counters()  # type: ignore[attr-defined]
    row = {**counters, **{name: number(value) for name, value in metrics.items()}}
    for logger in trainer.loggers:
        logger.log_metrics(row)


def number(value: SupportsFloat) -> int | float:
    """A Python int or float from a number, a numpy scalar or a tensor of one element."""
    return int(value) if isinstance(value, Integral) else float(value)


def size(folder: Path | str) -> int:
    """Bytes of the complete rows written so far."""
    path = Path(folder) / NAME
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0


def confirmed_size(folder: Path | str) -> int:
    """`size`, once the disk has confirmed these rows: a checkpoint that is on the disk must not outlive them."""
    path, rows = Path(folder) / NAME, size(folder)
    try:
        if path.exists():
            with path.open("rb") as file:
                os.fsync(file.fileno())
            flush_folder(path.parent)
    except OSError as error:
        log.warning("the disk does not confirm the rows of %s: %s", NAME, error)
    return rows


def truncate(folder: Path | str, offset_bytes: int) -> None:
    """Cut the file back to `offset_bytes`; a file already shorter (its tail was lost) stays as it is."""
    path = Path(folder) / NAME
    if path.exists() and path.stat().st_size > offset_bytes:
        os.truncate(path, offset_bytes)


class MetricsFile(Logger):
    """Lightning logger that appends each row to `metrics.jsonl` and flushes it.

    Rows that the disk refuses wait in memory, and are written with the next one that it takes. Any thread may log.

    Args:
        folder: the run folder; created with the first row.

    Attributes:
        latest: the newest number under each name.
    """

    def __init__(self, folder: Path | str) -> None:
        super().__init__()
        self._folder = Path(folder)
        self._opened = False
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self.latest: dict[str, int | float] = {}

    @property
    def name(self) -> str:
        return "metrics"

    @property
    def version(self) -> str:
        return self._folder.name

    @property
    def save_dir(self) -> str:
        return str(self._folder)

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The recipe file beside the metrics already holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, SupportsFloat], step: int | None = None) -> None:
        """Append one row. A row that comes past `report` (a third party's callback) gets the last known axes."""
        with self._lock:
            axes = {name: self.latest[name] for name in AXES if name in self.latest}
            row = {**axes, **{name: number(value) for name, value in metrics.items()}}
            self.latest.update(row)
            finite = {name: value if math.isfinite(value) else None for name, value in row.items()}
            self._waiting.append(json.dumps(finite, allow_nan=False) + "\n")
            self._write()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        with self._lock:
            if self._waiting:
                self._write()
            if self._waiting:
                log.warning("%d rows of %s could not be written and are lost", len(self._waiting), NAME)

    def _write(self) -> None:
        try:
            if not self._opened:
                self._folder.mkdir(parents=True, exist_ok=True)
                truncate(self._folder, size(self._folder))  # a killed process may have left half a row
            # Opened anew for each row: rows are rare, and no handle outlives a crash, a fork or a truncation.
            with open(self._folder / NAME, "ab") as file:
                file.write("".join(self._waiting).encode())
        except OSError as error:
            self._opened = False  # it may have taken half a row
            if len(self._waiting) == 1:
                log.warning("%s cannot be written, its rows wait: %s", NAME, error)
        else:
            self._opened, self._waiting = True, []
