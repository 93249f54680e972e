"""The priority of an update: by how much it would change a value, before the step size.

    P = | R + gamma max_a Q(S', a) - Q(S, A) |        worth a place in the queue where P > theta

Of numbers or arrays alike. Moore and Atkeson 1993, "Prioritized Sweeping"; Sutton and Barto 2018, section 8.4.
"""

from typing import Any

from .q_learning import td_error


def sweeping_priority(q: Any, reward: Any, best: Any, gamma: float) -> Any:
    """P; `best` is the max, 0 where S' is terminal."""
    return abs(td_error(q, reward, best, gamma))
