"""The run's agent as a model artifact of W&B, with its lineage: the folder that `fulgurite export` makes.

agent-<run id>:latest, :step-2000        made by the run; used by a run whose base policy it is
"""

import logging
import shutil
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from fulgurite.runs.checkpoint import latest
from fulgurite.runs.random_states import random_states, set_random_states
from fulgurite.saved_agent import SavedAgent
from fulgurite.sharing.export import export

from .wandb_about import run_id
from .wandb_logger import Wandb

log = logging.getLogger(__name__)


class ModelArtifact(Callback):
    """Hands the newest checkpoint's agent to W&B when the run ends. Without a W&B run it does nothing; an agent that
    cannot be exported stops nothing.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        policy = trainer.datamodule.base_policy  # type: ignore[attr-defined]
        if not isinstance(policy, SavedAgent) or (id := run_id(policy.run)) is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, Wandb):
                logger.use_model(name_of(id))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        running = [logger for logger in trainer.loggers if isinstance(logger, Wandb) and logger.running]
        if not trainer.is_global_zero or not running:
            return
        run = Path(trainer.default_root_dir)
        folder = run / "wandb" / "agent"
        chance = random_states()
        try:
            newest = latest(run)
            if newest is None:
                return
            shutil.rmtree(folder, ignore_errors=True)
            about = export(run, folder, newest)
        except Exception as error:
            log.warning("No model artifact: %s: %s", type(error).__name__, " ".join(str(error).split())[:300])
            return
        finally:
            set_random_states(chance)
        for logger in running:
            logger.log_model(folder, name_of(str(logger.version)), newest.name, about)


def name_of(run_id: str) -> str:
    """The artifact of a run."""
    return f"agent-{run_id}"
