"""Logged transitions from wherever they were logged, as one table in the order of time.

A table has the entries of recorded experience (`keys.TRANSITION`) and `trajectory [B, 1]`, the number of its episode.
"""

import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space, iterate
from numpy.typing import ArrayLike, NDArray
from tensordict import TensorDict
from torch import Tensor

from ..keys import HELD_OUT, TRAJECTORY, TRANSITION
from ..recipe_error import MissingExtra
from ..runs import checkpoint
from ..runs.checkpoint_content import WrongCheckpoint
from . import saved_rows

COLUMNS = ("observation", "action", "next_observation", "reward", "terminated")
OPTIONAL = ("truncated", "trajectory")
MOST_BYTES, MOST_UNFOLDING = 1 << 30, 100  # what an .npz file may unfold into: so much, or so many times its own size
MINARI_NAME = re.compile(r"[\w-]+(/[\w-]+)*", re.ASCII)


def load_transitions(source: str | Path | Mapping[str, ArrayLike]) -> TensorDict:
    """The transitions `[B]` of a source; those of a run say in `held_out [B, 1]` which its model never trained on.

    Args:
        source: arrays by name, or an .npz file of them: `observation [B, O]`, `action [B, A]` in [-1, 1],
            `next_observation [B, O]`, `reward [B]`, `terminated [B]`, and optionally `truncated [B]` and
            `trajectory [B]` (else an episode ends where either end is set); or the folder of a run; or the name of a
            Minari dataset on this machine.

    Raises:
        ValueError: for a source that is none of these, or whose entries do not fit together.
        MissingExtra: for a Minari dataset without minari.
    """
    if isinstance(source, Mapping):
        return from_arrays(source, "arrays")
    path = Path(source)
    if path.is_dir():
        return from_run(path)
    if path.suffix == ".npz":
        return from_arrays(from_file(path), str(path))
    return from_minari(str(source))


