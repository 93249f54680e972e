"""The scan of a recurrent state-space model over the frames of sequences, with its gradient written out.

    s_{t-1} <- s_0 where an episode begins
    h_t = f(h_{t-1}, z_{t-1}, e_t)        raw_t = q(h_t, o_t)        z_t = draw(raw_t, noise_t)

The loop holds only what must be sequential: what actions and features contribute comes in worked out, and the gradients
of all weights are taken after the loop backwards, for all frames at once. Shapes are static and nothing depends on
data, so that a CUDA graph can have it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .explicit import Explicit, Frames, Tensors
from .latent_draw import Draw


class Scanned(NamedTuple):
    """What the scan gives of L frames: h `[L, B, D]`, z `[L, B, Z]` and raw numbers `[L, B, Q]` in the draw's order."""

    deterministic: Tensor
    stochastic: Tensor
    raw: Tensor


class Parts(NamedTuple):
    """What a scan consists of: f, q and the draw of z."""

    cell: Explicit
    head: Explicit
    draw: Draw


Weights = tuple[Tensors, Tensors]
Saved = tuple[Tensors, Tensors]


def step(
    parts: Parts, weights: Weights, start: Tensors, state: Tensors, frame: Tensors
) -> tuple[Tensors, Tensor, Saved]:
    """(h, z), raw numbers and what is saved, from (h, z) before and the frame (reset, drive, features, chance)."""
    reset, drive, features, chance = frame
    h, z = (torch.lerp(before, first, reset) for before, first in zip(state, start, strict=True))
    h, of_cell = parts.cell.run(weights[0], drive, h, z)
    raw, of_head = parts.head.run(weights[1], features, h)
    return (h, parts.draw.run(raw, chance)), raw, (of_cell, of_head)


def step_back(
    parts: Parts, weights: Weights, saved: Saved, carried: Tensors, outer: Tensors, frame: Tensors
) -> tuple[Tensors, Tensors, tuple[Tensors, Tensors]]:
    """The gradients of (h, z) before, as they are carried on and as they are after the reset, and deltas."""
    kept, slope = frame
    of_z = carried[1] + outer[1]
    (of_h,), of_head = parts.head.back(weights[1], saved[1], parts.draw.back(slope, of_z) + outer[2])
    of_state, of_cell = parts.cell.back(weights[0], saved[0], carried[0] + outer[0] + of_h)
    return tuple(grad * kept for grad in of_state), of_state, (of_cell, of_head)


class Steps(NamedTuple):
    """One step forwards and one backwards."""

    forward: Callable[..., Any]
    back: Callable[..., Any]


EAGER = Steps(step, step_back)


@cache
def compiled_steps() -> Steps:
    """Both by torch.compile, whose import alone takes seconds."""
    return Steps(torch.compile(step, dynamic=False), torch.compile(step_back, dynamic=False))


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        steps: Steps,
        parts: Parts,
        of_cell: int,
        reset: Tensor,
        chance: Tensor,
        h_0: Tensor,
        z_0: Tensor,
        drive: Tensor,
        features: Tensor,
        *given_weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        # torch.compile asks its arguments for their .grad, which warns unless they are detached
        h_0, z_0, drive, features, *flat = (x.detach() for x in (h_0, z_0, drive, features, *given_weights))
        weights = tuple(flat[:of_cell]), tuple(flat[of_cell:])
        batch = reset.shape[1]
        start = h_0, z_0
        state: Tensors = tuple(x.expand(batch, -1) for x in start)
        states, raws, saved = [], [], []
        for frame in zip(*(x.unbind(0) for x in (reset, drive, features, chance)), strict=True):
            state, raw, of_step = steps.forward(parts, weights, start, state, frame)
            states.append(state)
            raws.append(raw)
            saved.append(of_step)
        h, z = (torch.stack(x) for x in zip(*states, strict=True))
        raw = torch.stack(raws)
        ctx.steps, ctx.parts, ctx.of_cell, ctx.sizes = steps, parts, of_cell, (len(saved[0][0]), len(saved[0][1]))
        ctx.save_for_backward(reset, chance, raw, *flat, *(x for step in saved for part in step for x in part))
        return h, z, raw

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        parts, (n_cell, n_head) = ctx.parts, ctx.sizes
        reset, chance, raw, *rest = ctx.saved_tensors
        frames = len(reset)
        saved = rest[len(rest) - frames * (n_cell + n_head) :]
        flat = rest[: len(rest) - len(saved)]
        weights = tuple(flat[: ctx.of_cell]), tuple(flat[ctx.of_cell :])
        past = [
            (tuple(saved[first : first + n_cell]), tuple(saved[first + n_cell : first + n_cell + n_head]))
            for first in range(0, len(saved), n_cell + n_head)
        ]
        kept, slopes = (1 - reset).unbind(0), parts.draw.slopes(raw, chance).unbind(0)
        outer = list(zip(*(grad.unbind(0) for grad in grads), strict=True))
        carried: Tensors = tuple(torch.zeros_like(grad[0]) for grad in grads[:2])
        learned = ctx.needs_input_grad[5:7]
        before, deltas = [], []
        for t in reversed(range(frames)):
            carried, of_state, delta = ctx.steps.back(parts, weights, past[t], carried, outer[t], (kept[t], slopes[t]))
            if any(learned):
                before.append(of_state)
            deltas.append(delta)
        of_start: tuple[Tensor | None, ...] = (None, None)
        if before:
            of_start = tuple((torch.stack(grad).flip(0) * reset).sum((0, 1)) for grad in zip(*before, strict=True))
        given, of_weights = [], []
        for index, part in enumerate((parts.cell, parts.head)):
            of_given, found = part.gradients(
                across(frame[index] for frame in past), across(delta[index] for delta in reversed(deltas))
            )
            given.append(of_given.unflatten(0, (frames, -1)))
            of_weights += found
        return None, None, None, None, None, *of_start, *given, *of_weights


def across(steps: Any) -> Frames:
    """Tuples of tensors, one a frame -> lists of a tensor a frame, one an entry."""
    return tuple(list(entry) for entry in zip(*steps, strict=True))


def scan(
    parts: Parts,
    reset: Tensor,
    noise: Tensor | None,
    start: Tensors,
    drive: Tensor,
    features: Tensor,
    *,
    compiled: bool = False,
) -> Scanned:
    """The states of L frames, in the weights' precision whatever autocast says.

    Args:
        parts: cell, head and draw.
        reset: `[L, B, 1]`, 1 where an episode begins and at the first frame, else 0.
        noise: `[L, B, Z]`, standard normal; None for means or modes.
        start: h `[D]` and z `[Z]` before the first frame of an episode.
        drive: `[L, B, I]`, what actions contribute to h.
        features: `[L, B, hidden]`, what features contribute to the statistics of z.
        compiled: the steps by torch.compile, which takes half a minute at the first scan of a shape.
    """
    with torch.autocast(drive.device.type, enabled=False):
        weights = parts.cell.weights(), parts.head.weights()
        dtype = weights[0][0].dtype
        tensors = (x.to(dtype) for x in (reset, parts.draw.chance(noise, drive), *start, drive, features))
        steps = compiled_steps() if compiled else EAGER
        return Scanned(*_Scan.apply(steps, parts, len(weights[0]), *tensors, *weights[0], *weights[1]))
