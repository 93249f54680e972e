"""Says when a run enters a phase, and stays there for a moment: so a signal can be sent into any phase by name."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from ..runs import checkpoint

PHASES = ("warm-up", "fit", "collect", "plan", "evaluate", "checkpoint", "video", "plots")
DRAWN_BY = {"video": "write_gif", "plots": "draw"}  # what the callbacks of these phases call
MARKER = "in-phase-{}"
STAYS = 0.5  # seconds


class Witness(pl.Callback):
    """Leaves `in-phase-<rank>`, with the number of its process, in the run folder, once.

    An agent without a planner plans where it acts, and one without a base policy warms up itself.

    Args:
        phase: one of `PHASES`, or none for a run that is left alone.
        not_before: environment steps; until then the phase is passed over.

    Raises:
        ValueError: for a phase that is none.
    """

    def __init__(self, phase: str | None = None, not_before: int = 0) -> None:
        if phase is not None and phase not in PHASES:
            raise ValueError(f"phase: need one of {', '.join(PHASES)}, got {phase}")
        self.phase = phase
        self.not_before = not_before
        self.seen = False

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.phase is None:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        agent: Any = pl_module
        marker = Path(trainer.default_root_dir) / MARKER.format(trainer.global_rank)

        def within(work: Callable[..., Any], phase: str, outermost: str | None = None) -> Callable[..., Any]:
            def stays(*given: Any, **named: Any) -> Any:
                here = self.phase == phase and outermost in (None, data.phases.outermost)
                if here and data.env_steps >= self.not_before and not self.seen:
                    self.seen = True
                    marker.write_text(str(os.getpid()))
                    time.sleep(STAYS)
                return work(*given, **named)

            return stays

        data._act = within(data._act, "collect", "collect")
        agent.forward = within(agent.forward, "evaluate", "evaluate")
        first = data.base_policy or agent
        first.forward = within(first.forward, "warm-up", "collect")
        if hasattr(agent, "planner"):
            agent.planner.plan = within(agent.planner.plan, "plan", "collect")
        else:
            agent.forward = within(agent.forward, "plan", "collect")
        agent.training_step = within(agent.training_step, "fit")
        checkpoint.fingerprint = within(checkpoint.fingerprint, "checkpoint")
        for module in [sys.modules[type(callback).__module__] for callback in trainer.callbacks]:  # type: ignore[attr-defined]
            for phase, name in DRAWN_BY.items():
                if hasattr(module, name):
                    setattr(module, name, within(getattr(module, name), phase))
