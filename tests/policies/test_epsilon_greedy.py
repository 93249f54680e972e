"""The greedy action, and how often it is not taken."""

import torch

from fulgurite.policies.epsilon_greedy import EpsilonGreedy, EpsilonGreedyPolicy

Q = torch.tensor([[1.0, 3.0, 2.0], [5.0, 0.0, 4.0]])


def test_probabilities_entropy_and_draws_agree():
    pi = EpsilonGreedy(Q, torch.tensor(0.3))
    probability = torch.tensor([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    for action in range(3):
        taken = torch.eye(3)[[action, action]]
        torch.testing.assert_close(pi.log_prob(taken), probability[:, action].log())
    torch.testing.assert_close(pi.entropy(), -(probability * probability.log()).sum(-1))
    many = EpsilonGreedy(Q.expand(20_000, 2, 3), torch.tensor(0.3))
    drawn = many.sample(torch.Generator().manual_seed(0))
    assert (drawn.action.sum(-1) == 1).all()
    assert (drawn.action.mean(0) - probability).abs().max() < 0.01
    torch.testing.assert_close(drawn.log_prob, many.log_prob(drawn.action))


def test_at_the_ends():
    greedy = EpsilonGreedy(Q, torch.tensor(0.0))
    assert torch.equal(greedy.sample().action, greedy.mode())
    assert torch.equal(greedy.mode(), torch.tensor([[0.0, 1, 0], [1, 0, 0]]))
    assert torch.equal(greedy.entropy(), torch.zeros(2))
    uniform = EpsilonGreedy(Q, torch.tensor(1.0))
    torch.testing.assert_close(uniform.entropy(), torch.full((2,), 3.0).log())


def test_the_policy_reads_its_own_values_and_keeps_epsilon_with_its_weights():
    policy = EpsilonGreedyPolicy(hidden=(8,)).build(4, 3)
    state = torch.randn(6, 4)
    assert torch.equal(policy(state).q, policy.q(state))
    policy.epsilon.fill_(0.25)
    other = EpsilonGreedyPolicy(hidden=(8,)).build(4, 3)
    other.load_state_dict(policy.state_dict())
    assert other.epsilon == 0.25
    assert torch.equal(other(state).mode(), policy(state).mode())
