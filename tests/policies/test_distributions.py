"""Densities against torch.distributions, draws against densities, gradients of draws against finite differences."""

import pytest
import torch
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from fulgurite.policies.bounded_normal import BoundedNormal, BoundedNormalPolicy
from fulgurite.policies.categorical import Categorical, CategoricalPolicy
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.policies.squashed_gaussian import LARGEST, SquashedGaussian, SquashedGaussianPolicy

MEAN, LOG_STD = torch.tensor([[0.3, -1.2], [2.0, 0.0]]), torch.tensor([[-0.5, 0.4], [-2.0, 0.9]])


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def squashed():
    return SquashedGaussian(MEAN, LOG_STD)


def reference():
    return TransformedDistribution(Normal(MEAN, LOG_STD.exp()), [TanhTransform()])


def test_the_squashed_gaussian_has_the_density_of_torch():
    action = torch.tensor([[0.5, -0.9], [0.97, 0.1]])
    torch.testing.assert_close(squashed().log_prob(action), reference().log_prob(action).sum(-1))


def test_a_draw_brings_its_own_density():
    drawn = squashed().sample(chance())
    torch.testing.assert_close(drawn.log_prob, squashed().log_prob(drawn.action), rtol=1e-4, atol=1e-3)
    far = SquashedGaussian(torch.tensor([[30.0]]), torch.tensor([[0.0]])).sample(chance())
    assert far.action == 1
    assert far.log_prob.isfinite().all()


def test_the_mass_that_tanh_cannot_tell_from_its_ends_pulls_no_mean_further():
    """Else a saturated policy, which nothing it does can change, is driven on by the noise of its own draws."""
    mean = torch.tensor([[8.0], [30.0], [-300.0]], requires_grad=True)
    action = mean.detach().sign()
    log_prob = SquashedGaussian(mean, torch.zeros(1)).log_prob(action)
    torch.testing.assert_close(log_prob[1:].exp(), torch.ones(2))
    at = Normal(mean.detach()[0], 1.0).cdf(torch.tensor(LARGEST).atanh())
    torch.testing.assert_close(log_prob[0].exp(), (1 - at)[0])
    (score,) = torch.autograd.grad(log_prob.sum(), mean)
    assert score[0] > 0.1
    assert score[1:].abs().max() == 0


def test_the_entropy_of_the_squashed_gaussian_is_that_of_its_draws():
    many = SquashedGaussian(MEAN.expand(200_000, 2, 2), LOG_STD).sample(chance())
    torch.testing.assert_close(squashed().entropy(), -many.log_prob.mean(0), rtol=0, atol=0.01)


def test_the_bounded_normal_is_a_law_with_mass_at_its_ends():
    normal = BoundedNormal(torch.tensor([0.8]), torch.tensor([0.4]))
    inside = torch.linspace(-1, 1, 200_001)[1:-1, None]
    within = normal.log_prob(inside).exp().sum() * 1e-5
    ends = normal.log_prob(torch.tensor([[-1.0], [1.0]])).exp()
    torch.testing.assert_close(within + ends.sum(), torch.tensor(1.0), rtol=0, atol=1e-4)
    action = BoundedNormal(torch.tensor([0.8]).expand(200_000, 1), torch.tensor([0.4])).sample(chance()).action
    assert abs((action == 1).float().mean() - ends[1]) < 0.005
    assert action.min() >= -1


def test_the_score_of_every_law_has_mean_zero():
    """E [grad log pi(a)] = 0: what likelihood-ratio gradients rest on, also for an action that was cut off."""
    for law in (lambda x: SquashedGaussian(x, x * 0), lambda x: BoundedNormal(x, x * 0 + 0.5)):
        mean = torch.full((400_000, 1), 0.7, requires_grad=True)
        distribution = law(mean)
        with torch.no_grad():
            action = distribution.sample(chance()).action
        (score,) = torch.autograd.grad(distribution.log_prob(action).sum(), mean)
        assert abs(score.mean()) < 0.01
    logits = torch.tensor([0.1, -1.0, 2.0]).repeat(100_000, 1).requires_grad_()
    distribution = Categorical(logits.log_softmax(-1))
    (score,) = torch.autograd.grad(distribution.log_prob(distribution.sample(chance()).action.detach()).sum(), logits)
    assert score.mean(0).abs().max() < 0.01


