"""The state of every global random generator, as plain tensors and containers."""

import random
from typing import Any

import numpy as np
import torch


def random_states() -> dict[str, Any]:
    """Of Python, numpy and torch, on the CPU and, where CUDA is in use, on every GPU."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    whole = torch.from_numpy(np.asarray(keys).astype(np.int64))  # not everything that pickles knows uint32 tensors
    return {
        "python": random.getstate(),
        "numpy": (str(name), whole, int(position), int(has_gauss), float(cached)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Puts the generators where `random_states` found them; those of GPUs where there are as many."""
    random.setstate(states["python"])
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"].cpu())
    if states["cuda"] and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in states["cuda"]])


def seed_all(number: int) -> None:
    """Seeds them all."""
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)
