"""Logged transitions from wherever they were logged, as one table in the order of time.

A table has the entries of recorded experience (`keys.TRANSITION`) and `trajectory [B, 1]`, the number of its episode.
"""

import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..keys import DONE, HELD_OUT, NEXT_OBSERVATION, OBSERVATION, PREVIOUS_ACTION, TRAJECTORY, TRANSITION
from ..runs import checkpoint
from ..runs.checkpoint_content import WrongCheckpoint
from . import saved_rows
from .frame_dataset import FrameDataset
from .frames import frame_bytes
from .minari_columns import minari_columns
from .observation_kinds import each, shape_of
from .room import choose
from .windows import held_out_trajectories

COLUMNS = ("observation", "action", "next_observation", "reward", "terminated")
OBSERVED = ("observation", "next_observation")
OPTIONAL = ("truncated", "trajectory")
MOST_BYTES, MOST_UNFOLDING = 1 << 30, 100  # what an .npz file may unfold into: so much, or so many times its own size


def load_transitions(source: str | Path | Mapping[str, ArrayLike]) -> TensorDict:
    """The transitions `[B]` of a source; those of a run say in `held_out [B, 1]` which its model never trained on.

    Args:
        source: arrays by name, or an .npz file of them: `observation [B, O]`, `action [B, A]` in [-1, 1],
            `next_observation [B, O]`, `reward [B]`, `terminated [B]`, and optionally `truncated [B]` and
            `trajectory [B]` (else an episode ends where either end is set); or the folder of a run; or the name of a
            Minari dataset on this machine. Images are uint8 `[B, C, H, W]` or `[B, H, W, C]`, whichever makes the
            channels the fewer; of several observations by name, each is `observation/<name>` and
            `next_observation/<name>`, an image at least one of them.

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
    return from_arrays(minari_columns(str(source)), str(source))


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
        total = sum(size for name, size in sizes.items() if column_of(name))
        if total > max(MOST_BYTES, MOST_UNFOLDING * path.stat().st_size):
            raise ValueError(f"its {path.stat().st_size} bytes unfold into {total}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays if column_of(name)}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, MemoryError, NotImplementedError) as error:
        raise ValueError(f"{path}: need an .npz file of arrays: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: need an .npz file of plain arrays: {error}") from error


def column_of(name: str) -> str | None:
    """The column that an array belongs to, or None: an observation's name may follow."""
    column, _, named = name.partition("/")
    return column if column in (*COLUMNS, *OPTIONAL) and (column in OBSERVED or not named) else None


