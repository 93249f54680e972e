"""Checkpoints every so many environment steps or seconds, at each best evaluation and at the end; the newest few and
the best one are kept. How they are written is the trainer's `CheckpointIO`; what is in them is everybody's
`state_dict`.
"""

import errno
import logging
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from fulgurite.models.dump import NotFinite
from fulgurite.runs.checkpoint import BEST, FolderCheckpointIO, checkpoints, step
from fulgurite.runs.durable import swap
from fulgurite.runs.manifest import is_whole
from fulgurite.runs.metrics import MetricsFile
from fulgurite.runs.nonfinite import moments, nonfinite

from .periodic import Every

log = logging.getLogger(__name__)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class SaveCheckpoint(Checkpoint):
    """Saves `checkpoints/step-<env_steps>` in the run folder. As a `Checkpoint`, it comes last at an epoch's end: after
    the agent has collected, so that nothing is collected twice when the run resumes.

    A disk that refuses does not stop the training: where it is full, all but the newest whole checkpoint make room,
    the best one too, and if that does not help, the run goes on without this one and says so. Only at the run's end it
    is an error.

    Args:
        every_env_steps: how often.
        every_seconds: save, too, once so much time has passed since the last one, by the clock of the first process;
            None for never. A save changes nothing of the run, so it does not matter when it comes.
        keep: how many of the newest stay. Where two checkpoints stay, the best among them, no file is in all of them:
            the replay buffer lies on the disk twice, see `runs/shared_files.py`.
        keep_best: whether the one with the best evaluation stays too; the file `checkpoints/best` names it.

    Attributes:
        refused: what the disk had against the last checkpoint; None where it was written.

    Raises:
        ValueError: unless keep >= 1 and every_seconds > 0.
    """

    def __init__(
        self,
        every_env_steps: int = 1000,
        every_seconds: float | None = 300.0,
        keep: int = 2,
        keep_best: bool = True,
    ) -> None:
        super().__init__()
        if every_seconds is not None and not every_seconds > 0:
            raise ValueError(f"every_seconds: need more than 0, got {every_seconds}")
        if keep < 1:
            raise ValueError(f"keep: need at least 1, got {keep}")
        self.every = Every(every_env_steps)
        self.every_seconds = every_seconds
        self.keep = keep
        self.keep_best = keep_best
        self._best: tuple[float, str] | None = None
        self.refused: str | None = None
        self._newest: Path | None = None  # that this run wrote or went on from
        self._saved: tuple[int, int] | None = None
        self._saved_at = time.monotonic()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An evaluation that a stop had put off was of the weights in the checkpoint that the run goes on from."""
        self._saved_at = time.monotonic()
        self._newest = None if trainer.ckpt_path is None else Path(trainer.ckpt_path)
        improved = self._improved(trainer)
        if improved is not None and self._newest is not None:
            self._best = (improved, self._newest.name)
            self._name_best(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        improved = self._improved(trainer)
        # When all steps are made, only the last fit remains, and the save after it: but that fit may be a long one.
        due = (self.every.due(data.env_steps) or improved is not None) and not data.finished
        if self._overdue(trainer) or due:
            self._save(trainer, improved, last=False)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer, self._improved(trainer), last=True)

    def _overdue(self, trainer: Trainer) -> bool:
        """Whether the last save is too long ago; the same on every rank."""
        if self.every_seconds is None:
            return False
        return bool(trainer.strategy.broadcast(time.monotonic() - self._saved_at >= self.every_seconds))

    def _improved(self, trainer: Trainer) -> float | None:
        """The newest mean return of an evaluation, if it is the best so far; the same on every rank."""
        if not self.keep_best:
            return None
        files = [logger for logger in trainer.loggers if isinstance(logger, MetricsFile)]
        value = files[0].latest.get("eval/return_mean") if files else None
        value = trainer.strategy.broadcast(value)
        return None if value is None or (self._best is not None and value <= self._best[0]) else float(value)

    def _save(self, trainer: Trainer, improved: float | None, last: bool) -> None:
        """Saves unless it was done at these counters.

        Raises:
            NotFinite: for weights or moments of an optimiser that are not finite, from which no run could go on;
                earlier checkpoints stay.
            OSError: where the disk refuses the last one.
        """
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        now = (data.env_steps, data.gradient_steps)
        if self._saved == now:
            return
        agent = trainer.lightning_module
        bad = nonfinite({**agent.state_dict(), **moments(agent, trainer.optimizers)})
        if bad is not None:
            raise NotFinite(f"no checkpoint at {data.env_steps} steps: {bad} has entries that are not finite")
        self._saved = now
        self.every.done_at = data.env_steps
        folder = Path(trainer.default_root_dir) / "checkpoints"
        path = folder / f"step-{data.env_steps}"
        if trainer.strategy.broadcast(path.exists()):
            path = folder / f"step-{data.env_steps}-{data.gradient_steps}"
        best = self._best
        if improved is not None:
            self._best = (improved, path.name)
        problem = self._written(trainer, path)
        self._saved_at = time.monotonic()
        if problem is not None:
            if problem[0] in NO_ROOM:
                self._make_room(trainer)
            problem = self._written(trainer, path)
        self.refused = None if problem is None else problem[1]
        if problem is None:
            self._prune(trainer, path)
            self._newest = path
            return
        self._best, self._saved = best, None
        if last:
            raise OSError(f"no checkpoint could be written at the end of the run: {problem[1]}")
        log.warning("no checkpoint at step %d, training goes on without: %s", data.env_steps, problem[1])

    def _written(self, trainer: Trainer, path: Path) -> tuple[int | None, str] | None:
        """Saves, and says on every rank what the disk of the first one had against it, by number and in words."""
        problem, writer = None, trainer.strategy.checkpoint_io
        if trainer.is_global_zero and isinstance(writer, FolderCheckpointIO):
            writer.beside = next(iter(self._staying(trainer, path)), None)
        try:
            trainer.save_checkpoint(path, weights_only=False)
        except OSError as error:
            problem = error.errno, str(error)
            trainer.strategy.barrier("Trainer.save_checkpoint")  # where the other ranks wait
        return trainer.strategy.broadcast(problem)

    def _staying(self, trainer: Trainer, newest: Path) -> list[Path]:
        """The checkpoints that stay beside a newest one: the newest of those before it, and last the best.

        What is not before it is superseded. What is newer than the one that the run goes on from is damaged, or belongs
        to a past that did not happen.
        """
        found = sorted(checkpoints(Path(trainer.default_root_dir)), key=step, reverse=True)
        past = [one for one in found if step(one)[0] < step(newest)[0]]
        if self._newest is not None:
            past = [one for one in past if step(one) <= step(self._newest)]
        kept = past[: self.keep - 1]
        best = [one for one in found if self._best and one.name == self._best[1] and one not in (newest, *kept)]
        return kept + best

    def _prune(self, trainer: Trainer, newest: Path) -> None:
        """Removes what need not stay beside the newest."""
        if not trainer.is_global_zero:
            return
        self._name_best(trainer)
        staying = {newest, *self._staying(trainer, newest)}
        self._remove(trainer, [one for one in checkpoints(Path(trainer.default_root_dir)) if one not in staying])

    def _make_room(self, trainer: Trainer) -> None:
        """Removes all but the newest whole one of this run's past; nothing where there is none."""
        if not trainer.is_global_zero or self._newest is None:
            return
        found = sorted(checkpoints(Path(trainer.default_root_dir)), key=step, reverse=True)
        past = [one for one in found if step(one) <= step(self._newest)]
        whole = next((one for one in past if is_whole(one)), None)
        if whole is not None:
            self._remove(trainer, [one for one in found if one != whole])

    def _remove(self, trainer: Trainer, folders: list[Path]) -> None:
        best = Path(trainer.default_root_dir) / "checkpoints" / BEST
        try:
            for folder in folders:
                trainer.strategy.remove_checkpoint(folder)
            if best.is_file() and not (best.parent / best.read_text().strip()).is_dir():
                best.unlink()
        except OSError as error:
            log.warning("old checkpoints cannot be removed: %s", error)

    def _name_best(self, trainer: Trainer) -> None:
        folder = Path(trainer.default_root_dir) / "checkpoints"
        if self._best is None or not trainer.is_global_zero or not (folder / self._best[1]).is_dir():
            return
        try:
            swap(folder / BEST, self._best[1] + "\n")
        except OSError as error:
            log.warning("the best checkpoint cannot be named: %s", error)

    def state_dict(self) -> dict[str, Any]:
        return {"done_at": self.every.done_at, "best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.every.done_at = state_dict["done_at"]
        self._best = state_dict["best"]
