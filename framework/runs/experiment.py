"""An experiment: everything that a recipe names, put together and run. Its signature is the recipe's top level."""

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import Logger
from tensordict import TensorDictBase

from ..agents.agent import Agent
from ..data.environments import Environment
from ..data.episodes import EnvironmentFault
from ..data.experience import Experience
from ..data.play import Episode
from ..data.transitions import held_out_of
from . import checkpoint as checkpoints
from . import metrics, stopping, trainer_keys
from .about import versions
from .after_run import AfterRun
from .blanked import blanked
from .checkpoint_content import WrongCheckpoint, fits, load_weights
from .cluster import agreed, cluster
from .device import device_name
from .durable import swap
from .evaluation import Evaluation, NothingPlayed
from .lost_ranks import lost_ranks_named
from .model_report import model_report
from .run_state import RunState

log = logging.getLogger(__name__)
RESULT = "result.json"
WRONG = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class Experiment:
    """One agent in one environment.

    Args:
        seed: of everything.
        environment: where the agent acts.
        experience: how it gathers data, and when it learns from them.
        agent: what acts and learns.
        evaluation: the fixed starts that it is judged on.
        callbacks: what watches, by name.
        logger: where numbers go beside the metrics file, by name.
        trainer: Lightning's trainer, still open.
        threads: of PyTorch on the CPU; None for all cores.

    Raises:
        ValueError: for a key of the trainer that cannot work here, see `trainer_keys`, and for batches that
            `agent.update` cannot cut.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        environment: Environment,
        experience: Experience,
        agent: Agent,
        evaluation: Evaluation,
        callbacks: dict[str, Callback] | None = None,
        logger: dict[str, Logger] | None = None,
        trainer: Callable[..., Trainer] = Trainer,
        threads: int | None = None,
    ) -> None:
        trainer_keys.check(trainer)
        agent.update.check(experience.batch_size)
        if threads is not None:
            torch.set_num_threads(threads)
        self.seed = seed
        self.environment = environment
        self.experience = experience
        self.agent = agent
        self.evaluation = evaluation
        self.callbacks = callbacks or {}
        self.logger = logger or {}
        self.trainer = trainer

    def fit(
        self, folder: Path, checkpoint: Path | None = None, recipe: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Trains until `experience.max_env_steps`, from a checkpoint if given, and writes `result.json` last.

        Args:
            folder: of the run.
            checkpoint: to go on from.
            recipe: as composed, without secrets, for checkpoints to note.

        Returns:
            the content of `result.json`: status, environment steps, wall seconds, final and best evaluation, versions,
            device.

        Raises:
            EnvironmentFault, NotFinite: see `Experience.collect`, `Update.make`; the run folder keeps
                its checkpoints, and `result.json` says `failed` and why.
            WrongCheckpoint: for a checkpoint of another recipe, or whose content is none of a run's.
        """
        run_state = RunState()
        callbacks = [run_state, *(callback for callback in self.callbacks.values() if callback)]
        trainer = self.trainer(
            callbacks=callbacks,
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            logger=[metrics.MetricsFile(folder), *(logger for logger in self.logger.values() if logger)],
            default_root_dir=folder,
            plugins=[
                checkpoints.FolderCheckpointIO(
                    lambda content: fits(self.agent, content, checkpoint or folder),
                    lambda: {"env_steps": self.experience.env_steps, "versions": versions(), "recipe": recipe},
                ),
                *cluster(),
            ],
        )
        status, reason, at_once = "failed", None, False
        try:
            with warnings.catch_warnings(), lost_ranks_named(trainer):
                quieten()
                checkpoint = agreed(trainer, checkpoint)
                trainer.fit(self.agent, datamodule=self.experience, ckpt_path=checkpoint, weights_only=True)
            status = "interrupted" if trainer.interrupted or stopping.asked() else "completed"
        except WRONG as error:
            reason = f"{type(error).__name__}: {error}"
            if checkpoint is None or run_state.started or isinstance(error, WrongCheckpoint | EnvironmentFault):
                raise
            raise WrongCheckpoint(f"{checkpoint}: cannot be gone on from: {reason.partition(chr(10))[0]}") from error
        except BaseException as error:
            reason, at_once = f"{type(error).__name__}: {error}", not isinstance(error, Exception)
            raise
        finally:
            self.experience.close()
            result = {**self.result(folder, status, reason), "device": device_name(trainer)}
            if trainer.is_global_zero and folder.is_dir():
                try:
                    swap(folder / RESULT, json.dumps(result, indent=2) + "\n")
                except OSError as error:
                    log.warning("%s cannot be written: %s", RESULT, error)
                for callback in callbacks if not at_once else ():
                    if isinstance(callback, AfterRun):
                        callback.after_run(folder)
        return result

    def load(self, checkpoint: Path) -> None:
        """Gives the agent the weights of a checkpoint.

        Raises:
            WrongCheckpoint: where these are another agent's.
        """
        load_weights(self.agent, checkpoints.load(checkpoint), checkpoint)

    def evaluate(self, checkpoint: Path | None = None) -> dict[str, Any]:
        """Plays the evaluation's episodes with the agent as it is, or as a checkpoint has it.

        Returns:
            mean, std, min and max return, mean length, the returns and the seeds of their starts, and how many starts
            were left out because their environment failed twice.

        Raises:
            NothingPlayed: where no episode came to its end.
        """
        if checkpoint is not None:
            self.load(checkpoint)
        return summary(self.evaluation, self.agent)

    def play_one(self, checkpoint: Path, start: int) -> Episode:
        """The episode of the evaluation's start of this number, from 0, with the agent of a checkpoint.

        Raises:
            NothingPlayed: where the environment failed in it, twice.
        """
        self.load(checkpoint)
        one = Evaluation(self.environment, episodes=1, seed=self.evaluation.seed + start)
        return played(one, self.agent)[0]

    def judge_model(self, checkpoint: Path | None = None) -> dict[str, dict[str, float]]:
        """What `model_report` finds on the evaluation's episodes, and on the held-out ones of a checkpoint.

        Raises:
            ValueError: for an agent without a model.
            NothingPlayed: where no episode came to its end.
        """
        held_out: list[TensorDictBase] = []
        if checkpoint is not None:
            self.load(checkpoint)
            held_out = held_out_of(checkpoint)
        return model_report(self.agent, played(self.evaluation, self.agent), held_out)

    def result(self, folder: Path, status: str, reason: str | None) -> dict[str, Any]:
        """What `result.json` says."""
        evaluations = [row for row in metrics.read(folder) if row.get("eval/return_mean") is not None]
        best = max(evaluations, key=lambda row: row["eval/return_mean"], default={})
        final = evaluations[-1] if evaluations else {}
        return {
            "status": status,
            **({"reason": blanked(reason, folder)} if reason else {}),
            **self.experience.counters(),
            "seed": self.seed,
            "final": {name: value for name, value in final.items() if name.startswith("eval/")},
            "best": {"env_steps": best.get("env_steps"), "eval/return_mean": best.get("eval/return_mean")},
            "versions": versions(),
        }


