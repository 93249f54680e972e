"""The recurrent state-space model: a deterministic memory and a stochastic part that is predicted from it.

    h_t = f(h_{t-1}, z_{t-1}, a_{t-1})        z_t ~ p(z_t | h_t)

A gated recurrent unit with Gaussian z is the model of PlaNet and Dreamer (Hafner et al. 2019, section 3), one with
blocks and categorical z that of DreamerV3 (Hafner et al. 2023, section "World model learning").
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .gru_cell import GRUCell
from .latent import GaussianLatent, Latent
from .latent_dynamics import LatentDynamics
from .networks import keep_freed_memory
from .perceptron import Perceptron
from .recurrent_cell import RecurrentCell


class RSSM(LatentDynamics):
    """The prior p(h', z' | h, z, a). `Filtering` is its posterior.

    The defaults suit a CPU. PlaNet: `deterministic_size` 200, `hidden` [200], a Gaussian of 30 with `min_std` 0.1.
    DreamerV3 size1m: 512, a `BlockGRUCell` of 64, `hidden` [64, 64], `activation` silu, `normalize`, 32 x 4 classes,
    with `unimix` 0.01; its larger sizes are 2048 / 256 / 16 classes, 3072 / 384 / 24 and 4096 / 512 / 32.

    Args:
        action_size: A.
        latent: the family of z; a Gaussian of 30 variables by default.
        cell: f; a `GRUCell` by default.
        deterministic_size: D.
        hidden: sizes of the hidden layers of p(z | h).
        activation: between them; one of silu, relu, elu, tanh.
        normalize: whether they are normalised by their root mean square.
        learned_initial: the state before the first observation: h = tanh(w) with a learned w and z the mean or mode of
            p(z | h) (DreamerV3's first version) instead of zeros.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: for a deterministic size below 1.
    """

    initial_weight: nn.Parameter | None

    def __init__(
        self,
        action_size: int,
        latent: Latent | None = None,
        cell: RecurrentCell | None = None,
        deterministic_size: int = 200,
        hidden: Sequence[int] = (200,),
        activation: str = "elu",
        normalize: bool = False,
        learned_initial: bool = False,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        if deterministic_size < 1:
            raise ValueError(f"deterministic_size: need at least 1, got {deterministic_size}")
        super().__init__(
            GaussianLatent() if latent is None else latent,
            deterministic_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
        )
        keep_freed_memory()
        cell = GRUCell() if cell is None else cell
        self.cell = cell.build(self.latent.size, action_size, deterministic_size)
        self.head = Perceptron(deterministic_size, self.latent.statistics, hidden, activation, normalize)
        self.initial_weight = nn.Parameter(torch.zeros(deterministic_size)) if learned_initial else None

    def advance(self, state: Tensor, action: Tensor, theta: Any) -> Tensor:
        h, z = state.split([self.deterministic_size, self.latent.size], -1)
        return self.cell(h, z, self.cell.drive(action))

    def prior(self, hidden: Tensor, theta: Any) -> Tensor:
        return self.latent.read(self.head(hidden))

    def initial(self, like: Tensor) -> Tensor:
        return torch.cat(self.start(like)).expand(*like.shape[:-1], -1)

    def start(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """h `[D]` and z `[Z]` before the first observation."""
        if self.initial_weight is None:
            return like.new_zeros(self.deterministic_size), like.new_zeros(self.latent.size)
        h = self.initial_weight.tanh()
        return h, self.latent.sample(self.prior(h, None), None)
