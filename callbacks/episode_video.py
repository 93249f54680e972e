"""A video of the agent: the first episode of the latest evaluation, with what it was promised and what it got."""

import logging
from pathlib import Path

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.play import Episode
from fulgurite.runs.film import curves, film
from fulgurite.runs.footage import Footage, render
from fulgurite.runs.gif import write_gif
from fulgurite.runs.stopping import Stopped

from .evaluate_agent import EvaluateAgent
from .periodic import Periodic

log = logging.getLogger(__name__)


class EpisodeVideo(Periodic):
    """Writes `videos/step-<env_steps>.gif` in the run folder, and shows it in W&B. Watches with the eyes of
    `EvaluateAgent`, after which it has to be listed; without one there is no video.

    Args:
        every_env_steps: how often besides the end of the run, or None.
        width: of the video in pixels.
        max_frames: longer episodes are thinned out.
        max_seconds: longer episodes are sped up.

    Raises:
        ValueError: for a width or max_frames below 2.
    """

    def __init__(
        self,
        every_env_steps: int | None = None,
        width: int = 320,
        max_frames: int = 150,
        max_seconds: float = 12.0,
    ) -> None:
        super().__init__(every_env_steps)
        if min(width, max_frames) < 2:
            raise ValueError(f"need width and max_frames >= 2, got {width} and {max_frames}")
        self.width = width
        self.max_frames = max_frames
        self.max_seconds = max_seconds
        self._can_draw = True

    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        watchers = [callback for callback in trainer.callbacks if isinstance(callback, EvaluateAgent)]  # type: ignore[attr-defined]
        if not self._can_draw or not watchers or not watchers[0].episodes:
            return
        episode, environment = watchers[0].episodes[0], watchers[0].evaluation.environment
        footage = self._footage(environment, episode)
        if footage is None:
            return
        images, seconds_a_frame = film(
            footage, episode, curves(agent, episode), self.width, self.max_frames, self.max_seconds
        )
        env_steps = trainer.datamodule.env_steps  # type: ignore[attr-defined]
        path = Path(trainer.default_root_dir) / "videos" / f"step-{env_steps}.gif"
        write_gif(path, images, seconds_a_frame)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_video("video/evaluation", [str(path)])

    def _footage(self, environment: Environment, episode: Episode) -> Footage | None:
        """A task or a machine that cannot draw must not stop a run: one warning, then no further attempt."""
        if not environment.renders:
            self._can_draw = False
            log.warning("No video: %s draws no frames; its render_modes would have to name rgb_array", environment.id)
            return None
        try:
            return render(environment, episode)
        except Stopped:
            raise
        except EnvironmentFault as fault:
            log.warning("No video this time: %s", fault)
            return None
        except Exception as error:
            self._can_draw = False
            log.warning(
                "No video: %s cannot be drawn here (%s: %s). On a Debian machine without a display: "
                "apt-get install libegl1 libgl1-mesa-dri",
                environment.id, type(error).__name__, " ".join(str(error).split())[:200],
            )  # fmt: skip
            return None