def test_draws_of_a_category_come_as_often_as_they_should():
    pi = torch.tensor([0.2, 0.5, 0.3])
    drawn = Categorical(pi.log().expand(100_000, 3)).sample(chance())
    assert ((drawn.action.detach() > 0.5).float().mean(0) - pi).abs().max() < 0.01
    torch.testing.assert_close(drawn.log_prob.exp(), (drawn.action.detach() * pi).sum(-1))
    torch.testing.assert_close(Categorical(pi.log()).entropy(), torch.distributions.Categorical(pi).entropy())


def test_a_one_hot_draw_has_the_gradient_of_its_probabilities():
    logits = torch.tensor([0.1, -1.0, 2.0], requires_grad=True)
    values = torch.tensor([1.0, 5.0, -2.0])
    (through,) = torch.autograd.grad((Categorical(logits.log_softmax(-1)).sample(chance()).action @ values), logits)
    (exact,) = torch.autograd.grad(logits.softmax(-1) @ values, logits)
    torch.testing.assert_close(through, exact)


@pytest.mark.parametrize("law", [SquashedGaussian, BoundedNormal])
def test_a_draw_is_reparameterised(law):
    mean = torch.tensor([0.1], dtype=torch.float64, requires_grad=True)
    spread = torch.tensor([-0.7 if law is SquashedGaussian else 0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m, s: law(m, s).sample(chance()), (mean, spread))


POLICIES = [SquashedGaussianPolicy, BoundedNormalPolicy, CategoricalPolicy, DeterministicPolicy]


@pytest.mark.parametrize("kind", POLICIES)
def test_a_policy_acts_within_bounds_and_repeats_itself_by_its_generator(kind):
    policy = kind(hidden=(8,)).build(3, 2)
    state = torch.randn(5, 4, 3) * 10
    pi = policy(state)
    first, again = (pi.sample(chance(3)).action for _ in range(2))
    assert first.shape == pi.mode().shape == (5, 4, 2)
    assert torch.equal(first, again)
    assert first.abs().max() <= 1
    assert pi.mode().abs().max() <= 1
    if policy.discrete_actions:
        assert torch.equal(pi.mode().sum(-1), torch.ones(5, 4))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SquashedGaussianPolicy(min_log_std=2.0), "min_log_std: need less than max_log_std, 2.0, got 2.0"),
        (lambda: BoundedNormalPolicy(min_std=0.0), "min_std: need more than 0 and at most max_std, 1.0, got 0.0"),
        (lambda: CategoricalPolicy(unimix=1.0), r"unimix: need a number in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_bounds_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("make", [SquashedGaussianPolicy, BoundedNormalPolicy, CategoricalPolicy])
def test_half_the_numbers_have_whole_densities(make):
    """bfloat16 knows no action between 0.996 and 1."""
    torch.manual_seed(0)
    policy = make(hidden=(32,), output_scale=1.0).build(4, 3)
    state = torch.randn(200, 4)
    whole = policy(state).sample(chance())
    with torch.autocast("cpu", torch.bfloat16):
        law = policy(state)
        half = law.sample(chance())
        again = law.log_prob(half.action)
    assert half.action.dtype == half.log_prob.dtype == torch.float32
    told = (half.action.abs() < 0.9999).all(-1) | policy.discrete_actions  # float32 cannot tell them from 1 for ever
    torch.testing.assert_close(again[told], half.log_prob[told], atol=1e-2, rtol=1e-2)
    assert (half.action - whole.action).abs().mean() < 0.02
