"""The seam of Monte Carlo tree search: from a state to an action, by simulating ahead where it looks worth it.

    repeat M times:   select   from the root, the action of highest score, until an action that was never tried
                      expand   simulate it: s', r, c ~ p(. | s, a)
                      evaluate v(s'), by a network or by random play
                      back up  G_t = r_{t+1} + gamma c_{t+1} G_{t+1} to every action on the way

Coulom 2006; Browne et al. 2012, "A Survey of Monte Carlo Tree Search Methods", section 3.1. All returns are the root
player's; where the opponent is to move, the scores are of the negated returns (negamax). All B roots are searched at
once: see `tree_search_arrays.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .tree_search_arrays import Statistics, Tree
from .tree_search_outcome import Outcome

Simulate = Callable[[Tensor, Tensor, torch.Generator | None], tuple[Tensor, Tensor, Tensor]]
"""state `[W, *B, S]`, one-hot action `[W, *B, A]` -> next state, reward and probability of going on `[W, *B]`.

W draws of the outcome of the same action stand side by side, for a model that spreads them evenly.
"""

Evaluate = Callable[[Tensor, torch.Generator | None], tuple[Tensor, Tensor]]
"""state `[W, *B, S]` -> log-priors of the actions `[W, *B, A]` up to a constant, value `[W, *B]`."""


class Problem(NamedTuple):
    """What a search sees of the world: four functions.

    `legal(state [*B, S])` is a mask `[*B, A]`; `to_play(state [*B, S])` is 1 where the mover wants the return high, -1
    where an opponent wants it low.
    """

    simulate: Simulate
    evaluate: Evaluate
    legal: Callable[[Tensor], Tensor]
    to_play: Callable[[Tensor], Tensor]


class Found(NamedTuple):
    """What a search found at each of B roots.

    `action` `[B]` is the index to play; `policy` `[B, A]` the probabilities that a policy network may learn from;
    `visits` and `q` `[B, A]` the simulations through each action and their mean return; `value` `[B]` the return of
    playing by `policy`: its mean of q, and of the node's own value where q is unknown. All are the mover's.
    """

    action: Tensor
    policy: Tensor
    visits: Tensor
    q: Tensor
    value: Tensor


class TreeSearch(ABC):
    """Grows a tree of M simulations from each root.

    Args:
        simulations: M.
        discount: gamma.
        max_depth: of the tree; what lies there is evaluated but not searched further.
        outcomes: W, how many draws of the outcome an action's chance node keeps. 1 for a certain world, or to search
            the mean prediction. Equal draws become one with their joint weight, and the simulations follow the weights.
        bounds: the least and the largest return of a game. Given, values that are proven are backed up and what is
            proven is not searched again (`tree_search_solver.py`). For certain worlds only.
        compiled: by torch.compile, which takes half a minute at the first search with so many roots.

    Raises:
        ValueError: for numbers out of range.
    """

    def __init__(
        self,
        simulations: int = 50,
        discount: float = 0.99,
        max_depth: int = 50,
        outcomes: int = 1,
        bounds: tuple[float, float] | None = None,
        compiled: bool = False,
    ) -> None:
        for name, number in {"simulations": simulations, "max_depth": max_depth, "outcomes": outcomes}.items():
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        if not 0 < discount <= 1:
            raise ValueError(f"discount: need a number in (0, 1], got {discount}")
        if bounds is not None and (outcomes > 1 or not bounds[0] < bounds[1]):
            raise ValueError(f"bounds: need the lower first, and outcomes 1, got {bounds} and outcomes {outcomes}")
        self.simulations = simulations
        self.discount = discount
        self.max_depth = min(max_depth, simulations)
        self.outcomes = outcomes
        self.bounds = bounds
        self.once = torch.compile(self.simulated) if compiled else self.simulated

    @abstractmethod
    def score(self, statistics: Statistics) -> Tensor:
        """How much each action `[..., A]` of nodes inside the tree asks to be tried next."""

    @abstractmethod
    def root_score(self, statistics: Statistics, simulation: Tensor) -> Tensor:
        """The same at the roots `[B, A]`, before simulation number 0, 1, ..., `[1]`."""

    @abstractmethod
    def choose(self, statistics: Statistics) -> tuple[Tensor, Tensor]:
        """The action `[B]` to play and the improved policy `[B, A]`, from the roots' statistics."""

    @torch.no_grad()
    def search(
        self, state: Tensor, problem: Problem, generator: torch.Generator | None = None, *, explore: bool = True
    ) -> Found:
        """Searches from states `[B, S]`, none of which may be an end.

        Without `explore` the roots' noise is zero: a search that samples actions, as Gumbel search, plays its best.
        """
        nothing = torch.zeros_like(state[None, :, 0])
        root = self.outcome(problem, state[None], nothing, nothing + 1, generator)  # [1, B]
        tree = Tree(
            state, root.logits.shape[-1], self.simulations, self.max_depth, self.outcomes, self.bounds, generator
        )
        tree.plant(root, noise=explore)
        for simulation in torch.arange(self.simulations, device=state.device).split(1):
            self.once(tree, problem, simulation, generator)
        statistics = tree.statistics(tree.roots)
        action, policy = self.choose(statistics)
        q = torch.where(statistics.visits > 0, statistics.q, statistics.raw[:, None])
        return Found(tree.decide(action, statistics), policy, statistics.visits, statistics.q, (policy * q).sum(-1))

    def simulated(self, tree: Tree, problem: Problem, simulation: Tensor, generator: torch.Generator | None) -> None:
        """One simulation, number `[1]`, in every tree."""
        score = self.root_score(tree.statistics(tree.roots), simulation)
        end, _ = tree.follow(tree.roots, score.argmax(-1))  # [B, 3]
        outcome = self.outcome(problem, *problem.simulate(*tree.outset(end), generator), generator)  # [W, B]
        growth = tree.grow(end, simulation, outcome)
        tree.point(growth, self.score(tree.statistics(growth.nodes)).argmax(-1))

    def outcome(
        self, problem: Problem, state: Tensor, reward: Tensor, continuation: Tensor, generator: torch.Generator | None
    ) -> Outcome:
        """What is known of states `[W, B, S]` to which a step with this reward and probability of going on led."""
        logits, value = problem.evaluate(state, generator)
        legal, player = problem.legal(state), problem.to_play(state).to(value.dtype)
        ending = None if self.bounds is None else self.look_ahead(problem, state, logits.shape[-1], generator)
        return Outcome(state, reward, self.discount * continuation, legal, logits, value, player, ending).sound()

    def look_ahead(self, problem: Problem, state: Tensor, actions: int, generator: torch.Generator | None) -> Tensor:
        """The reward `[1, B, A]` of each action that ends the game in states `[1, B, S]`, NaN of those that do not."""
        each = torch.eye(actions, device=state.device, dtype=state.dtype).expand(*state.shape[:2], -1, -1)
        _, reward, continuation = problem.simulate(state[:, :, None].expand(-1, -1, actions, -1), each, generator)
        return torch.where(continuation > 0, torch.nan, reward)
