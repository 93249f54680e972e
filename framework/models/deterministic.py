"""Deterministic dynamics: the mean change of the state by least squares.

loss = 1/2 sum_d (f_theta(s, a)_d - Delta_d)^2        on normalised quantities, averaged over the batch
"""

from collections.abc import Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .ensemble import Ensemble, Members


class DeterministicDynamics(Ensemble):
    """E networks that predict a point; with several members their spread is the uncertainty.

    Args: see `Ensemble`.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        members: int = 1,
        elites: int | None = None,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(
            observation_size, action_size, 1, members, elites, hidden, activation,
            learning_rate, weight_decay, gradient_clip,
        )  # fmt: skip

    def head(self, output: Tensor, log_scale: Tensor | None = None) -> tuple[Tensor, None]:
        return output, None

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        mean, _, target = self.fitted(batch)  # [E, B, S]
        return {"dynamics": 0.5 * (mean - target).square().sum(-1).mean(-1).sum()}

    def predict(self, state: Tensor, action: Tensor, theta: Members) -> torch.distributions.Distribution:
        """A point mass at the predicted state."""
        change, _ = self.change(state, action, theta)
        return torch.distributions.Independent(DeltaAt(state + change), 1)


class DeltaAt(torch.distributions.Distribution):
    """All probability at one point: the distribution of a deterministic prediction. It has no density."""

    def __init__(self, point: Tensor) -> None:
        super().__init__(point.shape, validate_args=False)
        self.point = point

    @property
    def mean(self) -> Tensor:
        return self.point

    @property
    def variance(self) -> Tensor:
        return torch.zeros_like(self.point)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """The point itself, expanded."""
        return self.point.expand(*sample_shape, *self.point.shape)
