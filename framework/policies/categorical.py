"""The categorical policy: one of A actions.

    pi(a | s) = (1 - u) softmax(x(s))_a + u / A        a = argmax_a log pi_a + g_a,  g Gumbel noise

u is a share of uniform play that keeps every logarithm finite (Hafner et al. 2023, DreamerV3: 0.01). A draw is one-hot
and has the gradient of pi (straight-through; Bengio, Leonard and Courville 2013).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .action_distribution import ActionDistribution, Sampled
from .policy import Policy


class Categorical(ActionDistribution):
    """Given by log-probabilities `[*B, A]`."""

    def __init__(self, log_pi: Tensor) -> None:
        self.log_pi = log_pi

    def sample(self, generator: torch.Generator | None = None) -> Sampled:
        pi = self.log_pi.exp()
        chance = torch.empty_like(pi).exponential_(generator=generator)
        chosen = self._one_hot((pi.detach() / chance).argmax(-1))
        return Sampled(chosen + (pi - pi.detach()), self.log_prob(chosen))

    def log_prob(self, action: Tensor) -> Tensor:
        return (action * self.log_pi).sum(-1)

    def entropy(self) -> Tensor:
        return -(self.log_pi.exp() * self.log_pi).sum(-1)

    def mode(self) -> Tensor:
        return self._one_hot(self.log_pi.argmax(-1))

    def _one_hot(self, index: Tensor) -> Tensor:
        return one_hot(index, self.log_pi.shape[-1]).to(self.log_pi.dtype)


class CategoricalPolicy(Policy):
    """x(s) from one network.

    Args:
        hidden, activation, normalize, output_scale: see `Policy`.
        unimix: u.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: for a share outside [0, 1).
    """

    discrete_actions = True

    def __init__(
        self,
        hidden: Sequence[int] = (256, 256),
        activation: str = "silu",
        normalize: bool = False,
        output_scale: float = 0.01,
        unimix: float = 0.01,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(1, hidden, activation, normalize, output_scale, learning_rate, weight_decay, gradient_clip)
        if not 0 <= unimix < 1:
            raise ValueError(f"unimix: need a number in [0, 1), got {unimix}")
        self.unimix = unimix

    def read(self, output: Tensor) -> Categorical:
        if not self.unimix:
            return Categorical(output.log_softmax(-1))
        return Categorical(((1 - self.unimix) * output.softmax(-1) + self.unimix / output.shape[-1]).log())
