"""Several processes, one run: what the ranks tell each other beside gradients. Alone, each of these is trivial."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

PIECE = 16 << 20  # bytes that each rank hands to the first at once: with NCCL they lie in the first one's GPU memory


def world_size() -> int:
    """How many processes take part."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which one this is."""
    return dist.get_rank() if world_size() > 1 else 0


def gathered(value: Any) -> list[Any]:
    """Every rank's value, in the order of ranks, on every rank. To be called on all of them."""
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def gathered_at_first(state: Any) -> list[Any]:
    """Every rank's tensors and plain containers on rank 0, nothing on the others. To be called on all of them."""
    if world_size() == 1:
        return [state]
    file = io.BytesIO()
    torch.save(state, file)
    given = file.getbuffer()
    largest = max(gathered(len(given)))
    files = [io.BytesIO() for _ in range(world_size())] if rank() == 0 else []
    for start in range(0, largest, PIECE):
        pieces: list[bytes] | None = [b""] * world_size() if rank() == 0 else None
        dist.gather_object(bytes(given[start : start + PIECE]), pieces)
        for one, piece in zip(files, pieces or (), strict=True):
            one.write(piece)
    for one in files:
        one.seek(0)
    return [torch.load(one, weights_only=True) for one in files]


def means(every: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over those that have it, in the order in which they come."""
    names = dict.fromkeys(name for one in every for name in one)
    having = {name: [one[name] for one in every if name in one] for name in names}
    return {name: sum(values) / len(values) for name, values in having.items()}


def means_over_ranks(metrics: Mapping[str, float]) -> dict[str, float]:
    """See `means`; the same on every rank. To be called on all of them."""
    return means(gathered(metrics))


def most_over_ranks(number: int, device: torch.device) -> int:
    """The largest of a number that each rank has, on every rank. To be called on all of them."""
    if world_size() == 1:
        return number
    most = torch.tensor(number, device=device)
    dist.all_reduce(most, dist.ReduceOp.MAX)
    return int(most)


def mean_over_ranks(scores: dict[str, Tensor], count: int, device: torch.device) -> dict[str, Tensor]:
    """Means over the rows of all ranks, from each rank's means over `count` rows of its own; empty without any row.

    A rank without rows gives no scores, yet must call this like the others.
    """
    if world_size() == 1:
        return scores
    parts = [part for part in gathered((count, {name: score.cpu() for name, score in scores.items()})) if part[0]]
    rows = sum(n for n, _ in parts)
    names: Sequence[str] = list(parts[0][1]) if parts else []
    means = {name: torch.stack([n / rows * one[name] for n, one in parts]).sum(0) for name in names}
    return {name: mean.to(device) for name, mean in means.items()}
