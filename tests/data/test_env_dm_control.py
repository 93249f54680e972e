"""DeepMind Control tasks against the suite itself."""

import numpy as np
import pytest

from fulgurite.data.environments import Environment


def test_dm_control_agrees_with_the_suite() -> None:
    from dm_control import suite

    env = Environment("dm_control/reacher-easy", action_repeat=2).make_single(0)
    raw = suite.load("reacher", "easy", task_kwargs={"random": 11})
    generator = np.random.default_rng(0)
    step = raw.reset()
    observation, _ = env.reset(seed=11)
    ours, theirs, truncated = 0.0, 0.0, False
    while not truncated:
        np.testing.assert_allclose(observation, np.concatenate(list(step.observation.values())), rtol=1e-6, atol=1e-6)
        action = generator.uniform(-1, 1, 2).astype(np.float32)
        observation, reward, terminated, truncated, _ = env.step(action)
        ours += reward
        for _ in range(2):
            step = raw.step(action)
            theirs += step.reward
        assert not terminated
        assert truncated == step.last()
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_dm_control_tells_the_end_of_the_task_from_a_time_limit() -> None:
    from dm_control.rl.control import Environment as Control

    env = Environment("dm_control/pendulum-swingup", options={"task_kwargs": {"time_limit": 0.1}}).make_single(0)
    env.reset()
    ends = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]

    control = env.unwrapped._env  # type: ignore[attr-defined]
    assert isinstance(control, Control)
    control.task.get_termination = lambda physics: 0.0
    env.reset()
    assert env.step(np.zeros(1, np.float32))[2:4] == (True, False)
