"""Tabular Dyna: updates by hand, the table against the exact values, and the numbers of the book's maze."""

import numpy as np
import pytest
import torch
from mazes import value_iteration
from tensordict import TensorDict
from torch.nn.functional import one_hot

from benchmarks.dyna_maze import KNOWN, RUNS, first_of_three, greedy_steps, lived, sized, steps_per_episode
from fulgurite.agents.dyna_q import DynaQ
from fulgurite.agents.dyna_q_plus import DynaQPlus
from fulgurite.agents.prioritized_sweeping import PrioritizedSweeping
from fulgurite.data.maze import Maze
from fulgurite.equations.maze import DYNA
from fulgurite.models.sweeping_queue import SweepingQueue
from fulgurite.models.tabular_model import TabularModel

AGENTS = (DynaQ, DynaQPlus, PrioritizedSweeping)


def test_q_learning_by_hand():
    agent = DynaQ(3, 2, True, True, planning_steps=0, step_size=0.5, discount=0.9)
    agent.learn(1, 0, 1.0, 2, True)
    assert agent.values.q.tolist() == [[0, 0], [0.5, 0], [0, 0]]
    agent.learn(0, 1, 0.0, 1, False)
    assert agent.values.q[0].tolist() == pytest.approx([0, 0.5 * 0.9 * 0.5])
    agent.values.q[2, 0] = 7.0  # of a state that ended an episode, and counts for nothing there
    agent.learn(1, 0, 1.0, 2, True)
    assert agent.values.q[1, 0] == pytest.approx(0.75)
    assert agent.values.updates == 3


def test_planning_repeats_what_was_tried():
    """One transition is all there is, so n planning steps are n more updates of it: 1 - (1 - alpha)^(n + 1)."""
    agent = DynaQ(3, 2, True, True, planning_steps=9, step_size=0.1)
    agent.learn(1, 0, 1.0, 2, True)
    assert agent.values.q[1, 0] == pytest.approx(1 - 0.9**10)
    assert agent.values.q.count_nonzero() == 1


def test_states_first_then_actions():
    """A visited state is drawn uniformly, then one of the actions that were tried in it."""
    model = TabularModel(4, 2)
    for s, a in ((3, 0), (3, 1), (1, 1), (3, 0)):
        model.learn(s, a, float(s + a), 0, s == 1)
    grid = [[(i + 0.5) / 4, (k + 0.5) / 4] for i in range(4) for k in range(4)]
    drawn = list(model.tried_pairs(grid))
    assert drawn == [(3, 0, 3.0, 0, False)] * 2 + [(3, 1, 4.0, 0, False)] * 2 + drawn[:4] + [(1, 1, 2.0, 0, True)] * 8
    assert list(model.any_pairs([[0.9, 0.1]])) == [(1, 0, 0.0, 1, False)]  # never tried: back to the same state
    assert [part.tolist() for part in model.leading_to(0)] == [[1, 3, 3], [1, 0, 1]]
    assert [part.tolist() for part in model.leading_to(2)] == [[], []]


def test_the_time_since_a_pair_was_tried():
    agent = DynaQPlus(3, 2, True, True, planning_steps=0, kappa=0.1)
    for s, a in ((0, 1), (1, 0), (0, 1), (2, 1)):
        agent.learn(s, a, 0.0, 0, False)
    assert int(agent.clock.now) == 4
    assert (4 - agent.clock.last).tolist() == [[4, 1], [2, 4], [4, 0]]


def test_the_bonus_is_in_planning_alone():
    """Of what was just tried tau is 0, of what was never tried in a visited state all time since the beginning."""
    agent = DynaQPlus(2, 2, True, True, planning_steps=0, kappa=0.1, step_size=1.0, discount=0.0)
    for _ in range(8):
        agent.learn(0, 0, 0.0, 1, False)
    assert agent.values.q.count_nonzero() == 0
    agent.planning_steps = 200
    agent.learn(0, 0, 0.0, 1, False)
    assert agent.values.q.tolist() == [[0.0, pytest.approx(0.1 * 9**0.5)], [0.0, 0.0]]


def test_the_queue_by_hand():
    queue = SweepingQueue(3, 2)
    for s, a, p in ((0, 1, 0.5), (2, 0, 0.7), (1, 1, 0.5), (2, 0, 0.1)):  # the last is there with a higher priority
        queue.insert(s, a, p)
    queue.insert(np.array([0, 1]), np.array([1, 0]), np.array([0.6, 0.2]))
    assert [queue.pop() for _ in range(5)] == [(2, 0), (0, 1), (1, 1), (1, 0), None]


def test_a_sweep_by_hand():
    """A corridor 0 -> 1 -> 2 -> end, known but without value: three updates carry one reward back."""
    agent = PrioritizedSweeping(4, 1, True, True, planning_steps=10, threshold=0.01, step_size=1.0, discount=0.5)
    agent.learn(0, 0, 0.0, 1, False)
    agent.learn(1, 0, 0.0, 2, False)
    assert agent.values.updates == 0  # nothing was above theta
    agent.learn(2, 0, 1.0, 3, True)
    assert agent.values.q[:, 0].tolist() == [0.25, 0.5, 1.0, 0.0]
    assert agent.values.updates == 3


