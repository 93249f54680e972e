"""Dreamers fitted by several processes, each with its own sequences; run by the test of them."""

import sys

import torch
from dreamer_doubles import sequences, third_dreamer
from fixed import fit
from rank_fits import Shared
from tensordict import TensorDict

from fulgurite.runs.ranks import rank


def given() -> TensorDict:
    """Sequences `[C, K, B]` of 4 calls of 2 updates."""
    found = [torch.stack([torch.cat([sequences(10 * c + k), sequences(100 + c)]) for k in (1, 2)]) for c in range(4)]
    return torch.stack(found)


if __name__ == "__main__":
    agent, told = third_dreamer(), {}
    agent.log_dict = told.update
    fit(agent, Shared(given(), 2), sys.argv[1], strategy="ddp", devices=2)
    torch.save({"weights": agent.state_dict(), "told": told}, f"{sys.argv[1]}/rank{rank()}.pt")
