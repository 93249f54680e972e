"""A running mean and standard deviation, saved with the model.

Two sets with counts n, m, means a, b and sums of squared deviations A, B merge to

    mean = a + (b - a) m / (n + m)        M2 = A + B + (b - a)^2 n m / (n + m)

Chan, Golub and LeVeque 1979.
"""

import torch
from torch import Tensor, nn

from ..runs.ranks import world_size


class Normalizer(nn.Module):
    """Maps vectors to zero mean and unit variance, dimension by dimension, and back.

    Until data came it is the identity. A dimension that never varied is only shifted, since its scale is unknown.
    """

    mean: Tensor
    std: Tensor
    count: Tensor
    squares: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        self.register_buffer("squares", torch.zeros(size))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Takes rows `[B, D]` into account. With several processes, the rows of all of them."""
        for n, mean, squares in gathered(*moments(x)):
            total = self.count + n
            shift = mean - self.mean
            self.mean += shift * (n / total)
            self.squares += squares + shift.square() * (self.count * n / total)
            self.count.copy_(total)
        std = (self.squares / self.count.clamp_min(1)).sqrt()
        self.std.copy_(torch.where(std > 1e-6 * (1 + self.mean.abs()), std, torch.ones_like(std)))

    def normalize(self, x: Tensor) -> Tensor:
        """`[*B, D]` in units -> `[*B, D]` standardised."""
        return (x - self.mean) / self.std

    def denormalize(self, x: Tensor) -> Tensor:
        """`[*B, D]` standardised -> `[*B, D]` in units."""
        return x * self.std + self.mean


def moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count, mean and sum of squared deviations of rows `[B, D]`."""
    mean = x.mean(0) if len(x) else x.new_zeros(x.shape[1])
    return torch.tensor(len(x), device=x.device), mean, (x - mean).square().sum(0)


def gathered(n: Tensor, mean: Tensor, squares: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The moments of every process that has rows, in the order of ranks, the same list on each of them."""
    rows = [torch.cat([n.to(mean.dtype)[None], mean, squares])]
    if world_size() > 1:
        rows = [torch.empty_like(rows[0]) for _ in range(world_size())]
        torch.distributed.all_gather(rows, torch.cat([n.to(mean.dtype)[None], mean, squares]))
    size = len(mean)
    return [(row[0].to(torch.int64), row[1 : 1 + size], row[1 + size :]) for row in rows if row[0] > 0]
