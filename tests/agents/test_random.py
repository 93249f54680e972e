"""The baseline: uniform, in the convention of the environment's actions."""

import pytest
import torch
from tensordict import TensorDict

from fulgurite.agents.random import RandomAgent


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