def from_file(path: Path) -> dict[str, NDArray]:
    """The columns of an .npz file; whatever else is in it is not read.

    Raises:
        ValueError: for a file that is none, that unfolds into very much more than it is, or that holds objects.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
        total = sum(sizes.get(column, 0) for column in (*COLUMNS, *OPTIONAL))
        if total > max(MOST_BYTES, MOST_UNFOLDING * path.stat().st_size):
            raise ValueError(f"its {path.stat().st_size} bytes unfold into {total}")
        with np.load(path, allow_pickle=False) as arrays:
            return {column: arrays[column] for column in (*COLUMNS, *OPTIONAL) if column in arrays}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, MemoryError, NotImplementedError) as error:
        raise ValueError(f"{path}: need an .npz file of arrays: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: need an .npz file of plain arrays: {error}") from error


def from_arrays(arrays: Mapping[str, ArrayLike], name: str) -> TensorDict:
    """See `load_transitions`; `name` is what errors call it."""
    missing = [column for column in COLUMNS if column not in arrays]
    if missing:
        raise ValueError(f"{name}: need {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    columns = {key: np.asarray(value) for key, value in arrays.items() if key in (*COLUMNS, *OPTIONAL)}
    check(columns, name)
    size = len(columns["observation"])
    terminated = columns["terminated"].astype(bool)
    truncated = columns.get("truncated", np.zeros(size)).astype(bool)
    ended_before = np.concatenate([[0], (terminated | truncated).cumsum()[:-1]])
    number = columns.get("trajectory", ended_before).astype(np.int64)
    last = size - 1 - np.unique(number[::-1], return_index=True)[1]  # the latest row of each trajectory
    truncated[last] |= ~terminated[last]  # the recording ended there
    return table(columns, number, terminated, truncated)


def check(columns: Mapping[str, NDArray], name: str) -> None:
    """Raises `ValueError` unless shapes fit, everything is finite and actions lie in [-1, 1]."""
    size = len(columns["observation"])
    for key, column in columns.items():
        vector = key in ("observation", "action", "next_observation")
        if column.dtype.kind not in "biuf":
            raise ValueError(f"{name}: {key}: need numbers, got {column.dtype}")
        if column.ndim != 1 + vector or len(column) != size or not size:
            raise ValueError(f"{name}: {key}: need shape [{size or 1}{', D' * vector}], got {list(column.shape)}")
        if not np.isfinite(column).all():
            row = np.argwhere(~np.isfinite(column))[0][0]
            raise ValueError(f"{name}: {key}: need finite numbers, row {row} has others")
    widths = [columns[key].shape[1] for key in ("observation", "next_observation")]
    if widths[0] != widths[1]:
        raise ValueError(f"{name}: next_observation: need {widths[0]} numbers as in observation, got {widths[1]}")
    reach = np.abs(columns["action"]).max()
    if reach > 1 + 1e-6:
        raise ValueError(f"{name}: action: need [-1, 1], got {reach:g}")


def table(columns: Mapping[str, NDArray], number: NDArray, terminated: NDArray, truncated: NDArray) -> TensorDict:
    """The columns as tensors of experience."""

    def vectors(column: NDArray) -> Tensor:
        return torch.from_numpy(np.array(column, np.float32))

    def flags(column: NDArray) -> Tensor:
        return torch.from_numpy(np.array(column))[:, None]

    following = {
        "observation": vectors(columns["next_observation"]),
        "reward": vectors(columns["reward"])[:, None],
        "terminated": flags(terminated),
        "truncated": flags(truncated),
        "done": flags(terminated | truncated),
    }
    here = {"observation": vectors(columns["observation"]), "action": vectors(columns["action"])}
    return TensorDict({**here, "next": following, TRAJECTORY: flags(number)}, [len(number)])


def from_run(folder: Path) -> TensorDict:
    """What the newest checkpoint of a run holds, in the order of time."""
    newest = checkpoint.latest(folder)
    if newest is None:
        raise ValueError(f"{folder}: no checkpoint of a run in it")
    try:
        return from_checkpoint(newest)
    except WrongCheckpoint as error:
        raise ValueError(str(error)) from error
    except (AttributeError, LookupError, RuntimeError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(f"{newest}: holds no transitions of a run: {type(error).__name__}: {said}") from error


def from_checkpoint(folder: Path) -> TensorDict:
    """What all processes of a run had recorded, one after the other, each in the order of time."""
    parts = []
    episodes = 0
    for rank in checkpoint.load(folder)["Experience"]["ranks"]:
        rows = in_order(rank["dataset"], folder)
        numbers = rows[TRAJECTORY]
        rows[TRAJECTORY] = numbers + episodes
        episodes += int(numbers.max()) + 1
        parts.append(rows)
    return torch.cat(parts)


def in_order(saved: dict[str, Any], folder: Path) -> TensorDict:
    """The rows of a saved buffer, oldest first."""
    pieces = [rows.select(*TRANSITION, TRAJECTORY, HELD_OUT) for rows in saved_rows.load(saved)]
    if not pieces:
        raise ValueError(f"{folder}: its buffer is empty")
    return torch.cat(pieces)


def from_minari(id: str) -> TensorDict:
    """A Minari dataset on this machine, its actions brought to [-1, 1] by the bounds of its space, or to one-hots."""
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
    columns: dict[str, list[NDArray]] = {key: [] for key in (*COLUMNS, *OPTIONAL)}
    for number, episode in enumerate(dataset.iterate_episodes()):
        observations = flat(dataset.observation_space, episode.observations, len(episode) + 1)
        columns["observation"].append(observations[:-1])
        columns["next_observation"].append(observations[1:])
        columns["action"].append(convention(actions, episode.actions).reshape(len(episode), -1))
        columns["reward"].append(episode.rewards)
        columns["terminated"].append(episode.terminations)
        columns["truncated"].append(episode.truncations)
        columns["trajectory"].append(np.full(len(episode), number))
    return from_arrays({key: np.concatenate(parts) for key, parts in columns.items()}, id)


def convention(space: spaces.Box | spaces.Discrete, actions: NDArray) -> NDArray:
    """Actions `[T, ...]` in [-1, 1], or one-hot `[T, A]`."""
    if isinstance(space, spaces.Discrete):
        return np.eye(int(space.n), dtype=np.float32)[actions - space.start]
    centre, half_width = (space.high + space.low) / 2, (space.high - space.low) / 2
    return np.clip((actions - centre) / half_width, -1, 1)


def flat(space: spaces.Space, observations: Any, count: int) -> NDArray[np.float32]:
    """Observations `[count, O]` of any space, flattened as the environments flatten them."""
    if isinstance(space, spaces.Box):
        return np.asarray(observations, np.float32).reshape(count, -1)
    each = iterate(batch_space(space, count), observations)
    return np.stack([np.asarray(spaces.flatten(space, item), np.float32) for item in each])