def from_arrays(arrays: Mapping[str, ArrayLike], name: str) -> TensorDict:
    """See `load_transitions`; `name` is what errors call it."""
    columns = {key: np.asarray(value) for key, value in arrays.items() if column_of(key)}
    missing = [column for column in COLUMNS if column not in map(column_of, columns)]
    if missing:
        raise ValueError(f"{name}: need {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    check(columns, name)
    size = len(columns["action"])
    terminated = columns["terminated"].astype(bool)
    truncated = columns.get("truncated", np.zeros(size)).astype(bool)
    ended_before = np.concatenate([[0], (terminated | truncated).cumsum()[:-1]])
    number = columns.get("trajectory", ended_before).astype(np.int64)
    last = size - 1 - np.unique(number[::-1], return_index=True)[1]  # the latest row of each trajectory
    truncated[last] |= ~terminated[last]  # the recording ended there
    return table(columns, number, terminated, truncated)


def check(columns: Mapping[str, NDArray], name: str) -> None:
    """Raises `ValueError` unless shapes fit, everything is finite and actions lie in [-1, 1]."""
    size = max(len(column) for key, column in columns.items() if column_of(key) == "observation")
    for key, column in columns.items():
        observed = column_of(key) in OBSERVED
        if column.dtype.kind not in "biuf":
            raise ValueError(f"{name}: {key}: need numbers, got {column.dtype}")
        if observed and column.ndim == 4 and column.dtype != np.uint8:
            raise ValueError(f"{name}: {key}: need images of uint8, got {column.dtype}")
        wrong = column.ndim != 1 + (observed or key == "action") and not (observed and column.ndim == 4)
        if wrong or len(column) != size or not size:
            wanted = ", D" * (observed or key == "action")
            raise ValueError(f"{name}: {key}: need shape [{size or 1}{wanted}], got {list(column.shape)}")
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            row = np.argwhere(~np.isfinite(column))[0][0]
            raise ValueError(f"{name}: {key}: need finite numbers, row {row} has others")
    alike(columns, name)
    reach = np.abs(columns["action"]).max()
    if reach > 1 + 1e-6:
        raise ValueError(f"{name}: action: need [-1, 1], got {reach:g}")


def alike(columns: Mapping[str, NDArray], name: str) -> None:
    """Raises `ValueError` unless an observation and the next have the same entries, of the same shapes."""
    here = {key.removeprefix(OBSERVED[0]): one.shape for key, one in columns.items() if column_of(key) == OBSERVED[0]}
    next_ = {key.removeprefix(OBSERVED[1]): one.shape for key, one in columns.items() if column_of(key) == OBSERVED[1]}
    if here.keys() != next_.keys() or ("" in here and len(here) > 1):
        raise ValueError(f"{name}: need the same entries, got {', '.join(filter(column_of, columns))}")
    if "" not in here and not any(len(shape) == 4 for shape in here.values()):
        raise ValueError(f"{name}: observation/...: need an image among them; what is a vector is one column")
    for part, shape in here.items():
        if next_[part] != shape:
            wanted, got = (f"{one[1]} numbers" if len(one) == 2 else str(list(one)) for one in (shape, next_[part]))
            got = got.removesuffix(" numbers")
            raise ValueError(f"{name}: next_observation{part}: need {wanted} as in observation{part}, got {got}")


def table(columns: Mapping[str, NDArray], number: NDArray, terminated: NDArray, truncated: NDArray) -> TensorDict:
    """The columns as tensors of experience."""

    def vectors(column: NDArray) -> Tensor:
        return torch.from_numpy(np.array(column, np.float32))

    def flags(column: NDArray) -> Tensor:
        return torch.from_numpy(np.array(column))[:, None]

    def observations(key: str) -> Any:
        parts = {name.removeprefix(f"{key}/"): one for name, one in columns.items() if column_of(name) == key}
        found = {name: images(one) if one.ndim == 4 else vectors(one) for name, one in parts.items()}
        return found.get(key, found)

    following = {
        "observation": observations("next_observation"),
        "reward": vectors(columns["reward"])[:, None],
        "terminated": flags(terminated),
        "truncated": flags(truncated),
        "done": flags(terminated | truncated),
    }
    here = {"observation": observations("observation"), "action": vectors(columns["action"])}
    return TensorDict({**here, "next": following, TRAJECTORY: flags(number)}, [len(number)])


def images(column: NDArray[np.uint8]) -> Tensor:
    """`[B, C, H, W]`, from that or `[B, H, W, C]`: the channels are the fewer."""
    last = column.shape[3] < column.shape[1]
    return torch.from_numpy(np.array(column.transpose(0, 3, 1, 2) if last else column, order="C"))


def check_follow(rows: TensorDictBase) -> None:
    """Raises `ValueError` unless each next observation `[B]` is the observation of the next row of its trajectory."""
    order = rows[TRAJECTORY][:, 0].argsort(stable=True)
    one, two = order[:-1], order[1:]
    together = (rows[TRAJECTORY][one] == rows[TRAJECTORY][two])[:, 0] & ~rows[DONE][one][:, 0]
    for first, second in zip(one[together].split(1024), two[together].split(1024), strict=True):
        same = each(lambda x, y, a=first, b=second: (x[a] == y[b]).flatten(1).all(1),
                    rows[NEXT_OBSERVATION], rows[OBSERVATION])  # fmt: skip
        equal = torch.stack(list(same.values())).all(0) if isinstance(same, dict) else same
        if not equal.all():
            row = int((~equal).nonzero()[0, 0])
            raise ValueError(
                f"next_observation of row {int(first[row])}: need the observation of row {int(second[row])}, which "
                "follows it in the same trajectory, since every frame is kept once, got another"
            )


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


def from_checkpoint(folder: Path) -> TensorDictBase:
    """What all processes of a run had recorded, one after the other, each in the order of time."""
    parts = []
    episodes = 0
    for rank in checkpoint.load(folder)["Experience"]["ranks"]:
        rows = in_order(rank["dataset"], folder)
        rows[TRAJECTORY] = rows[TRAJECTORY] + episodes
        episodes = int(rows[TRAJECTORY].max()) + 1
        parts.append(rows)
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def held_out_of(folder: Path) -> list[TensorDictBase]:
    """The held-out trajectories `[T]` in a checkpoint, those of each process in the order of time."""
    found = []
    for rank in checkpoint.load(folder)["Experience"]["ranks"]:
        frames = frames_of(rank["dataset"])
        found += held_out_trajectories(in_order(rank["dataset"], folder)) if frames is None else frames.trajectories()
    return found


def in_order(saved: dict[str, Any], folder: Path) -> TensorDictBase:
    """The transitions of a saved buffer, oldest first."""
    frames = frames_of(saved)
    if frames is not None:
        return frames.everything()
    pieces = [rows.select(*TRANSITION, TRAJECTORY, HELD_OUT) for rows in saved_rows.load(saved)]
    if not pieces:
        raise ValueError(f"{folder}: its buffer is empty")
    return torch.cat(pieces)


def frames_of(saved: dict[str, Any]) -> FrameDataset | None:
    """A saved buffer of frames, or None for one of transitions."""
    first = next(saved_rows.load(saved), None)
    if first is None or PREVIOUS_ACTION not in first.keys():  # noqa: SIM118
        return None
    kept, shape, action_size = int(saved["kept"]), shape_of(first[OBSERVATION]), first[PREVIOUS_ACTION].shape[1]
    folder = choose(kept * frame_bytes(shape, action_size), None, Path(tempfile.gettempdir()))
    frames = FrameDataset(kept, shape, action_size, None, folder)
    frames.load_state_dict(saved)
    return frames
