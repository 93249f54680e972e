"""Checkpoints: whole or absent whenever the process is killed, parts shared between them, every damage found."""

import json
import os

import pytest
import torch
from tensordict import TensorDict

from fulgurite.data import saved_rows
from fulgurite.data.buffer import Dataset
from fulgurite.runs import parts
from fulgurite.runs.checkpoint import DamagedCheckpoint, FolderCheckpointIO, load, verify
from fulgurite.selftest.storage import two_checkpoints


def buffer_rows(first: int, count: int) -> TensorDict:
    number = torch.arange(first, first + count)[:, None]
    flags = {key: number % 3 == 0 for key in ("terminated", "truncated", "done")}
    following = {"observation": number + 1.0, "reward": number * 2.0, **flags}
    return TensorDict({"observation": number.float(), "action": -number.float(), "next": following,
                       "trajectory": number // 5}, [count])  # fmt: skip


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pieces of seven rows."""
    row = Dataset(10, 2)
    row.extend(buffer_rows(0, 1), torch.zeros(1, dtype=torch.bool), torch.Generator())
    size = sum(value[:1].nbytes for value in row.buffer[:].values(True, True))
    monkeypatch.setattr(saved_rows, "PIECE", 7 * size)
    return 7


@pytest.mark.parametrize("capacity", [1000, 50, 20])
def test_a_buffer_comes_back_row_by_row_and_only_its_tail_is_written(tmp_path, small_pieces, capacity):
    chance, writer = torch.Generator().manual_seed(1), FolderCheckpointIO()
    dataset, written = Dataset(capacity, 2), 0
    for count in (3, 4, 10, 7, 13, 1, 20, 20):
        dataset.extend(buffer_rows(written, count), torch.arange(count) % 4 == 0, chance)
        written += count
        state = dataset.state_dict("rows-0", writer.parts())
        given = sum(len(piece["content"]["observation"]) for piece in state["pieces"] if piece["content"])
        assert given < count + 5 + small_pieces  # five more were written at the end of each round
        path = tmp_path / f"step-{written}"
        writer.save_checkpoint({"Experience": {"ranks": [{"dataset": state}]}}, path)
        if (tmp_path / f"step-{written - count}").exists():
            writer.remove_checkpoint(tmp_path / f"step-{written - count}")

        again = Dataset(capacity, 2)
        again.load_state_dict(load(path)["Experience"]["ranks"][0]["dataset"])
        assert (again.buffer[:] == dataset.buffer[:]).all()
        for one in (dataset, again):
            one.cut(int(dataset.buffer[:]["trajectory"].max()))  # a row that has been saved is changed afterwards
        writer.save_checkpoint({"x": dataset.state_dict("rows-0", writer.parts())}, tmp_path / f"changed-{written}")
        changed = Dataset(capacity, 2)
        changed.load_state_dict(load(tmp_path / f"changed-{written}")["x"])
        assert (changed.buffer[:] == dataset.buffer[:]).all()
        more = buffer_rows(written, 5)
        for one, seed in ((again, 7), (dataset, 7)):
            before = one.state_dict("x")
            one.extend(more, torch.zeros(5, dtype=torch.bool), torch.Generator().manual_seed(seed))
            assert len(before["pieces"]) <= 2 + len(dataset) // small_pieces
        assert (again.buffer[:] == dataset.buffer[:]).all()
        assert torch.equal(again.newest(5)["observation"], more["observation"])
        written += 5


def test_a_part_that_is_there_is_the_same_file(tmp_path):
    writer = FolderCheckpointIO()
    content = {"x": torch.arange(1000.0)}
    writer.save_checkpoint({"a": [parts.part("one", content)]}, tmp_path / "step-1")
    assert "one" in writer.parts()
    writer.save_checkpoint({"a": [parts.part("one", None)]}, tmp_path / "step-2")
    files = [tmp_path / name / "one.pt" for name in ("step-1", "step-2")]
    assert files[0].stat().st_ino == files[1].stat().st_ino
    writer.remove_checkpoint(tmp_path / "step-1")
    (found,) = load(tmp_path / "step-2")["a"]
    assert torch.equal(parts.content(found)["x"], content["x"])

    resumed = FolderCheckpointIO()
    resumed.load_checkpoint(tmp_path / "step-2")
    assert "one" in resumed.parts()
    assert FolderCheckpointIO().parts() == []


def test_where_links_are_not_to_be_had_a_part_is_copied(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    writer = FolderCheckpointIO()
    writer.save_checkpoint({"a": parts.part("one", {"x": torch.arange(9)})}, tmp_path / "step-1")
    writer.save_checkpoint({"a": parts.part("one", None)}, tmp_path / "step-2")
    writer.remove_checkpoint(tmp_path / "step-1")
    assert parts.content(load(tmp_path / "step-2")["a"])["x"].tolist() == list(range(9))


def test_a_disk_without_room_is_refused_beforehand(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10_000_000}))
    with pytest.raises(OSError, match="need 12 MB, 10 MB are free"):
        FolderCheckpointIO().save_checkpoint({"x": torch.zeros(10_000_000, dtype=torch.uint8)}, tmp_path / "step-1")
    assert not list(tmp_path.iterdir())
    FolderCheckpointIO().save_checkpoint({"x": torch.zeros(8_000_000, dtype=torch.uint8)}, tmp_path / "step-1")


def test_other_damage_is_named(tmp_path):
    _, newer = two_checkpoints(tmp_path)
    manifest = newer / "MANIFEST.json"
    text = manifest.read_text()
    for change, said in (
        ({"format": 99}, "need format 3, got 99"),
        ({"files": []}, "need files with checkpoint.pt among them"),
        ({"files": {"checkpoint.pt": {}, "../step-1/checkpoint.pt": {}}}, "need names of files in this folder"),
    ):
        manifest.write_text(json.dumps({**json.loads(text), **change}))
        with pytest.raises(DamagedCheckpoint, match=said):
            verify(newer)
    manifest.write_text(text)
    (newer / "rows-2.pt").unlink()
    with pytest.raises(DamagedCheckpoint, match=r"rows-2\.pt: need .* got no file"):
        verify(newer)
