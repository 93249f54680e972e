"""The posterior over latent states given observations, one interface for its kinds.

    single step   q(s_t | o_t)
    filtering     q(s_t | o_1:t, a_1:t-1)
    smoothing     q(s_t | s_t-1, o_t:T, a_t:T)

Each is trained beside the prior p(s_t | s_t-1, a_t-1) by the evidence lower bound of a sequence, see
`latent_world_model.py`; each can also filter, step by step, which is how an agent knows its state.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple, Self

from torch import Tensor, nn

from .latent_dynamics import LatentDynamics


class Inferred(NamedTuple):
    """What a posterior says of sequences of L frames.

    Attributes:
        state: `[B, L, S]`, drawn from it, with a gradient.
        posterior: `[B, L, Q]`, the statistics of q(z_t | .).
        prior: `[B, L, Q]`, those of p(z_t | s_t-1, a_t-1) from the states drawn; at the first frame of an episode from
            the state before the first observation and no action, or `dynamics.first`. `[E, B, L, Q]` for an ensemble.
        losses: what trains further parts of the posterior, `[B, L]` each, by name: a smoother's filter, say.
    """

    state: Tensor
    posterior: Tensor
    prior: Tensor
    losses: dict[str, Tensor]


class Filtered(NamedTuple):
    """What is known of the present.

    Attributes:
        state: `[B, S]`.
        statistics: `[B, Q]`, of z in it.
        memory: `[B, M]`, what the next step needs; its numbers are not restricted.
    """

    state: Tensor
    statistics: Tensor
    memory: Tensor


class Posterior(nn.Module, ABC):
    """q(s | .). Its sizes follow from the parts beside it, which `build` is told once.

    Attributes:
        memory_size: M, numbers that filtering carries from step to step; known once it is built.
    """

    memory_size: int = 0

    @abstractmethod
    def build(self, features: int, action_size: int, dynamics: LatentDynamics) -> Self:
        """Makes the networks for features of an observation of this size F."""

    @abstractmethod
    def infer(
        self, dynamics: LatentDynamics, features: Tensor, action: Tensor, is_init: Tensor, noise: Tensor | None
    ) -> Inferred:
        """The states of sequences.

        Args:
            dynamics: the prior.
            features: `[B, L, F]`, of the observations.
            action: `[B, L, A]`, the action before each frame, zero where an episode begins.
            is_init: `[B, L, 1]`, bool: an episode begins, so nothing is known from before. A sequence that begins
                within an episode starts from nothing, too.
            noise: `[B, L, Z]`, standard normal; None for means or modes.
        """

    @abstractmethod
    def filter(
        self,
        dynamics: LatentDynamics,
        memory: Tensor,
        action: Tensor,
        features: Tensor,
        is_init: Tensor,
        noise: Tensor | None = None,
    ) -> Filtered:
        """The state at an observation with features `[B, F]`, after `action [B, A]` and with the last step's memory.

        Where `is_init [B, 1]`, nothing is known from before: memory `[B, M]` and action are not looked at. `noise
        [B, Z]`, or None for the mean or mode.
        """
