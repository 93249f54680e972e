"""The Bayesian network against Bayesian linear regression, and its parts against what they stand for."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from worlds import inferred, transitions

from fulgurite.equations.gaussian_kl import gaussian_kl
from fulgurite.models.bayesian import BayesianDynamics
from fulgurite.models.variational import VariationalMLP

NOISE, PRIOR, N = 0.3, 0.8, 60


def test_kl_is_torchs():
    torch.manual_seed(0)
    mean, log_std, prior_mean, prior_log_std = torch.randn(4, 7, 5).double().unbind(0)
    expected = kl_divergence(Normal(mean, log_std.exp()), Normal(prior_mean, prior_log_std.exp()))
    torch.testing.assert_close(gaussian_kl(mean, log_std, prior_mean, prior_log_std), expected)


def test_the_networks_kl_is_the_sum_over_weights_and_zero_at_the_prior():
    torch.manual_seed(0)
    network = VariationalMLP(3, 2, hidden=(4,), prior_std=0.5, initial_std=0.1)
    total = 0.0
    for mean, log_std, fan_in in zip(network.mean.layers(), network.log_stds(), (3, 4), strict=True):
        for mu, log_sigma, s in zip(mean, log_std, (0.5 / math.sqrt(fan_in), 0.5), strict=True):
            total += kl_divergence(Normal(mu, log_sigma.exp()), Normal(0.0, s)).sum().item()
    assert network.kl().item() == pytest.approx(total, rel=1e-5)
    prior = VariationalMLP(3, 2, hidden=(4,), prior_std=0.5, initial_std=1.0)
    torch.nn.init.zeros_(prior.mean.weights[0])
    torch.nn.init.zeros_(prior.mean.weights[1])
    assert prior.kl().item() == pytest.approx(0, abs=1e-5)


def test_local_reparameterisation_has_the_moments_of_sampled_weights():
    torch.manual_seed(0)
    network = VariationalMLP(3, 2, hidden=(), initial_std=0.5)
    x = torch.tensor([[0.3, -1.2, 2.0]])
    with torch.no_grad():
        local = network(x.expand(1, 100_000, 3))[0]  # [R, 2]
        weight, bias = network.sample(100_000)[0]
        sampled = (x @ weight.mT + bias)[:, 0]  # [P, 2]
    torch.testing.assert_close(local.mean(0), sampled.mean(0), rtol=0.02, atol=0.02)
    torch.testing.assert_close(local.var(0), sampled.var(0), rtol=0.03, atol=0.0)


def test_every_row_has_its_own_noise_while_training_and_none_after():
    torch.manual_seed(0)
    network = VariationalMLP(2, 1, hidden=(8,))
    x = torch.ones(1, 5, 2)
    assert network(x).flatten().diff().abs().min() > 1e-4
    network.eval()
    assert network(x).flatten().diff().abs().max() < 1e-6


def linear_world(correlated: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs [N, 2] (state and action), uncorrelated with each other and the constant or not, and noisy changes."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(N, 2, generator=generator)
    if correlated:
        x[:, 1] = 0.7 * x[:, 0] + 0.5 * x[:, 1] + 0.4
    else:
        x = math.sqrt(N) * torch.linalg.qr(x - x.mean(0)).Q
    return x, x @ torch.tensor([[0.8], [-0.5]]) + 0.3 + NOISE * torch.randn(N, 1, generator=generator)


def closed_form(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Posterior mean [3] and precision [3, 3] of weights and bias: Bishop 2006, equations 3.50 and 3.51."""
    design = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    prior = torch.tensor([PRIOR / math.sqrt(2), PRIOR / math.sqrt(2), PRIOR]).double()
    precision = design.T @ design / NOISE**2 + prior.pow(-2).diag()
    return torch.linalg.solve(precision, design.T @ y[:, 0].double() / NOISE**2), precision


