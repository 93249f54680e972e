"""The state of every global random generator, as plain tensors and containers."""

import hashlib
import logging
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger(__name__)
INEXACT = "resumed, but not exactly: %s"


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
    """Puts the generators where `random_states` found them; another number of GPUs has theirs seeded from the state."""
    random.setstate(states["python"])
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"].cpu())
    found, gpus = [one.cpu() for one in states["cuda"]], torch.cuda.device_count()
    if found and len(found) == gpus:
        torch.cuda.set_rng_state_all(found)
    elif found and gpus:
        log.warning(INEXACT, f"with {gpus} GPUs in the place of {len(found)} their chance is another")
        torch.cuda.manual_seed_all(_seed(torch.cat(found)))


def set_generator(generator: torch.Generator, state: Tensor, whose: str) -> None:
    """Puts a generator where another one was; one of another kind of device is seeded from that one's state.

    Args:
        generator: on whatever device.
        state: of the other one.
        whose: chance it is, for the log.
    """
    state = state.cpu()
    if state.dtype != torch.uint8 or len(state) == len(generator.get_state()):
        generator.set_state(state)  # which refuses what is no state
        return
    log.warning(INEXACT, f"{whose} has chance on another kind of device, here {generator.device.type}")
    generator.manual_seed(_seed(state))


def _seed(state: Tensor) -> int:
    return int.from_bytes(hashlib.sha256(state.numpy().tobytes()).digest()[:7])


def seed_all(number: int) -> None:
    """Seeds them all."""
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)
