"""Checkpoints and data that somebody else made: none of it runs, and each is refused with its reason.

Every attempt would write a canary file. The manifests' hashes are right: whoever makes the file makes them, too.
"""

import hashlib
import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_agent, tiny_experiment

from fulgurite.cli import main
from fulgurite.data.transitions import load_transitions
from fulgurite.runs.checkpoint import FolderCheckpointIO, checkpoints, latest, load, verify
from fulgurite.runs.checkpoint_content import WrongCheckpoint
from fulgurite.saved_agent import SavedAgent

CANARY = "canary"
PAYLOAD, MANIFEST = "checkpoint.pt", "MANIFEST.json"
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


class Calls:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def touches() -> Calls:
    return Calls(os.system, f"touch {Path.cwd() / CANARY}")


def loads_more() -> Calls:
    """Its pickle calls torch.load on a file that would do the rest."""
    Path("inner.pt").write_bytes(pickle.dumps(touches()))
    return Calls(torch.load, str(Path("inner.pt").absolute()), "cpu", None)


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def wide(*shape: int) -> torch.Tensor:
    """A tensor of any size that is four bytes."""
    return torch.zeros(1).expand(*shape)


def deflated() -> bytes:
    """The archive of a tensor of zeros, compressed a thousand times."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved({"x": torch.zeros(5_000_000)}))) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    return file.getvalue()


def climbing() -> bytes:
    file = io.BytesIO(saved({"x": torch.zeros(1)}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(f"archive/../../{CANARY}", "x")
    return file.getvalue()


def sidecar() -> bytes:
    """A tensordict's folder, with the pickle that holds what is no tensor, as an archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("meta.json", json.dumps({"shape": [], "device": "cpu", "_type": "tensordict"}))
        archive.writestr("other.pickle", pickle.dumps(touches()))
    return file.getvalue()


def cyclic() -> bytes:
    content: dict[str, Any] = {"object": object}
    content["self"] = content
    return saved(content)


# What the file holds, and what is said of it.
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a call": (lambda: saved(touches()), "need tensors and plain containers, got posix.system"),
    "a call deep inside": (lambda: saved({"a": [{"b": (touches(),)}]}), "got posix.system"),
    "a bare pickle": (lambda: pickle.dumps(touches()), "need an archive as torch.save writes it, got none"),
    "a call of eval": (lambda: saved(Calls(eval, "open('canary', 'w')")), "got eval"),
    "a call of torch.load": (lambda: saved(loads_more()), "got torch.serialization.load"),
    "a module": (lambda: saved({"state_dict": torch.nn.Linear(1, 1)}), "got torch.nn.modules.linear.Linear"),
    "an object in the weights": (lambda: saved({"state_dict": {"a": np.random.default_rng()}}), "got numpy"),
    "a tensordict's sidecar": (sidecar, "cannot be read: RuntimeError"),
    "a climbing member": (climbing, "'archive/../../canary': need an entry inside the archive"),
    "a bomb": (deflated, "need an entry that is not compressed"),
    "a tensor without its numbers": (lambda: saved({"x": wide(10**6, 10**6)}), "need a tensor that holds its"),
    "a sparse tensor": (lambda: saved({"x": torch.eye(3).to_sparse()}), "need a dense tensor"),
    "a list": (lambda: saved([1, 2]), "need entries by name, got list"),
    "itself": (cyclic, "need tensors and plain containers"),
    "a device": (lambda: saved({"x": torch.device("cpu")}), "need tensors and plain containers, got device"),
    "half a file": (lambda: saved({"x": torch.zeros(100)})[:400], "need an archive as torch.save writes it"),
    "nothing": (lambda: b"", "need an archive as torch.save writes it"),
}


