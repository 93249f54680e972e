"""How fast the run goes and where its time goes."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from fulgurite.runs.metrics import report

SHARES = {"environment": "environment", "model": "fit", "planner": "plan", "evaluation": "evaluate"}  # metric: phase


class MeasureSpeed(Callback):
    """Reports before each collection: `speed/env_steps_per_second` and `speed/gradient_steps_per_second` since the last
    time, and of the whole run `speed/share_<part>` and `plan/seconds`, the mean time of one plan.
    """

    def __init__(self) -> None:
        self._before: dict[str, Any] | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before = trainer.datamodule.counters()  # type: ignore[attr-defined]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if not data.collection_due:
            return
        before, self._before = self._before, data.counters()
        assert before is not None
        shares = data.phases.shares()
        metrics = {f"speed/share_{part}": shares.get(phase, 0.0) for part, phase in SHARES.items()}
        elapsed = self._before["wall_seconds"] - before["wall_seconds"]
        for name in ("env_steps", "gradient_steps"):
            if elapsed > 0:
                metrics[f"speed/{name}_per_second"] = (self._before[name] - before[name]) / elapsed
        if plans := data.phases.entries().get("plan"):
            metrics["plan/seconds"] = data.phases.seconds()["plan"] / plans
        report(trainer, metrics)
