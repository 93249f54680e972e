import torch

from fulgurite.equations.polyak import polyak


def test_each_tensor_moves_by_its_share():
    slow, fast = [torch.zeros(2), torch.ones(1)], [torch.full((2,), 10.0), torch.ones(1)]
    polyak(slow, fast, 0.25)
    torch.testing.assert_close(slow, [torch.full((2,), 2.5), torch.ones(1)])
    polyak([], [], 0.5)
