"""A video of the agent: the first episode of the latest evaluation, with what it was promised and what it got."""

import logging
import math
from pathlib import Path

import numpy as np
from fulgurite.agents.mpc import MPC
from fulgurite.data.environments import Environment
from fulgurite.data.play import Episode
from fulgurite.keys import OBSERVATION, PLAN, REWARD
from PIL import Image, ImageDraw, ImageFont
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from .evaluate_agent import EvaluateAgent
from .gif import scaled, write_gif
from .periodic import Periodic
from .promises import comparable_steps, promised_returns, realised_returns
from .render import Footage, render
from .strip import Curve, Strip

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

    def watch(self, trainer: Trainer, agent: LightningModule) -> None:
        watchers = [callback for callback in trainer.callbacks if isinstance(callback, EvaluateAgent)]  # type: ignore[attr-defined]
        if not self._can_draw or not watchers or not watchers[0].episodes:
            return
        episode, environment = watchers[0].episodes[0], watchers[0].evaluation.environment
        footage = self._footage(environment, episode)
        if footage is None:
            return
        images, seconds_a_frame = self.film(footage, episode, curves(agent, episode))
        env_steps = trainer.datamodule.env_steps  # type: ignore[attr-defined]
        path = Path(trainer.default_root_dir) / "videos" / f"step-{env_steps}.gif"
        write_gif(path, images, seconds_a_frame)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_video("video/evaluation", [str(path)])

    def _footage(self, environment: Environment, episode: Episode) -> Footage | None:
        """A machine that cannot draw must not stop a run: one warning, then no further attempt."""
        try:
            return render(environment, episode)
        except Exception as error:
            self._can_draw = False
            log.warning(
                "No video: %s cannot be drawn here (%s: %s). On a Debian machine without a display: "
                "apt-get install libegl1 libgl1-mesa-dri",
                environment.id, type(error).__name__, " ".join(str(error).split())[:200],
            )  # fmt: skip
            return None

    def film(self, footage: Footage, episode: Episode, curves: list[Curve]) -> tuple[list[Image.Image], float]:
        """The pictures, frame above strip, and how long each is shown, in seconds."""
        last = len(footage.frames) - 1
        stride = math.ceil((last + 1) / self.max_frames)
        shown = [*range(0, last, stride), last]
        real = last / footage.per_second
        speed = max(1.0, real / self.max_seconds)
        strip = Strip(curves, last, (self.width, self.width // 3))
        so_far = np.concatenate([[0.0], episode.transitions[REWARD][:, 0].double().cumsum(0).numpy()])
        images = []
        for step in shown:
            picture = scaled(footage.frames[step], self.width)
            caption = f"step {step}   return {so_far[step]:.1f}" + (f"   {speed:.1f}x" if speed > 1.05 else "")
            images.append(stacked(labelled(caption, self.width), picture, strip.at(step)))
        return images, real / speed / len(shown)


def curves(agent: LightningModule, episode: Episode) -> list[Curve]:
    """Promised and realised return of each comparable step's plan, or the return so far of an agent without plans."""
    steps = comparable_steps(episode) if isinstance(agent, MPC) else 0
    if not isinstance(agent, MPC) or not steps:
        return [Curve("return so far", episode.transitions[REWARD][:, 0].cumsum(0).numpy())]
    transitions = episode.transitions[:steps]
    horizon = transitions[PLAN].shape[1]
    return [
        Curve(f"promised over {horizon} steps", promised_returns(agent, transitions[OBSERVATION], transitions[PLAN])),
        Curve("realised", realised_returns(agent, episode)[:steps].numpy()),
    ]


def labelled(text: str, width: int) -> Image.Image:
    """A white line of text."""
    picture = Image.new("RGB", (width, 20), "white")
    ImageDraw.Draw(picture).text((8, 4), text, fill=(40, 40, 40), font=ImageFont.load_default(11))
    return picture


def stacked(*pictures: Image.Image) -> Image.Image:
    """Pictures of one width below each other."""
    whole = Image.new("RGB", (pictures[0].width, sum(picture.height for picture in pictures)), "white")
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole
