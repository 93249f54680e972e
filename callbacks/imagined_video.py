"""A video of what the model imagines: truth, imagination and error, over an episode of the latest evaluation."""

from pathlib import Path

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from fulgurite.agents.agent import Agent
from fulgurite.runs.dream import dream
from fulgurite.runs.dream_film import dream_film
from fulgurite.runs.gif import write_gif

from .evaluate_agent import latest_episodes
from .periodic import Periodic


class ImaginedVideo(Periodic):
    """Writes `videos/imagined-<env_steps>.gif` in the run folder, and shows it in W&B. Watches with the eyes of
    `EvaluateAgent`, after which it has to be listed; without one, or without a model, there is no video.

    Args:
        context: frames that the model sees before it goes on alone.
        horizon: steps that it imagines, under the actions that were taken.
        particles: P; the bands of vectors are theirs, of images the first is shown.
        every_env_steps: how often besides the end of the run, or None.
        width: of the video in pixels.
        frames_per_second: shown.

    Raises:
        ValueError: for sizes below 1, or a width below 60.
    """

    def __init__(
        self,
        context: int = 5,
        horizon: int = 45,
        particles: int = 40,
        every_env_steps: int | None = None,
        width: int = 480,
        frames_per_second: float = 8.0,
    ) -> None:
        super().__init__(every_env_steps)
        for name, number, least in (
            ("context", context, 1), ("horizon", horizon, 1), ("particles", particles, 1), ("width", width, 60),
        ):  # fmt: skip
            if number < least:
                raise ValueError(f"{name}: need at least {least}, got {number}")
        if not frames_per_second > 0:
            raise ValueError(f"frames_per_second: need more than 0, got {frames_per_second}")
        self.context, self.horizon, self.particles = context, horizon, particles
        self.width, self.frames_per_second = width, frames_per_second

    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        assert isinstance(agent, Agent)
        episodes = latest_episodes(trainer)
        if agent.world_model is None or not episodes:
            return
        dreams = dream(agent.world_model, episodes[0].transitions, self.context, self.horizon, self.particles)
        env_steps = trainer.datamodule.env_steps  # type: ignore[attr-defined]
        path = Path(trainer.default_root_dir) / "videos" / f"imagined-{env_steps}.gif"
        write_gif(path, dream_film(dreams, self.width), 1 / self.frames_per_second)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_video("video/imagined", [str(path)])
