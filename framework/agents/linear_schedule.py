"""A number that changes along a line over environment steps, and then stays.

x(t) = x_0 + (x_1 - x_0) min(t / T, 1)
"""


class LinearSchedule:
    """Asked with the environment steps so far, so that a resumed run goes on where it was.

    Args:
        start: x_0.
        end: x_1.
        env_steps: T; 0 for x_1 from the beginning.

    Raises:
        ValueError: for a negative number of steps.
    """

    def __init__(self, start: float, end: float, env_steps: int) -> None:
        if env_steps < 0:
            raise ValueError(f"env_steps: need at least 0, got {env_steps}")
        self.start, self.end, self.env_steps = start, end, env_steps

    def __call__(self, env_steps: int) -> float:
        """x after so many environment steps."""
        if env_steps >= self.env_steps:
            return self.end
        return self.start + (self.end - self.start) * env_steps / self.env_steps
