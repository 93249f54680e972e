"""Pixels: small frames that show the task, whatever draws it; and what is said where nothing can."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from fulgurite.data.cameras import reduced
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import Episodes
from fulgurite.data.nonsense import WrongForm
from fulgurite.data.pixels import Pixels

DRAWN = ["Pendulum-v1", "CartPole-v1", "fulgurite/CartPoleSwingUp-v0", "fulgurite/Cliff-v0", "InvertedPendulum-v5"]
DRAWN += ["HalfCheetah-v5"]
SUITE = pytest.param("dm_control/cartpole-swingup", marks=pytest.mark.skipif(not find_spec("dm_control"), reason="dmc"))


@contextmanager
def pictured(id: str, render: bool = False, **arguments: object) -> Iterator[Episodes]:
    """One environment that is seen by a camera."""
    env = Environment(id, wrappers={"pixels": Pixels(**arguments)}).make_single(0, render)  # type: ignore[arg-type]
    try:
        yield env
    finally:
        env.close()


def walked(env: Episodes, steps: int, seed: int = 1) -> list[np.ndarray]:
    """What is seen under random actions."""
    chance = np.random.default_rng(0)
    seen = [env.reset(seed=seed)[0]]
    size = env.action_space.shape[0]  # type: ignore[index]
    for _ in range(steps):
        drawn = chance.uniform(-1, 1, size).astype(np.float32)
        action = np.eye(size, dtype=np.float32)[drawn.argmax()] if env.discrete_actions else drawn
        image, _, terminated, *_ = env.step(action)
        seen.append(env.reset(seed=seed)[0] if terminated else image)
    return seen  # type: ignore[return-value]


def test_every_small_pixel_is_the_mean_of_its_area() -> None:
    large = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    small = reduced(large, 8)
    means = large.reshape(8, 4, 8, 8, 3).mean((1, 3))
    np.testing.assert_allclose(small, means, atol=1.01)  # rounded along rows, then along columns
    thin = np.full((100, 100, 3), 255, np.uint8)
    thin[:, 50] = 0  # one dark line does not vanish, wherever it is
    assert (255 - reduced(thin, 16).astype(float)).sum() == pytest.approx(255 * 16 * 16 / 100 * 3, rel=0.05)


@pytest.mark.parametrize("drawn", [None, np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)])
def test_what_is_no_frame_is_refused(drawn: object) -> None:
    with pytest.raises(WrongForm, match=r"frame: expected an RGB image \[height, width, 3\] of uint8, got"):
        reduced(drawn, 8)


@pytest.mark.parametrize("id", [*DRAWN, SUITE])
def test_a_task_in_small_pictures(id: str) -> None:
    with pictured(id) as env:
        seen = walked(env, 8)
        assert all(image.shape == (3, 64, 64) and image.dtype == np.uint8 for image in seen)
        assert seen[0].std() > 5
        assert any((image != seen[0]).any() for image in seen)  # it moves
        for one, other in zip(seen, walked(env, 8), strict=True):
            np.testing.assert_array_equal(one, other)


def angle(image: np.ndarray) -> float:
    """Of Pendulum's red rod, from upright, counterclockwise."""
    red = image[0].astype(float) - image[1]
    rows, columns = np.indices(red.shape) + 0.5
    x, y = (red * (columns - 32)).sum(), (red * (32 - rows)).sum()
    return math.atan2(-x, y)


def test_the_pendulum_is_seen_where_it_is() -> None:
    with pictured("Pendulum-v1") as env:
        for seed in range(12):
            image, _ = env.reset(seed=seed)
            theta = env.unwrapped.state[0]  # type: ignore[attr-defined]
            off = (angle(image) - theta + math.pi) % (2 * math.pi) - math.pi  # type: ignore[arg-type]
            assert abs(off) < 0.03
        assert env.env.env._camera._screen.get_size() == (256, 256)  # type: ignore[attr-defined]
        assert env.render().shape == (500, 500, 3)  # type: ignore[union-attr]


def test_the_cart_pole_is_the_same_scene_small() -> None:
    with pictured("fulgurite/CartPoleSwingUp-v0", render=True) as env:
        image = walked(env, 20)[-1]
        frame = env.render()
        assert frame.shape == (320, 480, 3)  # type: ignore[union-attr]
        off = np.abs(reduced(frame, 64).astype(int).transpose(2, 0, 1) - image)
        assert off.mean() < 1
        assert off.max() < 60


@pytest.mark.parametrize(("id", "shape"), [("InvertedPendulum-v5", (480, 480, 3)), ("HalfCheetah-v5", (480, 480, 3))])
def test_mujoco_draws_small_beside_its_own_frames(id: str, shape: tuple[int, ...]) -> None:
    """Two contexts, and those of another environment: each draws into its own."""
    with pictured(id) as alone:
        expected = walked(alone, 6)
    with pictured(id, render=True) as env, pictured(id) as other:
        for steps in range(1, 7):
            np.testing.assert_array_equal(walked(env, steps), expected[: steps + 1])
            frame = env.render()
            assert frame.shape == shape  # type: ignore[union-attr]
            assert frame.std() > 5  # type: ignore[union-attr]
            walked(other, steps, seed=5)
        walked(env, 1)
        other.close()  # what it frees is its own, though this one has drawn last
        np.testing.assert_array_equal(walked(env, 6), expected)


