"""One Gymnasium environment in the framework's units.

    a in [-1, 1]         ->  clip(centre + half_width * a, low, high), repeated;  r = sum of the repeats' rewards
    a one-hot, discrete  ->  start + argmax(a)

Observations become float32 vectors, whatever their space; a step that gives nonsense is refused.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

FLOAT32_MAX = float(np.finfo(np.float32).max)

Observation = NDArray[np.float32]
Outcome = tuple[Observation, float, bool, bool, dict[str, Any]]


class SelfExplaining(Exception):
    """An error whose text says all; of any other its type is said too."""


class Nonsense(SelfExplaining, ValueError):
    """What an environment gave is not what it promised."""


class WrongForm(Nonsense):
    """It has another shape, type or structure: in the first step of a run a mistake, which no new attempt mends."""


def problem(error: BaseException) -> str:
    """An exception in words."""
    return str(error) if isinstance(error, SelfExplaining) else f"{type(error).__name__}: {error}"


class Convention(gymnasium.Wrapper):
    """Float32 vectors out, actions in [-1, 1] in, each action repeated; what comes is checked.

    Args:
        env: with any observation space that flattens to a vector, and a bounded Box or one Discrete space of actions.
        action_repeat: simulator steps an action lasts; it ends early where the episode ends.

    Raises:
        ValueError: for a space that the framework cannot serve.
        Nonsense: from `reset` and `step`, for an observation, a reward or an end that is not what the space promises,
            or not finite.
    """

    def __init__(self, env: gymnasium.Env, action_repeat: int = 1) -> None:
        super().__init__(env)
        actions, observations = env.action_space, env.observation_space
        self.discrete_actions = isinstance(actions, spaces.Discrete)
        if not self.discrete_actions:
            if not isinstance(actions, spaces.Box) or not np.issubdtype(actions.dtype, np.floating):
                raise ValueError(f"actions: need a Box of real numbers or a Discrete space, got {actions}")
            if not actions.is_bounded():
                raise ValueError(f"actions: need finite bounds, got {actions}")
        if isinstance(observations, spaces.Box) and observations.dtype == np.uint8 and len(observations.shape) >= 2:
            raise ValueError(f"observations: need vectors, got images of shape {observations.shape}")
        if not observations.is_np_flattenable:
            raise ValueError(f"observations: need a space of fixed size, got {observations}")
        self.action_repeat = action_repeat
        self._actions = actions
        self._observations = observations
        self._box_shape = observations.shape if isinstance(observations, spaces.Box) else None
        self._sizes = (spaces.flatdim(observations), spaces.flatdim(actions))
        self.observation_space = spaces.Box(-np.inf, np.inf, (self._sizes[0],), np.float32)
        self.action_space = spaces.Box(0.0 if self.discrete_actions else -1.0, 1.0, (self._sizes[1],), np.float32)

    @property
    def repeatable(self) -> bool:
        """Whether the same seed and actions bring the same again, as far as the environment says."""
        return self.env.spec is None or not self.env.spec.nondeterministic

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """The first observation `[O]`."""
        observation, info = parts(RESET, "reset", lambda: self.env.reset(seed=seed, options=options))
        return self._vector(observation), info

    def step(self, action: NDArray[np.floating]) -> Outcome:
        """The outcome of an action `[A]`, held for `action_repeat` simulator steps."""
        meant = self._meant(action)
        total = 0.0
        for _ in range(self.action_repeat):
            observation, reward, terminated, truncated, info = parts(STEP, "step", lambda: self.env.step(meant))
            total += self._scalar(reward)
            if flag(terminated, "terminated") | flag(truncated, "truncated"):
                break
        return self._vector(observation), total, bool(terminated), bool(truncated), info

    def begin_reset(self, seed: int, options: dict[str, Any] | None) -> Callable[[], tuple[Observation, dict]]:
        """Begins a reset; what it returns ends it. Here all is done at the end."""
        return partial(self.reset, seed=seed, options=options)

    def begin_step(self, action: NDArray[np.float32]) -> Callable[[], Outcome]:
        """Begins a step; what it returns ends it. Here all is done at the end."""
        return partial(self.step, action)

    def _meant(self, action: NDArray[np.floating]) -> Any:
        """The simulator's own action."""
        space = self._actions
        if isinstance(space, spaces.Discrete):
            return int(space.start + action.argmax())
        assert isinstance(space, spaces.Box)
        half_width = ((space.high - space.low) / 2).astype(space.dtype)
        scaled = (space.low + half_width) + half_width * action.reshape(space.shape)
        return np.minimum(np.maximum(scaled, space.low), space.high)

    def _scalar(self, reward: Any) -> float:
        if np.ndim(reward) != 0:
            raise WrongForm(f"reward: expected a number, got an array of shape {np.shape(reward)}")
        try:
            number = float(reward)
        except (TypeError, ValueError) as error:
            raise WrongForm(f"reward: expected a number, got {reward!r}") from error
        if not -FLOAT32_MAX <= number <= FLOAT32_MAX:  # false for nan, too
            raise Nonsense(f"reward: expected a finite float32, got {number}")
        return number

    def _vector(self, observation: Any) -> Observation:
        if self._box_shape is not None and np.shape(observation) != self._box_shape:
            raise WrongForm(f"observation: expected shape {self._box_shape}, got {np.shape(observation)}")
        try:
            if self._box_shape is None:
                observation = spaces.flatten(self._observations, observation)
            vector = np.array(observation, dtype=np.float32).reshape(-1)  # a copy: some environments reuse their array
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise WrongForm(f"observation: expected one of {self._observations}, got {problem}") from error
        if len(vector) != self._sizes[0]:
            raise WrongForm(f"observation: expected {self._sizes[0]} numbers, got {len(vector)}")
        if not np.isfinite(vector).all():
            where = np.flatnonzero(~np.isfinite(vector)).tolist()
            raise Nonsense(f"observation: expected finite numbers, got {vector[where[0]]} at index {where}")
        return vector


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
