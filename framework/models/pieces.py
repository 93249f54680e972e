"""Evaluates a function of many independent rows in pieces that stay in a processor's cache.

On a CPU every layer of a convolutional network over 2500 images reads and writes more than a hundred megabytes of
memory that the system has to give anew; in pieces forward and backward take two thirds of the time. A GPU gets all
rows at once.
"""

from collections.abc import Callable

import torch
from torch import Tensor

ROWS = 128


def in_pieces(function: Callable[..., Tensor], *rows: Tensor) -> Tensor:
    """`function` of tensors `[N, ...]`, row by row independent -> `[N, ...]`."""
    if rows[0].is_cuda or len(rows[0]) <= ROWS:
        return function(*rows)
    return torch.cat([function(*piece) for piece in zip(*(one.split(ROWS) for one in rows), strict=True)])
