"""The frames of a recorded episode: its start and its actions, played again before a camera."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.environments import Environment
from ..data.play import Episode
from ..keys import ACTION
from .stopping import give_up_if_asked


@dataclass
class Footage:
    """Frames `[T + 1]`, each `[height, width, 3]` uint8, the first before any action; and how many a second."""

    frames: list[NDArray[np.uint8]]
    per_second: float


def render(environment: Environment, episode: Episode) -> Footage:
    """Replays the actions from the episode's reset seed, which costs no planning.

    Raises:
        Exception: whatever the environment's renderer does where it cannot draw.
        Stopped: as soon as the run shall stop.
    """
    simulator = environment.make_single(episode.seed, render=True)
    try:
        simulator.reset(seed=episode.seed)
        frames = [frame(simulator.render())]
        for action in episode.transitions[ACTION].numpy():
            give_up_if_asked()
            *_, terminated, truncated, _ = simulator.step(action)
            frames.append(frame(simulator.render()))
            if terminated or truncated:
                break
        rate = simulator.metadata.get("render_fps") or 30
    finally:
        simulator.close()
    return Footage(frames, rate / environment.action_repeat)


def frame(drawn: object) -> NDArray[np.uint8]:
    """Checked: an RGB image.

    Raises:
        TypeError: for anything else.
    """
    image = np.asarray(drawn)
    if image.ndim != 3 or image.shape[-1] != 3:
        raise TypeError(f"expected an RGB frame [height, width, 3], got {type(drawn).__name__} of shape {image.shape}")
    return image.astype(np.uint8)
