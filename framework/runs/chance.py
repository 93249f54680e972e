"""The state of every global random generator of a process, as plain containers and tensors."""

import random
from typing import Any

import numpy as np
import torch


def chance() -> dict[str, Any]:
    """Of Python, NumPy and PyTorch, on the CPU and, where CUDA is in use, on every device."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {  # PyTorch cannot pickle uint32 tensors everywhere, hence int64
        "python": random.getstate(),
        "numpy": (str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), int(position), int(has_gauss), float(cached)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }


def restore(state: dict[str, Any]) -> None:
    """Puts the generators where `chance` found them."""
    random.setstate(state["python"])
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])


def seed(number: int) -> None:
    """Seeds them all."""
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)
