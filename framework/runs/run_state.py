"""The state of every global random generator and of the metrics file, kept in checkpoints."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from . import metrics, stopping
from .random_states import random_states, set_random_states
from .ranks import gathered_at_first, rank


class RunState(pl.Callback):
    """Lets a resumed run go on with the same chance, and cuts metrics rows that the crash left after the checkpoint.

    It also has signals answered our way, once Lightning has set its own.

    Attributes:
        started: whether everything is restored, and updates begin.
    """

    def __init__(self) -> None:
        self.started = False
        self._restored: dict[str, Any] | None = None
        self._folder: Path | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._folder = Path(trainer.default_root_dir)

    def state_dict(self) -> dict[str, Any]:
        """Of all ranks; the metrics file is the first one's."""
        return {"ranks": gathered_at_first(self._own_state())}

    def _own_state(self) -> dict[str, Any]:
        assert self._folder is not None
        return {**random_states(), "metrics_bytes": metrics.confirmed_size(self._folder)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict["ranks"][rank()]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before the agent acts: whatever set-up drew from the generators is forgotten."""
        if self._restored is not None:
            self._restore(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        stopping.handle_again()
        self.started = True

    def _restore(self, trainer: pl.Trainer) -> None:
        assert self._restored is not None
        assert self._folder is not None
        state, self._restored = self._restored, None
        if trainer.is_global_zero:
            metrics.truncate(self._folder, state["metrics_bytes"])
        set_random_states(state)
