"""What a picture of a task costs: a frame of `Pixels(64)`, against the environment's own frame as it draws it."""

import logging
from argparse import Namespace
from collections.abc import Callable
from importlib.util import find_spec

import gymnasium

from fulgurite.data.cameras import camera_of
from fulgurite.data.environments import Environment

from .table import machine
from .timing import alternate, ratio, timed, typical, use_threads

ROUNDS, FRAMES = 9, 10
SIZE = 64
IDS = ["Pendulum-v1", "CartPole-v1", "fulgurite/CartPoleSwingUp-v0", "HalfCheetah-v5", "dm_control/cartpole-swingup"]
EXTRAS = {"HalfCheetah-v5": "mujoco", "dm_control/cartpole-swingup": "dm_control"}


def plainly(id: str) -> Callable[[], object]:
    """Draws as whoever made the environment has it; the suite draws small, but with shadows and smoothed edges."""
    if id.startswith("dm_control/"):
        from dm_control import suite

        task = suite.load(*id.removeprefix("dm_control/").split("-"))
        task.reset()
        return lambda: task.physics.render(SIZE, SIZE, 0)
    env = gymnasium.make(id, render_mode="rgb_array", disable_env_checker=True)
    env.reset(seed=0)
    env.render()
    if id != "HalfCheetah-v5":
        return env.render
    viewer = env.unwrapped.mujoco_renderer.viewer  # type: ignore[attr-defined]
    return lambda: (viewer.make_context_current(), env.render())  # else it would draw where we drew last


def run(options: Namespace) -> str:
    """One row an environment; processor time."""
    use_threads(1)
    logging.disable(logging.WARNING)
    lines = [f"| environment | `Pixels({SIZE})`, ms | its own frame, ms | ratio |", "|---|---|---|---|"]
    for id in IDS:
        if id in EXTRAS and find_spec(EXTRAS[id]) is None:
            continue
        env = Environment(id).make_single(0, render=True)  # which also decides what MuJoCo draws with
        env.reset(seed=0)
        camera = camera_of(env, SIZE, 0)
        rounds = alternate({"ours": timed(camera.frame, FRAMES), "own": timed(plainly(id), FRAMES)}, ROUNDS)
        ours, own = (typical(rounds[name]).cpu * 1e3 for name in ("ours", "own"))
        lines.append(f"| {id} | {ours:.1f} | {own:.1f} | {ratio(rounds['own'], rounds['ours']).cpu:.1f} |")
        camera.close()
        env.close()
    return f"{machine()}\n\n" + "\n".join(lines)
