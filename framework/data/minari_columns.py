"""Minari datasets on this machine, as arrays by name in the form that `load_transitions` takes."""

import re
from collections import defaultdict
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space, iterate
from numpy.typing import NDArray

from ..recipe_error import MissingExtra

MINARI_NAME = re.compile(r"[\w-]+(/[\w-]+)*", re.ASCII)


def minari_columns(id: str) -> dict[str, NDArray]:
    """The columns of a dataset, its actions brought to [-1, 1] by the bounds of its space, or to one-hots.

    Raises:
        ValueError: for a name that is none of a dataset here, or actions without bounds.
        MissingExtra: without minari.
    """
    if not MINARI_NAME.fullmatch(id):
        raise ValueError(f"{id}: neither a folder, nor an .npz file, nor the name of a Minari dataset")
    try:
        import minari
    except ModuleNotFoundError as error:
        raise MissingExtra("minari") from error
    try:
        dataset = minari.load_dataset(id, download=False)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            f"{id}: neither a folder, nor an .npz file, nor a Minari dataset on this machine "
            f"(`minari download {id}` fetches one): {error}"
        ) from error
    actions = dataset.action_space
    if not isinstance(actions, spaces.Discrete) and not (isinstance(actions, spaces.Box) and actions.is_bounded()):
        raise ValueError(f"{id}: actions: need a Box with finite bounds or a Discrete space, got {actions}")
    columns: dict[str, list[NDArray]] = defaultdict(list)
    for number, episode in enumerate(dataset.iterate_episodes()):
        for name, column in named(dataset.observation_space, episode.observations, len(episode) + 1).items():
            columns[f"observation{name}"].append(column[:-1])
            columns[f"next_observation{name}"].append(column[1:])
        columns["action"].append(convention(actions, episode.actions).reshape(len(episode), -1))
        columns["reward"].append(episode.rewards)
        columns["terminated"].append(episode.terminations)
        columns["truncated"].append(episode.truncations)
        columns["trajectory"].append(np.full(len(episode), number))
    return {key: np.concatenate(parts) for key, parts in columns.items()}


def convention(space: spaces.Box | spaces.Discrete, actions: NDArray) -> NDArray:
    """Actions `[T, ...]` in [-1, 1], or one-hot `[T, A]`."""
    if isinstance(space, spaces.Discrete):
        return np.eye(int(space.n), dtype=np.float32)[actions - space.start]
    centre, half_width = (space.high + space.low) / 2, (space.high - space.low) / 2
    return np.clip((actions - centre) / half_width, -1, 1)


def is_image(space: spaces.Space) -> bool:
    """Whether its observations are images."""
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3


def named(space: spaces.Space, observations: Any, count: int) -> dict[str, NDArray]:
    """What becomes of observations: an image, a vector `[count, O]`, or where images are among them, these by name."""
    if isinstance(space, spaces.Dict) and any(map(is_image, space.values())):
        return {f"/{name}": named(one, observations[name], count)[""] for name, one in space.items()}
    return {"": np.asarray(observations) if is_image(space) else flat(space, observations, count)}


def flat(space: spaces.Space, observations: Any, count: int) -> NDArray[np.float32]:
    """Observations `[count, O]` of any space, flattened as the environments flatten them."""
    if isinstance(space, spaces.Box):
        return np.asarray(observations, np.float32).reshape(count, -1)
    each = iterate(batch_space(space, count), observations)
    return np.stack([np.asarray(spaces.flatten(space, item), np.float32) for item in each])
