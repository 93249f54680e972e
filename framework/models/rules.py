"""The rules of a world with discrete actions: which are legal in a state, and whose turn it is."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Rules(ABC):
    """What a tree search must know beside the dynamics."""

    @abstractmethod
    def legal(self, state: Tensor) -> Tensor:
        """A mask `[*B, A]` of the actions that may be taken in states `[*B, S]`."""

    @abstractmethod
    def to_play(self, state: Tensor) -> Tensor:
        """`[*B]`: 1 where it is the agent's turn, -1 where it is an opponent's, who wants its return low."""


class OnePlayer(Rules):
    """Nobody else acts, and every action may be taken at any time.

    Args:
        action_size: A.
    """

    def __init__(self, action_size: int) -> None:
        self.action_size = action_size

    def legal(self, state: Tensor) -> Tensor:
        return torch.ones(*state.shape[:-1], self.action_size, dtype=torch.bool, device=state.device)

    def to_play(self, state: Tensor) -> Tensor:
        return torch.ones_like(state[..., 0])
