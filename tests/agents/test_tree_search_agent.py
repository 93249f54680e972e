"""The MCTS agent, the worlds it searches in against the environments, and the game's environment."""

import gymnasium
import numpy as np
import pytest
import torch
from worlds import Counter, state_is_reward

from fulgurite.agents.tree_search import MCTS
from fulgurite.data.environments import Environment
from fulgurite.data.play import play, started
from fulgurite.equations.tictactoe import minimax, perfect_moves
from fulgurite.models import discrete_physics, frozen_lake, known, tictactoe
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.tree_search_rollout import RandomRollout
from fulgurite.planners.tree_search_uct import UCT

WORLDS = {
    "CartPole-v1": (
        discrete_physics.DiscreteCartPolePhysics(),
        known.cart_pole_balance_reward,
        known.cart_pole_balance_termination,
    ),
    "Acrobot-v1": (
        discrete_physics.AcrobotPhysics(),
        discrete_physics.acrobot_reward,
        discrete_physics.acrobot_termination,
    ),
}


@pytest.mark.parametrize("id", WORLDS)
def test_the_physics_are_the_environments(id):
    """Next states, rewards and ends of random episodes, step by step."""
    world, env, generator = WorldModel(*WORLDS[id]), Environment(id), np.random.default_rng(0)
    ends = 0
    for seed in range(6):
        simulator = env.make_single(seed)
        observation, _ = simulator.reset(seed=seed)
        for _ in range(200):
            action = np.eye(env.action_size, dtype=np.float32)[generator.integers(env.action_size)]
            following, reward, terminated, truncated, _ = simulator.step(action)
            state, r, going_on = world.step(torch.tensor(observation), torch.tensor(action), None, None)
            assert np.abs(state.numpy() - following).max() < 1e-4
            assert r.item() == reward
            assert going_on.item() == 1 - terminated
            observation, ends = following, ends + terminated
            if terminated or truncated:
                break
    assert ends > 0 or id == "Acrobot-v1"


def test_the_acrobot_keeps_its_energy_without_torque():
    state, physics = torch.tensor([[1.0, 0.0, 0.8, 0.6, 0.5, -0.5]]), discrete_physics.AcrobotPhysics()
    before = discrete_physics.acrobot_energy(state)
    for _ in range(10):
        state = physics.following(state, torch.tensor([[0.0, 1.0, 0.0]]))
    assert discrete_physics.acrobot_energy(state).item() == pytest.approx(before.item(), abs=0.05)


@pytest.mark.parametrize("slippery", [True, False])
def test_the_frozen_lake_is_gymnasiums(slippery):
    table = gymnasium.make("FrozenLake-v1", is_slippery=slippery).unwrapped.P
    dynamics = frozen_lake.FrozenLakeDynamics(slippery=slippery)
    cells, actions = torch.eye(16), torch.eye(4)
    expected = torch.zeros(16, 4, 16)
    for cell in range(16):
        for action in range(4):
            for probability, following, reward, ended in table[cell][action]:
                expected[cell, action, following] += probability
                if expected[cell, action, cell] != 1:  # not from within a hole or the goal
                    assert frozen_lake.frozen_lake_reward(cells[cell], actions[action], cells[following]) == reward
                    assert frozen_lake.frozen_lake_termination(cells[following]) == ended
    assert torch.allclose(dynamics.probability, expected)
    noise = torch.randn(3000, 1, 16, generator=torch.Generator().manual_seed(0))
    state, action = cells[None, 9:10].expand(3000, 1, 16), actions[None, 1:2].expand(3000, 1, 4)
    share = dynamics.step(state, action, None, noise).mean((0, 1))
    assert (share - expected[9, 1]).abs().max() < 0.03
    assert dynamics.predict(state, action, None).probs[0, 0].tolist() == pytest.approx(expected[9, 1].tolist())


def test_the_games_moves_are_the_environments():
    """A game by hand: the agent's line, a full board, an illegal move, and whose turn it is."""
    game, cells = (
        WorldModel(tictactoe.TicTacToeDynamics(), tictactoe.tictactoe_reward, tictactoe.tictactoe_termination),
        torch.eye(9),
    )
    state = torch.tensor([0.0] * 9 + [1.0])
    for cell, reward, going_on in ((0, 0, 1), (3, 0, 1), (1, 0, 1), (4, 0, 1), (2, 1, 0)):
        assert tictactoe.TicTacToeRules().legal(state)[cell]
        state, r, c = game.step(state, cells[cell], None, None)
        assert (r.item(), c.item()) == (reward, going_on)
    assert state.tolist() == [1, 1, 1, -1, -1, 0, 0, 0, 0, -1]
    theirs = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0, 0, -1])
    state, r, c = game.step(theirs, cells[0], None, None)
    assert (r.item(), c.item(), state[9].item()) == (1, 0, 0)  # they played on our cell


