"""Episodes: seeds that seed, faults that name seed and step, and simulators brought back bit by bit."""

import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault, Episodes
from fulgurite.data.gymnasium_wrappers import Convention

RESTORED = ["Pendulum-v1", "fulgurite/CartPoleBalance-v0", "fulgurite/CartPoleSwingUp-v0", "HalfCheetah-v5"]


class Failing(gymnasium.Wrapper):
    """A pendulum whose `fails_at`-th step does what `how` says."""

    def __init__(self, fails_at: int, how: Any) -> None:
        super().__init__(gymnasium.make("Pendulum-v1"))
        self.fails_at, self.how, self.steps = fails_at, how, 0

    def step(self, action: Any) -> Any:
        self.steps += 1
        outcome = self.env.step(action)
        return self.how(*outcome) if self.steps == self.fails_at else outcome


def raises(*_: Any) -> Any:
    raise KeyError("joint")


def walk(env: gymnasium.Env, steps: int, seed: int) -> list[tuple]:
    """What `steps` random actions bring, resets included, as bytes."""
    actions = np.random.default_rng(seed).uniform(-1, 1, (steps, *env.action_space.shape)).astype(np.float32)
    seen = []
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        seen.append((observation.tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            seen.append((env.reset()[0].tobytes(),))
    return seen


def test_resets_repeat_and_differ() -> None:
    def starts(seed: int, rank: int, num_envs: int) -> list[tuple]:
        env = Environment("Pendulum-v1", num_envs=num_envs).make(seed, rank)
        resets = [env.reset()["observation"].clone() for _ in range(3)]
        env.close()
        return [tuple(row.tolist()) for row in torch.cat(resets)]

    assert starts(0, 0, 2) == starts(0, 0, 2)
    every = starts(0, 0, 2) + starts(0, 1, 2) + starts(1, 0, 2)
    assert len(set(every)) == len(every) == 18


def test_an_episode_starts_alike_alone_and_among_others() -> None:
    together = Environment("Pendulum-v1", num_envs=3).make(5)
    alone = Environment("Pendulum-v1").make_single(5)
    np.testing.assert_array_equal(together.reset()["observation"][0].numpy(), alone.reset()[0])


def test_a_reset_with_a_seed_is_the_environments_own() -> None:
    env = Environment("Pendulum-v1").make_single(0)
    np.testing.assert_array_equal(env.reset(seed=77)[0], gymnasium.make("Pendulum-v1").reset(seed=77)[0])
    first_of_stream = env.reset()[0]
    np.testing.assert_array_equal(first_of_stream, Environment("Pendulum-v1").make_single(0).reset()[0])


@pytest.mark.parametrize("id", RESTORED)
@pytest.mark.parametrize("repeat", [1, 2])
def test_a_restored_simulator_goes_on_bit_by_bit(id: str, repeat: int) -> None:
    environment = Environment(id, action_repeat=repeat)
    env, other = environment.make_single(3), environment.make_single(3)
    assert isinstance(env, Episodes)
    assert isinstance(other, Episodes)
    env.reset()
    walk(env, 37, seed=1)
    saved = pickle.loads(pickle.dumps(env.state()))
    other.restore(saved)
    observation, _ = other.reset()
    assert observation.tobytes() == saved["observation"].numpy().tobytes()
    assert walk(other, 230, seed=2) == walk(env, 230, seed=2)
    assert other.exact


def test_a_state_survives_a_safe_checkpoint(tmp_path: Any) -> None:
    env = Environment("Pendulum-v1").make_single(3)
    assert isinstance(env, Episodes)
    env.reset()
    walk(env, 3, seed=1)
    torch.save(env.state(), tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    assert loaded["actions"].shape == (3, 1)
    assert loaded["episode"] == 1


@pytest.mark.parametrize("steps", [0, 200])
def test_restored_between_episodes_the_next_one_follows(steps: int) -> None:
    env, other = (Environment("Pendulum-v1").make_single(3) for _ in range(2))
    assert isinstance(env, Episodes)
    assert isinstance(other, Episodes)
    env.reset()
    for _ in range(steps):
        env.step(np.zeros(1, np.float32))
    other.restore(env.state())
    if steps:  # the episode is over
        assert env.state()["seed"] is None
        np.testing.assert_array_equal(other.reset()[0], env.reset()[0])
    else:
        np.testing.assert_array_equal(other.reset()[0], env.state()["observation"])
        np.testing.assert_array_equal(other.reset()[0], env.reset()[0])


class Drifting(gymnasium.Wrapper):
    """Never the same twice: every simulator adds its own number to what it shows."""

    made = 0

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        Drifting.made += 1
        self.number = Drifting.made

    def reset(self, **kwargs: Any) -> Any:
        observation, info = self.env.reset(**kwargs)
        return observation + self.number, info


def test_a_replay_that_differs_says_so_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    env, other, third = (
        Episodes(Convention(Drifting(gymnasium.make("Pendulum-v1"))), "drift", (0, 0, 0)) for _ in range(3)
    )
    env.reset()
    other.restore(env.state())
    assert other.exact
    other.reset()
    assert not other.exact
    assert not other.state()["exact"]
    said = (
        f"resumed, but not exactly: drift, episode with seed {env.seed}: replayed up to step 0, it shows something else"
    )
    assert caplog.messages == [said]
    other.step(np.zeros(1, np.float32))
    third.restore(other.state())  # which says itself that it is not exact
    third.reset()
    assert caplog.messages == [said]


def test_a_replay_that_ends_early_begins_the_next_episode() -> None:
    env = Environment("Pendulum-v1").make_single(3)
    shorter = Environment("Pendulum-v1", max_episode_steps=5).make_single(3)
    fresh = Environment("Pendulum-v1").make_single(3)
    assert isinstance(env, Episodes)
    assert isinstance(shorter, Episodes)
    env.reset()
    walk(env, 9, seed=0)
    shorter.restore(env.state())
    observation, _ = shorter.reset()
    assert not shorter.exact
    fresh.reset()
    np.testing.assert_array_equal(observation, fresh.reset()[0])
    assert len(shorter.state()["actions"]) == 0


@pytest.mark.parametrize(
    ("how", "says", "cause"),
    [
        (raises, "KeyError: 'joint'", KeyError),
        (lambda o, r, *rest: (o, np.nan, *rest), "reward: expected a finite float32, got nan", ValueError),
        (lambda o, r, *rest: (o * np.inf, r, *rest), "observation: expected finite numbers, got ", ValueError),
        (lambda o, r, *rest: (o[:2], r, *rest), r"observation: expected shape \(3,\), got \(2,\)", ValueError),
        (lambda *_: None, r"step: expected \(observation, .*\), got NoneType", ValueError),
    ],
)
def test_a_fault_names_environment_seed_and_step(how: Any, says: str, cause: type[Exception]) -> None:
    env = Episodes(Convention(Failing(7, how)), "mine/Failing-v0", (0, 0, 0))
    env.reset(seed=42)
    walk(env, 6, seed=0)
    with pytest.raises(EnvironmentFault, match=rf"mine/Failing-v0, episode with seed 42, step 7: {says}") as caught:
        env.step(np.zeros(1, np.float32))
    assert isinstance(caught.value.__cause__, cause)
    assert (caught.value.id, caught.value.seed, caught.value.step) == ("mine/Failing-v0", 42, 7)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(RuntimeError, match="no episode is running"):
        env.step(np.zeros(1, np.float32))


def test_a_fault_at_reset_has_step_zero() -> None:
    class NoStart(gymnasium.Wrapper):
        def reset(self, **kwargs: Any) -> Any:
            raise OSError("no licence")

    env = Episodes(Convention(NoStart(gymnasium.make("Pendulum-v1"))), "mine", (0, 0, 0))
    with pytest.raises(EnvironmentFault, match="mine, episode with seed 9, step 0: OSError: no licence"):
        env.reset(seed=9)


@pytest.mark.parametrize("action", [[np.nan], [np.inf], [0.0, 0.0]])
def test_a_wrong_action_is_not_the_environments_fault(action: list[float]) -> None:
    env = Environment("Pendulum-v1").make_single(0)
    env.reset()
    with pytest.raises(ValueError, match="need 1 finite actions"):
        env.step(np.array(action, np.float32))


def test_stepping_before_reset_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no episode is running"):
        Environment("Pendulum-v1").make_single(0).step(np.zeros(1, np.float32))
