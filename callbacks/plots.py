"""The run's pictures, drawn when it ends, whichever way it ends."""

import logging
from collections.abc import Mapping
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from fulgurite.runs.plots import draw

log = logging.getLogger(__name__)


class Plots(Callback):
    """Writes `plots/*.png` in the run folder and shows them in W&B. A picture that cannot be drawn stops nothing.

    Args:
        references: returns to draw as named level lines, such as a random agent's or the optimum.
    """

    def __init__(self, references: Mapping[str, float] | None = None) -> None:
        self.references = dict(references or {})

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._draw(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, Exception):  # else somebody wants to leave at once
            self._draw(trainer)

    def _draw(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        try:
            paths = draw(Path(trainer.default_root_dir), self.references)
        except Exception as error:
            log.warning("No plots: %s: %s", type(error).__name__, error)
            return
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                for path in paths:
                    logger.log_image(f"plots/{path.stem}", [str(path)])
