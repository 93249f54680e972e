import torch

from fulgurite.equations.reinforce import reinforce


def test_the_gradient_of_three_steps_by_hand():
    """Two actions, softmax(x): the slope of log pi(0) in x_0 is 1 - pi(0), of log pi(1) it is -pi(0)."""
    x = torch.tensor([0.0, 0.0], requires_grad=True)
    advantage = torch.tensor([2.0, -1.0, 4.0], requires_grad=True)
    log_prob = x.log_softmax(-1)[torch.tensor([0, 1, 1])]
    reinforce(log_prob, advantage).sum().backward()
    # -(2 * 0.5 - 1 * -0.5 + 4 * -0.5) = 0.5
    torch.testing.assert_close(x.grad, torch.tensor([0.5, -0.5]))
    assert advantage.grad is None
