import torch

from fulgurite.models.normalizer import Normalizer


def test_pieces_give_the_moments_of_the_whole():
    x = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 1e-3]) + 5
    normalizer = Normalizer(3)
    for piece in x.split([1, 2, 97, 900]):
        normalizer.update(piece)
    torch.testing.assert_close(normalizer.mean, x.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(normalizer.std, x.std(0, unbiased=False), rtol=1e-3, atol=1e-6)
    assert normalizer.count == 1000


def test_round_trip_and_identity_before_data():
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    normalizer = Normalizer(2)
    assert torch.equal(normalizer.normalize(x), x)
    normalizer.update(3 * x + 1)
    torch.testing.assert_close(normalizer.denormalize(normalizer.normalize(x)), x)


def test_what_never_varied_is_only_shifted():
    normalizer = Normalizer(1)
    normalizer.update(torch.full((10, 1), 7.0))
    assert normalizer.normalize(torch.tensor([[8.0]])).item() == 1.0


def test_no_rows_change_nothing():
    normalizer = Normalizer(2)
    normalizer.update(torch.zeros(0, 2))
    assert normalizer.count == 0
    assert torch.equal(normalizer.std, torch.ones(2))


def test_saved_with_the_model():
    one, other = Normalizer(1), Normalizer(1)
    one.update(torch.arange(9.0)[:, None])
    other.load_state_dict(one.state_dict())
    assert other.mean.item() == 4.0
