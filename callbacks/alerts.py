"""What should call somebody to a run: losses that are not finite, a model that gets worse, plans that promise too much,
an environment that stands still, a disk that is full.

    skipped updates       any, since they were not finite
    diverging model       error_h<k> above `model_growth` times its best, or above that of predicting no change
    exploitation gap      promised - realised above `gap` times the larger of the two in two evaluations in a row, see
                          `runs/promises.py`
    no checkpoint         the disk refused the last one
    stalled               nothing happens for `stalled_seconds` while environments are stepped

It is said once, again when it has been well in between: in the log, in `metrics.jsonl` as `alert/<name>`, and by W&B,
which writes to whoever wants to be written to (its settings, "Run alerts").
"""

import logging
import math
import threading
import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from fulgurite.runs.blanked import blanked
from fulgurite.runs.metrics import MetricsFile, horizons

from .save_checkpoint import SaveCheckpoint
from .wandb_logger import Wandb

log = logging.getLogger(__name__)
LOOKS = 20  # at a phase that stands still, before it is called stalled


class Alerts(Callback):
    """Watches the newest numbers at each epoch's end, and the clock in a thread.

    Args:
        model_growth: of the error of the shortest horizon, over its best so far.
        gap: of returns, relative.
        stalled_seconds: after which an environment that answers nothing is reported; None for never.

    Raises:
        ValueError: unless model_growth > 1, gap > 0, and stalled_seconds > 0.
    """

    def __init__(self, model_growth: float = 3.0, gap: float = 0.5, stalled_seconds: float | None = 300.0) -> None:
        for name, value, least in (
            ("model_growth", model_growth, 1.0),
            ("gap", gap, 0.0),
            ("stalled_seconds", math.inf if stalled_seconds is None else stalled_seconds, 0.0),
        ):
            if not value > least:
                raise ValueError(f"{name}: need more than {least:g}, got {value:g}")
        self.model_growth, self.gap, self.stalled_seconds = model_growth, gap, stalled_seconds
        self.best_error: float | None = None
        self.measured: tuple[float, float] | None = None  # what the last plans promised, and got
        self.wide_gaps = 0  # in a row
        self.raised: set[str] = set()
        self._ended = threading.Event()
        self._watch: threading.Thread | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and self.stalled_seconds is not None:
            self._ended.clear()
            self._watch = threading.Thread(target=self._watch_the_clock, args=(trainer,), daemon=True, name="alerts")
            self._watch.start()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, Exception) and trainer.is_global_zero:
            said = " ".join(blanked(str(exception), trainer.default_root_dir).split())[:300]
            self._tell(trainer, "failed", f"{type(exception).__name__}: {said}")
        self._stop()

    def state_dict(self) -> dict[str, Any]:
        return {
            "best_error": self.best_error,
            "measured": self.measured,
            "wide_gaps": self.wide_gaps,
            "raised": sorted(self.raised),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_error, self.raised = state_dict["best_error"], set(state_dict["raised"])
        self.measured, self.wide_gaps = state_dict["measured"], state_dict["wide_gaps"]

    def _look(self, trainer: Trainer) -> None:
        files = [logger for logger in trainer.loggers if isinstance(logger, MetricsFile)]
        if not files or not trainer.is_global_zero:
            return
        judged = self.judged(dict(files[0].latest))  # a copy: the other thread writes
        for saver in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(saver, SaveCheckpoint):
                judged["no_checkpoint"] = saver.refused
        for name, text in judged.items():
            if text is None:
                self.raised.discard(name)
            elif name not in self.raised:
                self.raised.add(name)
                self._say(trainer, name, text)

    def judged(self, latest: dict[str, int | float]) -> dict[str, str | None]:
        """What is to be said of the newest numbers by name, None for what is well; without a number no name."""
        found: dict[str, str | None] = {}
        if (skipped := latest.get("train/skipped_updates")) is not None:
            said = f"{skipped:g} updates were skipped: losses or gradients were not finite"
            found["skipped_updates"] = said if skipped > 0 else None
        ks, errors = horizons(latest, "model/error")
        if ks:
            found["model_error"] = self._diverges(ks[0], errors[0], latest.get(f"model/persistence_h{ks[0]}"))
        promised, realised = (latest.get(f"plan/{name}_return") for name in ("promised", "realised"))
        if promised is not None and realised is not None:
            found["exploitation_gap"] = self._exploits(float(promised), float(realised))
        return found

    def _exploits(self, promised: float, realised: float) -> str | None:
        if (promised, realised) != self.measured:  # a new evaluation
            self.measured = (promised, realised)
            wide = promised - realised > self.gap * max(abs(promised), abs(realised))
            self.wide_gaps = self.wide_gaps + 1 if wide else 0
        if self.wide_gaps < 2:
            return None
        return f"plans promise {promised:.4g} and get {realised:.4g}: the planner lives on the model's errors"

    def _diverges(self, k: int, error: float, persistence: float | None) -> str | None:
        best = self.best_error
        self.best_error = error if best is None or error < best else best
        if not math.isfinite(error):
            return f"the model's error at {k} steps is {error}"
        if best is not None and error > self.model_growth * best:
            return f"the model's error at {k} steps is {error:.3g}, {error / best:.1f} times its best, {best:.3g}"
        if best is not None and persistence is not None and error > persistence:
            return f"the model's error at {k} steps is {error:.3g}; predicting no change has {persistence:.3g}"
        return None

    def _watch_the_clock(self, trainer: Trainer) -> None:
        assert self.stalled_seconds is not None
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        seen, since = None, time.monotonic()
        while not self._ended.wait(self.stalled_seconds / LOOKS):
            phases = data.phases
            now = (phases.current, sum(phases.entries().values()), data.env_steps)
            if now != seen or phases.current not in ("environment", "collect"):
                seen, since = now, time.monotonic()
                self.raised.discard("stalled")
            elif time.monotonic() - since > self.stalled_seconds and "stalled" not in self.raised:
                self.raised.add("stalled")
                self._say(trainer, "stalled", f"no environment has answered for {self.stalled_seconds:g} s")

    def _say(self, trainer: Trainer, name: str, text: str) -> None:
        log.warning("alert %s at %d env steps: %s", name, trainer.datamodule.env_steps, text)  # type: ignore[attr-defined]
        self._tell(trainer, name, text)

    def _tell(self, trainer: Trainer, name: str, text: str) -> None:
        env_steps = trainer.datamodule.env_steps  # type: ignore[attr-defined]
        for logger in trainer.loggers:
            logger.log_metrics({f"alert/{name}": 1.0})
            if isinstance(logger, Wandb):
                logger.alert(name.replace("_", " "), f"at {env_steps} env steps: {text}")

    def _stop(self) -> None:
        self._ended.set()
        if self._watch is not None:
            self._watch.join()
            self._watch = None
