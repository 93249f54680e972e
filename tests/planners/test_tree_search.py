"""Tree search against naive trees, exhaustive minimax and value iteration."""

import math

import pytest
import torch

from fulgurite.equations.tictactoe import minimax
from fulgurite.models.frozen_lake import FrozenLakeDynamics, frozen_lake_reward, frozen_lake_termination
from fulgurite.models.rules import OnePlayer
from fulgurite.models.tictactoe import TicTacToeDynamics, TicTacToeRules, tictactoe_reward, tictactoe_termination
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.tree_search import Problem
from fulgurite.planners.tree_search_gumbel import GumbelSearch
from fulgurite.planners.tree_search_model import latin_hypercube, simulator
from fulgurite.planners.tree_search_puct import PUCT
from fulgurite.planners.tree_search_rollout import RandomRollout
from fulgurite.planners.tree_search_uct import UCT

GAME = WorldModel(TicTacToeDynamics(), tictactoe_reward, tictactoe_termination)
SEARCHES = [UCT(0.7, 60, 0.9), PUCT(simulations=60, discount=0.9), GumbelSearch(2, simulations=60, discount=0.9)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def walk(state, action, generator=None):
    """State [x, t]: 0 and 1 move x; each step gives a reward that depends on both; ends at t = 8."""
    x, t = state.unbind(-1)
    x, t = 2 * x + action[..., 1] + 1, t + 1
    return torch.stack([x, t], -1), (x * 0.37).sin(), (t < 8).float()


def guess(state, generator=None):
    """Priors and values that differ from state to state."""
    x, t = state.unbind(-1)
    return torch.stack([(x * 1.3).cos(), (x * 0.7).sin()], -1), (x + t).cos()


WALK = Problem(walk, guess, OnePlayer(2).legal, OnePlayer(2).to_play)


class Naive:
    """One tree of node objects that walks down from the root, as the textbook has it."""

    def __init__(self, state):
        self.state = state
        logits, value = guess(state)
        self.logits, self.raw = logits.log_softmax(-1), value.item()
        self.visits, self.sums, self.children = [0, 0], [0.0, 0.0], [None, None]

    def simulate(self, score, discount, depth=0):
        action = max((0, 1), key=lambda a: score(self, depth)[a])
        if self.children[action] is None:
            one_hot = torch.eye(2)[action]
            after, reward, going_on = walk(self.state, one_hot)
            self.children[action] = (Naive(after), reward.item(), going_on.item())
            value = self.children[action][0].raw
        else:
            child, _, going_on = self.children[action]
            value = child.simulate(score, discount, depth + 1) if going_on else 0.0
        _, reward, going_on = self.children[action]
        returned = reward + discount * going_on * value
        self.visits[action] += 1
        self.sums[action] += returned
        return returned


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_the_arrays_are_the_tree(search):
    """The same visits as a tree of objects, whose scores are those of the search on one node at a time."""
    from fulgurite.planners.tree_search_arrays import Statistics

    start = torch.tensor([[0.0, 0.0], [3.0, 2.0], [1.0, 4.0]])
    calm = GumbelSearch(2, simulations=60, discount=0.9, gumbel_scale=0) if isinstance(search, GumbelSearch) else search
    found = calm.search(start, WALK, seeded())
    for root, visits in zip(start, found.visits, strict=True):
        tree = Naive(root)
        for simulation in range(60):

            def score(node, depth, simulation=simulation):
                count = torch.tensor([node.visits], dtype=torch.float32)
                q = torch.tensor([node.sums]) / count.clamp_min(1)
                raw = torch.tensor([node.raw])
                value = (raw + sum(node.sums)) / (1 + count.sum(-1))
                noise = torch.tensor([[1.0, 0.0]])
                s = Statistics(count, q, node.logits[None], noise, raw, value, torch.ones(1, 2, dtype=torch.bool))
                return (calm.score(s) if depth else calm.root_score(s, simulation))[0].tolist()

            tree.simulate(score, 0.9)
        if isinstance(search, UCT):  # the first two tries of a node are in random order
            assert abs(visits - torch.tensor(tree.visits)).max() <= 6
        else:
            assert visits.tolist() == tree.visits


def test_it_finds_the_best_of_all_plans():
    """All 2^6 plans of the walk's last six steps, enumerated."""
    start = torch.tensor([[0.0, 2.0], [5.0, 2.0]])
    plans = torch.cartesian_prod(*[torch.arange(2)] * 6)  # [64, 6]
    state, returns = start[:, None].expand(2, 64, 2), torch.zeros(2, 64)
    for t in range(6):
        state, reward, _ = walk(state, torch.nn.functional.one_hot(plans[:, t], 2).float().expand(2, 64, 2))
        returns += 0.9**t * reward
    best = plans[returns.argmax(1), 0]
    found = UCT(1.0, 1000, 0.9, max_depth=8).search(start, WALK, seeded())
    assert found.action.tolist() == best.tolist()
    q = found.q.gather(1, found.action[:, None])[:, 0]
    assert (q <= returns.amax(1) + 1e-4).all()
    assert (q >= returns.amax(1) - 0.3).all()


def game(boards, simulations, bounds=(-1.0, 1.0), seed=0):
    rules = TicTacToeRules()
    simulate = simulator(GAME, 1, None, None)
    problem = Problem(simulate, RandomRollout(9).bind(simulate, rules.legal, 1.0), rules.legal, rules.to_play)
    search = UCT(1.0, simulations, 1.0, 9, bounds=bounds)
    return search.search(torch.tensor([[*board, 1.0] for board in boards]), problem, seeded(seed))


def some_boards(empty, count):
    """Undecided boards with so many empty cells, the agent to move."""
    generator, boards = seeded(3), []
    while len(boards) < count:
        states = [torch.tensor([0.0] * 9 + [1.0 if empty % 2 else -1.0])]
        for cell in torch.randperm(9, generator=generator)[: 9 - empty]:
            states.append(GAME.dynamics.following(states[-1], torch.eye(9)[cell]))
        if not tictactoe_termination(torch.stack(states)).any():
            boards.append(tuple(int(x) for x in states[-1][:9]))
    return boards


@pytest.mark.parametrize("empty", [5, 4, 3, 2])
def test_the_solver_is_minimax(empty):
    """With the whole game within reach the value is proven: 5 empty cells have at most 5! = 120 endings."""
    boards = some_boards(empty, 20)
    found = game(boards, 160)
    for board, action in zip(boards, found.action.tolist(), strict=True):
        after = tuple(-(1 if cell == action else owner) for cell, owner in enumerate(board))
        assert board[action] == 0
        assert -minimax(after) == minimax(board), (board, action)


def test_plain_uct_converges_to_minimax():
    boards = some_boards(3, 20)
    found = game(boards, 400, bounds=None)
    value = torch.tensor([minimax(board) for board in boards])
    assert (found.q.gather(1, found.action[:, None])[:, 0] - value).abs().max() < 0.15


def test_the_opponents_turn_is_seen_with_the_opponents_eyes():
    """X to complete a line; whoever is to move takes it, and the value has the mover's sign."""
    board = [1.0, 1.0, 0.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    rules, simulate = TicTacToeRules(), simulator(GAME, 1, None, None)
    problem = Problem(simulate, RandomRollout(9).bind(simulate, rules.legal, 1.0), rules.legal, rules.to_play)
    roots = torch.tensor([[*board, 1.0], [*board, -1.0]])
    for search in (
        UCT(1.0, 100, 1.0),
        PUCT(simulations=100, discount=1.0),
        GumbelSearch(simulations=100, discount=1.0, gumbel_scale=0),
    ):
        found = search.search(roots, problem, seeded())
        assert found.action.tolist() == [2, 5]
        assert found.value.min() > 0
        assert (found.visits[:, [0, 1, 3, 4]] == 0).all()


def test_chance_nodes_find_the_values_of_frozen_lake():
    """Three outcomes a third each are exact, so the search's return nears the optimum of value iteration."""
    dynamics, gamma = FrozenLakeDynamics(), 0.9
    cells = torch.eye(16)
    reward, end = frozen_lake_reward(cells, cells, cells), frozen_lake_termination(cells)
    value = torch.zeros(16)
    for _ in range(500):
        q = dynamics.probability @ (reward + gamma * (1 - end) * value)  # [S, A]
        value = q.amax(-1) * (1 - end)
    world = WorldModel(dynamics, frozen_lake_reward, frozen_lake_termination)
    simulate = simulator(world, 3, None, None)
    rules, table = OnePlayer(4), value
    problem = Problem(simulate, lambda s, g: (torch.zeros(*s.shape[:-1], 4), s @ table), rules.legal, rules.to_play)
    near = torch.tensor([9, 10, 13, 14])
    once = UCT(0.1, 4, gamma, outcomes=3).search(cells[near], problem, seeded())  # each action once: one Bellman backup
    assert torch.allclose(once.q, q[near], atol=1e-5)
    found = UCT(0.1, 500, gamma, max_depth=20, outcomes=3).search(cells[near], problem, seeded())
    assert found.action.tolist() == q[near].argmax(1).tolist()
    assert (found.q - q[near]).abs().max() < 0.2


def test_outcomes_are_weighted_by_their_probability():
    """One step to 0 or 1, in three draws: 1 once or twice of three; the mean follows the weights, not the children."""
    third = torch.tensor([0.0, 1.0, 1.0])

    def simulate(state, action, generator):
        shape = state.shape[:-1]
        outcome = third.view(3, *[1] * (len(shape) - 1)).expand(shape)
        return outcome[..., None], outcome, torch.zeros(shape)

    problem = Problem(
        simulate, lambda s, g: (torch.zeros(*s.shape[:-1], 2), s[..., 0] * 0), OnePlayer(2).legal, OnePlayer(2).to_play
    )
    found = UCT(1.0, 300, 1.0, outcomes=3).search(torch.zeros(2, 1), problem, seeded())
    assert found.q.flatten().tolist() == pytest.approx([2 / 3] * 4, abs=0.01)


def test_a_model_that_diverges_is_avoided():
    def simulate(state, action, generator):
        bad = action[..., 1] > 0
        return (
            torch.where(bad[..., None], torch.nan, state),
            torch.where(bad, torch.inf, 0.1),
            torch.ones_like(bad) * 1.0,
        )

    problem = Problem(
        simulate, lambda s, g: (torch.zeros(*s.shape[:-1], 2), s[..., 0]), OnePlayer(2).legal, OnePlayer(2).to_play
    )
    for search in (UCT(1.0, 30), PUCT(simulations=30)):
        found = search.search(torch.zeros(2, 1), problem, seeded())
        assert found.action.tolist() == [0, 0]
        assert found.q.isfinite().all()


def test_a_latin_hypercube_is_normal_and_even():
    noise = latin_hypercube(torch.zeros(4, 1000, 3), seeded())
    quarter = (torch.special.ndtr(noise) * 4).floor().sort(0).values
    assert torch.equal(quarter, torch.arange(4.0).view(4, 1, 1).expand(4, 1000, 3))
    assert noise.mean().abs() < 0.02
    assert noise.std() == pytest.approx(1, abs=0.02)


def test_a_random_rollout_by_hand():
    """Constant reward 1, ends with probability 1/2 at each step: 1 + g/2 + (g/2)^2."""
    rules = OnePlayer(2)
    evaluate = RandomRollout(3, 2).bind(
        lambda s, a, g: (s, torch.ones(s.shape[:-1]), torch.full(s.shape[:-1], 0.5)), rules.legal, 0.8
    )
    _, value = evaluate(torch.zeros(1, 5, 1), seeded())
    assert value[0].tolist() == pytest.approx([1 + 0.4 + 0.16] * 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"simulations": 0}, "simulations: need at least 1, got 0"),
        ({"discount": 1.5}, "discount: need a number in"),
        ({"bounds": (1.0, -1.0)}, "bounds: need the lower first"),
        ({"bounds": (-1.0, 1.0), "outcomes": 2}, "bounds: need the lower first, and outcomes 1"),
        ({"exploration": -1.0}, "exploration: need at least 0"),
    ],
)
def test_wrong_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        UCT(**arguments)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own
def test_compiled_or_not_it_is_the_same_search():
    roots = torch.tensor([[0.0, 0.0], [3.0, 1.0], [5.0, 2.0]])
    expected, found = (
        GumbelSearch(2, simulations=12, discount=0.9, compiled=it).search(roots, WALK, seeded()) for it in (False, True)
    )
    assert torch.equal(found.visits, expected.visits)
    assert torch.allclose(found.q, expected.q, atol=1e-5)


def test_without_exploring_a_search_that_samples_does_not():
    search = GumbelSearch(2, simulations=4, discount=0.9, value_scale=0.0)
    roots = torch.zeros(64, 2)
    assert search.search(roots, WALK, seeded()).action.unique().tolist() == [0, 1]
    assert search.search(roots, WALK, seeded(), explore=False).action.unique().tolist() == [0]


def test_the_same_generator_gives_the_same_search():
    found = [game(some_boards(5, 3), 50, seed=4) for _ in range(2)]
    assert torch.equal(found[0].visits, found[1].visits)
    assert math.isclose(found[0].visits.sum().item(), 150)
