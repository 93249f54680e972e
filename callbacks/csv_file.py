"""A table: every row of `metrics.jsonl` in `metrics.csv`, for spreadsheets.

fulgurite train pets/pendulum logger.csv=CsvFile
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from fulgurite.runs.metrics import AXES, read

NAME = "metrics.csv"


class CsvFile(Logger):
    """Writes the whole table when a fit ends, whichever way, from the file that is the truth: rows that a resumed run
    has cut are not in it, and every row has the same columns.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The run's recipe holds them."""

    @rank_zero_only
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Learns the run folder, see `Wandb.log_graph`."""
        self._folder = Path(model.trainer.default_root_dir)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """The row is in `metrics.jsonl`."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._folder is None:
            return
        rows = read(self._folder)
        names = [*AXES, *sorted({name for row in rows for name in row} - set(AXES))]
        with (self._folder / NAME).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, names)
            table.writeheader()
            table.writerows(rows)
