"""Minari data sets in the framework's units, and what is said where there is none."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray

from fulgurite.data.minari_columns import convention
from fulgurite.data.transitions import load_transitions
from fulgurite.keys import REWARD, TERMINATED, TRAJECTORY, TRUNCATED


def minari_dataset(id: str, observation_space: spaces.Space, episodes: list[tuple[Any, NDArray, NDArray]]) -> None:
    """A dataset of Pendulum's action space made of observations `[T + 1]`, actions `[T, 1]`, rewards `[T]`."""
    import minari
    from minari.data_collector import EpisodeBuffer

    buffers = []
    for observations, actions, rewards in episodes:
        cut = np.arange(len(rewards)) == len(rewards) - 1
        buffers.append(
            EpisodeBuffer(
                observations=observations, actions=actions, rewards=list(rewards), terminations=[False] * len(cut),
                truncations=list(cut), infos={},
            )
        )  # fmt: skip
    with warnings.catch_warnings(action="ignore"):  # of entries that are left out
        minari.create_dataset_from_buffers(
            id, buffers, action_space=spaces.Box(-2, 2, (1,)), observation_space=observation_space,
            algorithm_name="x", code_permalink="x", author="x", author_email="x", description="x",
        )  # fmt: skip


def test_a_minari_dataset_comes_in_the_frameworks_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    generator = np.random.default_rng(0)
    episodes = [
        (generator.normal(size=(n + 1, 3)).astype(np.float32), generator.uniform(-2, 2, (n, 1)), np.arange(n) / 2)
        for n in (4, 6)
    ]
    minari_dataset("tests/plain-v0", spaces.Box(-9, 9, (3,)), episodes)
    rows = load_transitions("tests/plain-v0")
    assert rows.batch_size == (10,)
    np.testing.assert_allclose(rows["action"], np.concatenate([actions for _, actions, _ in episodes]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(rows["observation"], np.concatenate([seen[:-1] for seen, *_ in episodes]))
    np.testing.assert_array_equal(rows["next", "observation"], np.concatenate([seen[1:] for seen, *_ in episodes]))
    np.testing.assert_array_equal(rows[REWARD][:, 0], np.concatenate([rewards for *_, rewards in episodes]))
    assert rows[TRAJECTORY][:, 0].tolist() == [0] * 4 + [1] * 6
    assert rows[TRUNCATED][:, 0].nonzero()[:, 0].tolist() == [3, 9]
    assert not rows[TERMINATED].any()


def test_discrete_actions_become_one_hots() -> None:
    rows = convention(spaces.Discrete(3, start=4), np.array([6, 4]))
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0]])


def test_nested_minari_observations_are_flattened_as_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    space = spaces.Dict({"at": spaces.Box(-9, 9, (2,)), "goal": spaces.Box(-9, 9, (1, 1))})
    seen = {"at": np.arange(8.0, dtype=np.float32).reshape(4, 2), "goal": np.full((4, 1, 1), 5, np.float32)}
    minari_dataset("tests/nested-v0", space, [(seen, np.zeros((3, 1)), np.zeros(3))])
    rows = load_transitions("tests/nested-v0")
    assert rows["observation"].tolist() == [[0, 1, 5], [2, 3, 5], [4, 5, 5]]
    first = {name: entry[0] for name, entry in seen.items()}
    assert rows["observation"][0].tolist() == spaces.flatten(space, first).tolist()


def test_an_unknown_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"neither a folder, nor an \.npz file, nor a Minari dataset on this machine"):
        load_transitions("no/such-v0")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(ImportError, match=r"pip install 'fulgurite\[offline\]'"):
        load_transitions("mujoco/hopper/expert-v0")


def test_minari_images_stay_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    image = spaces.Box(0, 255, (6, 5, 3), np.uint8)
    seen = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8)
    minari_dataset("tests/images-v0", image, [(seen, np.zeros((3, 1)), np.zeros(3))])
    rows = load_transitions("tests/images-v0")
    np.testing.assert_array_equal(rows["observation"], seen[:-1].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(rows["next", "observation"], seen[1:].transpose(0, 3, 1, 2))

    space = spaces.Dict({"camera": image, "at": spaces.Box(-9, 9, (2, 1))})
    beside = {"camera": seen, "at": np.arange(8.0, dtype=np.float32).reshape(4, 2, 1)}
    minari_dataset("tests/both-v0", space, [(beside, np.zeros((3, 1)), np.zeros(3))])
    rows = load_transitions("tests/both-v0")
    np.testing.assert_array_equal(rows["observation", "camera"], seen[:-1].transpose(0, 3, 1, 2))
    assert rows["next", "observation", "at"].tolist() == [[2, 3], [4, 5], [6, 7]]