def test_seats_alternate_and_an_illegal_move_loses():
    env = gymnasium.make("fulgurite/TicTacToe-v0", opponent="perfect")
    assert [int(np.abs(env.reset(seed=seed)[0][:9]).sum()) for seed in range(4)] == [0, 1, 0, 1]
    env.reset(seed=0)
    env.step(4)
    observation, reward, terminated, _, _ = env.step(4)
    assert (reward, terminated, observation[9]) == (-1.0, True, 0.0)
    with pytest.raises(ValueError, match="opponent: need random, perfect or none, got 'best'"):
        gymnasium.make("fulgurite/TicTacToe-v0", opponent="best")


def test_without_an_opponent_every_move_is_the_models():
    """Whole games at random, some with an illegal move: boards, turns, rewards and ends as the world model has them."""
    env, generator = gymnasium.make("fulgurite/TicTacToe-v0", opponent="none"), np.random.default_rng(0)
    world, results = player(1).world_model, []
    for seed in range(60):
        observation, _ = env.reset(seed=seed)
        assert observation.tolist() == [0.0] * 9 + [1.0 if seed % 2 == 0 else -1.0]
        ended = False
        while not ended:
            cells = np.flatnonzero(observation[:9] == 0) if seed % 3 else np.arange(9)
            action = np.eye(9, dtype=np.float32)[generator.choice(cells)]
            state, r, going_on = world.step(torch.tensor(observation), torch.tensor(action), None, None)
            observation, reward, ended, _, _ = env.step(int(action.argmax()))
            assert (observation.tolist(), reward, ended) == (state.tolist(), r.item(), going_on.item() == 0)
        results.append(reward)
    assert set(results) == {-1.0, 0.0, 1.0}


def test_random_actions_are_legal_and_only_of_training():
    agent = player(5)
    agent.epsilon = 1.0
    td = started(agent, 400)
    td["observation"] = torch.tensor([[1.0, -1, 0, 0, 0, 0, 0, 0, 0, 1]]).expand(400, -1)
    played = agent(td)["action"].mean(0)
    assert played[:2].tolist() == [0.0, 0.0]
    assert (played[2:] - 1 / 7).abs().max() < 0.06
    agent.eval()
    assert agent(td)["action"].std(0).max() > 0.5 or agent(td)["action"].mean(0).max() > 0.3
    with pytest.raises(ValueError, match=r"epsilon: need a number in \[0, 1\], got 2"):
        MCTS(agent.world_model, agent.search, 9, True, epsilon=2)


def test_the_perfect_opponent_is_perfect():
    assert minimax((0,) * 9) == 0
    assert perfect_moves((1, 1, 0, -1, -1, 0, 0, 0, 0)) == [2]
    env, generator = gymnasium.make("fulgurite/TicTacToe-v0", opponent="perfect"), np.random.default_rng(0)
    for seed in range(40):
        observation, _ = env.reset(seed=seed)
        reward, ended = 0.0, False
        while not ended:
            observation, reward, ended, _, _ = env.step(int(generator.choice(np.flatnonzero(observation[:9] == 0))))
        assert reward <= 0


def player(simulations, **arguments):
    world = WorldModel(tictactoe.TicTacToeDynamics(), tictactoe.tictactoe_reward, tictactoe.tictactoe_termination)
    search = UCT(1.0, simulations, 1.0, 9, **arguments)
    return MCTS(world, search, 9, True, RandomRollout(9), tictactoe.TicTacToeRules())


def test_the_agent_plays_legal_moves_and_mostly_wins():
    agent = player(30, bounds=(-1.0, 1.0))
    episodes = play(Environment("fulgurite/TicTacToe-v0"), agent, range(30))
    returns = [episode.return_ for episode in episodes]
    assert all(episode.transitions["next", "observation"][-1, 9] != 0 for episode in episodes)
    assert sum(returns) / 30 > 0.6
    assert all((episode.transitions["action"].sum(-1) == 1).all() for episode in episodes)


def test_it_repeats_under_the_same_seed():
    agent = player(20)
    td = started(agent, 2)
    td["observation"] = torch.tensor([[0.0] * 9 + [1.0]] * 2)
    with agent.seeded(3):
        first = agent.found(td["observation"]).visits
    with agent.seeded(3):
        assert torch.equal(agent.found(td["observation"]).visits, first)


def test_real_actions_are_refused():
    with pytest.raises(ValueError, match="need an environment with discrete actions"):
        MCTS(WorldModel(Counter(), state_is_reward), UCT(), 1)
