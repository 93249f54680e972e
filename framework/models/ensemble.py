"""Ensembles of networks that predict the change of the state: an approximate p(theta | D) by E point estimates.

    s' = s + mu_Delta + sigma_Delta f_theta((s - mu_s) / sigma_s, (a - mu_a) / sigma_a)

with running statistics mu, sigma of the data. Chua et al. 2018 (PETS), section 4; Lakshminarayanan et al. 2017.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .dynamics import Dynamics
from .networks import MLP, Layers, evaluate, squeezed
from .normalizer import Normalizer


class Members(NamedTuple):
    """Draws from an ensemble: the networks of M members with the normalisation folded into them.

    The first layer's weights are divided by the inputs' deviation, the last layer's multiplied by the change's. The
    means stay outside: in bfloat16 they would swallow the small differences that matter.
    """

    layers: Layers
    input_mean: Tensor  # [S + A]
    change_mean: Tensor  # [S]
    log_scale: Tensor  # [S], twice the log-deviation of the change: what its log-variance gains in the state's units


class Ensemble(Dynamics):
    """What ensembles share: the fused network, normalisation, elites, and draws of members.

    Args:
        observation_size: of the state S.
        action_size: A.
        outputs_per_state: how many numbers the head needs for each state dimension.
        members: E; one member is a plain network.
        elites: how many members predict, chosen by their held-out error; None for all.
        hidden: sizes of the hidden layers.
        activation: between them.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless 1 <= elites <= members.
    """

    elite_index: Tensor

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        outputs_per_state: int,
        members: int,
        elites: int | None,
        hidden: Sequence[int],
        activation: str,
        learning_rate: float,
        weight_decay: float,
        gradient_clip: float | None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        self.members = members
        self.elites = members if elites is None else elites
        if not 1 <= self.elites <= members:
            raise ValueError(f"elites: need 1 <= elites <= members, got {elites} and {members}")
        inputs = observation_size + action_size
        self.activation = activation
        self.network = MLP(inputs, outputs_per_state * observation_size, hidden, members, activation)
        self.input_normalizer = Normalizer(inputs)
        self.change_normalizer = Normalizer(observation_size)
        self.register_buffer("elite_index", torch.arange(self.elites))

    @abstractmethod
    def head(self, output: Tensor, log_scale: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Network output `[..., D]` -> mean and log-variance `[..., S]` of the change; None for a point.

        `log_scale` `[S]` is given when the output is in the state's units instead of normalised.
        """

    def adapt(self, batch: TensorDictBase) -> None:
        state, action, change = transition(batch)
        self.input_normalizer.update(torch.cat([state, action], -1))
        self.change_normalizer.update(change)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Every member at `[B, S + A]` or at its own rows `[E, B, S + A]` -> mean, log-variance `[E, B, S]`.

        All is normalised, input and output.
        """
        return self.head(self.network(x if x.dim() == 3 else x[None]))

    def prepare(self, batch: TensorDictBase) -> None:
        state, action, change = transition(batch)
        batch["dynamics_input"] = self.input_normalizer.normalize(torch.cat([state, action], -1))
        batch["dynamics_target"] = self.change_normalizer.normalize(change)

    def fitted(self, batch: TensorDictBase) -> tuple[Tensor, Tensor | None, Tensor]:
        """Mean and log-variance `[E, B, S]` of every member, and the target, all normalised."""
        if "dynamics_input" not in batch:
            self.prepare(batch)
        return *self(batch["dynamics_input"]), batch["dynamics_target"]

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        mean, _, target = self.fitted(batch)
        return {"member_error": (mean - target).square().mean((1, 2))}  # [E]

    @torch.no_grad()
    def select(self, scores: dict[str, Tensor]) -> None:
        error = scores["member_error"].clone()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(error)
        self.elite_index.copy_(error.argsort()[: self.elites])

    @torch.no_grad()
    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Members:
        """The networks of M elite members, where M divides P: each serves a block of P / M particles.

        Every elite gets an equal share where P allows, so no plan escapes a member; else P members are drawn, each
        elite floor(P / K) or ceil(P / K) times.
        """
        chosen: Tensor | None = self.elite_index
        if particles % self.elites:
            shuffled = torch.randperm(self.elites, generator=generator, device=self.elite_index.device)
            chosen = self.elite_index[shuffled].repeat(-(-particles // self.elites))[:particles].sort().values
        elif self.elites == self.members:
            chosen = None
        layers = self.network.layers(chosen)
        std = self.change_normalizer.std
        parts = self.network.weights[-1].shape[1] // len(std)  # the mean, and where there is one the log-variance
        log_scale = 2 * std.log()
        weight, bias = layers[-1]
        scale = torch.cat([std, *[torch.ones_like(std)] * (parts - 1)])
        offset = torch.cat([torch.zeros_like(std), *[log_scale] * (parts - 1)])
        layers[-1] = (weight * scale[:, None], bias * scale + offset)
        weight, bias = layers[0]
        layers[0] = (weight / self.input_normalizer.std, bias)
        if torch.is_autocast_enabled(std.device.type):  # cast once a draw instead of once a step
            dtype = torch.get_autocast_dtype(std.device.type)
            layers = [(weight.to(dtype), bias.to(dtype)) for weight, bias in layers]
        return Members(squeezed(layers), self.input_normalizer.mean, self.change_normalizer.mean, log_scale)

    def change(self, state: Tensor, action: Tensor, theta: Members) -> tuple[Tensor, Tensor | None]:
        """Mean and log-variance `[P, *B, S]` of the change, for `[P, *B, S]`, `[P, *B, A]` and M | P draws."""
        x = torch.cat([state, action], -1).sub_(theta.input_mean)  # [P, *B, S + A]
        first = theta.layers[0][0]
        rows = x.view(*first.shape[:-2], -1, x.shape[-1])  # [M, P / M * B, S + A], without M where it is one
        if rows.dtype != first.dtype:
            rows = rows.to(first.dtype)
        output = evaluate(theta.layers, rows, self.activation).view(*state.shape[:-1], -1)
        if output.dtype != state.dtype:
            output = output.to(state.dtype)
        mean, log_var = self.head(output, theta.log_scale)
        return mean + theta.change_mean, log_var

    def step(self, state: Tensor, action: Tensor, theta: Members, noise: Tensor | None) -> Tensor:
        change, log_var = self.change(state, action, theta)
        if noise is not None and log_var is not None:
            change = change + noise * (0.5 * log_var).exp()
        return state + change


def transition(batch: TensorDictBase) -> tuple[Tensor, Tensor, Tensor]:
    """State, action and change of the state of a batch in which `state` and `next.state` were inferred."""
    state = batch["state"]
    return state, batch["action"], batch["next", "state"] - state
