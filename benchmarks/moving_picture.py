"""The moving picture of the README: a pendulum and its plans, as learned from 200, 600 and 2,000 steps.

python -m benchmarks moving_picture

Three trainings of `pets/pendulum` by the command, one episode each from the same start. The rod is what happens; the
threads are where the plan of that moment takes the tip, one for each draw of a network and its noise.
"""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fulgurite.data.play import Episode
from fulgurite.imagination import TSInfinity, imagine
from fulgurite.keys import OBSERVATION, PLAN, REWARD
from fulgurite.recipe import build, compose
from fulgurite.runs import checkpoint as checkpoints
from fulgurite.runs.gif import write_gif
from fulgurite.runs.promises import states

from .timing import use_threads

PICTURE = Path("docs/images/pendulum.gif")
STEPS = (200, 600, 2000)  # of experience
START = 0  # of the evaluation's starts
PARTICLES = 24
EVERY = 2  # steps of the episode to a frame
SIZE, HEAD, FOOT = 280, 28, 26  # pixels
FINER = 3  # drawn so many times larger, then scaled down: smooth edges
INK, PALE, THREAD, TIP = (38, 44, 56), (206, 211, 218), (244, 178, 131), (213, 94, 0)


class Column(NamedTuple):
    """One agent's episode of T steps.

    Attributes:
        title: what it learned from.
        tip: `[T, 2]`, of the rod, to the right and up, in lengths of it.
        planned: `[P, T, H, 2]`, where the plan of each step takes it.
        so_far: `[T]`, the return.
    """

    title: str
    tip: NDArray[np.float64]
    planned: NDArray[np.float64]
    so_far: NDArray[np.float64]


def train(steps: int, out: Path) -> Path:
    """Trains by the command and returns the run folder."""
    runs = out / f"moving-picture-{steps}"
    quiet = [f"callbacks.{name}=null" for name in ("video", "plots", "report")]
    words = ["pets/pendulum", f"experience.max_env_steps={steps}", "evaluation.episodes=1", "logger=null", *quiet]
    command = [sys.executable, "-m", "fulgurite", "train", *words, "--runs", str(runs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(path.parent for path in runs.rglob("result.json"))[-1]


def column(steps: int, run: Path) -> Column:
    """Plays the agent of a run, and imagines every plan of it."""
    experiment = build(compose(str(run), ["callbacks=null", "logger=null"]))
    newest = checkpoints.latest(run)
    assert newest is not None, f"{run} has no checkpoint"
    episode = experiment.play_one(newest, START)
    agent = experiment.agent
    assert agent.world_model is not None
    with torch.no_grad():
        imagined = imagine(
            agent.world_model, states(agent, episode), episode.transitions[PLAN], propagation=TSInfinity(),
            particles=PARTICLES, generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        observed = agent.world_model.decode(imagined["next", "state"])  # [P, T, H, O]
    assert isinstance(observed, torch.Tensor)
    return Column(
        f"learned from {steps:,} steps", tips(episode.transitions[OBSERVATION]), tips(observed), returns(episode)
    )


def tips(observation: torch.Tensor) -> NDArray[np.float64]:
    """`[*B, O]` with the cosine and the sine of the angle from upright -> `[*B, 2]`, to the right and up."""
    return torch.stack([-observation[..., 1], observation[..., 0]], -1).double().numpy()


def returns(episode: Episode) -> NDArray[np.float64]:
    """`[T]`, with the reward of each step."""
    return episode.transitions[REWARD][:, 0].double().cumsum(0).numpy()


def frame(columns: list[Column], t: int) -> Image.Image:
    """All agents at a step, beside each other."""
    whole = Image.new("RGB", (SIZE * len(columns), HEAD + SIZE + FOOT), "white")
    pen = ImageDraw.Draw(whole)
    for i, one in enumerate(columns):
        centre = i * SIZE + SIZE // 2
        whole.paste(scene(one, t), (i * SIZE, HEAD))
        pen.text((centre, HEAD - 6), one.title, INK, ImageFont.load_default(17), "ms")
        pen.text((centre, HEAD + SIZE + 2), f"return {one.so_far[t]:,.0f}", INK, ImageFont.load_default(14), "mt")
    return whole


def scene(one: Column, t: int) -> Image.Image:
    """The rod of one agent, and the threads of its plan."""
    size = SIZE * FINER
    middle, length = size / 2, size * 0.4
    picture = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(picture)

    def at(tip: NDArray[np.float64]) -> list[tuple[float, float]]:
        return [(middle + x * length, middle - y * length) for x, y in np.atleast_2d(tip)]

    pen.circle((middle, middle), length, outline=PALE, width=FINER)
    paths = [at(np.vstack([one.tip[t], planned])) for planned in one.planned[:, t]]
    for path in paths:
        pen.line(path, THREAD, FINER, joint="curve")
    for path in paths:
        pen.circle(path[-1], 2.5 * FINER, TIP)
    pen.line([(middle, middle), *at(one.tip[t])], INK, 8 * FINER)
    pen.circle(at(one.tip[t])[0], 8 * FINER, INK)
    pen.circle((middle, middle), 4 * FINER, INK)
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def run(options: Namespace) -> str:
    """What is in the picture."""
    use_threads(1)
    columns = [column(steps, train(steps, options.out)) for steps in STEPS]
    write_gif(PICTURE, [frame(columns, t) for t in range(0, len(columns[0].tip), EVERY)], 0.08)
    lines = ["| experience | return of the episode |", "|---|---|"]
    lines += [f"| {steps:,} steps | {one.so_far[-1]:.0f} |" for steps, one in zip(STEPS, columns, strict=True)]
    return "\n".join([*lines, "", f"{PICTURE}: {PICTURE.stat().st_size / 1e6:.1f} MB"])
