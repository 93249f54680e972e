import torch

from fulgurite.equations.lambda_return import lambda_return


def test_three_steps_by_hand():
    reward, discount = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.9, 0.5, 1.0])
    value = torch.tensor([10.0, 20.0, 30.0])  # v(s_1), v(s_2), v(s_3)
    third = 3 + 30.0
    second = 2 + 0.5 * (0.25 * 20 + 0.75 * third)
    first = 1 + 0.9 * (0.25 * 10 + 0.75 * second)
    torch.testing.assert_close(lambda_return(reward, discount, value, 0.75), torch.tensor([first, second, third]))


def test_lambda_zero_is_one_step_and_lambda_one_is_all_rewards():
    reward, value = torch.rand(6, 4), torch.randn(6, 4)
    discount = torch.full((6, 4), 0.9)
    torch.testing.assert_close(lambda_return(reward, discount, value, 0.0), reward + 0.9 * value)
    powers = 0.9 ** torch.arange(6.0)
    whole = (powers[:, None] * reward).sum(0) + 0.9**6 * value[-1]
    torch.testing.assert_close(lambda_return(reward, discount, value, 1.0)[0], whole)


def test_nothing_counts_after_the_end_of_a_task():
    reward, value, discount = torch.ones(4), torch.full((4,), 100.0), torch.tensor([1.0, 0.0, 1.0, 1.0])
    assert lambda_return(reward, discount, value, 1.0)[0] == 2.0


def test_the_gradient_reaches_rewards_and_the_last_value():
    reward, value = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    lambda_return(reward, torch.full((3,), 0.5), value, 1.0)[0].backward()
    assert reward.grad is not None
    assert value.grad is not None
    torch.testing.assert_close(reward.grad, torch.tensor([1.0, 0.5, 0.25]))
    torch.testing.assert_close(value.grad, torch.tensor([0.0, 0.0, 0.125]))