def test_what_changes_little_is_not_queued():
    agent = PrioritizedSweeping(4, 1, True, True, planning_steps=10, threshold=0.3, step_size=1.0, discount=0.5)
    for transition in ((0, 0, 0.0, 1, False), (1, 0, 0.0, 2, False), (2, 0, 1.0, 3, True)):
        agent.learn(*transition)
    assert agent.values.q[:, 0].tolist() == [0.0, 0.5, 1.0, 0.0]


@pytest.mark.parametrize("kind", [DynaQ, PrioritizedSweeping])
@pytest.mark.parametrize("step_size", [1.0, 0.5])
def test_the_table_becomes_exact(kind, step_size):
    """Of every pair that is reached, within 1e-3, after 6,000 random steps with 20 planning steps each."""
    maze = Maze()
    agent = kind(*sized(maze), planning_steps=20, step_size=step_size, epsilon=1.0)
    life = lived(agent, maze, seed=0)
    for _ in range(6000):
        next(life)
    tried = agent.model.tried.numpy()
    assert tried.sum() == 46 * 4  # all but walls and goal
    assert np.abs(agent.values.q.numpy() - value_iteration(DYNA, 0.95))[tried].max() < 1e-3
    assert greedy_steps(agent, DYNA, 100) == 14


@pytest.mark.parametrize("n", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_the_maze_of_the_book(n):
    """Thirty runs: the first of three episodes at 20 steps or less is the reference's or the one beside it."""
    lengths = np.array([steps_per_episode(n, seed) for seed in range(RUNS)])
    first, total = KNOWN[n]
    assert abs(first_of_three(lengths.mean(0)) - first) <= 1
    totals = lengths.sum(1)
    assert abs(totals.mean() - total) < 3 * totals.std() / RUNS**0.5
    assert 16 < lengths[:, 10:].mean() < 19


def batch(*rows: tuple[int, int, float, int, bool], states: int, actions: int) -> TensorDict:
    s, a, r, after, ends = (torch.tensor(column) for column in zip(*rows, strict=True))
    following = {"observation": one_hot(after, states).float(), "reward": r[:, None], "terminated": ends[:, None]}
    here = {"observation": one_hot(s, states).float(), "action": one_hot(a, actions).float()}
    return TensorDict({**here, "next": following}, [len(rows)])


def test_every_environment_of_a_batch_is_learned_from():
    one, other = (DynaQ(4, 3, True, True, planning_steps=0) for _ in range(2))
    rows = [(0, 2, 1.0, 3, True), (3, 1, -2.0, 0, False)]
    one.observe(batch(*rows, states=4, actions=3))
    for row in rows:
        other.learn(*row)
    assert torch.equal(one.values.q, other.values.q)


def test_actions_are_greedy_but_for_epsilon_and_ties_are_random():
    agent = DynaQ(2, 4, True, True, epsilon=0.5)
    agent.generator.manual_seed(0)
    agent.values.q[0] = torch.tensor([0.0, 1.0, 1.0, 0.0])
    td = TensorDict({"observation": torch.tensor([[1.0, 0.0]]).expand(4000, 2)}, [4000])
    shares = agent(td)["action"].mean(0).tolist()
    assert shares == pytest.approx([0.125, 0.375, 0.375, 0.125], abs=0.03)
    agent.eval()
    assert agent(td)["action"].mean(0).tolist() == pytest.approx([0, 0.5, 0.5, 0], abs=0.03)


@pytest.mark.parametrize("kind", AGENTS)
def test_a_checkpoint_holds_all_that_was_learned(kind):
    """An agent that takes over another's state and chance goes on alike."""

    def later(agent, first: int, last: int) -> list[float]:
        agent.generator.manual_seed(first)
        chance = np.random.default_rng(first)
        for _ in range(first, last):
            s, a = int(chance.integers(6)), int(chance.integers(2))
            agent.learn(s, a, float(s == 4), (s + 1) % 6, s == 4)
        return agent.values.q.flatten().tolist()

    one, other = (kind(6, 2, True, True, planning_steps=3) for _ in range(2))
    later(one, 0, 50)
    other.load_state_dict(one.state_dict())
    assert later(one, 50, 90) == later(other, 50, 90)
    assert {name: value.tolist() for name, value in one.state_dict().items()} == {
        name: value.tolist() for name, value in other.state_dict().items()
    }


@pytest.mark.parametrize("kind", AGENTS)
def test_what_it_cannot_do(kind):
    with pytest.raises(ValueError, match="need an environment with discrete observations"):
        kind(3, 2, False, True)
    with pytest.raises(ValueError, match="need an environment with discrete actions"):
        kind(3, 2, True, False)
    for name, value in {"step_size": 0.0, "discount": 1.5, "epsilon": -0.1, "planning_steps": -1}.items():
        with pytest.raises(ValueError, match=rf"{name}.*got .*{value}"):
            kind(3, 2, True, True, **{name: value})


def test_tables_stay_as_they_are():
    agent = DynaQ(3, 2, True, True).to(torch.float16)
    assert agent.values.q.dtype == torch.float64
    assert agent.to("meta").values.q.device.type == "cpu"
