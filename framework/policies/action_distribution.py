"""The seam of what a policy says about an action: a distribution to draw from, pi(a | s)."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor


class Sampled(NamedTuple):
    """An action `[*B, A]` and log pi(a | s) `[*B]`, both with the gradient of the draw."""

    action: Tensor
    log_prob: Tensor


class ActionDistribution(ABC):
    """Over actions `[*B, A]`, in [-1, 1] or one-hot."""

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None) -> Sampled:
        """A draw that can be differentiated: reparameterised, or straight-through where actions are discrete."""

    @abstractmethod
    def log_prob(self, action: Tensor) -> Tensor:
        """log pi(a | s), `[*B]` in nats, for actions `[*B, A]`.

        Raises:
            NotImplementedError: where there is no density.
        """

    @abstractmethod
    def entropy(self) -> Tensor:
        """`[*B]`, in nats.

        Raises:
            NotImplementedError: where there is no density.
        """

    @abstractmethod
    def mode(self) -> Tensor:
        """The action `[*B, A]` that is taken when nothing shall be tried out."""
