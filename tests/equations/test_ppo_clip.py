import torch

from fulgurite.equations.ppo_clip import ppo_clip
from fulgurite.equations.reinforce import reinforce


def test_three_steps_by_hand():
    ratio = torch.tensor([1.5, 0.5, 1.1, 1.5, 0.5])
    advantage = torch.tensor([2.0, 2.0, 3.0, -2.0, -2.0])
    old = torch.tensor(-1.3).expand(5)
    log_prob = (old + ratio.log()).requires_grad_()
    loss = ppo_clip(log_prob, old, advantage, 0.2)
    # min(3, 2.4), min(1, 1.6), min(3.3, 3.3), min(-3, -2.4), min(-1, -1.6)
    torch.testing.assert_close(loss, -torch.tensor([2.4, 1.0, 3.3, -3.0, -1.6]))
    loss.sum().backward()
    # no gradient where a gain is clipped; else rho A
    torch.testing.assert_close(log_prob.grad, -torch.tensor([0.0, 1.0, 3.3, -3.0, 0.0]))


def test_where_the_policy_has_not_moved_its_gradient_is_that_of_reinforce():
    torch.manual_seed(0)
    log_prob, advantage = torch.randn(7, requires_grad=True), torch.randn(7)
    (clipped,) = torch.autograd.grad(ppo_clip(log_prob, log_prob.detach(), advantage, 0.2).sum(), log_prob)
    (plain,) = torch.autograd.grad(reinforce(log_prob, advantage).sum(), log_prob)
    torch.testing.assert_close(clipped, plain)
