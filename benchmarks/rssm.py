"""A recurrent state-space model: forwards and backwards through B 16 x T 64 frames, and imagination.

The contestants have the same weights and do the same maths: a loop as one would write it, TorchRL's RSSMRolloutV3 on
its fast path, and ours with plain and with compiled steps. The loss weighs states and the statistics of posterior and
prior by random numbers, so that all gradients are there.
"""

from argparse import Namespace
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from fulgurite.imagination import TSInfinity, rollout
from fulgurite.models.block_gru_cell import BlockGRUCell
from fulgurite.models.filtering import Filtering
from fulgurite.models.gru_cell import GRUCell
from fulgurite.models.latent import CategoricalLatent, GaussianLatent
from fulgurite.models.recurrent_cell import RecurrentCell
from fulgurite.models.rssm import RSSM
from fulgurite.models.world_model import WorldModel

from .rssm_by_hand import Plain
from .table import Row, compared, tables
from .timing import Rounds, alternate, timed, typical, use_threads
from .torchrl_rssm import torchrl_rollout

BATCH, FRAMES, FEATURES, ACTION = 16, 64, 64, 6
CANDIDATES, HORIZON = 1000, 12
ROUNDS = 11


class Size(NamedTuple):
    """Of an RSSM; `hidden` is that of every hidden layer."""

    deterministic: int
    hidden: int
    variables: int
    classes: int
    blocks: bool


SIZES = {
    "small: GRU 64, 8 x 8 classes": Size(64, 64, 8, 8, False),
    "GRU 200, 8 x 8 classes": Size(200, 200, 8, 8, False),
    "DreamerV3 size1m: block GRU 512, 32 x 4 classes": Size(512, 64, 32, 4, True),
}


def models(size: Size, compiled: bool = False) -> tuple[RSSM, Filtering]:
    """Ours of this size."""
    torch.manual_seed(0)
    cell: RecurrentCell = BlockGRUCell(size.hidden) if size.blocks else GRUCell(size.hidden, "silu")
    hidden = [size.hidden] * (2 if size.blocks else 1)
    latent = CategoricalLatent(size.variables, size.classes)
    rssm = RSSM(ACTION, latent, cell, size.deterministic, hidden, "silu", normalize=size.blocks)
    filtering = Filtering(size.hidden, "silu", normalize=size.blocks, compiled=compiled)
    return rssm, filtering.build(FEATURES, ACTION, rssm)


def contestants(size: Size) -> dict[str, Callable[[], object]]:
    """Forwards and backwards once, by name."""
    rssm, filtering = models(size)
    compiled_rssm, compiled = models(size, compiled=True)
    plain = Plain(rssm, filtering)
    peer, peer_infer = torchrl_rollout(rssm, filtering, ACTION)
    features = torch.randn(BATCH, FRAMES, FEATURES, requires_grad=True)
    action = torch.rand(BATCH, FRAMES, ACTION) * 2 - 1
    is_init = torch.rand(BATCH, FRAMES, 1) < 0.02
    weights = [torch.randn(BATCH, FRAMES, n) for n in (rssm.state_size, *[rssm.latent.statistics] * 2)]

    def noise() -> Tensor:
        return torch.randn(BATCH, FRAMES, rssm.latent.size)

    infer: dict[str, Callable[[], tuple[Tensor, ...]]] = {
        "ours": lambda: filtering.infer(rssm, features, action, is_init, noise())[:3],
        "ours compiled": lambda: compiled.infer(compiled_rssm, features, action, is_init, noise())[:3],
        "by hand": lambda: plain(features, action, is_init, noise()),
        "TorchRL": lambda: peer_infer(features, action, is_init),
    }
    owners = {"ours": (rssm, filtering), "ours compiled": (compiled_rssm, compiled), "by hand": (plain,)}
    owned = {name: [p for part in parts for p in part.parameters()] for name, parts in owners.items()}
    owned["TorchRL"] = list(peer.parameters())
    counts = {name: sum(p.numel() for p in parameters) for name, parameters in owned.items()}
    assert len(set(counts.values())) == 1, f"need the same number of parameters, got {counts}"

    def both(name: str) -> Callable[[], object]:
        def work() -> None:
            found = infer[name]()
            torch.stack([(x * w).sum() for x, w in zip(found, weights, strict=True)]).sum().backward()
            for parameter in owned[name]:
                parameter.grad = None
            features.grad = None

        return work

    return {name: both(name) for name in infer}


def imagining(latent: CategoricalLatent | GaussianLatent) -> Rounds:
    """Times of a rollout of 1000 candidates over 12 steps at PlaNet's sizes."""
    torch.manual_seed(0)
    rssm = RSSM(ACTION, latent, GRUCell(200, "silu"), 200, [200], "silu")
    world_model = WorldModel(rssm, lambda state, action, next_state: next_state[..., 0])
    plain = Plain(rssm, Filtering(200, "silu").build(FEATURES, ACTION, rssm))
    start = torch.cat([torch.randn(1, 200).tanh(), torch.zeros(1, latent.size)], -1)  # [B, S]
    actions = torch.rand(1, CANDIDATES, HORIZON, ACTION) * 2 - 1

    @torch.no_grad()
    def ours() -> Tensor:
        advance = TSInfinity().bind(world_model, start, 1, HORIZON, None)
        states = start.expand(1, 1, CANDIDATES, -1)
        imagined = rollout(world_model, states, lambda s, t: actions[None, :, :, t], advance, HORIZON)
        return torch.cat([part.reward for part in imagined]).sum(0)

    @torch.no_grad()
    def by_hand() -> Tensor:
        noise = torch.randn(HORIZON, 1, latent.size)
        return plain.imagine(start.expand(CANDIDATES, -1), actions[0], noise)[..., 0].sum(0)

    return alternate({"ours": timed(ours, 2), "by hand": timed(by_hand, 2)}, ROUNDS)


def rows(threads: int) -> list[Row]:
    """Both comparisons."""
    use_threads(threads)
    found = []
    for name, size in SIZES.items():
        rounds = alternate({who: timed(work, 2) for who, work in contestants(size).items()}, ROUNDS)
        for ours in ("ours", "ours compiled"):
            for other in ("by hand", "TorchRL"):
                what = f"{name}: {other} / {ours}"
                found.append(compared(what, threads, rounds, ours, other, ">= 1", speedup=True))
    for latent in (GaussianLatent(30), CategoricalLatent(8, 8)):
        rounds = imagining(latent)
        steps = CANDIDATES * HORIZON / typical(rounds["ours"]).wall
        what = f"imagination, {type(latent).__name__}, {CANDIDATES} x {HORIZON}, {steps:,.0f} steps a second"
        found.append(compared(f"{what}: ours / by hand", threads, rounds, "ours", "by hand", "<= 1.15", speedup=False))
    return found


def run(options: Namespace) -> str:
    """The table."""
    return tables("rssm", rows, options)
