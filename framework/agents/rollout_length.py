"""How long imagined rollouts are, by how much has been seen: a model is believed for longer as it gets better.

    k(e) = clip(k_0 + (k_1 - k_0) (e - e_0) / (e_1 - e_0), between k_0 and k_1), rounded down

Janner et al. 2019 (MBPO), appendix C; e counts environment steps here.
"""


class RolloutLength:
    """Steps k, growing or shrinking linearly.

    Args:
        first, last: k_0 and k_1.
        from_env_steps, to_env_steps: e_0 and e_1.

    Raises:
        ValueError: for lengths below 1, and unless 0 <= e_0 <= e_1.
    """

    def __init__(self, first: int = 1, last: int = 1, from_env_steps: int = 0, to_env_steps: int = 0) -> None:
        if min(first, last) < 1:
            raise ValueError(f"need first and last >= 1, got {first} and {last}")
        if not 0 <= from_env_steps <= to_env_steps:
            raise ValueError(f"need 0 <= from_env_steps <= to_env_steps, got {from_env_steps} and {to_env_steps}")
        self.first, self.last = first, last
        self.from_env_steps, self.to_env_steps = from_env_steps, to_env_steps

    def at(self, env_steps: int) -> int:
        """k after so many environment steps."""
        if env_steps >= self.to_env_steps:
            return self.last
        if env_steps <= self.from_env_steps:
            return self.first
        gone = env_steps - self.from_env_steps
        return self.first + (self.last - self.first) * gone // (self.to_env_steps - self.from_env_steps)
