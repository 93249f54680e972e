"""Planning by gradient: climb the objective through the model, from several starts at once.

    a^i_0 = a given plan, or a random one        g = dJ/da (a^i_j),  through H steps of the model
    m <- b_1 m + (1 - b_1) g        v <- b_2 v + (1 - b_2) g^2
    a^i_{j+1} = clip(a^i_j + eta m / (1 - b_1^j) / (sqrt(v / (1 - b_2^j)) + 1e-8))        execute the best plan seen

Kingma and Ba 2015 (Adam), algorithm 1, projected onto the bounds. Started from CEM's plan, sampling finds the hill and
the gradient its top (Bharadhwaj et al. 2020, "Model-Predictive Control via Cross-Entropy and Gradient-Based
Optimization").
"""

import torch
from torch import Tensor

from .planner import BoundObjective, Plan, Planner, candidates_around, finite

MEAN_DECAY, SQUARE_DECAY = 0.9, 0.999  # b_1, b_2


class GradientPlanner(Planner):
    """Adam on the actions; executes the best plan seen.

    Args:
        restarts: N, of which the first starts at the given plan and the others at random around it.
        iterations: J.
        horizon: H.
        learning_rate: eta, the step of an action in an iteration.
        initial_std: of the random starts.
        start: a planner whose result is the given plan, CEM for example; else it is the last plan shifted.

    Raises:
        ValueError: unless N >= 1, J >= 1, eta > 0 and the start has the same horizon and actions in [-1, 1].
    """

    def __init__(
        self,
        restarts: int = 16,
        iterations: int = 5,
        horizon: int = 20,
        learning_rate: float = 0.2,
        initial_std: float = 0.5,
        start: Planner | None = None,
    ) -> None:
        super().__init__(horizon, initial_std, kept=0 if start is None else start.kept)
        if restarts < 1 or iterations < 1 or learning_rate <= 0:
            got = f"got {restarts}, {iterations} and {learning_rate}"
            raise ValueError(f"need restarts >= 1, iterations >= 1 and learning_rate > 0, {got}")
        if start is not None and (start.horizon != horizon or start.discrete_actions):
            raise ValueError(f"start: need a planner of continuous actions with horizon {horizon}, got {start.horizon}")
        self.restarts, self.iterations, self.learning_rate, self.start = restarts, iterations, learning_rate, start

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        kept = None
        if self.start is not None:
            found = self.start.plan(objective, self.start.prior(prior.mean, prior.kept), generator)
            prior, kept = Plan(found.actions, found.actions, prior.std), found.kept
        actions = candidates_around(prior, self.restarts, generator)  # [B, N, H, A]
        if prior.kept is not None:  # without a planner to start from, which has tried them
            actions = torch.cat([actions, prior.kept], 1)
        m, v = torch.zeros_like(actions), torch.zeros_like(actions)
        chosen, value = prior.mean, prior.mean.new_full(prior.mean.shape[:1], -torch.inf)  # best seen [B, H, A], [B]
        for j in range(1, self.iterations + 1):
            returns, g = ascent(objective, actions)
            chosen, value = better(chosen, value, actions, returns)
            m = m.lerp(g, 1 - MEAN_DECAY)
            v = v.lerp(g.square(), 1 - SQUARE_DECAY)
            step = m / (1 - MEAN_DECAY**j) / ((v / (1 - SQUARE_DECAY**j)).sqrt() + 1e-8)
            actions = (actions + self.learning_rate * step).clamp(-1, 1)
        chosen, _ = better(chosen, value, actions, objective(actions))
        return Plan(chosen, chosen, prior.std, kept)


def ascent(objective: BoundObjective, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Returns `[B, N]` and their gradient `[B, N, H, A]`, 0 where it is not finite; the model's weights get none.

    Raises:
        ValueError: for a return without a gradient, as of a reward that counts steps.
    """
    with torch.enable_grad():
        variable = actions.detach().requires_grad_()
        returns = objective(variable)
        if not returns.requires_grad:
            raise ValueError("objective: its return does not change smoothly with the actions; give a shaped_reward")
        (gradient,) = torch.autograd.grad(returns.sum(), variable)
    return returns.detach(), gradient.nan_to_num(0.0, 0.0, 0.0)


def better(chosen: Tensor, value: Tensor, actions: Tensor, returns: Tensor) -> tuple[Tensor, Tensor]:
    """The best plan `[B, H, A]` and its return `[B]` among the one chosen so far and N others."""
    highest, index = finite(returns).max(1)  # [B]
    found = actions[torch.arange(len(index), device=index.device), index]  # [B, H, A]
    wins = highest > value
    return torch.where(wins[:, None, None], found, chosen), torch.where(wins, highest, value)
