"""Deterministic dynamics: the mean change of the state by least squares.

loss = 1/2 sum_d (f_theta(s, a)_d - Delta_d)^2        on normalised quantities, averaged over the batch
"""

from collections.abc import Sequence

from tensordict import TensorDictBase
from torch import Tensor

from .ensemble import Ensemble
from .head import PointHead


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
            observation_size, action_size, PointHead(), members, elites, hidden, activation,
            learning_rate, weight_decay, gradient_clip,
        )  # fmt: skip

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {"dynamics": self.head.loss(*self.fitted(batch))}
