"""Checkpoints and data that somebody else made: none of it runs, and each is refused with its reason.

What is crafted is in `selftest/crafted_*.py`: `fulgurite selftest malicious-files` reads the same.
"""

import json
import pickle
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_agent, tiny_experiment

from fulgurite.cli import main
from fulgurite.data.transitions import load_transitions
from fulgurite.runs.checkpoint import FolderCheckpointIO, checkpoints, latest, load
from fulgurite.runs.checkpoint_content import WrongCheckpoint
from fulgurite.runs.manifest import MANIFEST, PAYLOAD, verify
from fulgurite.saved_agent import SavedAgent
from fulgurite.selftest.crafted_checkpoints import CANARY, FILES, FOLDERS, genuine, sealed, touches
from fulgurite.selftest.crafted_data import ARRAYS, NO_ARCHIVES, NO_NAMES, columns, unfolding

RECIPE = """
defaults: [pets/cartpole]
callbacks: null
logger: null
experience: {max_env_steps: 40, warmup_env_steps: 20, env_steps_per_collection: 20}
agent: {world_model: {dynamics: {members: 2, hidden: [8]}}}
evaluation: {episodes: 1}
"""


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whatever a test does: the canary is not made."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / CANARY).exists()


@pytest.mark.parametrize("what", FILES)
def test_a_file_with_right_hashes_runs_nothing(tmp_path: Path, what: str) -> None:
    make, said = FILES[what]
    folder = sealed(tmp_path / "run/checkpoints/step-10", make())
    verify(folder)
    with pytest.raises(WrongCheckpoint) as caught:
        load(folder)
    assert said in str(caught.value)
    assert str(folder / PAYLOAD) in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("what", FOLDERS)
def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path, what: str) -> None:
    change, said = FOLDERS[what]
    folder = genuine(tmp_path / "run/checkpoints/step-10")
    load(folder)
    change(folder)
    for use in (verify, load):
        with pytest.raises(WrongCheckpoint) as caught:
            use(folder)
        assert said in str(caught.value)
        assert str(folder) in str(caught.value)
    told: list[str] = []
    assert latest(tmp_path / "run", told.append) is None
    assert len(told) == 1


@pytest.mark.parametrize("files", [None, [], {}, "checkpoint.pt", {"checkpoint.pt": 3}, {"checkpoint.pt": {}}])
def test_a_manifest_without_fingerprints_is_refused(tmp_path: Path, files: Any) -> None:
    folder = genuine(tmp_path / "run/checkpoints/step-10")
    said = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**said, "files": files}))
    with pytest.raises(WrongCheckpoint, match="need"):
        verify(folder)


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    folder = genuine(tmp_path / "run/checkpoints/step-10")
    now = json.loads((folder / MANIFEST).read_text())["format"]
    sealed(folder, format=now + 1)
    with pytest.raises(WrongCheckpoint, match=f"need format {now}, got {now + 1}; a newer Fulgurite wrote it"):
        verify(folder)


def test_an_unknown_file_is_ignored_with_a_warning(tmp_path: Path) -> None:
    folder = genuine(tmp_path / "run/checkpoints/step-10")
    (folder / "extra.pkl").write_bytes(pickle.dumps(touches()))
    told: list[str] = []
    assert latest(tmp_path / "run", told.append) == folder
    assert told == [f"{folder}: ignored what its manifest does not name: extra.pkl"]


