"""Linear dynamics and observations with Gaussian noise, whose posteriors a Kalman filter knows.

    z_1 ~ N(m0, P0)        z_t ~ N(A z_{t-1} + B a_{t-1}, Q)        o_t ~ N(C z_t, R)

Known, they are what a learned posterior is held against; learned, they are the linear model of what is observed.
Sarkka 2013, section 4.3.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from ..equations.multivariate_gaussian import multivariate_gaussian_nll
from .base import Model
from .full_gaussian import FullGaussianLatent
from .latent_dynamics import LatentDynamics


class LinearGaussian(LatentDynamics):
    """p(z_t | z_{t-1}, a_{t-1}) = N(A z_{t-1} + B a_{t-1}, Q), and p(z_1) = N(m0, P0).

    Args:
        transition: A, `[Z, Z]`, the rows one after the other.
        control: B, `[Z, A]`.
        process: Q, a covariance `[Z, Z]`.
        first_mean: m0, `[Z]`.
        first_covariance: P0, a covariance `[Z, Z]`.
        learned: names of the arguments that are only where learning starts; the others are known.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: for shapes that do not fit, a covariance that is none, and a learned name that is none of these.
    """

    def __init__(
        self,
        transition: Sequence[Sequence[float]],
        control: Sequence[Sequence[float]],
        process: Sequence[Sequence[float]],
        first_mean: Sequence[float],
        first_covariance: Sequence[Sequence[float]],
        learned: Sequence[str] = (),
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(
            FullGaussianLatent(len(transition), min_std=0.0),
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
        )
        Z = len(transition)
        self.constants = Constants(
            {
                "transition": matrix("transition", transition, Z, Z),
                "control": matrix("control", control, Z, None),
                "first_mean": matrix("first_mean", [first_mean], 1, Z)[0],
            },
            {
                "process": matrix("process", process, Z, Z),
                "first_covariance": matrix("first_covariance", first_covariance, Z, Z),
            },
            learned,
        )

    def advance(self, state: Tensor, action: Tensor, theta: Any) -> Tensor:
        """The mean of the next state, `[P, *B, Z]`."""
        return state @ self.constants["transition"].mT + action @ self.constants["control"].mT

    def prior(self, hidden: Tensor, theta: Any) -> Tensor:
        factor = self.constants["process"]
        return self._latent().join(hidden, factor.expand(*hidden.shape[:-1], -1, -1))

    def first(self, like: Tensor) -> Tensor:
        return self._latent().join(self.constants["first_mean"], self.constants["first_covariance"])

    def _latent(self) -> FullGaussianLatent:
        assert isinstance(self.latent, FullGaussianLatent)
        return self.latent


class LinearGaussianObservation(Model):
    """p(o_t | z_t) = N(C z_t, R) of observations that are one vector; it looks at them as they are.

    Args:
        emission: C, `[O, Z]`.
        noise: R, a covariance `[O, O]`.
        learned: "emission", "noise" or both: those that are only where learning starts.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: as `LinearGaussian` does.
    """

    def __init__(
        self,
        emission: Sequence[Sequence[float]],
        noise: Sequence[Sequence[float]],
        learned: Sequence[str] = (),
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        O = len(emission)
        known = {"emission": matrix("emission", emission, O, None)}
        self.constants = Constants(known, {"noise": matrix("noise", noise, O, O)}, learned)
        self.size = O

    def build(self, state_size: int) -> Self:
        """Raises `ValueError` where C does not take states of this size."""
        columns = self.constants["emission"].shape[1]
        if columns != state_size:
            raise ValueError(f"emission: need {state_size} numbers a row, one for each of the state, got {columns}")
        return self

    def features(self, observation: Tensor) -> Tensor:
        """The observation itself, `[*B, O]`."""
        return observation

    def decode(self, state: Tensor) -> Tensor:
        """The mean `[*B, O]` at states `[*B, Z]`."""
        return state @ self.constants["emission"].mT

    def log_likelihood(self, state: Tensor, observation: Tensor) -> dict[str, Tensor]:
        """log p(o | z), `[*B]`, in nats."""
        return {"observation": -multivariate_gaussian_nll(observation, self.decode(state), self.constants["noise"])}

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Nothing: states come from a posterior, see `LatentWorldModel`."""
        return {}


class Constants(nn.Module):
    """A model's matrices by name, known or learned; of a covariance it keeps the Cholesky factor, with a log-diagonal.

    Raises:
        ValueError: for a covariance that is not symmetric and positive, and a learned name that is none.
    """

    def __init__(self, plain: Mapping[str, Tensor], covariances: Mapping[str, Tensor], learned: Sequence[str]) -> None:
        super().__init__()
        names = (*plain, *covariances)
        unknown = [name for name in learned if name not in names]
        if unknown:
            raise ValueError(f"learned: need some of {', '.join(names)}, got {', '.join(unknown)}")
        self.covariances = frozenset(covariances)
        raw = {**plain, **{name: raw_factor(name, value) for name, value in covariances.items()}}
        for name, value in raw.items():
            if name in learned:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    def __getitem__(self, name: str) -> Tensor:
        """The matrix, or the Cholesky factor of a covariance."""
        value = getattr(self, name)
        return value.tril(-1) + torch.diag_embed(value.diagonal().exp()) if name in self.covariances else value


def matrix(name: str, rows: Sequence[Sequence[float]], height: int, width: int | None) -> Tensor:
    """The rows as a tensor.

    Raises:
        ValueError: naming what has another shape; a `width` of None allows any.
    """
    widths = {len(row) for row in rows}
    if len(rows) != height or len(widths) != 1 or (width is not None and widths != {width}):
        wanted = f"{height} x {'any' if width is None else width}"
        raise ValueError(f"{name}: need a matrix of {wanted}, got rows of {[len(row) for row in rows]}")
    return torch.tensor(rows, dtype=torch.get_default_dtype())


def raw_factor(name: str, covariance: Tensor) -> Tensor:
    """The Cholesky factor with the logarithms of its diagonal."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed.item() or not torch.allclose(covariance, covariance.mT):
        raise ValueError(f"{name}: need a symmetric positive definite matrix, got {covariance.tolist()}")
    return factor.tril(-1) + torch.diag_embed(factor.diagonal().log())
