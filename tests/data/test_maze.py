"""Mazes as environments: what a step does, when walls move, and that a run put back stands in the same maze."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.maze import Maze

UP, RIGHT, DOWN, LEFT = np.eye(4, dtype=np.float32)


def test_a_walk_to_the_goal():
    env = Environment("fulgurite/DynaMaze-v0").make_single(0)
    first, _ = env.reset()
    assert first.argmax() == 18
    assert first.sum() == 1
    rewards = []
    for action in [DOWN] * 2 + [RIGHT] * 4 + [UP] + [RIGHT] * 3 + [DOWN] + [RIGHT] + [UP] * 4:
        seen, reward, ends, cut, _ = env.step(action)
        rewards.append(reward)
    assert (seen.argmax(), ends, cut) == (8, True, False)
    assert rewards == [0.0] * 15 + [1.0]


def test_gymnasium_finds_nothing():
    check_env(gymnasium.make("fulgurite/DynaMaze-v0", disable_env_checker=True).unwrapped, skip_render_check=True)


def test_walls_move_once_after_so_many_steps_of_all_episodes():
    maze = Maze("blocking", changes_at=12)
    maze.reset(seed=0)
    way = [1] * 5 + [0] * 5  # right and up: ten steps
    assert [maze.step(action)[1] for action in way] == [0.0] * 9 + [1.0]
    maze.reset()
    assert maze.rows[3] == "WWWWWWWW."
    for action in way[:2]:
        maze.step(action)
    assert maze.rows[3] == ".WWWWWWWW"
    assert not any(maze.step(action)[1] for action in way[2:])


@pytest.mark.parametrize("isolated", [False, True])
def test_the_clock_goes_on_where_it_was(isolated):
    """In the middle of an episode, and between two of them."""
    environment = Environment(
        "fulgurite/ShortcutMaze-v0", isolated=isolated, options={"changes_at": 25}, max_episode_steps=10
    )
    one = environment.make_single(0)
    for steps in (10, 4):
        one.reset()
        for _ in range(steps):
            info = one.step(LEFT)[-1]
    assert info == {"lasting": {"time": 14}}
    middle = one.state()
    assert middle["lasting"] == {"time": 10}
    for _ in range(6):
        one.step(LEFT)
    between = one.state()
    assert between["lasting"] == {"time": 20}
    for state, time in ((middle, 14), (between, 20)):
        other = environment.make_single(0)
        other.restore(state)
        assert other.reset()[1] == {"lasting": {"time": time}}
        assert other.exact
        other.close()
    one.close()


class Odd(gymnasium.Env):
    """Says something that cannot be kept."""

    observation_space, action_space = gymnasium.spaces.Discrete(2), gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return 0, {"lasting": {"wall": np.zeros(3)}}

    def step(self, action):
        raise NotImplementedError


def test_only_numbers_last():
    gymnasium.register("tests/Odd-v0", Odd)
    with pytest.raises(EnvironmentFault, match=r"info.lasting: expected finite Python numbers by name, got .*wall"):
        Environment("tests/Odd-v0").make_single(0).reset()


def test_what_is_discrete():
    assert Environment("fulgurite/DynaMaze-v0").discrete_observations
    assert Environment("fulgurite/DynaMaze-v0", isolated=True).discrete_observations
    assert not Environment("CartPole-v1").discrete_observations


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layout": "round"}, "layout: need one of dyna, blocking, shortcut, got 'round'"),
        ({"changes_at": 5}, "changes_at: need at least 0, and a maze whose walls move, got 5 for dyna"),
        ({"layout": "blocking", "changes_at": -1}, "changes_at: need at least 0"),
        ({"resolution": 0}, "resolution: need at least 1, got 0"),
    ],
)
def test_what_there_is_not(options, said):
    with pytest.raises(ValueError, match=said):
        Maze(**options)


def test_the_picture():
    env = Environment("fulgurite/DynaMaze-v0").make_single(0, render=True)
    env.reset()
    before = env.render()
    env.step(DOWN)
    after = env.render()
    assert before.shape == (320, 480, 3)
    assert (before != after).any()
    assert before[26, 400].tolist() == [52, 60, 76]  # the wall at (0, 7)
