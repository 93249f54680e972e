"""The deterministic policy: a = tanh(f(s)). Silver et al. 2014; what it tries out is noise that the agent adds."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .action_distribution import ActionDistribution, Sampled
from .policy import Policy


class Certain(ActionDistribution):
    """All probability at one action `[*B, A]`; a draw's log-density counts as 0."""

    def __init__(self, action: Tensor) -> None:
        self.action = action

    def sample(self, generator: torch.Generator | None = None) -> Sampled:
        return Sampled(self.action, self.action.new_zeros(self.action.shape[:-1]))

    def log_prob(self, action: Tensor) -> Tensor:
        raise NotImplementedError("a deterministic policy has no density")

    def entropy(self) -> Tensor:
        raise NotImplementedError("a deterministic policy has no entropy")

    def mode(self) -> Tensor:
        return self.action


class DeterministicPolicy(Policy):
    """f(s) is one network.

    Args:
        hidden, activation, normalize, output_scale: see `Policy`.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    has_density = False

    def __init__(
        self,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        normalize: bool = False,
        output_scale: float = 1.0,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(1, hidden, activation, normalize, output_scale, learning_rate, weight_decay, gradient_clip)

    def read(self, output: Tensor) -> Certain:
        return Certain(output.tanh())
