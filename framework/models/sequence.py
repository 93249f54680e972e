"""The transitions in sequences of frames, for whatever learns from single steps.

(o_{t-1}, a_{t-1}) -> (o_t, r_t)        for every frame t >= 1 of a sequence that does not begin an episode
"""

from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..keys import (
    ACTION,
    ARRIVAL_REWARD,
    ARRIVAL_TERMINATED,
    IS_INIT,
    NEXT_OBSERVATION,
    OBSERVATION,
    PREVIOUS_ACTION,
    REWARD,
    TERMINATED,
)


def transitions(sequences: TensorDictBase) -> TensorDict:
    """The transitions `[N]` in a sequence batch `[B]`, without images: action, reward, termination, and vectors."""
    arrived = ~sequences[IS_INIT][:, 1:, 0]  # [B, L - 1]
    entries: dict[Any, Tensor] = {
        ACTION: sequences[PREVIOUS_ACTION][:, 1:][arrived],
        REWARD: sequences[ARRIVAL_REWARD][:, 1:][arrived],
        TERMINATED: sequences[ARRIVAL_TERMINATED][:, 1:][arrived],
    }
    observation = sequences.get(OBSERVATION)
    names = [()] if isinstance(observation, Tensor) else [(name,) for name in observation.keys()]  # noqa: SIM118
    for name in names:
        seen = observation[name] if name else observation
        if seen.dtype != torch.uint8:
            entries[(OBSERVATION, *name)] = seen[:, :-1][arrived]
            entries[(*NEXT_OBSERVATION, *name)] = seen[:, 1:][arrived]
    return TensorDict(entries, [int(arrived.sum())])
