"""Checkpoints: whole or absent whenever the process is killed, parts shared between them, every damage found."""

import errno
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tensordict import TensorDict

from fulgurite.data import saved_rows
from fulgurite.data.buffer import Dataset
from fulgurite.runs import durable, metrics, parts, shared_files
from fulgurite.runs.checkpoint import FolderCheckpointIO, latest, load
from fulgurite.runs.manifest import DamagedCheckpoint, verify
from fulgurite.runs.run_state import RunState
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


def rows(writer: FolderCheckpointIO) -> dict:
    """A state whose one part is given where it has to be."""
    return {"a": parts.part("one", None if "one" in writer.parts() else {"x": torch.arange(1000.0)})}


def spoil(file: Path) -> None:
    """Flips a bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def test_a_part_is_copied_once_and_then_linked_in_turn(tmp_path):
    writer = FolderCheckpointIO()
    for n in (1, 2, 3, 4):
        writer.beside = tmp_path / f"step-{n - 1}" if n > 1 else None
        writer.save_checkpoint(rows(writer), tmp_path / f"step-{n}")
    one, two, three, four = ((tmp_path / f"step-{n}" / "one.pt").stat().st_ino for n in (1, 2, 3, 4))
    assert (one, two) == (three, four)
    assert one != two


@pytest.mark.parametrize("spoiled", [1, 2])
def test_a_damaged_part_is_not_taken_over(tmp_path, caplog, spoiled):
    """Neither by a link to the one before the one before, nor by a copy of the one before."""
    writer = FolderCheckpointIO()
    for n in (1, 2, 3):
        writer.beside = tmp_path / f"step-{n - 1}" if n > 1 else None
        if n == 3:
            spoil(tmp_path / f"step-{spoiled}" / "one.pt")
        writer.save_checkpoint(rows(writer), tmp_path / f"step-{n}")
    assert torch.equal(parts.content(load(tmp_path / "step-3")["a"])["x"], torch.arange(1000.0))
    assert f"step-{spoiled}/one.pt is gone or damaged" in caplog.text


def test_hashes_are_looked_at_in_turn(tmp_path, monkeypatch):
    writer, names = FolderCheckpointIO(), [f"part-{n}" for n in range(6)]
    writer.save_checkpoint({"a": [parts.part(name, {"x": torch.arange(9)}) for name in names]}, tmp_path / "step-1")
    size = (tmp_path / "step-1" / "part-0.pt").stat().st_size
    monkeypatch.setattr(shared_files, "CHECKED", 2 * size)
    for name in names:
        spoil(tmp_path / "step-1" / f"{name}.pt")
    assert [len(writer.parts()) for _ in range(3)] == [4, 4, 4]  # those that were found wrong are the next again
    for name in names[:4]:
        spoil(tmp_path / "step-1" / f"{name}.pt")
    assert [len(writer.parts()) for _ in range(3)] == [6, 6, 4]


def test_a_copy_of_a_part_that_is_damaged_before_its_turn_is_refused_and_then_written_anew(tmp_path, monkeypatch):
    writer = FolderCheckpointIO()
    writer.save_checkpoint(rows(writer), tmp_path / "step-1")
    writer.beside = tmp_path / "step-1"
    writer.parts()
    monkeypatch.setattr(shared_files, "CHECKED", 0)
    spoil(tmp_path / "step-1" / "one.pt")
    with pytest.raises(OSError, match="is damaged, and cannot be taken"):
        writer.save_checkpoint(rows(writer), tmp_path / "step-2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-1"]
    monkeypatch.setattr(shared_files, "CHECKED", 1)
    writer.save_checkpoint(rows(writer), tmp_path / "step-2")
    verify(tmp_path / "step-2")


@pytest.mark.parametrize("file", ["", "MANIFEST.json", "one.pt"])
def test_without_the_checkpoint_before_everything_is_written(tmp_path, file):
    writer = FolderCheckpointIO()
    writer.save_checkpoint(rows(writer), tmp_path / "step-1")
    state = rows(writer)
    if file:
        (tmp_path / "step-1" / file).unlink()
    else:
        shutil.rmtree(tmp_path / "step-1")
    with pytest.raises(OSError, match=r"it was to be taken from there, and is gone|No such file"):
        writer.save_checkpoint(state, tmp_path / "step-2")
    writer.save_checkpoint(rows(writer), tmp_path / "step-2")
    assert torch.equal(parts.content(load(tmp_path / "step-2")["a"])["x"], torch.arange(1000.0))


def test_a_damaged_checkpoint_of_the_same_name_is_replaced(tmp_path):
    writer = FolderCheckpointIO()
    writer.save_checkpoint({"x": 1}, tmp_path / "step-1")
    writer.save_checkpoint({"x": 2}, tmp_path / "step-1")
    assert load(tmp_path / "step-1")["x"] == 1
    spoil(tmp_path / "step-1" / "checkpoint.pt")
    writer.save_checkpoint({"x": 3}, tmp_path / "step-1")
    assert load(tmp_path / "step-1")["x"] == 3


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("name", ["MANIFEST.json", "one.pt", ""])
def test_a_file_that_cannot_be_read_is_damage(tmp_path, monkeypatch, number, name):
    writer = FolderCheckpointIO()
    folder = tmp_path / "checkpoints"
    for n in (1, 2):
        writer.save_checkpoint(rows(writer), folder / f"step-{n}")
    bad = folder / "step-2" / name if name else folder / "step-2"

    def refuse(use):
        def refused(path, *arguments, **options):
            if path == bad:
                raise OSError(number, os.strerror(number), str(path))
            return use(path, *arguments, **options)

        return refused

    for use in ("open", "iterdir"):
        monkeypatch.setattr(Path, use, refuse(getattr(Path, use)))
    told = []
    assert latest(tmp_path, told.append) == folder / "step-1"
    assert os.strerror(number) in told[0]
    assert "step-2" in told[0]


@pytest.fixture
def confirmed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the disk has confirmed, and what was renamed, by name, in order."""
    done, use = [], {name: getattr(os, name) for name in ("fsync", "rename", "replace")}

    def fsync(descriptor: int) -> None:
        done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        use["fsync"](descriptor)

    def renamed(name):
        def noted(before, after):
            done.append(f"{Path(before).name} -> {Path(after).name}")
            use[name](before, after)

        return noted

    monkeypatch.setattr(os, "fsync", fsync)
    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, renamed(name))
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    return done


