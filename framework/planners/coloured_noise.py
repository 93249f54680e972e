"""Coloured noise: a power spectrum that falls with the frequency, so that actions change slowly.

    y = F^-1 [ c s(f) F[z] ],   z ~ N(0, I)        s(f) = max(f, 1/H)^(-beta/2)        power(f) ~ f^-beta

beta = 0 is white, 1 pink, 2 red (a random walk's). c is such that every y_t has variance 1.
Timmer and Koenig 1995; for planning Pinneri et al. 2020 (iCEM), section 3.1.
The package `colorednoise` that iCEM uses leaves the constant part (f = 0) out of the variance, so its sequences vary
more from one to the next: by a factor of 1.15 in the standard deviation for beta = 2 and H = 20.
"""

import torch
from torch import Tensor


def coloured(white: Tensor, exponent: float) -> Tensor:
    """White noise `[..., H, A]` coloured along H with the exponent beta; each step keeps mean 0 and variance 1."""
    H = white.shape[-2]
    frequency = torch.fft.fftfreq(H, device=white.device, dtype=white.dtype).abs().clamp_min(1 / H)  # [H], two-sided
    amplitude = frequency.pow(-exponent / 2)
    amplitude = amplitude / amplitude.square().mean().sqrt()
    spectrum = torch.fft.rfft(white, dim=-2)  # [..., H // 2 + 1, A]
    return torch.fft.irfft(spectrum * amplitude[: H // 2 + 1, None], n=H, dim=-2)
