"""Stretches of recorded trajectories to hold an open-loop prediction against."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..keys import ACTION, HELD_OUT, NEXT_OBSERVATION, OBSERVATION, TRAJECTORY


class Windows(NamedTuple):
    """B starts within trajectories and what followed each, for up to H steps.

    Attributes:
        observation: `[B, O]`, where the prediction starts.
        actions: `[B, H, A]`, those taken, zero past the episode's end.
        targets: `[B, H, O]`, the observations they led to, zero past the end.
        counts: `[B, H]`, bool: this step belongs to the episode.
    """

    observation: Tensor
    actions: Tensor
    targets: Tensor
    counts: Tensor


def held_out_trajectories(rows: TensorDictBase) -> list[TensorDictBase]:
    """The trajectories `[T]` of rows `[B]` that are held out, in the order in which they were recorded."""
    rows = rows[rows[HELD_OUT][:, 0]]
    return [rows[rows[TRAJECTORY][:, 0] == number] for number in rows[TRAJECTORY].unique().tolist()]


def windows(trajectories: Sequence[TensorDictBase], horizon: int, limit: int, generator: torch.Generator) -> Windows:
    """At most `limit` starts drawn without replacement from all steps of the trajectories `[T]`."""
    starts = [(i, t) for i, trajectory in enumerate(trajectories) for t in range(len(trajectory))]
    order = torch.randperm(len(starts), generator=generator)[:limit].tolist()
    chosen = [starts[k] for k in order]
    actions = [padded(trajectories[i][ACTION][t : t + horizon], horizon) for i, t in chosen]
    targets = [padded(trajectories[i][NEXT_OBSERVATION][t : t + horizon], horizon) for i, t in chosen]
    left = torch.tensor([len(trajectories[i]) - t for i, t in chosen])
    return Windows(
        torch.stack([trajectories[i][OBSERVATION][t] for i, t in chosen]),
        torch.stack(actions),
        torch.stack(targets),
        torch.arange(horizon) < left[:, None],
    )


def padded(rows: Tensor, length: int) -> Tensor:
    """`[T, D]` -> `[length, D]`, zeros at the end."""
    return torch.cat([rows, rows.new_zeros(length - len(rows), *rows.shape[1:])])


def spread(trajectories: Sequence[TensorDictBase]) -> Tensor:
    """The standard deviation of each observed dimension over all trajectories, `[O]`; 1 where nothing ever changed."""
    observed = torch.cat([trajectory[NEXT_OBSERVATION] for trajectory in trajectories])
    std = observed.std(0, correction=0)
    return torch.where(std > 1e-6, std, torch.ones_like(std))
