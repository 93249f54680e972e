"""The network that learns from searches: its losses by hand, and its values against value iteration."""

import math

import pytest
import torch
from tensordict import TensorDict

from fulgurite.agents.tree_search import MCTS
from fulgurite.models.frozen_lake import FrozenLakeDynamics, frozen_lake_reward, frozen_lake_termination
from fulgurite.models.tictactoe import TicTacToeDynamics, TicTacToeRules, tictactoe_reward, tictactoe_termination
from fulgurite.models.update import total
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.tree_search_gumbel import GumbelSearch
from fulgurite.planners.tree_search_network import PolicyValueNetwork


def blank(network):
    """The same with all outputs zero."""
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    return network


def transitions(state):
    """Recorded transitions `[*B]` whose actions and outcomes do not matter."""
    rows = {"observation": state, "action": state[..., :1], "next": {"observation": state}}
    return TensorDict(rows, state.shape[:-1])


def test_the_losses_of_a_network_that_knows_nothing():
    network = blank(PolicyValueNetwork(2, 4, (-2.0, 6.0)))
    batch = transitions(torch.randn(3, 2))
    batch["state"] = batch["observation"]
    batch["search_policy"] = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    batch["search_value"] = torch.tensor([[-2.0], [6.0], [100.0]])  # the last is outside the range
    losses = {name: loss.item() for name, loss in network.loss(batch).items()}
    assert losses == pytest.approx({"policy": math.log(4), "value": math.log(2)})
    logits, value = network.bind(None, None, 1.0)(torch.randn(1, 5, 2), None)
    assert logits.shape == (1, 5, 4)
    assert value.tolist() == [[2.0] * 5]


def test_without_searches_nothing_is_learned():
    network = PolicyValueNetwork(2, 4)
    batch = transitions(torch.randn(3, 2))
    batch["state"] = batch["observation"]
    assert network.loss(batch) == {}
    with pytest.raises(ValueError, match="value_range: need the lower first"):
        PolicyValueNetwork(2, 4, (1.0, -1.0))


def optimal_values(dynamics, cells, gamma):
    """By value iteration; holes and the goal are worth nothing more."""
    going_on = 1 - frozen_lake_termination(cells)
    value = torch.zeros(16)
    for _ in range(500):
        after = frozen_lake_reward(cells, cells, cells) + gamma * going_on * value  # of coming to a cell
        value = going_on * (dynamics.probability @ after).amax(-1)
    return value


def test_on_the_slippery_lake_it_learns_the_optimal_values():
    """Each search tries every action once, a Bellman backup: what lies further away comes from the network's values."""
    torch.manual_seed(0)
    gamma, cells, dynamics = 0.9, torch.eye(16), FrozenLakeDynamics()
    search = GumbelSearch(4, simulations=4, value_scale=1.0, discount=gamma, outcomes=3)
    world = WorldModel(dynamics, frozen_lake_reward, frozen_lake_termination)
    network = PolicyValueNetwork(16, 4, (0.0, 1.0), hidden=(32,), learning_rate=1e-2)
    agent = MCTS(world, search, 4, True, network)
    ice = cells[frozen_lake_termination(cells) == 0]
    optimizer = network.make_optimizer()
    for _ in range(250):
        batch = transitions(ice.repeat(4, 1))
        agent.prepare(batch)
        total(agent.loss(batch)).backward()
        optimizer.step()
        optimizer.zero_grad()
    value = network.bind(None, None, gamma)(ice, None)[1]
    expected = optimal_values(dynamics, cells, gamma)[frozen_lake_termination(cells) == 0]
    assert expected[0] < 0.1 < 0.6 < expected.max()
    assert (value - expected).abs().max() < 0.02


def test_the_searches_are_of_whoever_moves_and_the_values_the_agents():
    world = WorldModel(TicTacToeDynamics(), tictactoe_reward, tictactoe_termination)
    network = blank(PolicyValueNetwork(10, 9))
    search = GumbelSearch(9, simulations=60, discount=1.0, max_depth=9)
    agent = MCTS(world, search, 9, True, network, TicTacToeRules())
    ours, theirs = [1.0, 1, 0, -1, -1, 0, 0, 0, 0, 1], [1.0, 1, 0, -1, -1, 0, 0, 0, 0, -1]
    batch = transitions(torch.tensor([[ours, theirs]]))  # a call of one minibatch
    agent.prepare(batch)
    assert batch["search_policy"].argmax(-1).tolist() == [[2, 5]]  # each completes its line
    assert batch["search_value"][0, 0].item() > 0.9
    assert batch["search_value"][0, 1].item() < -0.9
    assert set(agent.loss(batch[0])) == {"policy", "value"}
    assert agent.evaluate(transitions(torch.tensor([ours]))) == {}
