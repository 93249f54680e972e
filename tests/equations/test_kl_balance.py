"""Free nats and KL balance, against torch.distributions and finite differences."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from fulgurite.equations.kl_balance import balanced_kl, free_nats
from fulgurite.models.latent import GaussianLatent

LATENT = GaussianLatent(3)


def statistics(seed: int) -> Tensor:
    raw = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return LATENT.read(raw)


def plain(q: Tensor, p: Tensor) -> Tensor:
    """KL of each variable, by torch."""
    (q_mean, q_std), (p_mean, p_std) = q.chunk(2, -1), p.chunk(2, -1)
    return kl_divergence(Normal(q_mean, q_std), Normal(p_mean, p_std))


def test_free_nats_by_hand() -> None:
    kl = torch.tensor([[0.5, 2.0], [0.1, 0.2]])
    assert free_nats(kl, 1.0, "frame").tolist() == pytest.approx([2.5, 1.0])
    assert free_nats(kl, 1.0, "variable").tolist() == pytest.approx([3.0, 2.0])
    assert free_nats(kl, 1.0, "batch").tolist() == pytest.approx([1.4, 1.4])
    assert free_nats(kl, 2.0, "batch").tolist() == pytest.approx([2.0, 2.0])
    for per in ("frame", "variable", "batch"):
        assert free_nats(kl, 0.0, per).sum().item() == pytest.approx(2.8)


def test_there_is_no_gradient_below() -> None:
    kl = torch.tensor([[0.5, 2.0], [0.1, 0.2]], requires_grad=True)
    for per, expected in (("frame", [[1, 1], [0, 0]]), ("variable", [[0, 1], [0, 0]]), ("batch", [[1, 1], [1, 1]])):
        (gradient,) = torch.autograd.grad(free_nats(kl, 1.0, per).sum(), kl)
        assert gradient.tolist() == expected


@pytest.mark.parametrize("nats", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("per", ["frame", "variable", "batch"])
def test_balance_weighs_the_gradients_of_both_sides(nats: float, per: str) -> None:
    """DreamerV2's and V3's, written out: the gradient of one max(KL, n) in p times 0.8, and in q times 0.2."""
    q, p = (statistics(seed).requires_grad_() for seed in (0, 1))
    loss = balanced_kl(LATENT.kl, q, p, 0.8, 0.2, nats, per).mean()
    cut = free_nats(plain(q, p), nats, per).mean()
    torch.testing.assert_close(loss, cut)
    found, expected = torch.autograd.grad(loss, (q, p)), torch.autograd.grad(cut, (q, p))
    torch.testing.assert_close(found[0], 0.2 * expected[0])
    torch.testing.assert_close(found[1], 0.8 * expected[1])


def test_weights_of_one_have_the_gradient_of_the_divergence_itself() -> None:
    q, p = (statistics(seed).requires_grad_() for seed in (0, 1))
    found = torch.autograd.grad(balanced_kl(LATENT.kl, q, p, 1.0, 1.0, 3.0).sum(), (q, p))
    expected = torch.autograd.grad(free_nats(plain(q, p), 3.0).sum(), (q, p))
    torch.testing.assert_close(found, expected)


def test_gradients_by_finite_differences() -> None:
    q, p = (statistics(seed)[:1, :2] for seed in (0, 1))
    q_free, p_free = q.clone().requires_grad_(), p.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: balanced_kl(LATENT.kl, q, x, 1.0, 0.0, 0.7), p_free)
    assert torch.autograd.gradcheck(lambda x: balanced_kl(LATENT.kl, x, p, 0.0, 1.0, 0.7), q_free)


def test_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="per: need one of frame, variable, batch, got 'sum'"):
        free_nats(torch.ones(2, 2), 1.0, "sum")
    with pytest.raises(ValueError, match="nats: need at least 0, got -1"):
        free_nats(torch.ones(2, 2), -1)
