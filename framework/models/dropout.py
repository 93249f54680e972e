"""Monte Carlo dropout dynamics: p(theta | D) by which units are kept.

    theta = { W_1, W_2 diag(z_1), ..., W_L diag(z_{L-1}) },        z_i ~ Bernoulli(1 - rate) / (1 - rate)

Dropout in training is variational inference with this family of posteriors; dropout when predicting draws from it.
Gal and Ghahramani 2016, section 3. A unit is dropped after its activation, so its mask multiplies the columns of the
next layer's weights: a draw is a network like any other. Each particle keeps one mask for the whole rollout, as in Gal,
McAllister and Rasmussen 2016 (Deep PILCO), section 4.
"""

from collections.abc import Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn
from torch.nn import functional as F

from .head import GaussianHead
from .network_dynamics import NetworkDynamics
from .networks import ACTIVATIONS, MLP, Layers


class DropoutMLP(nn.Module):
    """One perceptron that drops hidden units while it is trained, others for every row.

    Args:
        inputs, outputs, hidden, activation: see `MLP`.
        rate: share of the hidden units that is dropped.

    Raises:
        ValueError: unless 0 <= rate < 1.
    """

    def __init__(self, inputs: int, outputs: int, hidden: Sequence[int], activation: str, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate: need 0 <= rate < 1, got {rate}")
        self.perceptron = MLP(inputs, outputs, hidden, 1, activation)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Rows `[1, R, inputs]` -> `[1, R, outputs]`; with all units when not training."""
        phi = ACTIVATIONS[self.perceptron.activation]
        *hidden, (weight, bias) = self.perceptron.layers()
        for w, b in hidden:
            x = F.dropout(phi(torch.baddbmm(b, x, w.mT), False), self.rate, self.training)  # [1, R, out]
        return torch.baddbmm(bias, x, weight.mT)

    def sample(self, draws: int, generator: torch.Generator | None = None) -> Layers:
        """The layers of so many networks with a mask each."""
        (weight, bias), *others = self.perceptron.layers()
        layers = [(weight.expand(draws, -1, -1), bias.expand(draws, -1, -1))]
        for w, b in others:
            kept = torch.rand((draws, 1, w.shape[-1]), generator=generator, device=w.device) >= self.rate
            layers.append((w * kept / (1 - self.rate), b.expand(draws, -1, -1)))  # [draws, out, in]
        return layers


class DropoutDynamics(NetworkDynamics):
    """One network with dropout and a learned variance of the outcome.

    Args:
        observation_size: of the state S.
        action_size: A.
        rate: see `DropoutMLP`.
        hidden: sizes of the hidden layers.
        activation: between them.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    network: DropoutMLP

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        rate: float = 0.1,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        gradient_clip: float | None = None,
    ) -> None:
        head = GaussianHead(observation_size)
        network = DropoutMLP(observation_size + action_size, head.parts * observation_size, hidden, activation, rate)
        super().__init__(
            observation_size, action_size, network, head, activation, learning_rate, weight_decay, gradient_clip
        )

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {"dynamics": self.head.loss(*self.fitted(batch))}

    def draw(self, particles: int, generator: torch.Generator | None) -> Layers:
        """One mask for each particle."""
        return self.network.sample(particles, generator)
