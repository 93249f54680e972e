"""Updates by hand, and the book's mazes: the paths it names, cells by hand, and values by value iteration."""

import pytest
from mazes import value_iteration

from fulgurite.equations.exploration_bonus import with_bonus
from fulgurite.equations.maze import DYNA, LAYOUTS, WALL_OPEN_LEFT, WALL_OPEN_RIGHT, moved, refined, steps_to_goal
from fulgurite.equations.q_learning import q_learning, td_error
from fulgurite.equations.sweeping_priority import sweeping_priority


@pytest.mark.parametrize(
    ("rows", "least"), [(DYNA, 14), (WALL_OPEN_RIGHT, 10), (WALL_OPEN_LEFT, 16), (LAYOUTS["shortcut"].after, 10)]
)
def test_the_shortest_path(rows, least):
    assert steps_to_goal(rows)["".join(rows).index("S")] == least


def test_steps_by_hand():
    assert moved(DYNA, 18, 0) == 9  # up from the start
    assert moved(DYNA, 18, 3) == 18  # off the left edge
    assert moved(DYNA, 19, 1) == 19  # into the wall at (2, 2)
    assert moved(DYNA, 0, 0) == 0
    assert moved(DYNA, 17, 0) == 8  # from below to the goal


def test_values_follow_from_distances():
    """V*(s) = gamma^(d(s) - 1), against value iteration."""
    q, distances = value_iteration(DYNA, 0.95), steps_to_goal(DYNA)
    for cell, distance in enumerate(distances):
        if distance:
            assert q[cell].max() == pytest.approx(0.95 ** (distance - 1))


def test_refined():
    finer = refined(("S.W", "..G"), 2)
    assert finer == ("S...WW", "....WW", "....GG", "....GG")
    for resolution in (1, 2, 3):  # 13 cells to cross, and one step more
        rows = refined(DYNA, resolution)
        assert steps_to_goal(rows)["".join(rows).index("S")] == 13 * resolution + 1


def test_updates_by_hand():
    assert td_error(0.5, 1.0, 2.0, 0.9) == pytest.approx(2.3)
    assert q_learning(0.5, 1.0, 2.0, 0.1, 0.9) == pytest.approx(0.73)
    assert sweeping_priority(0.5, -1.0, 0.0, 0.9) == pytest.approx(1.5)
    assert with_bonus(1.0, 9, 0.1) == pytest.approx(1.3)
