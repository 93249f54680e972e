"""Stretches of recorded trajectories to hold an open-loop prediction against, with what was seen before them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..keys import (
    ACTION,
    ARRIVAL_REWARD,
    ARRIVAL_TERMINATED,
    HELD_OUT,
    IS_INIT,
    NEXT_OBSERVATION,
    OBSERVATION,
    PREVIOUS_ACTION,
    REWARD,
    SEQUENCE,
    TRAJECTORY,
)
from .observation_kinds import each

AT_ONCE = 256  # frames whose deviation is worked out at a time


class Windows(NamedTuple):
    """B starts within trajectories, C frames up to each, and what followed it, for up to H steps.

    Attributes:
        observation: `[B, ...]`, where the prediction starts; nested ones as a TensorDict.
        actions: `[B, H, A]`, those taken, zero past the episode's end.
        targets: `[B, H, ...]`, the observations they led to, zero past the end.
        counts: `[B, H]`, bool: this step belongs to the episode.
        context: the C frames that end in the start, a sequence batch `[B]` (`keys.SEQUENCE`), from which its state is
            filtered. Where the episode began later, its first frame stands in for those before, each with `is_init`.
    """

    observation: Any
    actions: Tensor
    targets: Any
    counts: Tensor
    context: TensorDictBase


def held_out_trajectories(rows: TensorDictBase) -> list[TensorDictBase]:
    """The trajectories `[T]` of rows `[B]` that are held out, in the order in which they were recorded."""
    rows = rows[rows[HELD_OUT][:, 0]]
    return [rows[rows[TRAJECTORY][:, 0] == number] for number in rows[TRAJECTORY].unique().tolist()]


def windows(
    trajectories: Sequence[TensorDictBase], horizon: int, limit: int, generator: torch.Generator, context: int = 1
) -> Windows:
    """At most `limit` starts drawn without replacement from all steps of the trajectories `[T]`.

    Args:
        trajectories: recorded transitions, each in the order of time.
        horizon: H.
        limit: B, at most.
        generator: of the draw.
        context: C.

    Raises:
        ValueError: for C below 1.
    """
    if context < 1:
        raise ValueError(f"context: need at least 1 frame, got {context}")
    starts = [(i, t) for i, trajectory in enumerate(trajectories) for t in range(len(trajectory))]
    order = torch.randperm(len(starts), generator=generator)[:limit].tolist()
    chosen = [(trajectories[i], t) for i, t in (starts[k] for k in order)]
    left = torch.tensor([len(trajectory) - t for trajectory, t in chosen])
    size = [len(chosen)]
    return Windows(
        stacked([trajectory[OBSERVATION][t] for trajectory, t in chosen], size),
        torch.stack([padded(trajectory[ACTION][t : t + horizon], horizon) for trajectory, t in chosen]),
        stacked(
            [each(lambda x, t=t: padded(x[t : t + horizon], horizon), one[NEXT_OBSERVATION]) for one, t in chosen], size
        ),
        torch.arange(horizon) < left[:, None],
        frames_before(chosen, context),
    )


def frames_before(starts: Sequence[tuple[TensorDictBase, int]], context: int) -> TensorDict:
    """The C frames up to step t of each trajectory `[T]`, as `Windows.context`."""
    seen = [before(trajectory, t, context) for trajectory, t in starts]
    size = [len(starts)]
    return TensorDict({key: stacked([one[key] for one in seen], size) for key in SEQUENCE}, size)


def before(trajectory: TensorDictBase, t: int, context: int) -> dict[str, Any]:
    """The entries `[C, ...]` of the frames up to step t of a trajectory `[T]`."""
    at = torch.arange(t - context + 1, t + 1)  # [C], of the steps that begin in them
    first = at[:, None] <= 0
    here, arrived = at.clamp_min(0), (at - 1).clamp_min(0)
    return {
        OBSERVATION: each(lambda x: x[here], trajectory[OBSERVATION]),
        PREVIOUS_ACTION: trajectory[ACTION][arrived].masked_fill(first, 0.0),
        ARRIVAL_REWARD: trajectory[REWARD][arrived].masked_fill(first, 0.0),
        ARRIVAL_TERMINATED: torch.zeros_like(first),
        IS_INIT: first,
    }


def stacked(observations: Sequence[Any], size: Sequence[int]) -> Any:
    """One tensor, or one TensorDict, of several."""
    found = each(lambda *one: torch.stack(one), *observations)
    return TensorDict(found, size) if isinstance(found, dict) else found


def padded(rows: Tensor, length: int) -> Tensor:
    """`[T, ...]` -> `[length, ...]`, zeros at the end."""
    return torch.cat([rows, rows.new_zeros(length - len(rows), *rows.shape[1:])])


def spread(trajectories: Sequence[TensorDictBase]) -> Any:
    """The standard deviation of each observed number over all trajectories: `[O]`, `[C, H, W]`, or these by name.

    1 where nothing ever changed.
    """
    observed = [trajectory[NEXT_OBSERVATION] for trajectory in trajectories]
    found = each(lambda *parts: deviation(parts), *observed)
    return TensorDict(found, []) if isinstance(found, dict) else found


def deviation(parts: Sequence[Tensor]) -> Tensor:
    """That of `[T, ...]` together, `[...]`."""
    if parts[0].dtype == torch.uint8:
        std = image_deviation([piece for part in parts for piece in part.split(AT_ONCE)])
    else:
        std = torch.cat(list(parts)).std(0, correction=0)
    return torch.where(std > 1e-6, std, torch.ones_like(std))


def image_deviation(pieces: Sequence[Tensor]) -> Tensor:
    """The same of bytes, whose sums are exact in double precision: so they are never all floats at once."""
    total = squares = torch.zeros(pieces[0].shape[1:], dtype=torch.float64)
    for piece in pieces:
        numbers = piece.double()
        total, squares = total + numbers.sum(0), squares + numbers.square().sum(0)
    count = sum(map(len, pieces))
    return (squares / count - (total / count).square()).clamp_min(0).sqrt().float()
