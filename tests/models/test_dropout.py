"""Dropout: a draw is the network with units left out, its moments are the masks', and each particle keeps its mask."""

import pytest
import torch
from torch.nn import functional as F
from worlds import inferred, transitions

from fulgurite.models.dropout import DropoutDynamics, DropoutMLP


def test_a_draw_is_the_network_with_units_left_out():
    torch.manual_seed(0)
    network = DropoutMLP(3, 2, (16, 8), "silu", rate=0.4)
    (w1, b1), (w2, b2), (w3, b3) = network.perceptron.layers()
    layers = network.sample(5, torch.Generator().manual_seed(0))
    x = torch.randn(5, 7, 3)
    for p in range(5):
        z1, z2 = layers[1][0][p, 0] / w2[0, 0], layers[2][0][p, 0] / w3[0, 0]  # the masks, from the scaled columns
        assert (z1.isclose(torch.zeros(())) | z1.isclose(torch.tensor(1 / 0.6))).all()
        assert 0 < (z1 == 0).sum() < 16
        h = F.silu(x[p] @ w1[0].mT + b1[0]) * z1
        y = (F.silu(h @ w2[0].mT + b2[0]) * z2) @ w3[0].mT + b3[0]
        h = F.silu(x[p] @ layers[0][0][p].mT + layers[0][1][p])
        h = F.silu(h @ layers[1][0][p].mT + layers[1][1][p])
        torch.testing.assert_close(h @ layers[2][0][p].mT + layers[2][1][p], y)


def test_masks_have_the_moments_of_bernoulli():
    torch.manual_seed(0)
    network = DropoutMLP(1, 1, (50,), "relu", rate=0.25)
    with torch.no_grad():
        network.perceptron.weights[1].fill_(1.0)
    kept = network.sample(4000)[1][0]  # [P, 1, 50]
    assert kept.mean().item() == pytest.approx(1.0, abs=0.01)
    assert kept.var().item() == pytest.approx(0.25 / 0.75, rel=0.02)
    assert len(kept[:, 0, :].unique(dim=0)) > 3900


def test_training_drops_with_the_same_moments_and_validation_does_not():
    torch.manual_seed(0)
    network = DropoutMLP(2, 1, (6,), "tanh", rate=0.5)
    x = torch.tensor([0.5, -1.0])
    with torch.no_grad():
        trained = network(x.expand(1, 50_000, 2))[0, :, 0]
        weight, bias = network.perceptron.layers()[0]
        hidden = torch.tanh(x @ weight[0].mT + bias[0, 0])
        last = network.sample(50_000)[1]
        sampled = (hidden * last[0][:, 0]).sum(-1) + last[1][:, 0, 0]
        network.eval()
        whole = network(x.expand(1, 2, 2)).flatten()
    assert trained.mean().item() == pytest.approx(sampled.mean().item(), abs=0.01)
    assert trained.var().item() == pytest.approx(sampled.var().item(), rel=0.04)
    assert whole[0] == whole[1]
    assert trained.mean().item() == pytest.approx(whole[0].item(), abs=0.01)


def test_without_dropout_it_is_a_plain_network():
    torch.manual_seed(0)
    dynamics = DropoutDynamics(2, 1, rate=0.0, hidden=(8,))
    state, action = torch.randn(4, 3, 2), torch.randn(4, 3, 1)
    steps = dynamics.step(state, action, dynamics.sample_parameters(4), None)
    alone = dynamics.step(state[:1], action[:1], dynamics.sample_parameters(1), None)
    torch.testing.assert_close(steps[:1], alone)
    assert torch.equal(dynamics.sample_parameters(2).layers[1][0][0], dynamics.sample_parameters(2).layers[1][0][1])


def test_each_particle_keeps_its_mask():
    torch.manual_seed(0)
    dynamics = DropoutDynamics(2, 1, rate=0.3, hidden=(32, 32))
    theta = dynamics.sample_parameters(6, torch.Generator().manual_seed(0))
    state, action = torch.ones(6, 3, 2), torch.ones(6, 3, 1)
    first = dynamics.step(state, action, theta, None)
    assert torch.equal(first, dynamics.step(state, action, theta, None))
    assert len(first[:, 0, 0].unique()) == 6
    assert len(first[0, :, 0].unique()) == 1


def test_it_learns_and_knows_where_it_does_not_know():
    torch.manual_seed(0)
    state, action = torch.rand(300, 1) * 2 - 1, torch.rand(300, 1) * 2 - 1
    rows = inferred(transitions(state, action, state + torch.sin(2 * state) + 0.5 * action))
    dynamics = DropoutDynamics(1, 1, rate=0.1, hidden=(64, 64), learning_rate=3e-3)
    dynamics.adapt(rows)
    optimizer = dynamics.make_optimizer()
    for _ in range(400):
        dynamics.loss(rows.copy())["dynamics"].backward()
        optimizer.step()
        optimizer.zero_grad()
    at = torch.tensor([[0.5], [4.0]]).expand(200, 2, 1)
    predicted = dynamics.step(at, torch.zeros(200, 2, 1), dynamics.sample_parameters(200), None)[..., 0]
    assert predicted[:, 0].mean().item() == pytest.approx(0.5 + torch.sin(torch.tensor(1.0)).item(), abs=0.12)
    assert predicted[:, 1].std() > 2 * predicted[:, 0].std()


def test_the_rate_is_checked():
    with pytest.raises(ValueError, match="need 0 <= rate < 1, got 1"):
        DropoutMLP(1, 1, (4,), "silu", rate=1)
