"""Noise on the actions of training: a' = clip(a + sigma eps, -1, 1), eps standard normal."""

import torch
from torch import Tensor


def check_noise(action_noise: float, discrete_actions: bool) -> None:
    """Raises `ValueError` for noise below 0, or on discrete actions."""
    if action_noise < 0 or (action_noise and discrete_actions):
        need = "0 for discrete actions" if discrete_actions else "at least 0"
        raise ValueError(f"action_noise: need {need}, got {action_noise}")


def noisy(action: Tensor, action_noise: float, generator: torch.Generator) -> Tensor:
    """Actions `[B, A]` with normal noise of this standard deviation."""
    noise = torch.randn(action.shape, generator=generator, device=action.device, dtype=action.dtype)
    return (action + action_noise * noise).clamp(-1, 1)
