"""The symmetric logarithm: the identity near zero, a logarithm far from it, for numbers of any scale and sign.

    symlog(x) = sign(x) log(1 + |x|)        symexp(y) = sign(y) (exp(|y|) - 1)

Each is the inverse of the other, and both have slope 1 at zero. Hafner et al. 2023 (DreamerV3), section "Robust
predictions"; Webber 2012.
"""

import torch
from torch import Tensor


def symlog(x: Tensor) -> Tensor:
    """Element by element."""
    return torch.copysign(x.abs().log1p(), x)


def symexp(y: Tensor) -> Tensor:
    """Element by element."""
    return torch.copysign(y.abs().expm1(), y)
