"""Wrappers against values worked by hand: frame stacks, hidden entries, noise, and what distracts."""

import math
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from room import SIDES, Room

from fulgurite.data.distractor import Distractor, fold
from fulgurite.data.environment_wrapper import EnvironmentWrapper
from fulgurite.data.frame_stack import FrameStack
from fulgurite.data.gymnasium_wrappers import Convention
from fulgurite.data.hide_entries import HideEntries
from fulgurite.data.noise import Noise
from fulgurite.data.noise_columns import NoiseColumns
from fulgurite.data.nonsense import WrongForm

STILL = np.zeros(1, np.float32)


class Steps(gymnasium.Env):
    """The vector [n, 10 n, 100 n] after n steps; an array that it uses again, as some do."""

    def __init__(self, shape: tuple[int, ...] = (3,)) -> None:
        self.action_space = spaces.Box(-1, 1, (1,), np.float32)
        self.observation_space = spaces.Box(-1, 1000, (3,), np.float32)
        self.array = np.zeros(shape, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.array[:] = 0
        return self.array, {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
        self.array += (10.0 ** np.arange(self.array.size)).reshape(self.array.shape)
        return self.array, 0.0, False, False, {}


class Grey(Steps):
    """An image of one grey everywhere: 100 + n."""

    def __init__(self, shape: tuple[int, ...] = (32, 32, 3), grey: int = 100) -> None:
        super().__init__()
        self.observation_space = spaces.Box(0, 255, shape, np.uint8)
        self.grey = grey

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.now = np.full(self.observation_space.shape, self.grey, np.uint8)
        return self.now, {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
        self.now += 1
        return self.now, 0.0, False, False, {}


def wrapped(env: gymnasium.Env, *wrappers: EnvironmentWrapper) -> Convention:
    for wrapper in wrappers:
        env = wrapper.wrap(env)
    return Convention(env)


def watched(env: gymnasium.Env, steps: int, seed: int = 0) -> list[Any]:
    """What is seen from a reset on."""
    return [env.reset(seed=seed)[0], *(env.step(STILL)[0] for _ in range(steps))]


def test_frames_are_stacked_oldest_first_and_a_reset_fills_with_the_first() -> None:
    env = wrapped(Steps(), FrameStack(3))
    for _ in range(2):  # nothing is left of the episode before
        seen = watched(env, 3)
        assert [one[::3].tolist() for one in seen] == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3]]
        assert seen[3].tolist() == [1, 10, 100, 2, 20, 200, 3, 30, 300]


@pytest.mark.parametrize("shape", [(8, 8, 3), (3, 8, 8), (6, 8), (8, 8, 2)])
def test_images_are_stacked_along_their_channels(shape: tuple[int, ...]) -> None:
    channels = {(8, 8, 3): 3, (3, 8, 8): 3, (6, 8): 1, (8, 8, 2): 2}[shape]
    seen = watched(wrapped(Grey(shape), FrameStack(4)), 2)
    assert [one.shape[0] for one in seen] == [4 * channels] * 3
    greys = [[int(frame.min()) for frame in one[::channels]] for one in seen]
    assert greys == [[100] * 4, [100, 100, 100, 101], [100, 100, 101, 102]]
    assert all(one[index].min() == one[index].max() for one in seen for index in range(4 * channels))


def test_entries_are_stacked_each() -> None:
    env = wrapped(Room(("camera", "joints")), FrameStack(2))
    seen = watched(env, 1)[1]
    assert seen["camera"].shape == (6, *SIDES)
    assert seen["camera"][::3, -1, 0].tolist() == [0, 1]
    assert seen["joints"][[0, 4]].tolist() == [0, 1]


def test_entries_are_hidden() -> None:
    env = wrapped(Steps(), HideEntries([1]))
    assert [one.tolist() for one in watched(env, 2)] == [[0, 0], [1, 100], [2, 200]]
    pendulum = HideEntries([2]).wrap(gymnasium.make("Pendulum-v1"))
    assert pendulum.observation_space.shape == (2,)
    cos, sin = pendulum.reset(seed=0)[0]
    assert cos**2 + sin**2 == pytest.approx(1)


def test_noise_has_its_standard_deviation_and_no_mean() -> None:
    seen = np.stack(watched(wrapped(Steps(), Noise([0.5, 0.0, 2.0])), 4000)) - np.arange(4001)[:, None] * [1, 10, 100]
    np.testing.assert_allclose(seen.std(0), [0.5, 0, 2], rtol=0.05, atol=1e-9)
    np.testing.assert_allclose(seen.mean(0), 0, atol=0.1)
    assert abs(np.corrcoef(seen[1:, 0], seen[:-1, 0])[0, 1]) < 0.05  # anew at every step


@pytest.mark.parametrize(("grey", "std", "deviation"), [(100, 0.05, 0.05 * 255), (100, 0.001, 0.383)])
def test_noise_on_images_is_in_units_of_255_and_rounded(grey: int, std: float, deviation: float) -> None:
    """Rounding normal noise of deviation s = 0.255 gives ones with p = P(|eps| > 0.5 / s) = 0.0499, so a deviation of
    sqrt(p) = 0.223."""
    expected = math.sqrt(math.erfc(0.5 / (255 * std) / math.sqrt(2))) if std < 0.01 else deviation
    image = wrapped(Grey((64, 64, 3), grey), Noise(std)).reset(seed=1)[0]
    assert image.dtype == np.uint8
    assert image.std() == pytest.approx(expected, rel=0.05)
    assert image.mean() == pytest.approx(grey, abs=0.3)


def test_noise_on_images_is_clipped_not_wrapped() -> None:
    image = wrapped(Grey((64, 64, 3), 250), Noise(0.2)).reset(seed=1)[0]
    assert (image == 255).mean() > 0.4  # the half above, and what lies within rounding
    assert image[image < 255].max() > 240
    assert (image < 30).mean() < 1e-3


def test_two_noises_are_two() -> None:
    once = watched(wrapped(Steps(), Noise(1.0)), 50)
    twice = watched(wrapped(Steps(), Noise(1.0), Noise(1.0)), 50)
    added = np.stack(twice) - np.stack(once)  # the second one's
    first = np.stack(once) - np.stack(watched(wrapped(Steps()), 50))
    assert abs(np.corrcoef(added.ravel(), first.ravel())[0, 1]) < 0.3


def test_the_same_seed_repeats_and_another_differs() -> None:
    for env in (
        wrapped(Steps(), Noise(1.0)),
        wrapped(Steps(), NoiseColumns(2)),
        wrapped(Grey(), Noise(0.1)),
        wrapped(Grey(), Distractor()),
    ):
        first, again, other = (np.stack(watched(env, 5, seed)) for seed in (7, 7, 8))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


def test_noise_columns_are_stationary_and_persist() -> None:
    columns = np.stack(watched(wrapped(Steps(), NoiseColumns(3, std=2.0, persistence=0.8)), 8000))
    np.testing.assert_array_equal(columns[:, 0], np.arange(8001))
    noise = columns[:, 3:]
    assert noise.shape[1] == 3
    np.testing.assert_allclose(noise.std(0), 2.0, rtol=0.1)
    for one in noise.T:
        assert np.corrcoef(one[1:], one[:-1])[0, 1] == pytest.approx(0.8, abs=0.04)
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.1
    starts = np.stack([watched(wrapped(Steps(), NoiseColumns(1, 2.0, 0.8)), 0, seed)[0][3] for seed in range(400)])
    assert starts.std() == pytest.approx(2.0, rel=0.15)  # from the first on


def test_noise_columns_that_persist_wholly_stay() -> None:
    columns = np.stack(watched(wrapped(Steps(), NoiseColumns(2, persistence=1.0)), 5))[:, 3:]
    np.testing.assert_array_equal(columns, columns[:1].repeat(6, 0))
    assert columns.any()


def test_fold_reflects() -> None:
    np.testing.assert_allclose(fold(np.array([0.3, 1.25, 2.1, -0.2, 0.0, 1.0])), [0.3, 0.75, 0.1, 0.2, 0, 1])


def test_a_distractor_moves_in_a_straight_line_over_what_is_behind() -> None:
    seen = np.stack(watched(wrapped(Grey((40, 80, 3)), Distractor(size=0.25, speed=0.1)), 60))  # [61, 3, 40, 80]
    background = (100 + np.arange(61))[:, None, None, None]
    covered = (seen != background).any(1)  # [61, 40, 80]
    corners = []
    for image in covered:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert rows[-1] - rows[0] + 1 == 10
        assert columns[-1] - columns[0] + 1 == 20
        corners.append((rows[0] / 30, columns[0] / 60))  # in the way from edge to edge
    patches = [
        image[:, round(30 * top) : round(30 * top) + 10, round(60 * left) : round(60 * left) + 20]
        for image, (top, left) in zip(seen, corners, strict=True)
    ]
    assert all((patch == patches[0]).all() for patch in patches)
    steps = np.abs(np.diff(corners, axis=0))
    speeds = np.median(steps, 0)
    assert np.hypot(*speeds) == pytest.approx(0.1, abs=0.02)
    assert (steps <= speeds + 0.04).all()
    assert np.ptp(corners, 0).max() > 0.95  # it comes from edge to edge


def test_a_distractor_knows_nothing_of_actions() -> None:
    env = wrapped(Room(("camera",)), Distractor(size=0.5))
    patches = []
    for action in (1.0, -1.0):
        env.reset(seed=4)
        seen = np.stack([env.step(np.array([action], np.float32))[0] for _ in range(5)])
        plain = wrapped(Room(("camera",)))
        plain.reset(seed=4)
        without = np.stack([plain.step(np.array([action], np.float32))[0] for _ in range(5)])
        patches.append(np.where((seen != without).any(1, keepdims=True), seen, 0)[..., :-1, :])  # not the corners
    np.testing.assert_array_equal(*patches)


@pytest.mark.parametrize(
    ("env", "wrapper", "says"),
    [
        (Steps(), HideEntries([3]), r"entries: need indices from 0 to 2, and not all of them, got \[3\]"),
        (Steps(), HideEntries([-1]), "entries: need indices from 0"),
        (Steps(), HideEntries([0, 1, 2]), "not all of them"),
        (Grey(), HideEntries([0]), "HideEntries: need observations that are vectors"),
        (Grey(), NoiseColumns(), "NoiseColumns: need observations that are vectors"),
        (Steps(), Distractor(), r"Distractor: need images \(NoiseColumns is for vectors\), got Box"),
        (Steps(), Noise([1.0, 2.0]), r"std: need one number, or one for each entry of a vector \(3,\), got 2"),
        (Room(), FrameStack(2), "FrameStack: need observations that are arrays, or a Dict of arrays, got Dict"),
        (Room(("door",)), Noise(1.0), r"Noise: need observations that are arrays.*Discrete\(3\)"),
    ],
)
def test_what_does_not_fit_says_so(env: gymnasium.Env, wrapper: EnvironmentWrapper, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrapper.wrap(env)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: FrameStack(1), "frames: need at least 2, got 1"),
        (lambda: HideEntries([]), "entries: need different indices, at least one"),
        (lambda: HideEntries([1, 1]), "entries: need different indices"),
        (lambda: Noise(0.0), "std: need a positive number"),
        (lambda: Noise([1.0, -1.0]), "std: need a positive number"),
        (lambda: Noise(float("nan")), "std: need a positive number"),
        (lambda: Distractor(size=1.5), r"need size in \(0, 1\]"),
        (lambda: NoiseColumns(0), "columns: need at least 1"),
        (lambda: NoiseColumns(persistence=2.0), r"persistence in \[0, 1\]"),
    ],
)
def test_wrong_numbers(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("wrapper", [HideEntries([0]), FrameStack(2), Noise(1.0), NoiseColumns(1)])
@pytest.mark.parametrize("shape", [(4,), (3, 1)])
def test_a_wrong_shape_from_below_is_not_hidden(wrapper: EnvironmentWrapper, shape: tuple[int, ...]) -> None:
    with pytest.raises(WrongForm, match=r"observation: expected shape \(3,\), got"):
        wrapped(Steps(shape), wrapper).reset(seed=0)
