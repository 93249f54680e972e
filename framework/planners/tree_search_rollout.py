"""What a leaf of a search tree is worth.

    v(s) = 1/R sum_i sum_{t<T} gamma^t c_1 ... c_t r_{t+1}        with actions drawn uniformly from the legal ones

Random play as the value, with the same prior for all actions: Browne et al. 2012, section 3.1.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .tree_search import Evaluate, Simulate


class Evaluator(ABC):
    """Makes the function that a search asks for priors and values."""

    @abstractmethod
    def bind(self, simulate: Simulate, legal: Callable[[Tensor], Tensor], discount: float) -> Evaluate:
        """state `[W, *B, S]` -> log-priors `[W, *B, A]`, value `[W, *B]`, of the root's player."""


class RandomRollout(Evaluator):
    """Plays at random in the model, for all leaves at once.

    Args:
        depth: T.
        rollouts: R, for each leaf.

    Raises:
        ValueError: unless depth >= 0 and rollouts >= 1.
    """

    def __init__(self, depth: int = 20, rollouts: int = 1) -> None:
        if depth < 0 or rollouts < 1:
            raise ValueError(f"need depth >= 0 and rollouts >= 1, got {depth} and {rollouts}")
        self.depth, self.rollouts = depth, rollouts

    def bind(self, simulate: Simulate, legal: Callable[[Tensor], Tensor], discount: float) -> Evaluate:
        def evaluate(state: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            prior = legal(state).to(state.dtype).log()  # [W, *B, A]
            shape, A = (state.shape[0], self.rollouts, *state.shape[1:-1]), prior.shape[-1]
            state = state[:, None].expand(*shape, -1)  # [W, R, *B, S]
            uniform = torch.rand(self.depth, *shape, A, generator=generator, device=state.device, dtype=state.dtype)
            value, weight = state.new_zeros(shape), state.new_ones(shape)
            for chance in uniform.unbind(0):
                drawn = torch.where(legal(state), chance, -1.0).argmax(-1)
                state, reward, continuation = simulate(state, one_hot(drawn, A).to(state.dtype), generator)
                value = value + weight * reward
                weight = weight * continuation * discount
            return prior, torch.where(value.isfinite(), value, -torch.inf).mean(1)

        return evaluate
