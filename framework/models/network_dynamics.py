"""Networks that predict the change of the state, in whatever form p(theta | D) is kept.

    s' = s + mu_Delta + sigma_Delta f_theta((s - mu_s) / sigma_s, (a - mu_a) / sigma_a)

with running statistics mu, sigma of the data. A draw of theta is a network: a member of an ensemble, a sample of a
Bayesian network's weights, or a network with some units dropped. From there on all of them step alike.
"""

from abc import abstractmethod
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from .dynamics import Dynamics
from .head import Head
from .networks import Layers, evaluate, squeezed
from .normalizer import Normalizer


class Draws(NamedTuple):
    """M draws from p(theta | D): networks with the normalisation folded into them.

    The first layer's weights are divided by the inputs' deviation, the last layer's multiplied by the change's. The
    means stay outside: in bfloat16 they would swallow the small differences that matter.
    """

    layers: Layers
    input_mean: Tensor  # [S + A]
    change_mean: Tensor  # [S]
    log_scale: Tensor  # [S], twice the log-deviation of the change: what its log-variance gains in the state's units


class NetworkDynamics(Dynamics):
    """What dynamics by networks share: normalisation, the fused evaluation of many draws, and the loss by a head.

    Args:
        observation_size: of the state S.
        action_size: A.
        network: rows `[M, B, S + A]`, or `[1, B, S + A]` for all, -> `[M, B, parts * S]`, as it is trained.
        head: what the output means.
        activation: between the layers.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        network: nn.Module,
        head: Head,
        activation: str,
        learning_rate: float,
        weight_decay: float,
        gradient_clip: float | None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        self.activation = activation
        self.network = network
        self.head = head
        self.input_normalizer = Normalizer(observation_size + action_size)
        self.change_normalizer = Normalizer(observation_size)

    @abstractmethod
    def draw(self, particles: int, generator: torch.Generator | None) -> Layers:
        """The networks of M draws, where M divides P; normalised input and output. The list is the caller's."""

    # ------------------------------------------------------------------ learning

    def adapt(self, batch: TensorDictBase) -> None:
        state, action, change = transition(batch)
        self.input_normalizer.update(torch.cat([state, action], -1))
        self.change_normalizer.update(change)

    def prepare(self, batch: TensorDictBase) -> None:
        state, action, change = transition(batch)
        batch["dynamics_input"] = self.input_normalizer.normalize(torch.cat([state, action], -1))
        batch["dynamics_target"] = self.change_normalizer.normalize(change)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Every network at `[B, S + A]` or at its own rows `[M, B, S + A]` -> mean, log-variance `[M, B, S]`.

        All is normalised, input and output.
        """
        return self.head.read(self.network(x if x.dim() == 3 else x[None]))

    def fitted(self, batch: TensorDictBase) -> tuple[Tensor, Tensor | None, Tensor]:
        """Mean and log-variance `[M, B, S]` of every network, and the target, all normalised."""
        if "dynamics_input" not in batch:
            self.prepare(batch)
        return *self(batch["dynamics_input"]), batch["dynamics_target"]

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        mean, log_var, target = self.fitted(batch)
        error = (mean - target).square().mean((1, 2))  # [M]
        return {"member_error": error, **self.head.scores(mean, log_var, target)}

    # ------------------------------------------------------------------ predicting

    @torch.no_grad()
    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Draws:
        """The networks of M draws, where M divides P: each serves a block of P / M particles."""
        layers = self.draw(particles, generator)
        std = self.change_normalizer.std
        ones = [torch.ones_like(std)] * (self.head.parts - 1)  # the log-variance is shifted instead of scaled
        log_scale = 2 * std.log()
        weight, bias = layers[-1]
        scale = torch.cat([std, *ones])
        offset = torch.cat([torch.zeros_like(std), *[log_scale] * len(ones)])
        layers[-1] = (weight * scale[:, None], bias * scale + offset)
        weight, bias = layers[0]
        layers[0] = (weight / self.input_normalizer.std, bias)
        if torch.is_autocast_enabled(std.device.type):  # cast once a draw instead of once a step
            dtype = torch.get_autocast_dtype(std.device.type)
            layers = [(weight.to(dtype), bias.to(dtype)) for weight, bias in layers]
        return Draws(squeezed(layers), self.input_normalizer.mean, self.change_normalizer.mean, log_scale)

    def change(self, state: Tensor, action: Tensor, theta: Draws) -> tuple[Tensor, Tensor | None]:
        """Mean and log-variance `[P, *B, S]` of the change, for `[P, *B, S]`, `[P, *B, A]` and M | P draws."""
        x = torch.cat([state, action], -1).sub_(theta.input_mean)  # [P, *B, S + A]
        first = theta.layers[0][0]
        rows = x.view(*first.shape[:-2], -1, x.shape[-1])  # [M, P / M * B, S + A], without M where it is one
        if rows.dtype != first.dtype:
            rows = rows.to(first.dtype)
        output = evaluate(theta.layers, rows, self.activation).view(*state.shape[:-1], -1)
        if output.dtype != state.dtype:
            output = output.to(state.dtype)
        mean, log_var = self.head.read(output, theta.log_scale)
        return mean + theta.change_mean, log_var

    def predict(self, state: Tensor, action: Tensor, theta: Draws) -> torch.distributions.Distribution:
        """A point mass or a diagonal Gaussian, in the state's units."""
        change, log_var = self.change(state, action, theta)
        return self.head.distribution(state + change, log_var)

    def step(self, state: Tensor, action: Tensor, theta: Draws, noise: Tensor | None) -> Tensor:
        change, log_var = self.change(state, action, theta)
        if noise is not None and log_var is not None:
            change = change + noise * (0.5 * log_var).exp()
        return state + change


def transition(batch: TensorDictBase) -> tuple[Tensor, Tensor, Tensor]:
    """State, action and change of the state of a batch in which `state` and `next.state` were inferred."""
    state = batch["state"]
    return state, batch["action"], batch["next", "state"] - state
