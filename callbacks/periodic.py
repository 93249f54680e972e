"""When to look: every so many environment steps, on a model that is fitted to all data so far, and at the run's end.

What a stop put off comes first when the run resumes, before it collects: so it sees the model that it would have seen.
"""

import logging
from abc import ABC, abstractmethod
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from fulgurite.runs import stopping

log = logging.getLogger(__name__)


class Every:
    """Remembers when something was last done, and says whether a multiple of `env_steps` has passed since.

    Counting multiples keeps lateness from adding up: every 500 in collections of 200 means 600, 1000, 1600, 2000.

    Args:
        env_steps: None for never.

    Raises:
        ValueError: unless env_steps >= 1.
    """

    def __init__(self, env_steps: int | None) -> None:
        if env_steps is not None and env_steps < 1:
            raise ValueError(f"every_env_steps: need at least 1, got {env_steps}")
        self.env_steps = env_steps
        self.done_at = 0

    def due(self, now: int) -> bool:
        return self.env_steps is not None and now // self.env_steps > self.done_at // self.env_steps


class Periodic(Callback, ABC):
    """Watches at an epoch's end when a collection is due, so the model has seen all there is, and when the run ends.

    Args:
        every_env_steps: how often, or None for only at the end.
    """

    def __init__(self, every_env_steps: int | None) -> None:
        self.every = Every(every_env_steps)

    @abstractmethod
    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        """Called on every rank; whoever plays or writes does so on rank zero alone. `final`: nothing comes after."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if data.env_steps >= data.warmup_env_steps:
            self._watch_if_due(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._watch_if_due(trainer, pl_module)

    def _watch_if_due(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if data.collection_due and self.every.due(data.env_steps):
            self._watch(trainer, pl_module, data.finished)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if self.every.done_at != data.env_steps:
            self._watch(trainer, pl_module, True)

    def _watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        """Watches, unless the run shall stop: then it is still to be done. A disk that refuses costs a picture only."""
        if stopping.asked():
            return
        try:
            self.watch(trainer, agent, final)
        except stopping.Stopped:
            return
        except OSError as error:
            log.warning("%s could not write at step %d: %s", type(self).__name__, trainer.datamodule.env_steps, error)  # type: ignore[attr-defined]
        self.every.done_at = trainer.datamodule.env_steps  # type: ignore[attr-defined]

    def state_dict(self) -> dict[str, Any]:
        return {"done_at": self.every.done_at}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.every.done_at = state_dict["done_at"]
