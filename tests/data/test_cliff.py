"""The cliff: where one falls, what is paid, how hard the wind blows."""

import numpy as np
import pytest

from fulgurite.data.cliff import Cliff, fell
from fulgurite.data.environments import Environment


def walked(cliff: Cliff, start: tuple[float, float], action: tuple[float, float]):
    cliff.reset(seed=0)
    cliff.path = [np.array(start)]
    return cliff.step(np.array(action, np.float32))


@pytest.mark.parametrize(
    ("start", "action", "reward", "ended", "fallen"),
    [
        ((0.5, 0.2), (1.0, 0.0), 0.1 - 0.1 * 0.2, False, False),
        ((0.5, 0.05), (0.0, -1.0), -0.1 * 0.05 - 3, True, True),
        ((0.1, 0.05), (0.0, -1.0), -0.1 * 0.05, False, False),  # before the cliff begins, the meadow goes on below
        ((1.95, 0.0), (9.0, 0.0), 0.1, True, False),  # the stride is clipped; the goal
    ],
)
def test_a_step_without_wind(start, action, reward, ended, fallen):
    observation, got, terminated, truncated, _ = walked(Cliff(gust=0.0), start, action)
    assert got == pytest.approx(reward)
    assert (terminated, truncated, fell(observation)) == (ended, False, fallen)


def test_the_wind_blows_across_the_path():
    cliff = Cliff()
    cliff.reset(seed=0)
    steps = np.diff([(cliff.step(np.zeros(2, np.float32)), cliff.path[-1])[1] for _ in range(4000)], axis=0)
    assert (steps[:, 0] == 0).all()
    assert steps[:, 1].std() == pytest.approx(0.04, rel=0.05)


def test_it_is_seeded_and_drawn():
    environment = Environment("fulgurite/Cliff-v0")
    walks = []
    for _ in range(2):
        env = environment.make_single(3, render=True)
        env.reset(seed=5)
        walks.append([env.step(np.ones(2, np.float32))[0] for _ in range(5)])
        frame = env.render()
    np.testing.assert_array_equal(*walks)
    assert frame.shape == (200, 480, 3)
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 5
