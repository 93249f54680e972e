"""Dyna-Q+'s bonus: what has not been tried for long is worth trying, for it may have changed.

    R + kappa sqrt(tau)        tau  time steps since the pair of state and action was last tried

Sutton and Barto 2018, section 8.3; Sutton 1990, "Integrated Architectures for Learning, Planning, and Reacting Based on
Approximating Dynamic Programming".
"""

from math import sqrt


def with_bonus(reward: float, tau: int, kappa: float) -> float:
    """The reward that planning sees."""
    return reward + kappa * sqrt(tau)
