"""The seam of every dynamics model p(s' | s, a).

    theta ~ p(theta | D)        s' ~ p(s' | s, a, theta)

A draw of theta kept for a whole rollout is TS-infinity, redrawn at each step it is TS-1 (Chua et al. 2018, section
5.1): that is chosen where the rollout is made (`imagination.py`), not here.
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from .base import Model


class Dynamics(Model):
    """What comes next, with the uncertainty about it.

    `step` is a pure function of its arguments: randomness enters as `noise`, so a rollout can be repeated exactly,
    differentiated, captured in a graph, and compared across plans under common random numbers.

    Attributes:
        noise_size: N, numbers of noise that a step takes; None for as many as a state has.
    """

    noise_size: int | None = None

    @abstractmethod
    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Any:
        """`particles` draws from p(theta | D) in whatever form `predict` and `step` read; None for known physics.

        The draws are exchangeable, and one is used for each entry of the leading dimension P of a state.
        """

    @abstractmethod
    def predict(self, state: Tensor, action: Tensor, theta: Any) -> torch.distributions.Distribution:
        """The distribution of the next state for states `[P, *B, S]` and actions `[P, *B, A]`, P draws in `theta`."""

    @abstractmethod
    def step(self, state: Tensor, action: Tensor, theta: Any, noise: Tensor | None) -> Tensor:
        """The next state `[P, *B, S]`, reparameterised.

        `noise` is standard normal, broadcastable to `[P, *B, N]`; None gives the mean.
        """
