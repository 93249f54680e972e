"""The baseline: uniform, in the convention of the environment's actions."""

import pytest
import torch
from tensordict import TensorDict

from fulgurite.agents.random import RandomAgent
from fulgurite.models.deterministic import DeterministicDynamics
from fulgurite.models.world_model import WorldModel


@pytest.mark.parametrize("size", [1, 3])
def test_continuous_actions_are_uniform(size):
    action = RandomAgent(size)(TensorDict(batch_size=[30_000]))["action"]
    assert action.shape == (30_000, size)
    assert action.abs().max() <= 1
    assert action.mean(0).abs().max() < 0.02
    torch.testing.assert_close(action.var(0), torch.full((size,), 1 / 3), rtol=0.03, atol=0)


def test_discrete_actions_are_one_hot_and_equally_likely():
    action = RandomAgent(3, discrete_actions=True)(TensorDict(batch_size=[30_000]))["action"]
    assert action.dtype == torch.float32
    assert set(action.unique().tolist()) == {0, 1}
    assert (action.sum(-1) == 1).all()
    torch.testing.assert_close(action.mean(0), torch.full((3,), 1 / 3), rtol=0.03, atol=0)


def test_a_model_is_fitted_meanwhile_and_saved_once():
    dynamics = DeterministicDynamics(2, 1, members=1, hidden=[4])
    other = RandomAgent(1, model=dynamics)
    assert other.world_model is None
    assert list(other.parts().values()) == [dynamics]
    world = WorldModel(dynamics, lambda state, action, next_state: state[..., 0])
    agent = RandomAgent(1, model=world)
    assert agent.world_model is world
    assert len(agent.state_dict()) == len(world.state_dict())
    transitions = {
        "observation": torch.randn(8, 2),
        "action": torch.randn(8, 1),
        "next": {"observation": torch.randn(8, 2)},
    }
    batch = TensorDict(transitions, [8])
    torch.testing.assert_close(agent.loss(batch.clone()), world.loss(batch.clone()))
    assert agent.evaluate(batch.clone()).keys() == world.evaluate(batch.clone()).keys()
