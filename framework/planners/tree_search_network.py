"""A network of policy and value for a tree search, which learns from what the search arrived at.

    p(a | s), w(s) = f(s)        loss = - sum_a pi(a) log p(a | s)  -  z log w(s)  -  (1 - z) log (1 - w(s))

w in (0, 1) is the value as a share of the range of returns, in a game the chance of winning, and bounded as it must be
where values are learned from values. pi are the search's improved probabilities at a recorded state, z its value there
in the same unit: the search improves on the network, and the network learns the improvement (expert iteration). Silver
et al. 2018, "A general reinforcement learning algorithm that masters chess, shogi and Go through self-play", has the
game's result for z; the search's own value (Willemsen, Baier and Kaisers 2020, "Value targets in off-policy AlphaZero")
needs no end of the game.
"""

from collections.abc import Callable, Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..keys import SEARCH_POLICY, SEARCH_VALUE, STATE
from ..models.base import Model
from ..models.networks import MLP, whole
from ..models.normalizer import Normalizer
from .tree_search import Evaluate, Simulate
from .tree_search_rollout import Evaluator


class PolicyValueNetwork(Model, Evaluator):
    """One perceptron with A logits and a value.

    Args:
        observation_size: S, of the state; filled in from the environment.
        action_size: A.
        value_range: the least and the largest return; for rewards of at most r, r / (1 - gamma).
        hidden: sizes of the hidden layers.
        activation: see `MLP`.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless the range is one.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        value_range: tuple[float, float] = (-1.0, 1.0),
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        if not value_range[0] < value_range[1]:
            raise ValueError(f"value_range: need the lower first, got {value_range}")
        self.least, self.most = value_range
        self.action_size = action_size
        self.network = MLP(observation_size, action_size + 1, hidden, 1, activation)
        self.normalizer = Normalizer(observation_size)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[*B, A]` of the actions and `[*B]` of w in states `[*B, S]`."""
        output = whole(self.network, self.normalizer.normalize(state))[0]
        return output[..., : self.action_size], output[..., self.action_size]

    def bind(self, simulate: Simulate, legal: Callable[[Tensor], Tensor], discount: float) -> Evaluate:
        def evaluate(state: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            logits, share = self(state)
            return logits, self.least + (self.most - self.least) * share.sigmoid()

        return evaluate

    def adapt(self, batch: TensorDictBase) -> None:
        self.normalizer.update(batch[STATE])

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """`policy` and `value`; nothing for a batch without searches, as in a validation."""
        if SEARCH_POLICY not in batch:
            return {}
        logits, share = self(batch[STATE])
        z = ((batch[SEARCH_VALUE][..., 0] - self.least) / (self.most - self.least)).clamp(0, 1)
        cross_entropy = -(batch[SEARCH_POLICY] * logits.log_softmax(-1)).sum(-1)
        return {"policy": cross_entropy.mean(), "value": binary_cross_entropy_with_logits(share, z)}
