"""Dreamers fitted by several processes, each with its own sequences; run by the test of them."""

import sys

import torch
from dreamer_doubles import calls, third_dreamer
from fixed import fit
from rank_fits import Shared

from fulgurite.runs.ranks import rank

if __name__ == "__main__":
    agent, told = third_dreamer(), {}
    agent.log_dict = told.update
    fit(agent, Shared(calls(), 2), sys.argv[1], strategy="ddp", devices=2)
    torch.save({"weights": agent.state_dict(), "told": told}, f"{sys.argv[1]}/rank{rank()}.pt")
