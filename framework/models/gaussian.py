"""Gaussian dynamics with a learned variance; with several members, the probabilistic ensemble of PETS.

    loss = sum_e E_(s,a,s') [ -log N(Delta; mu_e(s, a), sigma_e^2(s, a)) ]
           + 0.01 (sum log sigma_max^2 - sum log sigma_min^2)

The predicted variance is the aleatoric uncertainty, the spread of the members the epistemic one.
Chua et al. 2018, section 4 and appendix A.1.
"""

from collections.abc import Sequence

from tensordict import TensorDictBase
from torch import Tensor

from .ensemble import Ensemble
from .head import GaussianHead


class GaussianDynamics(Ensemble):
    """E networks that predict mean and variance of the change of the state, with learned bounds on the variance.

    `members=1` is a single probabilistic network, `members=5` the ensemble of the paper.

    Args: see `Ensemble`.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        members: int = 5,
        elites: int | None = None,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(
            observation_size, action_size, GaussianHead(observation_size), members, elites, hidden, activation,
            learning_rate, weight_decay, gradient_clip,
        )  # fmt: skip

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {"dynamics": self.head.loss(*self.fitted(batch))}
