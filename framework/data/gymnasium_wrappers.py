"""One Gymnasium environment in the framework's units.

    a in [-1, 1]         ->  clip(centre + half_width * a, low, high), repeated;  r = sum of the repeats' rewards
    a one-hot, discrete  ->  start + argmax(a)

Observations become float32 vectors, uint8 images or both by name (`observations.py`); a step that gives nonsense is
refused.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .nonsense import Nonsense, WrongForm
from .observation_space import Observation, reader, space_of

FLOAT32_MAX = float(np.finfo(np.float32).max)

Outcome = tuple[Observation, float, bool, bool, dict[str, Any]]


class ActionRepeat(gymnasium.Wrapper):
    """Holds each action for several steps of a simulator and sums their rewards; what is seen is the last one's.

    Args:
        env: the simulator.
        times: steps an action lasts; it ends early where the episode ends.
    """

    def __init__(self, env: gymnasium.Env, times: int) -> None:
        super().__init__(env)
        self._times = times

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        total = 0.0
        for _ in range(self._times):
            observation, reward, terminated, truncated, info = parts(STEP, "step", lambda: self.env.step(action))
            total += number(reward)
            if flag(terminated, "terminated") | flag(truncated, "truncated"):
                break
        return observation, total, bool(terminated), bool(truncated), info


class Convention(gymnasium.Wrapper):
    """Vectors and images out, actions in [-1, 1] in; what comes is checked.

    Args:
        env: with any observation space of fixed size, and a bounded Box or one Discrete space of actions.

    Raises:
        ValueError: for a space that the framework cannot serve.
        Nonsense: from `reset` and `step`, for an observation, a reward or an end that is not what the space promises,
            or not finite.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        actions = env.action_space
        self.discrete_actions = isinstance(actions, spaces.Discrete)
        self.discrete_observations = isinstance(env.observation_space, spaces.Discrete)
        if not self.discrete_actions:
            if not isinstance(actions, spaces.Box) or not np.issubdtype(actions.dtype, np.floating):
                raise ValueError(f"actions: need a Box of real numbers or a Discrete space, got {actions}")
            if not actions.is_bounded():
                raise ValueError(f"actions: need finite bounds, got {actions}")
        assert isinstance(actions, spaces.Box | spaces.Discrete)
        self._actions = actions
        self._read = reader(env.observation_space)
        self.observation_space = space_of(self._read.shape)
        low = 0.0 if self.discrete_actions else -1.0
        self.action_space = spaces.Box(low, 1.0, (spaces.flatdim(actions),), np.float32)

    @property
    def repeatable(self) -> bool:
        """Whether the same seed and actions bring the same again, as far as the environment says."""
        spec = self.unwrapped.spec
        return spec is None or not spec.nondeterministic

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """The first observation."""
        observation, info = parts(RESET, "reset", lambda: self.env.reset(seed=seed, options=options))
        return self._read(observation), info

    def step(self, action: NDArray[np.floating]) -> Outcome:
        """The outcome of an action `[A]`."""
        meant = own_action(action, self._actions)
        observation, reward, terminated, truncated, info = parts(STEP, "step", lambda: self.env.step(meant))
        earned, ends = number(reward), (flag(terminated, "terminated"), flag(truncated, "truncated"))
        return self._read(observation), earned, *ends, info

    def begin_reset(self, seed: int, options: dict[str, Any] | None) -> Callable[[], tuple[Observation, dict]]:
        """Begins a reset; what it returns ends it. Here all is done at the end."""
        return partial(self.reset, seed=seed, options=options)

    def begin_step(self, action: NDArray[np.float32]) -> Callable[[], Outcome]:
        """Begins a step; what it returns ends it. Here all is done at the end."""
        return partial(self.step, action)


def own_action(action: NDArray[np.floating], space: spaces.Box | spaces.Discrete) -> Any:
    """A simulator's own action for one of ours `[A]`, or its own `[*B, ...]` for several `[*B, A]`."""
    before = action.shape[:-1]
    if isinstance(space, spaces.Discrete):
        chosen = space.start + action.argmax(-1)
        return chosen if before else int(chosen)
    half_width = ((space.high - space.low) / 2).astype(space.dtype)
    scaled = (space.low + half_width) + half_width * action.reshape(*before, *space.shape)
    return np.minimum(np.maximum(scaled, space.low), space.high)


RESET = ("observation", "info")
STEP = ("observation", "reward", "terminated", "truncated", "info")


def parts(names: tuple[str, ...], of: str, call: Callable[[], Any]) -> tuple[Any, ...]:
    """What a reset or a step gives, if it has as many parts as there are names."""
    try:
        given = call()
    except (TypeError, ValueError) as error:
        if "unpack" not in str(error):
            raise
        raise WrongForm(f"{of}: expected ({', '.join(names)}), got: {error}") from error  # a time limit looks first
    if not isinstance(given, tuple) or len(given) != len(names):
        came = f"{len(given)} parts" if isinstance(given, tuple) else type(given).__name__
        raise WrongForm(f"{of}: expected ({', '.join(names)}), got {came}")
    return given


def flag(given: Any, name: str) -> bool:
    """A truth value, if it is one."""
    if np.ndim(given) != 0 or given is None:
        raise WrongForm(f"{name}: expected true or false, got {given!r}")
    return bool(given)


def number(reward: Any) -> float:
    """A reward, if it is one finite number."""
    if np.ndim(reward) != 0:
        raise WrongForm(f"reward: expected a number, got an array of shape {np.shape(reward)}")
    try:
        value = float(reward)
    except (TypeError, ValueError) as error:
        raise WrongForm(f"reward: expected a number, got {reward!r}") from error
    if not -FLOAT32_MAX <= value <= FLOAT32_MAX:  # false for nan, too
        raise Nonsense(f"reward: expected a finite float32, got {value}")
    return value
