"""TensorBoard: every number of `metrics.jsonl`, against environment steps.

fulgurite train pets/pendulum logger.tensorboard=TensorBoard        tensorboard --logdir runs
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only
from torch.utils.tensorboard.writer import SummaryWriter


class TensorBoard(Logger):
    """Writes `tensorboard/` in the run folder; a resumed run hides what came after its checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self._writer: SummaryWriter | None = None
        self._waiting: list[Mapping[str, Any]] = []
        self._axes: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return "tensorboard"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The run's recipe holds them."""

    @rank_zero_only
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Opens the file: here Lightning shows every logger the module, hence the run folder, as a fit begins."""
        if self._writer is None:
            data = model.trainer.datamodule
            folder = Path(model.trainer.default_root_dir) / "tensorboard"
            self._writer = SummaryWriter(str(folder), purge_step=data.env_steps + 1 if data.env_steps else None)
            waiting, self._waiting = self._waiting, []
            for row in waiting:
                self.log_metrics(row)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """One row. `step` would be gradient steps and is not used."""
        if self._writer is None:
            self._waiting.append(metrics)
            return
        self._axes.update({name: metrics[name] for name in ("env_steps",) if name in metrics})
        for name, value in metrics.items():
            self._writer.add_scalar(name, float(value), int(self._axes.get("env_steps", 0)))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
