"""The epsilon-greedy policy: the action of the largest Q(s, a), but for a share epsilon that is drawn from all alike.

    pi(a | s) = (1 - epsilon) 1[a = argmax_b Q(s, b)] + epsilon / A

Sutton and Barto 2018, section 2.2. One network gives Q for all actions of a state at once (Mnih et al. 2015).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .action_distribution import ActionDistribution, Sampled
from .policy import Policy


class EpsilonGreedy(ActionDistribution):
    """Given by Q `[*B, A]` and epsilon, one number. Draws have no gradient: a choice of the largest has none."""

    def __init__(self, q: Tensor, epsilon: Tensor) -> None:
        self.q, self.epsilon = q, epsilon

    def sample(self, generator: torch.Generator | None = None) -> Sampled:
        chance = torch.empty(*self.q.shape[:-1], 1 + self.q.shape[-1], device=self.q.device, dtype=self.q.dtype)
        chance.uniform_(generator=generator)
        drawn = chance[..., 1:].argmax(-1)
        chosen = self._one_hot(torch.where(chance[..., 0] < self.epsilon, drawn, self.q.argmax(-1)))
        return Sampled(chosen, self.log_prob(chosen))

    def log_prob(self, action: Tensor) -> Tensor:
        return (action * self._pi()).sum(-1).log()

    def entropy(self) -> Tensor:
        return torch.special.entr(self._pi()).sum(-1)

    def mode(self) -> Tensor:
        return self._one_hot(self.q.argmax(-1))

    def _pi(self) -> Tensor:
        return (1 - self.epsilon) * self.mode() + self.epsilon / self.q.shape[-1]

    def _one_hot(self, index: Tensor) -> Tensor:
        return one_hot(index, self.q.shape[-1]).to(self.q.dtype)


class EpsilonGreedyPolicy(Policy):
    """Q(s, .) from one network.

    Attributes:
        epsilon: a buffer, a scalar tensor; it travels with the weights, into checkpoints and to workers.

    Args:
        hidden, activation, output_scale: see `Policy`.
        normalize: see `Policy`. Without, Q of rectified layers grows with the size of the state: what lies at the
            borders of what was seen, where tasks end, is overrated, and Q-learning can diverge.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    discrete_actions = True
    epsilon: Tensor

    def __init__(
        self,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        normalize: bool = True,
        output_scale: float = 1.0,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(1, hidden, activation, normalize, output_scale, learning_rate, weight_decay, gradient_clip)
        self.register_buffer("epsilon", torch.tensor(1.0))

    def read(self, output: Tensor) -> EpsilonGreedy:
        return EpsilonGreedy(output, self.epsilon)

    def q(self, state: Tensor) -> Tensor:
        """Q(s, .) `[*B, A]` of states `[*B, S]`."""
        q: Tensor = self.network(state)
        return q
