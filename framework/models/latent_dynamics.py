"""Dynamics of a latent state s = (h, z) with a deterministic part h and a stochastic part z.

    x_t = advance(s_{t-1}, a_{t-1})        h_t = deterministic(x_t)        z_t ~ p(z_t | x_t)

For a recurrent state-space model x is h itself (Hafner et al. 2019, PlaNet, section 3); for a deep Kalman filter or
the latent states of a VAE there is no h, and s = z (Krishnan et al. 2017).
"""

from abc import abstractmethod
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .dynamics import Dynamics
from .full_gaussian import FullGaussianLatent
from .latent import CategoricalLatent, GaussianLatent, Latent


class LatentDynamics(Dynamics):
    """The prior over what comes next in latent space. It has no loss of its own: the sequence's loss trains it.

    Args:
        latent: the family of z.
        deterministic_size: D, of h; 0 for none.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    def __init__(
        self,
        latent: Latent,
        deterministic_size: int = 0,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        self.latent = latent
        self.deterministic_size = deterministic_size
        self.state_size = deterministic_size + latent.size
        self.noise_size = latent.size

    @abstractmethod
    def advance(self, state: Tensor, action: Tensor, theta: Any) -> Tensor:
        """What the next state is predicted from, `[P, *B, X]`, for states `[P, *B, S]` and actions `[P, *B, A]`."""

    @abstractmethod
    def prior(self, hidden: Tensor, theta: Any) -> Tensor:
        """The statistics of p(z | x), `[P, *B, Q]`."""

    def deterministic(self, hidden: Tensor) -> Tensor:
        """h `[P, *B, D]` of x `[P, *B, X]`: all of it, or nothing where D = 0."""
        return hidden[..., : self.deterministic_size]

    def first(self, like: Tensor) -> Tensor:
        """The statistics `[Q]` of p(z_1), where there is no h to predict it from; standard normal or uniform."""
        return self.latent.standard(like)

    # ------------------------------------------------------------------ states

    def initial(self, like: Tensor) -> Tensor:
        """The state `[*B, S]` before the first observation, for anything `[*B, N]` of its device and dtype: zeros."""
        return like.new_zeros(*like.shape[:-1], self.state_size)

    def stochastic(self, state: Tensor) -> Tensor:
        """z `[*B, Z]` of a state `[*B, S]`."""
        return state[..., self.deterministic_size :]

    def state(self, hidden: Tensor, statistics: Tensor, noise: Tensor | None) -> Tensor:
        """The state `[*B, S]` of x and a draw from the statistics; `noise [*B, Z]`, None for the mean or mode."""
        z = self.latent.sample(statistics, noise)
        return torch.cat([self.deterministic(hidden), z], -1) if self.deterministic_size else z

    # ------------------------------------------------------------------ what all dynamics do

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Any:
        """None: one network. An ensemble gives its members."""
        return None

    def predict(self, state: Tensor, action: Tensor, theta: Any) -> torch.distributions.Distribution:
        """The distribution of z alone: h is certain."""
        return distribution(self.latent, self.prior(self.advance(state, action, theta), theta))

    def step(self, state: Tensor, action: Tensor, theta: Any, noise: Tensor | None) -> Tensor:
        """See `Dynamics.step`; `noise` is broadcastable to `[P, *B, Z]`: h is certain."""
        hidden = self.advance(state, action, theta)
        return self.state(hidden, self.prior(hidden, theta), noise)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Nothing: a prior is learned from the posterior's states, see `LatentWorldModel`."""
        return {}


def distribution(latent: Latent, statistics: Tensor) -> torch.distributions.Distribution:
    """The distribution of z with the statistics `[*B, Q]`, of event shape `[Z]` or `[V, classes]`.

    Raises:
        TypeError: for a family that torch.distributions does not know.
    """
    if isinstance(latent, GaussianLatent):
        mean, std = statistics.split(latent.size, -1)
        return torch.distributions.Independent(torch.distributions.Normal(mean, std), 1)
    if isinstance(latent, FullGaussianLatent):
        mean, factor = latent.split(statistics)
        return torch.distributions.MultivariateNormal(mean, scale_tril=factor)
    if isinstance(latent, CategoricalLatent):
        logits = statistics.unflatten(-1, (latent.variables, latent.classes))
        return torch.distributions.Independent(torch.distributions.OneHotCategoricalStraightThrough(logits=logits), 1)
    raise TypeError(f"need a Gaussian, full Gaussian or categorical latent, got {type(latent).__name__}")