def test_what_an_environment_of_its_class_closes_others_draw_on() -> None:
    with pictured("CartPole-v1") as env:
        before = walked(env, 3)
        with pictured("CartPole-v1") as other:
            other.reset(seed=0)
        np.testing.assert_array_equal(walked(env, 3), before)


def test_the_vector_may_be_kept() -> None:
    with pictured("Pendulum-v1", size=32, keep_vector=True) as env:
        seen, _ = env.reset(seed=3)
        assert {name: entry.shape for name, entry in seen.items()} == {"pixels": (3, 32, 32), "vector": (3,)}  # type: ignore[union-attr]
        np.testing.assert_array_equal(seen["vector"], gymnasium.make("Pendulum-v1").reset(seed=3)[0])  # type: ignore[call-overload,index]


def test_frames_are_drawn_once_an_action() -> None:
    class Counted(Pixels):
        frames = 0

        def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
            def counted(render=env.render):  # type: ignore[no-untyped-def]
                Counted.frames += 1
                return render()

            env.render = counted  # type: ignore[method-assign]
            return super().wrap(env)

    env = Environment("CartPole-v1", action_repeat=3, wrappers={"pixels": Counted()}).make_single(0)
    env.reset(seed=0)
    for _ in range(2):
        assert env.step(np.array([1, 0], np.float32))[1] == 3
    assert Counted.frames == 3
    env.close()


@pytest.mark.skipif(not find_spec("dm_control"), reason="needs dm_control")
def test_the_suite_draws_what_it_draws_large() -> None:
    with pictured("dm_control/cartpole-swingup", render=True, camera="lookatcart") as env:
        for seed in (11, 12):
            seen, _ = env.reset(seed=seed)
            assert env.render().shape == (240, 320, 3)  # type: ignore[union-attr]
            physics = env.unwrapped._env.physics  # type: ignore[attr-defined]
            np.testing.assert_array_equal(seen, physics.render(64, 64, "lookatcart").transpose(2, 0, 1))
            np.testing.assert_array_equal(seen, env.reset(seed=seed)[0])


@pytest.mark.parametrize(
    ("id", "arguments", "says"),
    [
        ("Pendulum-v1", {"camera": 1}, r"wrappers.pixels: camera: need 0, since .* has one view, got 1"),
        ("fulgurite/CartPoleBalance-v0", {"camera": "top"}, "camera: need 0, the only one, got top"),
        ("HalfCheetah-v5", {"camera": "back"}, "camera: need -1 to 0, or one of track, got back"),
        ("fulgurite/TicTacToe-v0", {}, "environment fulgurite/TicTacToe-v0: draws no frames: its constructor takes no"),
    ],
)
def test_what_cannot_be_seen_says_why(id: str, arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says), pictured(id, **arguments) as env:
        env.reset()


def test_a_size_below_four_is_refused() -> None:
    with pytest.raises(ValueError, match="size: need at least 4 pixels, got 2"):
        Pixels(2)


def run(script: str, *arguments: str, **variables: str) -> str:
    """Runs a script in a process of its own, on a machine without a screen."""
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "MUJOCO_GL")}
    environ |= {"PYTHONPATH": str(Path(__file__).parents[1]), **variables}
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


NOTHING_DRAWS = """
import ctypes, sys
from fulgurite.data.pixels import Pixels
from fulgurite.data.simulator import Simulator

load = ctypes.CDLL
def without(name, *args, **kwargs):
    if name and ("EGL" in str(name) or "OSMesa" in str(name)):
        raise OSError(f"{name}: cannot open shared object file")
    return load(name, *args, **kwargs)
ctypes.CDLL = without

for id in ("HalfCheetah-v5", "dm_control/cartpole-swingup"):
    if len(sys.argv) > 1 and id.startswith("dm"):
        continue
    for simulator in (Simulator(id, wrappers={"pixels": Pixels()}), Simulator(id, render=True)):
        try:
            simulator.make()
        except ValueError as error:
            said = str(error)
            assert said.startswith(f"environment {id}: MuJoCo cannot draw here"), said
            assert "libegl1" in said and "libosmesa6" in said and "\\n" not in said, said
        else:
            raise AssertionError(id)
    Simulator(id).make().reset()  # without drawing, nothing is needed
Simulator("Pendulum-v1", wrappers={"pixels": Pixels()}).make().reset()  # pygame needs neither
"""


def test_where_nothing_draws_one_line_names_the_packages() -> None:
    run(NOTHING_DRAWS, *(() if find_spec("dm_control") else ("without",)))


OSMESA = """
import os
from fulgurite.data import renderer
renderer.TRIED.update({"egl": lambda: False, "osmesa": lambda: True})
renderer.choose_renderer()
assert os.environ["MUJOCO_GL"] == "osmesa"
"""
CHOSEN = """
import os
from fulgurite.data.renderer import choose_renderer, expect_renderer
choose_renderer()
assert os.environ["MUJOCO_GL"] == "disable"
try:
    expect_renderer()
except ValueError as error:
    assert "MUJOCO_GL=disable" in str(error)
else:
    raise AssertionError
"""


def test_osmesa_is_the_second_choice() -> None:
    run(OSMESA)


def test_what_the_user_chose_stays() -> None:
    run(CHOSEN, MUJOCO_GL="disable")