def summary(evaluation: Evaluation, agent: Agent) -> dict[str, Any]:
    """The returns of an evaluation in numbers."""
    episodes = played(evaluation, agent)
    returns = [episode.return_ for episode in episodes]
    mean = sum(returns) / len(returns)
    deviation = (sum((value - mean) ** 2 for value in returns) / len(returns)) ** 0.5
    return {
        "return_mean": mean,
        "return_std": deviation,
        "return_min": min(returns),
        "return_max": max(returns),
        "length_mean": sum(len(episode) for episode in episodes) / len(episodes),
        "episodes": len(episodes),
        "left_out": len(evaluation.seeds) - len(episodes),
        "returns": returns,
        "seeds": [episode.seed for episode in episodes],
    }


def played(evaluation: Evaluation, agent: Agent) -> list[Episode]:
    """The evaluation's episodes, at least one.

    Raises:
        NothingPlayed: where the environment failed in all of them.
    """
    episodes = evaluation.run(agent)
    if not episodes:
        raise NothingPlayed(f"{evaluation.environment.id}: need an episode that comes to its end, all failed twice")
    return episodes


QUIET: Mapping[str, type[Warning]] = {
    ".*does not have many workers.*": UserWarning,
    ".*isinstance.treespec, LeafSpec.*": FutureWarning,
    ".*WeightUpdater.*": DeprecationWarning,
    ".*log_every_n_steps.*": UserWarning,
    ".*`IterableDataset` has `__len__` defined.*": UserWarning,
    ".*Checkpoint directory .* exists.*": UserWarning,
    ".*Trying to infer the `batch_size`.*": UserWarning,
}


def quieten() -> None:
    """Ignores the libraries' warnings that say nothing about the run."""
    for message, category in QUIET.items():
        warnings.filterwarnings("ignore", message=message, category=category)
