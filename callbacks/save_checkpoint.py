"""Checkpoints every so many environment steps and at the end, the newest few kept. How they are written is the
trainer's `CheckpointIO`; what is in them is everybody's `state_dict`.
"""

from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from fulgurite.models.dump import NotFinite
from fulgurite.runs.checkpoint import checkpoints, step
from fulgurite.runs.nonfinite import nonfinite

from .periodic import Every


class SaveCheckpoint(Checkpoint):
    """Saves `checkpoints/step-<env_steps>` in the run folder. As a `Checkpoint`, it comes last at an epoch's end: after
    the agent has collected, so that nothing is collected twice when the run resumes.

    Args:
        every_env_steps: how often.
        keep: how many of the newest stay.

    Raises:
        ValueError: unless keep >= 1.
    """

    def __init__(self, every_env_steps: int = 1000, keep: int = 2) -> None:
        super().__init__()
        if keep < 1:
            raise ValueError(f"keep: need at least 1, got {keep}")
        self.every = Every(every_env_steps)
        self.keep = keep
        self._saved: tuple[int, int] | None = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        # When all steps are made, only the last fit remains, and the save after it.
        if self.every.due(data.env_steps) and not data.finished:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        """Saves unless it was done at these counters.

        Raises:
            NotFinite: for weights that are not finite, from which no run could go on; earlier checkpoints stay.
        """
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        now = (data.env_steps, data.gradient_steps)
        if self._saved == now:
            return
        bad = nonfinite(trainer.lightning_module.state_dict())
        if bad is not None:
            raise NotFinite(f"no checkpoint at {data.env_steps} steps: {bad} has entries that are not finite")
        self._saved = now
        self.every.done_at = data.env_steps
        run = Path(trainer.default_root_dir)
        if trainer.is_global_zero:
            # From here on they belong to a past that did not happen: the run resumed from an earlier one.
            for stale in checkpoints(run):
                if step(stale) >= data.env_steps:
                    trainer.strategy.remove_checkpoint(stale)
        trainer.strategy.barrier("stale checkpoints removed")
        trainer.save_checkpoint(run / "checkpoints" / f"step-{data.env_steps}", weights_only=False)
        if trainer.is_global_zero:
            for old in sorted(checkpoints(run), key=step)[: -self.keep]:
                trainer.strategy.remove_checkpoint(old)

    def state_dict(self) -> dict[str, Any]:
        return {"done_at": self.every.done_at}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.every.done_at = state_dict["done_at"]