@pytest.mark.parametrize("correlated", [False, True])
def test_a_linear_network_finds_the_posterior_of_linear_regression(correlated):
    torch.manual_seed(0)
    x, y = linear_world(correlated)
    mean, precision = closed_form(x, y)
    dynamics = BayesianDynamics(1, 1, hidden=(), prior_std=PRIOR, learning_rate=0.02)
    dynamics.change_normalizer.count.fill_(N)  # the identity, which has seen N transitions
    with torch.no_grad():  # both bounds so that whatever is far above them means the known noise
        bound = math.log(NOISE**2) - math.log(2)
        dynamics.head.min_log_var.fill_(bound)
        dynamics.head.max_log_var.fill_(bound)
        dynamics.network.mean.biases[0][..., 1] = 1e4
    dynamics.head.requires_grad_(False)
    rows = inferred(transitions(x[:, :1], x[:, 1:], x[:, :1] + y))
    rows = rows[torch.arange(N).repeat(20)]  # the gradient's noise, not the data's, is averaged over
    optimizer = dynamics.make_optimizer()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for _ in range(600):
        sum(dynamics.loss(rows.copy()).values()).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    weight, bias = dynamics.network.mean.layers()[0]
    found = torch.cat([weight[0, 0], bias[0, 0, :1]]).double()
    of_weight, of_bias = dynamics.network.log_stds()[0]
    std = torch.cat([of_weight[0, 0], of_bias[0, 0, :1]]).exp().double()
    field = precision.diagonal().rsqrt()  # the best independent Gaussians have these deviations (Bishop 2006, 10.1.2)
    torch.testing.assert_close(found.detach(), mean, atol=0.1 * field.max().item(), rtol=0)
    torch.testing.assert_close(std.detach(), field, rtol=0.05, atol=0)
    if correlated:
        return
    # uncorrelated inputs: the posterior itself is independent, and the prediction's mean and variance are exact
    torch.testing.assert_close(field, precision.inverse().diagonal().sqrt(), rtol=1e-3, atol=0)
    state, action = torch.tensor([[1.5]]), torch.tensor([[-0.7]])
    draws = 20_000
    theta = dynamics.sample_parameters(draws, torch.Generator().manual_seed(0))
    predicted = dynamics.predict(state.expand(draws, 1, 1), action.expand(draws, 1, 1), theta)
    at = torch.tensor([1.5, -0.7, 1.0]).double()
    epistemic = (at @ precision.inverse() @ at).item()
    assert predicted.mean.mean().item() == pytest.approx(1.5 + (at @ mean).item(), abs=0.02)
    assert predicted.mean.var().item() == pytest.approx(epistemic, rel=0.1)
    assert predicted.variance.mean().item() == pytest.approx(NOISE**2, rel=1e-3)


def test_the_kl_counts_by_the_number_of_transitions():
    torch.manual_seed(0)
    dynamics = BayesianDynamics(2, 1, hidden=(4,), kl_weight=0.5)
    rows = inferred(transitions(torch.randn(30, 2), torch.randn(30, 1), torch.randn(30, 2)))
    for seen in (30, 60):
        dynamics.adapt(rows)
        assert dynamics.loss(rows.copy())["kl"].item() == pytest.approx(0.5 * dynamics.network.kl().item() / seen)


def test_each_particle_keeps_its_own_draw():
    torch.manual_seed(0)
    dynamics = BayesianDynamics(2, 1, hidden=(8,), initial_std=0.5)
    theta = dynamics.sample_parameters(6, torch.Generator().manual_seed(0))
    state, action = torch.ones(6, 3, 2), torch.ones(6, 3, 1)
    first, again = dynamics.step(state, action, theta, None), dynamics.step(state, action, theta, None)
    assert torch.equal(first, again)
    assert len(first[:, 0, 0].unique()) == 6  # particles differ
    assert len(first[0, :, 0].unique()) == 1  # plans of one particle do not
    same = dynamics.sample_parameters(6, torch.Generator().manual_seed(0))
    assert torch.equal(dynamics.step(state, action, same, None), first)


def test_more_data_is_less_uncertain():
    torch.manual_seed(0)
    spread = []
    for count in (20, 400):
        dynamics = BayesianDynamics(1, 1, hidden=(16,), learning_rate=0.01)
        state, action = torch.rand(count, 1) * 2 - 1, torch.rand(count, 1) * 2 - 1
        rows = inferred(transitions(state, action, state + 0.3 * torch.sin(3 * state) + 0.1 * torch.randn(count, 1)))
        dynamics.adapt(rows)
        optimizer = dynamics.make_optimizer()
        for _ in range(500):
            sum(dynamics.loss(rows.copy()).values()).backward()
            optimizer.step()
            optimizer.zero_grad()
        at = torch.zeros(200, 1, 1)
        spread.append(dynamics.step(at, at, dynamics.sample_parameters(200), None).std().item())
    assert spread[1] < 0.6 * spread[0]


def test_deviations_are_checked():
    with pytest.raises(ValueError, match="need prior_std > 0"):
        VariationalMLP(1, 1, prior_std=0)