def sealed(folder: Path, payload: bytes | None = None, **changes: Any) -> Path:
    """Gives a folder a payload and the manifest that fits it, but for the changes."""
    folder.mkdir(parents=True, exist_ok=True)
    if payload is not None:
        (folder / PAYLOAD).write_bytes(payload)
    old = json.loads((folder / MANIFEST).read_text()) if (folder / MANIFEST).exists() else genuine_manifest()
    content = (folder / PAYLOAD).read_bytes()
    files = {PAYLOAD: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    (folder / MANIFEST).write_text(json.dumps({**old, "files": {**files}, **changes}))
    return folder


def genuine_manifest() -> dict[str, Any]:
    FolderCheckpointIO().save_checkpoint({"x": 1}, "genuine/checkpoints/step-1")
    return dict(json.loads(Path("genuine/checkpoints/step-1", MANIFEST).read_text()))


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


def genuine(folder: Path) -> Path:
    FolderCheckpointIO().save_checkpoint({"x": torch.zeros(3)}, folder)
    return folder


def linked(folder: Path) -> None:
    (folder / PAYLOAD).rename(folder.parent / "elsewhere.pt")
    (folder / PAYLOAD).symlink_to(folder.parent / "elsewhere.pt")


def linked_manifest(folder: Path) -> None:
    (folder / MANIFEST).rename(folder.parent / "elsewhere.json")
    (folder / MANIFEST).symlink_to(folder.parent / "elsewhere.json")


def piped(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def folder_instead(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


def says(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / MANIFEST).write_text(text) and None


def names(other: str) -> Callable[[Path], None]:
    """The manifest names a file that is there, and whose hash is right, at another place."""

    def change(folder: Path) -> None:
        (folder.parent.parent / "x").write_bytes(b"x")
        said = json.loads((folder / MANIFEST).read_text())
        fingerprint = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
        place = other.replace("HERE", str(folder.parent.parent))
        (folder / MANIFEST).write_text(json.dumps({**said, "files": {**said["files"], place: fingerprint}}))

    return change


def giant(folder: Path) -> None:
    with (folder / MANIFEST).open("r+b") as file:
        file.truncate(1 << 30)


FOLDERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a linked payload": (linked, "a link"),
    "a linked manifest": (linked_manifest, "a link"),
    "a pipe for a payload": (piped(PAYLOAD), "no plain file"),
    "a pipe for a manifest": (piped(MANIFEST), "no plain file"),
    "a folder for a payload": (folder_instead(PAYLOAD), "no plain file"),
    "a folder for a manifest": (folder_instead(MANIFEST), "no plain file"),
    "a missing file": (lambda folder: (folder / PAYLOAD).unlink(), "no file"),
    "a missing manifest": (lambda folder: (folder / MANIFEST).unlink(), "no file"),
    "a name that climbs": (names("../../x"), "got '../../x'"),
    "an absolute name": (names("HERE/x"), "need names of files in this folder"),
    "a giant manifest": (giant, "need a file of at most 16 MiB, got 1073741824 bytes"),
    "a deep manifest": (says("[" * 1_000_000), "cannot be read: RecursionError"),
    "a manifest that is a list": (says("[]"), "need format"),
    "a manifest that is no JSON": (says("\x00"), "cannot be read"),
    "a manifest of nothing": (says("{}"), "need format"),
}


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
        assert str(caught.value) == (
            f"{folder}: is of another recipe: state_dict.{name}: need {shape}, got [7]"
        )


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


def columns(**changes: Any) -> dict[str, Any]:
    plain = {
        "observation": np.zeros((4, 2)), "action": np.zeros((4, 1)), "next_observation": np.zeros((4, 2)),
        "reward": np.zeros(4), "terminated": np.zeros(4, bool),
    }  # fmt: skip
    return {**plain, **changes}


ARRAYS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "objects": (lambda: columns(reward=np.array([touches()] * 4, object)), "Object arrays cannot be loaded"),
    "texts": (lambda: columns(reward=np.array(["a"] * 4)), "reward: need numbers, got <U1"),
    "dates": (lambda: columns(reward=np.zeros(4, "datetime64[s]")), "reward: need numbers, got datetime64[s]"),
    "records": (lambda: columns(reward=np.zeros(4, "i4,i4")), "reward: need numbers"),
    "complex": (lambda: columns(reward=np.zeros(4, complex)), "reward: need numbers, got complex128"),
}


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
    with zipfile.ZipFile(tmp_path / "data.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in columns():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(b"\0" * (4 << 20))
    assert (tmp_path / "data.npz").stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=r"data.npz: need an .npz file of plain arrays: its \d+ bytes unfold into \d+"):
        load_transitions(tmp_path / "data.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", pickle.dumps([1])])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"data.npz: need an .npz file of arrays"):
        load_transitions(tmp_path / "data.npz")


@pytest.mark.parametrize("name", ["../../evil-v0", "/etc/evil-v0", "a/../b-v0", "s3://x/y-v0", "", "a\nb-v0"])
def test_a_datasets_name_is_no_path(name: str) -> None:
    with pytest.raises(ValueError, match=r"neither a folder, nor an .npz file|no checkpoint of a run"):
        load_transitions(name)
