import torch

from fulgurite.equations.gae import gae, standardized
from fulgurite.equations.lambda_return import lambda_return

REWARD = torch.tensor([[1.0], [2.0], [3.0]])
DISCOUNT = torch.tensor([[0.5], [0.0], [0.5]])  # the task ends on arriving at s_2
VALUE = torch.tensor([[10.0], [20.0], [30.0]])
NEXT = torch.tensor([[20.0], [30.0], [40.0]])


def test_three_steps_by_hand():
    # delta = 1 + 10 - 10, 2 + 0 - 20, 3 + 20 - 30;  A_2 = -7, A_1 = -18 + 0, A_0 = 1 + 0.5 * 0.8 * -18
    found = gae(REWARD, DISCOUNT, VALUE, NEXT, 0.8)
    torch.testing.assert_close(found, torch.tensor([[1 - 7.2], [-18.0], [-7.0]]))


def test_lambda_one_is_the_return_less_the_baseline_and_zero_one_step():
    torch.manual_seed(0)
    reward, discount, values = torch.randn(6, 4), torch.rand(6, 4), torch.randn(7, 4)
    for lambda_ in (0.0, 0.7, 1.0):
        found = gae(reward, discount, values[:-1], values[1:], lambda_)
        torch.testing.assert_close(found, lambda_return(reward, discount, values[1:], lambda_) - values[:-1])
    torch.testing.assert_close(
        gae(reward, discount, values[:-1], values[1:], 0.0), reward + discount * values[1:] - values[:-1]
    )


def test_standardized_advantages_know_neither_unit_nor_level():
    torch.manual_seed(0)
    advantage = torch.randn(5, 7)
    found = standardized(1000 * advantage - 300)
    torch.testing.assert_close(found, standardized(advantage), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.square().mean(), torch.tensor(1.0))
    assert abs(found.mean()) < 1e-6
    assert standardized(torch.full((3, 2), 4.0)).abs().max() == 0
