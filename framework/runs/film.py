"""The pictures of a video: a line of numbers, the frame, and curves with a cursor below."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pytorch_lightning import LightningModule

from ..agents.planning_agent import PlanningAgent
from ..agents.policy_agent import PolicyAgent
from ..data.play import Episode
from ..keys import PLAN, REWARD
from .figures import COLOURS
from .footage import Footage
from .promises import comparable_steps, promised_returns, realised_returns, states
from .stopping import give_up_if_asked
from .strip import Curve, strip
from .value_promises import promised_and_realised


def film(
    footage: Footage, episode: Episode, curves: list[Curve], width: int, max_frames: int, max_seconds: float
) -> tuple[list[Image.Image], float]:
    """The pictures, and how long each is shown, in seconds: real time, unless that takes more than `max_seconds`.

    Raises:
        Stopped: as soon as the run shall stop.
    """
    last = len(footage.frames) - 1
    stride = math.ceil((last + 1) / max_frames)
    shown = [*range(0, last, stride), last]
    real = last / footage.per_second
    speed = max(1.0, real / max_seconds)
    hurry = f"   {speed:.1f} times as fast" if speed > 1.05 else ""
    so_far = returns_so_far(episode)
    below = strip(curves, last, (width, width // 3))
    images = []
    for step in shown:
        give_up_if_asked()
        label = labelled(f"step {step}   return {so_far[step]:.1f}{hurry}", width)
        images.append(stacked(label, scaled(footage.frames[step], width), below.at(step)))
    return images, real / speed / len(shown)


def curves(agent: LightningModule, episode: Episode) -> list[Curve]:
    """What each comparable step's plan, or the value, promised and what came; of other agents the return so far."""
    if isinstance(agent, PolicyAgent) and len(episode) > 1:
        value, followed = promised_and_realised(agent, episode)
        return [
            Curve("value", value.float().numpy(), COLOURS[1]),
            Curve("realised, discounted", followed.float().numpy(), COLOURS[0]),
        ]
    steps = comparable_steps(episode) if isinstance(agent, PlanningAgent) else 0
    if not isinstance(agent, PlanningAgent) or not steps:
        return [Curve("return so far", returns_so_far(episode), COLOURS[0])]
    transitions = episode.transitions[:steps]
    horizon = transitions[PLAN].shape[1]
    promised = promised_returns(agent, states(agent, episode)[:steps], transitions[PLAN])
    return [
        Curve(f"promised over {horizon} steps", promised.numpy(), COLOURS[1]),
        Curve("realised", realised_returns(agent, episode)[:steps].numpy(), COLOURS[0]),
    ]


def returns_so_far(episode: Episode) -> NDArray[np.float64]:
    """`[T + 1]`: the sum of the rewards before each step, and of all."""
    return np.concatenate([[0.0], episode.transitions[REWARD][:, 0].double().cumsum(0).numpy()])


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


def scaled(frame: NDArray[np.uint8], width: int) -> Image.Image:
    """A frame `[height, width, 3]` at another width, in its proportions."""
    image = Image.fromarray(frame)
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS)
