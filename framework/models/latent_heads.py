"""Reward and termination of latent states.

    r_t ~ N(f(s_t), 1)        P(end | s_t) = sigmoid(g(s_t))        r in standard deviations of all rewards so far
    r_t = sum_i softmax(f(s_t))_i b_i                               r as it is, see `value_head.py`

The state at t knows what led to it where it has a deterministic part; z alone does not, so that f may be given the
state and the action before, too.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from .networks import MLP
from .normalizer import Normalizer
from .perceptron import Perceptron
from .reward import Reward
from .termination import Termination
from .value_head import TwoHot, ValueHead


class StateReward(Reward):
    """A reward of latent states. Its batch `[*B]` has `counts [*B]`: 1 for the steps whose errors are learned from."""

    @abstractmethod
    def build(self, state_size: int, action_size: int) -> Self:
        """Makes the network for states `[*B, S]` and actions `[*B, A]`."""


class LatentReward(StateReward):
    """A network's expected reward of a latent state.

    Args:
        of_transition: whether it reads the state and the action before, too.
        hidden: sizes of the hidden layers.
        activation: between them.
        scale: of its loss beside the other parts' nats: 1 / variance of the reward's noise, in its own units.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless `scale` is above 0.
    """

    def __init__(
        self,
        of_transition: bool = False,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        scale: float = 10.0,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        if not scale > 0:
            raise ValueError(f"scale: need more than 0, got {scale}")
        self.of_transition = of_transition
        self.hidden, self.activation, self.scale = tuple(hidden), activation, scale
        self.normalizer = Normalizer(1)

    def build(self, state_size: int, action_size: int) -> Self:
        inputs = 2 * state_size + action_size if self.of_transition else state_size
        self.network = MLP(inputs, 1, self.hidden, 1, self.activation)
        return self

    def adapt(self, batch: TensorDictBase) -> None:
        self.normalizer.update(batch["next", "reward"])

    def standardized(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        """`[*B]` in standard deviations of the reward."""
        x = torch.cat([state, action, next_state], -1) if self.of_transition else next_state
        return self.network(x.reshape(1, -1, x.shape[-1])).view(x.shape[:-1])

    def forward(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        return self.normalizer.denormalize(self.standardized(state, action, next_state)[..., None]).squeeze(-1)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        predicted = self.standardized(batch["state"], batch["action"], batch["next", "state"])
        target = self.normalizer.normalize(batch["next", "reward"]).squeeze(-1)
        return {"reward": 0.5 * self.scale * weighted_mean((predicted - target).square(), batch["counts"])}


class TwoHotReward(StateReward):
    """The reward on arriving in a latent state, learned by classification in its own units.

    Hafner et al. 2023 (DreamerV3), section "World model learning".

    Args:
        hidden: sizes of the hidden layers.
        activation: one of silu, relu, elu, tanh.
        normalize: whether hidden layers are normalised (root mean square).
        head: the bins, and how numbers are read from them.
        scale: of its loss beside the other parts' nats.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless `scale` is above 0.
    """

    network: Perceptron

    def __init__(
        self,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        normalize: bool = True,
        head: TwoHot | None = None,
        scale: float = 1.0,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        if not scale > 0:
            raise ValueError(f"scale: need more than 0, got {scale}")
        self.hidden, self.activation, self.normalize, self.scale = tuple(hidden), activation, normalize, scale
        self.head: ValueHead = TwoHot() if head is None else head

    def build(self, state_size: int, action_size: int) -> Self:
        network = Perceptron(state_size, self.head.outputs, self.hidden, self.activation, self.normalize)
        self.network = network.with_outputs_scaled(self.head.first_scale)
        return self

    def forward(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        return self.head.read(self.network(next_state))

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        nats = self.head.loss(self.network(batch["next", "state"]), batch["next", "reward"][..., 0])
        return {"reward": self.scale * weighted_mean(nats, batch["counts"])}


class LatentTermination(Termination):
    """A classifier of terminal latent states.

    Args:
        hidden: sizes of the hidden layers.
        activation: between them.
        scale: of its loss beside the other parts' nats.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless `scale` is above 0.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        scale: float = 1.0,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        if not scale > 0:
            raise ValueError(f"scale: need more than 0, got {scale}")
        self.hidden, self.activation, self.scale = tuple(hidden), activation, scale

    def build(self, state_size: int) -> Self:
        """Makes the network."""
        self.network = MLP(state_size, 1, self.hidden, 1, self.activation)
        return self

    def logit(self, next_state: Tensor) -> Tensor:
        """`[*B]` log-odds of having terminated."""
        return self.network(next_state.reshape(1, -1, next_state.shape[-1])).view(next_state.shape[:-1])

    def forward(self, next_state: Tensor) -> Tensor:
        return self.logit(next_state).sigmoid()

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        target = batch["next", "terminated"].squeeze(-1).float()
        nats = binary_cross_entropy_with_logits(self.logit(batch["next", "state"]), target, reduction="none")
        return {"termination": self.scale * weighted_mean(nats, batch["counts"])}


def weighted_mean(values: Tensor, counts: Tensor) -> Tensor:
    """The mean of the values that count; 0 where none does."""
    return (values * counts).sum() / counts.sum().clamp_min(1)
