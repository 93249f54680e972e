"""A callback that judges agent and model after given numbers of environment steps, within one run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from fulgurite.agents.agent import Agent
from fulgurite.data.experience import Experience
from fulgurite.data.play import Episode
from fulgurite.runs.evaluation import Evaluation
from fulgurite.runs.model_report import model_report


class JudgeAt(pl.Callback):
    """Appends a JSON line to a file at each budget: `env_steps`, `returns`, and what `model_report` says.

    The model is judged on the agent's own episodes (`played`) and on the same recorded ones for all (`held_out`).

    Args:
        evaluation: which episodes.
        file: where to.
        recorded: a file of trajectories, saved by `record`.
        budgets: in environment steps.
    """

    def __init__(self, evaluation: Evaluation, file: str, recorded: str, budgets: Sequence[int]) -> None:
        self.evaluation = evaluation
        self.file = Path(file)
        self.recorded = Path(recorded)
        self.budgets = set(budgets)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        experience: Any = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(experience, Experience)
        assert isinstance(pl_module, Agent)
        if not experience.collection_due or experience.env_steps not in self.budgets:
            return
        self.budgets.discard(experience.env_steps)
        played = self.evaluation.run(pl_module)
        with torch.no_grad():
            report = model_report(pl_module, played, torch.load(self.recorded, weights_only=False))
        row = {"env_steps": experience.env_steps, "returns": [episode.return_ for episode in played], **report}
        with self.file.open("a") as file:
            file.write(json.dumps(row) + "\n")


def record(episodes: Sequence[Episode], file: Path) -> None:
    """Saves the episodes' transitions, `[T]` each."""
    torch.save([episode.transitions for episode in episodes], file)