def test_names_beside_the_checkpoints_are_none(tmp_path: Path) -> None:
    for name in ("step-1x", "step-", "step--1", "step-../../x", "step-1\n", "step-\u0661"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert checkpoints(tmp_path) == []


# ------------------------------------------------------------------ what takes them over


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of a whole run's checkpoint."""
    from pytorch_lightning.callbacks import Checkpoint

    class AtTheEnd(Checkpoint):
        def on_train_end(self, trainer, pl_module):
            trainer.save_checkpoint(f"{trainer.default_root_dir}/checkpoints/step-{trainer.datamodule.env_steps}")

    run = tmp_path_factory.mktemp("trained")
    tiny_experiment(callbacks={"save": AtTheEnd()}).fit(run)
    newest = latest(run)
    assert newest is not None
    return load(newest)


def changed(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a dotted path."""
    copy = deepcopy(content)
    *above, last = path.split(".")
    place = copy
    for name in above:
        place = place[int(name) if isinstance(place, list) else name]
    place[last] = value
    return copy


def state(content: dict[str, Any]) -> str:
    return next(name for name in content["callbacks"] if name.startswith("RunState"))


BAD: list[tuple[str, Any, str]] = [
    ("state_dict", 3, "state_dict: need tensors by name, got int"),
    ("state_dict", {"a": "b"}, "state_dict: need tensors by name, got str"),
    ("state_dict", {}, "is of another recipe: state_dict."),
    ("optimizer_states", "x", "cannot be gone on from"),
    ("optimizer_states", [{"state": {0: "x"}, "param_groups": 3}], "cannot be gone on from"),
    ("loops", {"fit_loop": {"state_dict": 3}}, "cannot be gone on from"),
    ("Experience", {"ranks": [3]}, "cannot be gone on from"),
    ("Experience.ranks.0.dataset", {"observation": "x", "cursor": torch.tensor(0)}, "cannot be gone on from"),
    ("Experience.ranks.0.generator", torch.zeros(3), "cannot be gone on from"),
    ("callbacks.STATE.ranks", [{"python": "x"}], "cannot be gone on from"),
    ("callbacks.STATE.ranks", [], "cannot be gone on from"),
]


@pytest.mark.parametrize(("path", "value", "said"), BAD, ids=[f"{path}={str(value)[:20]}" for path, value, _ in BAD])
def test_a_wrong_value_anywhere_is_one_error(
    tmp_path: Path, trained: dict[str, Any], path: str, value: Any, said: str
) -> None:
    """Dotted paths, but for the run state's key, which is Lightning's and has no place in one."""
    content = deepcopy(trained)
    if path.startswith("callbacks.STATE"):
        content["callbacks"][state(content)] = {"ranks": value}
    else:
        content = changed(content, path, value)
    folder = tmp_path / "checkpoints/step-80"
    FolderCheckpointIO().save_checkpoint(content, folder)
    with pytest.raises(WrongCheckpoint) as caught:
        tiny_experiment(max_env_steps=120).fit(tmp_path, folder)
    assert said in str(caught.value)
    assert str(folder) in str(caught.value)
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "failed"


def test_a_crafted_random_state_is_refused_by_python_itself(tmp_path: Path, trained: dict[str, Any]) -> None:
    before = random.getstate()
    content = deepcopy(trained)
    content["callbacks"][state(content)]["ranks"][0]["python"] = (3, ("x",) * 625, None)
    FolderCheckpointIO().save_checkpoint(content, tmp_path / "checkpoints/step-80")
    with pytest.raises(WrongCheckpoint, match="cannot be gone on from"):
        tiny_experiment(max_env_steps=120).fit(tmp_path, tmp_path / "checkpoints/step-80")
    random.setstate(before)


@pytest.mark.parametrize("key", ["_instantiator", "_class_path"])
def test_hyper_parameters_name_nothing_to_call(tmp_path: Path, trained: dict[str, Any], key: str) -> None:
    """CVE-2026-58659: Lightning's own loader would import and call what these name."""
    Path("evil.py").write_text(f"open({str(tmp_path / CANARY)!r}, 'w')\ndef run(*a, **k): ...\n")
    content = {**trained, "hyper_parameters": {key: "evil.run"}, "hparams_name": "kwargs"}
    content["datamodule_hyper_parameters"] = {key: "evil.run"}
    folder = tmp_path / "checkpoints/step-80"
    FolderCheckpointIO().save_checkpoint(content, folder)
    tiny_experiment(max_env_steps=80).fit(tmp_path, folder)
    tiny_experiment().evaluate(folder)


def test_another_recipes_weights_are_named(tmp_path: Path, trained: dict[str, Any]) -> None:
    name = next(name for name, value in trained["state_dict"].items() if value.ndim)
    content = changed(trained, "x", 0)
    content["state_dict"][name] = torch.zeros(7)
    folder = tmp_path / "checkpoints/step-80"
    FolderCheckpointIO().save_checkpoint(content, folder)
    shape = list(tiny_agent().state_dict()[name].shape)
    for use in (tiny_experiment().evaluate, lambda folder: tiny_experiment().fit(tmp_path, folder)):
        with pytest.raises(WrongCheckpoint) as caught:
            use(folder)
        assert str(caught.value) == (f"{folder}: is of another recipe: state_dict.{name}: need {shape}, got [7]")


# ------------------------------------------------------------------ by the command


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text(RECIPE)
    return run


@pytest.mark.parametrize("what", ["a call", "a bomb", "a call of torch.load", "a tensor without its numbers"])
def test_the_commands_say_one_line(run: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    make, said = FILES[what]
    folder = sealed(run / "checkpoints/step-10", make())
    for verb, code in (("resume", 1), ("evaluate", 2)):
        assert main([verb, str(run)]) == code
        told = capsys.readouterr().err
        assert said in told
        assert str(folder) in told
        assert "Traceback" not in told
    with pytest.raises(WrongCheckpoint, match="need"):
        SavedAgent(run)
    with pytest.raises(ValueError, match="need"):
        load_transitions(run)


def test_the_commands_name_another_recipes_checkpoint(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FolderCheckpointIO().save_checkpoint({"state_dict": {"a": torch.zeros(1)}}, run / "checkpoints/step-10")
    for verb, code in (("resume", 1), ("evaluate", 2)):
        assert main([verb, str(run)]) == code
        told = capsys.readouterr().err
        assert "is of another recipe: state_dict." in told
        assert "Traceback" not in told
    with pytest.raises(ValueError, match="holds no transitions of a run"):
        load_transitions(run)


# ------------------------------------------------------------------ logged data


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_of_anything_but_numbers_are_refused(tmp_path: Path, what: str) -> None:
    make, said = ARRAYS[what]
    np.savez(tmp_path / "data.npz", **make())
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        load_transitions(tmp_path / "data.npz")
    assert said in str(caught.value)
    assert str(tmp_path / "data.npz") in str(caught.value)


def test_what_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **columns(extra=np.array([touches()], object)))
    assert len(load_transitions(tmp_path / "data.npz")) == 4


def test_a_file_that_unfolds_is_refused_before_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fulgurite.data.transitions.MOST_BYTES", 1 << 20)
    unfolding(tmp_path / "data.npz", 4 << 20)
    assert (tmp_path / "data.npz").stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=r"data.npz: need an .npz file of plain arrays: its \d+ bytes unfold into \d+"):
        load_transitions(tmp_path / "data.npz")


@pytest.mark.parametrize("content", NO_ARCHIVES)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"data.npz: need an .npz file of arrays"):
        load_transitions(tmp_path / "data.npz")


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_datasets_name_is_no_path(name: str) -> None:
    with pytest.raises(ValueError, match=r"neither a folder, nor an .npz file|no checkpoint of a run"):
        load_transitions(name)
