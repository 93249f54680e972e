"""Q-learning: a step of an action value towards what one step and the best action afterwards promise.

    Q(S, A) <- Q(S, A) + alpha [ R + gamma max_a Q(S', a) - Q(S, A) ]        the max is 0 where S' is terminal

Of numbers, arrays or tensors alike. Watkins 1989; Sutton and Barto 2018, section 6.5, equation 6.8.
"""

from typing import Any


def td_error(q: Any, reward: Any, best: Any, gamma: float) -> Any:
    """R + gamma max_a Q(S', a) - Q(S, A), the part in brackets; `best` is the max."""
    return reward + gamma * best - q


def q_learning(q: Any, reward: Any, best: Any, alpha: float, gamma: float) -> Any:
    """The new Q(S, A)."""
    return q + alpha * (reward + gamma * best - q)
