"""Root mean square normalisation, and its gradient.

    u = r x,   r = (mean(x^2) + eps)^(-1/2)        y = g u
    dL/dx = r (v - u mean(v u)),   v = g dL/dy     dL/dg = sum over rows of u dL/dy

Zhang and Sennrich 2019, section 3; eps as in DreamerV3.
"""

from torch import Tensor

EPS = 1e-4


def rms_norm(x: Tensor, gain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """y `[*B, N]`, with u `[*B, N]` and r `[*B, 1]` that its gradient needs."""
    r = (x.square().mean(-1, keepdim=True) + EPS).rsqrt()
    unit = x * r
    return unit * gain, unit, r


def rms_norm_backward(grad: Tensor, unit: Tensor, r: Tensor, gain: Tensor) -> Tensor:
    """dL/dx `[*B, N]` of dL/dy; the gain's gradient is `(grad * unit).sum()` over rows."""
    v = grad * gain
    return (v - unit * (v * unit).mean(-1, keepdim=True)) * r
