"""Model-predictive path integral control: the average of all samples, weighted by the exponential of their return.

    repeat J times:   a^i = mu + epsilon^i,  epsilon^i ~ N(0, sigma^2), clipped, i = 1..N
                      S^i = -J(a^i) + gamma sum_t mu_t^T sigma^-2 epsilon^i_t
                      w^i = exp(-(S^i - min_k S^k) / lambda) / sum        mu <- sum_i w^i a^i

Williams et al. 2017, "Information Theoretic MPC for Model-Based Reinforcement Learning", algorithm 2, where J = 1 and
gamma = lambda. That term draws the plan to zero, and is 0 here unless asked for. The noise is what is left of it after
clipping, so that mu obeys the bounds. It may be coloured (`coloured_noise.py`).
"""

import torch
from torch import Tensor

from .planner import Asked, BoundObjective, Plan, Planner, candidates_around, finite


class MPPI(Planner):
    """Path integral control; executes the weighted mean.

    Args:
        candidates: N; the mean is one of them.
        iterations: J.
        horizon: H.
        temperature: lambda, in units of the return: how much worse a plan may be and still count.
        initial_std: sigma, the same in all iterations.
        exponent: of the noise; 0 is white.
        control_cost: gamma, in units of the return; lambda in algorithm 2 of the paper.

    Raises:
        ValueError: unless N >= 1, J >= 1 and lambda > 0.
    """

    def __init__(
        self,
        candidates: int = 500,
        iterations: int = 1,
        horizon: int = 20,
        temperature: float = 1.0,
        initial_std: float = 1.0,
        exponent: float = 0.0,
        control_cost: float = 0.0,
    ) -> None:
        super().__init__(horizon, initial_std)
        if candidates < 1 or iterations < 1 or temperature <= 0:
            got = f"got {candidates}, {iterations} and {temperature}"
            raise ValueError(f"need candidates >= 1, iterations >= 1 and temperature > 0, {got}")
        self.candidates, self.iterations = candidates, iterations
        self.temperature, self.exponent, self.control_cost = temperature, exponent, control_cost

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        plan, ask = prior, Asked(objective, prior.kept)
        for _ in range(self.iterations):
            drawn = candidates_around(plan, self.candidates, generator, self.exponent)
            actions, returns = ask(drawn)  # [B, N, H, A] and -S [B, N]
            if self.control_cost:
                noise = actions - plan.mean[:, None]
                returns = returns - self.control_cost * (plan.mean / plan.std.square())[:, None].mul(noise).sum((2, 3))
            mean = torch.einsum("bn,bnha->bha", weights(returns, self.temperature), actions)
            mean = mean.clamp(-1, 1)  # weights that sum to 1 + 1e-7 would leave the bounds
            plan = Plan(mean, mean, prior.std)
        return plan


def weights(returns: Tensor, temperature: float) -> Tensor:
    """The samples' weights `[B, N]` for returns `[B, N]`: 0 for what is not finite, uniform where nothing is."""
    returns = finite(returns)
    better = (returns - returns.amax(1, keepdim=True)) / temperature  # at most 0; not a number where all are -inf
    return better.nan_to_num(nan=0.0, neginf=-torch.inf).softmax(1)
