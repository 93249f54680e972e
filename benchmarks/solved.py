"""A callback that ends a run once so many training episodes in a row reached a return, and notes what it took."""

import json
from pathlib import Path
from time import process_time

import pytorch_lightning as pl

from fulgurite.data.experience import Experience


class StopWhenSolved(pl.Callback):
    """Writes `env_steps`, `cpu_seconds` of the process and the episodes' returns to a file, and stops the run.

    Args:
        file: where to.
        reach: the return of an episode that counts as solved.
        in_a_row: how many such episodes.
    """

    def __init__(self, file: str, reach: float = 200.0, in_a_row: int = 3) -> None:
        self.file = Path(file)
        self.reach = reach
        self.in_a_row = in_a_row

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        experience = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(experience, Experience)
        returns = finished_returns(experience)
        solved = len(returns) >= self.in_a_row and min(returns[-self.in_a_row :]) >= self.reach
        self.file.write_text(
            json.dumps(
                {
                    "solved": solved,
                    "env_steps": experience.env_steps,
                    "cpu_seconds": process_time(),
                    "returns": returns,
                }
            )
        )
        if solved:
            trainer.should_stop = True


def finished_returns(experience: Experience) -> list[float]:
    """The returns of all finished training episodes, in the order of their ends."""
    rows = experience.dataset.buffer[:]
    ends = rows["next", "done"][:, 0].nonzero()[:, 0].tolist()
    number, reward = rows["trajectory"][:, 0], rows["next", "reward"][:, 0]
    return [reward[number == number[end]].sum().item() for end in ends]
