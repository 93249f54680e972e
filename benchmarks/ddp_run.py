"""One process of a run that `ddp` measures: `python -m benchmarks.ddp_run RANKS SEED FOLDER [key=value ...]`.

Writes `rank<r>.json`: seconds by phase, environment steps and updates, from the first update to the end.
"""

import json
import logging
import sys
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import pytorch_lightning as pl

from fulgurite.recipe import build, compose

PHASES = ("environment", "plan", "fit")


class Spans(pl.Callback):
    """Leaves in a folder where the time went."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: dict[str, float] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.strategy.barrier("all are here")
        self.before = now(trainer.datamodule)  # type: ignore[attr-defined]

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        after = now(trainer.datamodule)  # type: ignore[attr-defined]
        spent = {name: after[name] - self.before[name] for name in after}
        (self.folder / f"rank{trainer.global_rank}.json").write_text(json.dumps(spent))


def now(data: Any) -> dict[str, float]:
    """The clock, the phases' own clocks and the counters."""
    seconds = data.phases.seconds()
    spans = {name: seconds.get(name, 0.0) for name in PHASES}
    return {"wall": perf_counter(), **spans, "env_steps": data.env_steps, "updates": data.gradient_steps}


def main(ranks: str, seed: str, folder: str, *overrides: str) -> None:
    """Trains by the recipe with nothing that watches but `Spans`."""
    parallel = [f"trainer.devices={ranks}", "trainer.strategy=ddp"] if ranks != "1" else ["trainer.devices=1"]
    always = ["callbacks=null", "logger=null", "trainer.accelerator=cpu", f"seed={seed}", *parallel]
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    experiment = build(compose("pets/cartpole", [*always, *overrides]))
    experiment.callbacks["spans"] = Spans(Path(folder))
    experiment.fit(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
