"""Made-up recordings in which every frame, action and reward says to which episode and time it belongs."""

from collections.abc import Sequence

import torch
from tensordict import TensorDict
from torch import Tensor

KINDS = ("vector", "image", "nested")


def observation(kind: str, episode: Tensor, time: Tensor):
    """Observations `[B, ...]` of frames `[B]`."""
    vector = torch.stack([episode, time], -1).float()  # [B, 2]
    image = torch.zeros(len(time), 2, 3, 4, dtype=torch.uint8)
    image[:, 0], image[:, 1] = episode[:, None, None].byte(), time[:, None, None].byte()
    if kind == "nested":
        return TensorDict({"camera": image, "arm/joints": vector}, [len(time)])
    return vector if kind == "vector" else image


def read(observed) -> tuple[Tensor, Tensor]:
    """Episode and time of observations `[*B, ...]`."""
    if isinstance(observed, Tensor) and observed.dtype == torch.float32:
        return observed[..., 0].long(), observed[..., 1].long()
    if isinstance(observed, Tensor):
        assert observed.dtype == torch.uint8
        assert (observed == observed[..., :1, :1]).all()
        return observed[..., 0, 0, 0].long(), observed[..., 1, 0, 0].long()
    episode, time = read(observed["camera"])
    assert torch.equal(torch.stack([episode, time], -1), observed["arm/joints"].long())
    return episode, time


def rows(kind: str, steps: Sequence[tuple[int, int]], ends: dict[int, tuple[int, bool]]) -> TensorDict:
    """Transitions `[B]` of (episode, time): action, reward and next observation of a step say where it leads.

    Args:
        kind: of observations.
        steps: the episode and the time in which each transition begins.
        ends: after how many transitions an episode ends, and whether it terminates then; else it is truncated.
    """
    episode, time = torch.tensor(steps, dtype=torch.int64).reshape(-1, 2).unbind(-1)
    last = torch.tensor([ends.get(e, (-1, False))[0] == t + 1 for e, t in steps], dtype=torch.bool)[:, None]
    task = torch.tensor([ends.get(e, (-1, False))[1] for e, _ in steps], dtype=torch.bool)[:, None]
    following = {
        "observation": observation(kind, episode, time + 1),
        "reward": reward(episode, time + 1),
        "terminated": last & task,
        "truncated": last & ~task,
        "done": last,
    }
    return TensorDict(
        {
            "observation": observation(kind, episode, time),
            "action": action(episode, time + 1),
            "next": following,
            "trajectory": episode[:, None],
        },
        [len(steps)],
    )


def action(episode: Tensor, time: Tensor) -> Tensor:
    """What led to a frame, `[*B, 2]`."""
    return torch.stack([episode + 0.5, time + 0.25], -1)


def reward(episode: Tensor, time: Tensor) -> Tensor:
    """What was received on arriving at a frame, `[*B, 1]`."""
    return (100.0 * episode + time)[..., None]


def interleaved(lengths: Sequence[int], environments: int, at_once: int) -> list[list[tuple[int, int]]]:
    """Collections of the steps of episodes, `at_once` steps of each environment after the other, as collectors give."""
    running, following = list(range(environments)), environments
    times = [0] * environments
    collections: list[list[tuple[int, int]]] = []
    while any(number < len(lengths) for number in running):
        steps: list[list[tuple[int, int]]] = [[] for _ in running]
        for _ in range(at_once):
            for env, number in enumerate(running):
                if number >= len(lengths):
                    continue
                steps[env].append((number, times[env]))
                times[env] += 1
                if times[env] == lengths[number]:
                    running[env], times[env], following = following, 0, following + 1
        collections.append([step for one in steps for step in one])
    return collections
