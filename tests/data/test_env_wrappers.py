"""The convention: float32 vectors out, actions in [-1, 1] in, repeats summed, nonsense refused."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from fulgurite.data.gymnasium_wrappers import ActionRepeat, Convention


class Counter(gymnasium.Env):
    """Counts its steps: the n-th gives observation [n, n / 2] and reward n, and the `length`-th ends the episode."""

    def __init__(self, low: float = -3.0, high: float = 1.0, length: int = 5) -> None:
        self.action_space = spaces.Box(low, high, (2,), np.float64)
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.length = length
        self.actions: list[np.ndarray] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.actions = []
        return np.zeros(2), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
        self.actions.append(action)
        n = len(self.actions)
        return np.array([n, n / 2]), n, n == self.length, False, {}


def test_actions_are_scaled_from_minus_one_to_one_and_clipped() -> None:
    env = Counter(low=-3.0, high=1.0)
    wrapped = Convention(env)
    wrapped.reset()
    for action in ([-1, 1], [0, 0.5], [-7, 7]):
        wrapped.step(np.array(action, np.float32))
    np.testing.assert_array_equal(env.actions, [[-3, 1], [-1, 0], [-3, 1]])


def test_a_discrete_action_is_a_one_hot_vector() -> None:
    env = Counter()
    env.action_space = spaces.Discrete(3, start=5)
    wrapped = Convention(env)
    assert wrapped.discrete_actions
    assert wrapped.action_space.shape == (3,)
    wrapped.reset()
    for chosen in (2, 0, 1):
        wrapped.step(np.eye(3, dtype=np.float32)[chosen])
    assert env.actions == [7, 5, 6]
    assert [type(action) for action in env.actions] == [int] * 3


def test_observations_are_float32_vectors_of_their_own() -> None:
    class SameArray(Counter):
        def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
            self.array = getattr(self, "array", np.zeros(2, np.float32))
            self.array += 1
            return self.array, 0.0, False, False, {}

    env = SameArray()
    env.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    wrapped = Convention(env)
    wrapped.reset()
    first, *_ = wrapped.step(np.zeros(2, np.float32))
    wrapped.step(np.zeros(2, np.float32))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, [1, 1])


@pytest.mark.parametrize(("repeat", "rewards"), [(1, [1, 2, 3, 4, 5]), (2, [1 + 2, 3 + 4, 5]), (9, [15])])
def test_action_repeat_sums_rewards_and_stops_at_the_end(repeat: int, rewards: list[int]) -> None:
    env = Counter(length=5)
    wrapped = Convention(ActionRepeat(env, repeat))
    wrapped.reset()
    got, terminated = [], False
    while not terminated:
        observation, reward, terminated, truncated, _ = wrapped.step(np.zeros(2, np.float32))
        got.append(reward)
        assert not truncated
    assert got == rewards
    np.testing.assert_array_equal(observation, [5, 2.5])


def test_action_repeat_stops_at_a_time_limit() -> None:
    wrapped = Convention(ActionRepeat(gymnasium.wrappers.TimeLimit(Counter(length=99), 3), 2))
    wrapped.reset()
    assert wrapped.step(np.zeros(2, np.float32))[1:4] == (3.0, False, False)
    assert wrapped.step(np.zeros(2, np.float32))[1:4] == (3.0, False, True)


def test_nested_observations_are_flattened() -> None:
    class Nested(Counter):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
            return {"a": np.array([[1.0, 2.0]]), "b": 2}, {}

    env = Nested()
    env.observation_space = spaces.Dict({"a": spaces.Box(-9, 9, (1, 2)), "b": spaces.Discrete(3)})
    wrapped = Convention(env)
    assert wrapped.observation_space.shape == (5,)
    np.testing.assert_array_equal(wrapped.reset()[0], [1, 2, 0, 0, 1])


@pytest.mark.parametrize(
    ("kind", "space", "says"),
    [
        ("action_space", spaces.MultiDiscrete([2, 3]), r"or a Discrete space, got MultiDiscrete\(\[2 3\]\)"),
        ("action_space", spaces.Box(0, 3, (1,), np.int64), "need a Box of real numbers"),
        ("action_space", spaces.Box(-np.inf, 1.0, (1,)), "need finite bounds"),
        ("observation_space", spaces.Box(0, 255, (2, 64, 64, 3), np.uint8), r"need images .*, got \[2, 64, 64, 3\]"),
        ("observation_space", spaces.Tuple([spaces.Box(0, 255, (9, 9), np.uint8)] * 2), "need images alone or as"),
        (
            "observation_space",
            spaces.Dict({"a": spaces.Dict({"b": spaces.Box(0, 255, (9, 9), np.uint8)})}),
            "observation: need images alone or as entries of the outermost Dict",
        ),
        ("observation_space", spaces.Sequence(spaces.Discrete(2)), "need a space of fixed size"),
    ],
)
def test_spaces_that_cannot_be_served_are_refused(kind: str, space: spaces.Space, says: str) -> None:
    env = Counter()
    setattr(env, kind, space)
    with pytest.raises(ValueError, match=says):
        Convention(env)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ((np.zeros(2), np.nan, False, False, {}), "reward: expected a finite float32, got nan"),
        ((np.zeros(2), -np.inf, False, False, {}), "reward: expected a finite float32, got -inf"),
        ((np.zeros(2), 1e300, False, False, {}), "reward: expected a finite float32"),
        ((np.zeros(2), np.zeros(1), False, False, {}), r"reward: expected a number, got an array of shape \(1,\)"),
        ((np.array([0, np.inf]), 0.0, False, False, {}), r"expected finite numbers, got inf at index \[1\]"),
        ((np.array([np.nan, 0]), 0.0, False, False, {}), r"expected finite numbers, got nan at index \[0\]"),
        ((np.zeros(3), 0.0, False, False, {}), r"expected shape \(2,\), got \(3,\)"),
        ((np.zeros((2, 1)), 0.0, False, False, {}), r"expected shape \(2,\), got \(2, 1\)"),
        ((np.zeros(2), 0.0, np.array([True, False]), False, {}), "terminated: expected true or false"),
        ((np.zeros(2), 0.0, False, None, {}), "truncated: expected true or false, got None"),
        ((np.zeros(2), None, False, False, {}), "reward: expected a number, got None"),
        ((["a", "b"], 0.0, False, False, {}), r"observation: expected one of Box.*ValueError"),
        ((np.zeros(2), 0.0, False, {}), r"step: expected \(observation, reward, .*\), got 4 parts"),
    ],
)
def test_nonsense_is_refused(outcome: tuple, says: str) -> None:
    class Broken(Counter):
        def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
            return outcome

    wrapped = Convention(Broken())
    wrapped.reset()
    with pytest.raises(ValueError, match=says):
        wrapped.step(np.zeros(2, np.float32))


def test_a_reward_that_is_not_finite_within_a_repeat_is_refused() -> None:
    class Opposite(Counter):
        def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
            observation, n, *rest = super().step(action)
            return observation, np.inf * (-1) ** n, *rest

    wrapped = Convention(ActionRepeat(Opposite(), 2))
    wrapped.reset()
    with pytest.raises(ValueError, match="reward"):
        wrapped.step(np.zeros(2, np.float32))
