"""What acts in a worker: copies of the policies that can be sent anywhere, and receive the weights of the live ones."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..runs.random_states import random_states, seed_all, set_generator, set_random_states
from .play import Behaviour


class Acting(nn.Module):
    """Copies of policies, on the CPU, of which one acts. Which one travels with the weights, in a buffer.

    Args:
        policies: the live ones; they keep their trainers and devices.
    """

    orders: Tensor

    def __init__(self, policies: Sequence[Behaviour]) -> None:
        super().__init__()
        copies: list[Any] = [policy.acting().cpu() for policy in policies]
        self.policies = nn.ModuleList(copies)
        self.register_buffer("orders", torch.zeros(2, dtype=torch.int64))  # which policy acts, and whether in training

    @torch.no_grad()
    def follow(self, live: Sequence[Any], chosen: int, training: bool) -> None:
        """Takes the weights of the live policies in place, and which of them acts."""
        for mine, theirs in zip(self.policies, live, strict=True):
            newest = dict(tensors(theirs))
            for name, tensor in tensors(mine):
                tensor.copy_(newest[name])
        self.orders.copy_(torch.tensor([chosen, training]))

    def members(self) -> list[Any]:
        """The policies."""
        return list(self.policies)

    def on(self, device: torch.device) -> "Acting":
        """A copy that acts on a device."""
        there = copy.deepcopy(self)
        for policy in there.members():
            policy.to(device)  # one by one: Lightning's modules note their device only when they are moved themselves
        return there

    def choose(self) -> Any:
        """The policy that acts."""
        chosen, training = self.orders.tolist()
        return self.policies[chosen].train(bool(training))

    def seed(self, seed: int, rank: int, worker: int) -> None:
        """Gives this worker chance of its own: the global generators, and those of the policies."""
        seed_all(drawn(seed, rank, worker))
        for number, policy in enumerate(self.members()):
            policy.generator.manual_seed(drawn(seed, rank, worker, number))

    def chance(self) -> dict[str, Any]:
        """The state of all that `seed` seeded."""
        return {"global": random_states(), "policies": [policy.generator.get_state() for policy in self.members()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Puts chance where `chance` found it."""
        set_random_states(state["global"])
        for policy, saved in zip(self.members(), state["policies"], strict=True):
            set_generator(policy.generator, saved, "a worker")


def tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """All that a module learns or keeps, by name."""
    yield from module.named_parameters()
    yield from module.named_buffers()


def drawn(*numbers: int) -> int:
    """A seed below 2^32 that is a function of all these numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
