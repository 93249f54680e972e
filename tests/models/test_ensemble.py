"""The ensemble's draws, its folded normalisation, its losses, and fitting it alone to a known linear-Gaussian world."""

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader
from worlds import inferred, transitions

from fulgurite.models.deterministic import DeterministicDynamics
from fulgurite.models.gaussian import GaussianDynamics


def varied(dynamics):
    """Normalisers that have seen something, so that folding them in is not trivial."""
    torch.manual_seed(1)
    dynamics.input_normalizer.update(torch.randn(100, 5) * 3 - 1)
    dynamics.change_normalizer.update(torch.randn(100, 4) * 0.1 + 2)
    return dynamics


@pytest.mark.parametrize("kind", [DeterministicDynamics, GaussianDynamics])
@pytest.mark.parametrize("particles", [1, 4, 10, 20])
def test_step_is_the_unfolded_formula(kind, particles):
    torch.manual_seed(0)
    dynamics = varied(kind(4, 1, members=5, hidden=(16,)))
    state, action, noise = torch.randn(particles, 3, 4), torch.randn(particles, 3, 1), torch.randn(particles, 1, 4)
    theta = dynamics.sample_parameters(particles, torch.Generator().manual_seed(0))
    stepped = dynamics.step(state, action, theta, noise)
    shuffled = torch.randperm(5, generator=torch.Generator().manual_seed(0))
    block = torch.arange(5).repeat_interleave(max(1, particles // 5))
    owner = block if particles % 5 == 0 else shuffled.repeat(particles)[:particles].sort().values
    for p in range(particles):
        x = dynamics.input_normalizer.normalize(torch.cat([state[p], action[p]], -1))
        mean, log_var = dynamics(x)  # [E, B, S], normalised
        change = mean[owner[p]]
        if log_var is not None:
            change = change + noise[p] * (0.5 * log_var[owner[p]]).exp()
        expected = state[p] + dynamics.change_normalizer.denormalize(change)
        torch.testing.assert_close(stepped[p], expected, rtol=1e-4, atol=1e-5)


def test_only_elites_predict():
    torch.manual_seed(0)
    dynamics = GaussianDynamics(4, 1, members=5, elites=2, hidden=(8,))
    dynamics.select({"member_error": torch.tensor([5.0, 1.0, 4.0, 0.5, 3.0])})
    assert dynamics.elite_index.tolist() == [3, 1]
    theta = dynamics.sample_parameters(6)
    assert torch.equal(theta.layers[1][1][:, 0, 4:] - theta.log_scale, dynamics.network.biases[1][[3, 1]][:, 0, 4:])


@pytest.mark.parametrize(("particles", "counts"), [(3, {1}), (7, {1, 2}), (12, {2, 3})])
def test_each_member_serves_its_share(particles, counts):
    dynamics = DeterministicDynamics(1, 1, members=5, hidden=())
    with torch.no_grad():
        dynamics.network.biases[0].copy_(torch.arange(5.0)[:, None, None])
        dynamics.network.weights[0].zero_()
    theta = dynamics.sample_parameters(particles)
    moved = dynamics.step(torch.zeros(particles, 1), torch.zeros(particles, 1), theta, None)
    assert set(moved.flatten().long().bincount().tolist()) - {0} == counts


def test_bfloat16_is_close():
    torch.manual_seed(0)
    dynamics = varied(GaussianDynamics(4, 1, hidden=(64, 64)))
    state, action = torch.randn(5, 50, 4) + 3, torch.randn(5, 50, 1)
    with torch.no_grad():
        exact = dynamics.step(state, action, dynamics.sample_parameters(5), None)
        with torch.autocast("cpu", torch.bfloat16):
            half = dynamics.step(state, action, dynamics.sample_parameters(5), None)
    assert half.dtype == torch.float32
    assert (half - exact).abs().max() < 0.02 * dynamics.change_normalizer.std.max()


def test_predict_is_step_in_distribution():
    torch.manual_seed(0)
    dynamics = varied(GaussianDynamics(4, 1, hidden=(8,)))
    state, action = torch.randn(5, 3, 4), torch.randn(5, 3, 1)
    theta = dynamics.sample_parameters(5)
    predicted = dynamics.predict(state, action, theta)
    noise = torch.ones(5, 3, 4)
    torch.testing.assert_close(dynamics.step(state, action, theta, None), predicted.mean)
    torch.testing.assert_close(dynamics.step(state, action, theta, noise), predicted.mean + predicted.stddev)


def test_losses_by_hand():
    """A network of zeros predicts the mean change with log-variance 0, softly bounded."""
    batch = inferred(transitions(torch.zeros(2, 1), torch.zeros(2, 1), torch.tensor([[1.0], [3.0]])))
    point = DeterministicDynamics(1, 1, members=2, hidden=())
    gaussian = GaussianDynamics(1, 1, members=2, hidden=())
    for dynamics in (point, gaussian):
        dynamics.adapt(batch)
        torch.nn.init.zeros_(dynamics.network.weights[0])
    assert point.loss(batch)["dynamics"].item() == pytest.approx(2 * 0.5)  # normalised changes are -1 and 1
    _, log_var = gaussian(torch.zeros(2, 2))
    bounded = log_var[0, 0, 0].item()
    nll = 0.5 * (torch.log(torch.tensor(2 * torch.pi)).item() + bounded + torch.tensor(-bounded).exp().item())
    assert gaussian.loss(batch)["dynamics"].item() == pytest.approx(2 * nll + 0.01 * (0.5 + 10))
    assert gaussian.evaluate(batch)["member_error"].tolist() == pytest.approx([1.0, 1.0])


def test_members_learn_from_their_own_batch():
    """With a batch `[E, B]` the gradient of member e depends on row e alone."""
    torch.manual_seed(0)
    dynamics = DeterministicDynamics(1, 1, members=3, hidden=(4,))
    states = torch.randn(3, 8, 1)
    batch = inferred(transitions(states, torch.zeros(3, 8, 1), states + torch.tensor([0.0, 1.0, 0.0])[:, None, None]))
    dynamics.loss(batch)["dynamics"].backward()
    alone = DeterministicDynamics(1, 1, members=3, hidden=(4,))
    alone.load_state_dict(dynamics.state_dict())
    alone.loss(inferred(transitions(states[1], torch.zeros(8, 1), states[1] + 1)))["dynamics"].backward()
    torch.testing.assert_close(dynamics.network.weights[0].grad[1], alone.network.weights[0].grad[1])


def test_fitted_alone_it_finds_a_linear_gaussian_world(tmp_path):
    """s' = 0.9 s + 0.5 a + 0.2 noise: maximum likelihood without hidden layers must find all three numbers."""
    torch.manual_seed(0)
    state, action = torch.randn(4000, 1) * 2, torch.rand(4000, 1) * 2 - 1
    rows = inferred(transitions(state, action, 0.9 * state + 0.5 * action + 0.2 * torch.randn(4000, 1)))
    dynamics = GaussianDynamics(1, 1, members=2, hidden=(), learning_rate=0.02)
    loader = DataLoader(rows, batch_size=200, shuffle=True, collate_fn=lambda batch: batch)
    pl.Trainer(
        max_epochs=25, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    ).fit(dynamics, loader)  # fmt: skip
    at = torch.tensor([[0.0], [1.0], [0.0]]), torch.tensor([[0.0], [0.0], [1.0]])
    with torch.no_grad():
        predicted = dynamics.predict(at[0].expand(2, 3, 1), at[1].expand(2, 3, 1), dynamics.sample_parameters(2))
    assert predicted.mean[:, :, 0] == pytest.approx(torch.tensor([[0.0, 0.9, 0.5]] * 2), abs=0.03)
    assert predicted.stddev[:, :, 0] == pytest.approx(torch.full((2, 3), 0.2), rel=0.08)


def test_elites_are_checked():
    with pytest.raises(ValueError, match="need 1 <= elites <= members, got 6 and 5"):
        GaussianDynamics(1, 1, members=5, elites=6)