def test_a_small_text_is_on_the_disk_before_it_has_its_name(tmp_path, confirmed):
    durable.swap(tmp_path / "result.json", "{}")
    assert confirmed == [".result.json.tmp", ".result.json.tmp -> result.json", tmp_path.name]


def test_the_rows_of_a_checkpoint_are_on_the_disk_before_it(tmp_path, confirmed):
    run = tmp_path / "run"
    metrics.MetricsFile(run).log_metrics({"env_steps": 1})
    state = RunState()
    state.setup(SimpleNamespace(default_root_dir=run), None, "fit")
    saved = state.state_dict()
    assert saved["ranks"][0]["metrics_bytes"] == len((run / "metrics.jsonl").read_bytes())
    assert confirmed == ["metrics.jsonl", "run"]
    FolderCheckpointIO().save_checkpoint({"x": 1}, run / "checkpoints" / "step-1")
    folder = f".tmp-step-1-{os.getpid()}"
    assert confirmed[2:] == [
        "run", "checkpoint.pt", "about.json", "MANIFEST.json", folder, f"{folder} -> step-1", "checkpoints",
    ]  # fmt: skip


def test_rows_that_the_disk_does_not_confirm_stop_no_checkpoint(tmp_path, monkeypatch, caplog):
    def refuse(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    metrics.MetricsFile(tmp_path).log_metrics({"env_steps": 1})
    monkeypatch.setattr(os, "fsync", refuse)
    assert metrics.confirmed_size(tmp_path) == len((tmp_path / "metrics.jsonl").read_bytes())
    assert "the disk does not confirm the rows of metrics.jsonl" in caplog.text


def test_a_disk_that_is_full_in_the_middle_of_a_tensor_is_told_from_a_bug():
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        durable.write(Path("/dev/full"), lambda file: torch.save(torch.zeros(1_000_000), file))


def test_where_links_are_not_to_be_had_a_part_is_copied(tmp_path, monkeypatch, caplog):
    def refuse(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    writer = FolderCheckpointIO()
    writer.save_checkpoint({"a": parts.part("one", {"x": torch.arange(9)})}, tmp_path / "step-1")
    writer.save_checkpoint({"a": parts.part("one", None)}, tmp_path / "step-2")
    writer.remove_checkpoint(tmp_path / "step-1")
    assert parts.content(load(tmp_path / "step-2")["a"])["x"].tolist() == list(range(9))
    writer.save_checkpoint({"a": parts.part("one", None)}, tmp_path / "step-3")
    assert caplog.text.count("no hard links here, so every checkpoint is written whole") == 1


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
    (newer / "rows-3.pt").unlink()
    with pytest.raises(DamagedCheckpoint, match=r"rows-3\.pt: need .* got no file"):
        verify(newer)
