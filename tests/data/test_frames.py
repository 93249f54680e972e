"""The buffer of frames: each is kept once, and what comes out is what went in, wherever it lay."""

import ctypes
import gc
import math

import pytest
import torch
from recorded import KINDS, action, interleaved, observation, read, reward, rows

from fulgurite.data import saved_rows
from fulgurite.data.frame_dataset import FrameDataset
from fulgurite.data.frames import frame_bytes
from fulgurite.data.observation_kinds import shape_of
from fulgurite.keys import SEQUENCE
from fulgurite.runs.checkpoint import FolderCheckpointIO, load

LENGTHS = (7, 4, 9, 5, 6, 3, 8, 1, 6, 5)
ENDS = {number: (length, number % 2 == 1) for number, length in enumerate(LENGTHS)}  # the odd ones terminate
CHANCE = torch.Generator()


def filled(kind, length=None, capacity=1000, environments=3, at_once=4, held_out=(), stop=None, folder=None):
    """A data set of the episodes above, recorded by several environments in turns."""
    shape = shape_of(observation(kind, torch.zeros(1), torch.zeros(1)))
    found = FrameDataset(capacity, shape, 2, length, folder)
    for steps in interleaved(LENGTHS, environments, at_once)[:stop]:
        batch = rows(kind, steps, ENDS)
        found.extend(batch, torch.isin(batch["trajectory"][:, 0], torch.tensor(held_out)), CHANCE)
    return found


def check_transitions(batch):
    """Every entry of transitions `[*B]` belongs to the same step; returns where they begin."""
    (episode, time), (later, arrived) = read(batch["observation"]), read(batch["next", "observation"])
    assert torch.equal(episode, later)
    assert torch.equal(time + 1, arrived)
    assert torch.equal(batch["action"], action(episode, arrived))
    assert torch.equal(batch["next", "reward"], reward(episode, arrived))
    assert torch.equal(batch["trajectory"][..., 0], episode)
    last = arrived == torch.tensor(LENGTHS)[episode]
    assert torch.equal(batch["next", "terminated"][..., 0], last & (episode % 2 == 1))
    assert torch.equal(batch["next", "truncated"][..., 0], last & (episode % 2 == 0))
    assert torch.equal(batch["next", "done"][..., 0], last)
    return list(zip(episode.flatten().tolist(), time.flatten().tolist(), strict=True))


def check_sequences(batch, headless=()):
    """Every frame of sequences `[*B]` follows the one before, or begins an episode, and says what led to it."""
    assert set(batch.keys()) == set(SEQUENCE)
    episode, time = read(batch["observation"])  # [*B, L]
    begins = batch["is_init"][..., 0]
    length = episode.shape[-1]
    for name in ("reward", "terminated", "is_init"):
        assert batch[name].shape == (*episode.shape, 1)
    goes_on = ~begins[..., 1:]
    assert torch.equal(episode[..., 1:][goes_on], episode[..., :-1][goes_on])
    assert torch.equal(time[..., 1:][goes_on], time[..., :-1][goes_on] + 1)
    assert torch.equal(begins | (time > 0), torch.ones_like(begins))
    expected = {(number, 0) for number in range(len(LENGTHS))} | set(headless)
    assert set(zip(episode[begins].tolist(), time[begins].tolist(), strict=True)) <= expected
    there = ~begins[..., None]
    assert torch.equal(batch["previous_action"], torch.where(there, action(episode, time), 0.0))
    assert torch.equal(batch["reward"], torch.where(there, reward(episode, time), 0.0))
    last = time == torch.tensor(LENGTHS)[episode]
    assert torch.equal(batch["terminated"][..., 0], last & (episode % 2 == 1))
    ended = last[..., :-1] & (torch.arange(length - 1) >= 0)
    assert begins[..., 1:][ended].all()  # nothing follows an episode's last frame but a beginning
    return episode, time


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_recorded_comes_back(kind):
    dataset = filled(kind)
    assert len(dataset) == sum(LENGTHS) + len(LENGTHS)  # an episode of T transitions has T + 1 frames
    assert sorted(check_transitions(dataset.everything())) == [
        (number, time) for number, length in enumerate(LENGTHS) for time in range(length)
    ]
    check_transitions(dataset.sample(3, 50, CHANCE))


@pytest.mark.parametrize("on_disk", [False, True])
def test_an_image_is_kept_once(on_disk, tmp_path):
    """500,000 frames of 3 x 64 x 64 are 6.1 GB, and a few bytes each."""
    size = 3 * 64 * 64
    assert 500_000 * size == 6_144_000_000
    assert frame_bytes((3, 64, 64), 6) - size < 50
    before = memory()
    dataset = FrameDataset(4000, (3, 64, 64), 6, 50, tmp_path if on_disk else None)
    batch = rows("image", [(0, t) for t in range(3999)], {})
    following = batch["next"].set("observation", torch.ones(3999, 3, 64, 64, dtype=torch.uint8))
    more = batch.set("observation", following["observation"]).set("action", torch.zeros(3999, 6))
    created = memory() - before
    dataset.extend(more, torch.zeros(3999, dtype=torch.bool), CHANCE)
    assert len(dataset) == 4000
    stored = sum(column.untyped_storage().nbytes() for column in dataset.frames.rows.values(True, True))
    assert stored == 4000 * frame_bytes((3, 64, 64), 6)
    taken = memory() - before - created
    assert taken == pytest.approx(4000 * size, rel=0.2)  # mapped pages count, too
    assert list(tmp_path.iterdir()) == []  # the file has no name


def memory() -> int:
    """Bytes of this process in memory, once what earlier tests freed has been given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("environments", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_sequences_respect_episodes(kind, environments):
    dataset = filled(kind, length=6, environments=environments)
    batch = dataset.sample(4, 100, CHANCE)
    assert batch.batch_size == (4, 100)
    episode, time = check_sequences(batch)
    assert episode.shape == (4, 100, 6)
    frames = set(zip(episode.flatten().tolist(), time.flatten().tolist(), strict=True))
    assert frames == {(number, t) for number, length in enumerate(LENGTHS) for t in range(length + 1)}


def test_every_start_and_so_every_frame_is_drawn_alike():
    dataset = filled("vector", length=5)
    frames, draws = len(dataset), 200_000
    batch = dataset.sample(1, draws, torch.Generator().manual_seed(0))[0]
    for place in (0, 4):  # in the first and the last place of the window
        episode, time = read(batch["observation"][:, place])
        counts = torch.bincount(20 * episode + time)
        counts = counts[counts > 0].double()
        assert len(counts) == frames
        expected = draws / frames
        chi_square = ((counts - expected).square() / expected).sum().item()
        freedom = frames - 1
        assert chi_square < freedom + 4 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("capacity", [40, 23, 17])
def test_what_was_overwritten_is_gone(kind, capacity):
    whole, dataset = filled(kind), filled(kind, length=4, capacity=capacity)
    assert len(dataset) == capacity
    in_time = whole.frames.in_time()[-capacity:]
    kept = list(zip(*(one.tolist() for one in read(whole.frames.rows["observation"][in_time])), strict=True))
    transitions = [(e, t) for e, t in kept if (e, t + 1) in kept]
    assert sorted(check_transitions(dataset.everything())) == sorted(transitions)
    headless = [(e, t) for e, t in kept if (e, t - 1) not in kept]
    episode, time = check_sequences(dataset.sample(1, 2000, CHANCE), headless)
    assert set(zip(episode.flatten().tolist(), time.flatten().tolist(), strict=True)) == set(kept)


def test_collections_of_any_size_make_the_same_frames():
    small, large = (filled("image", 5, environments=2, at_once=at_once) for at_once in (4, 1000))
    for one in (small, large):
        check_transitions(one.everything())
    drawn = [dataset.sample(2, 50, torch.Generator().manual_seed(0)) for dataset in (small, large)]
    assert (drawn[0] == drawn[1]).all()


@pytest.mark.parametrize("at_once", [4, 1000])
def test_a_collection_may_be_larger_than_the_buffer(at_once):
    dataset = filled("image", length=3, capacity=9, at_once=at_once)
    assert len(dataset) == 9
    headless = [(number, time) for number, length in enumerate(LENGTHS) for time in range(length + 1)]
    check_sequences(dataset.sample(1, 500, CHANCE), headless)
    assert check_transitions(dataset.everything())


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_episodes_are_never_trained_on(kind):
    dataset = filled(kind, length=5, held_out=(2, 6))
    episode, _ = check_sequences(dataset.sample(1, 2000, CHANCE))
    assert set(episode.flatten().tolist()) == set(range(10)) - {2, 6}
    held_out = dataset.held_out(1000)
    episode, _ = check_sequences(held_out)
    assert len(held_out) == 19  # one window from each of (9 + 1) + (8 + 1) frames
    assert set(episode.flatten().tolist()) == {2, 6}
    assert len(dataset.held_out(20)) == 4  # sequences of 20 frames together
    trajectories = dataset.trajectories()
    assert [len(trajectory) for trajectory in trajectories] == [9, 8]
    for number, trajectory in zip((2, 6), trajectories, strict=True):
        assert check_transitions(trajectory) == [(number, time) for time in range(LENGTHS[number])]


def test_held_out_trajectories_do_not_fill_the_memory(monkeypatch):
    dataset = filled("image", held_out=(2, 4, 6))
    monkeypatch.setattr("fulgurite.data.frame_dataset.HELD_OUT_BYTES", 17 * dataset.frame_bytes)
    assert [int(one["trajectory"][0]) for one in dataset.trajectories()] == [4, 6]  # 7 + 9 frames
    monkeypatch.setattr("fulgurite.data.frame_dataset.HELD_OUT_BYTES", 1)
    assert [int(one["trajectory"][0]) for one in dataset.trajectories()] == [6]


def test_no_held_out_sequence_without_enough_frames():
    dataset = filled("image", length=12, held_out=(2,))
    assert len(dataset.held_out(1000)) == 0
    assert len(filled("image", length=5).held_out(1000)) == 0
    assert len(filled("image").held_out(1000)) == 0
    assert len(filled("image", held_out=(2,)).held_out(4)) == 3  # every third of nine transitions


@pytest.mark.parametrize(("kind", "left"), [("vector", {"observation"}), ("image", set()), ("nested", {"observation"})])
def test_the_newest_transitions_come_without_images(kind, left):
    dataset = filled(kind, stop=3)
    last = interleaved(LENGTHS, 3, 4)[2]
    newest = dataset.newest(len(last))
    assert set(newest.keys()) == {"action", "next", "trajectory"} | left
    assert torch.equal(newest["action"], rows(kind, last, ENDS)["action"])
    if kind == "nested":
        assert set(newest["observation"].keys()) == set(newest["next", "observation"].keys()) == {"arm/joints"}
        assert newest["observation", "arm/joints"].tolist() == [[e, t] for e, t in last]
    assert len(dataset.newest(10_000)) == sum(len(steps) for steps in interleaved(LENGTHS, 3, 4)[:3])
    assert len(dataset.newest(0)) == 0


def test_an_episode_that_is_cut_ends_like_a_truncation():
    """Its number never comes again; those after it are not touched."""
    dataset = filled("image", length=4, stop=1)
    dataset.cut(1)
    dataset.cut(77)
    ended = dataset.everything()
    done = ended[ended["next", "done"][:, 0]]
    assert sorted(done["trajectory"][:, 0].tolist()) == [1]  # episode 1 has four steps: it had ended, untouched
    assert done["next", "terminated"].all()
    dataset.cut(0)
    ended = dataset.everything()
    done = ended[ended["next", "truncated"][:, 0]]
    assert done["trajectory"][:, 0].tolist() == [0]
    assert read(done["next", "observation"])[1].tolist() == [4]
    new = rows("image", [(9, 0), (9, 1)], {})
    dataset.extend(new, torch.zeros(2, dtype=torch.bool), CHANCE)
    batch = dataset.sample(1, 500, CHANCE)
    episode, _ = read(batch["observation"])
    begins = batch["is_init"][..., 0]
    changes = episode[..., 1:] != episode[..., :-1]
    assert torch.equal(begins[..., 1:], changes)


@pytest.mark.parametrize(
    ("length", "message"),
    [(1, "sequence_length: need 2 to the capacity, 1000, or none, got 1"),
     (1001, "sequence_length: need 2 to the capacity, 1000, or none, got 1001")],
)  # fmt: skip
def test_lengths_that_cannot_be(length, message):
    with pytest.raises(ValueError, match=message):
        filled("vector", length)


def test_more_frames_than_there_are():
    with pytest.raises(ValueError, match="need at most the 15 frames that there are to train on, got 20"):
        filled("vector", 20, stop=1).sample(1, 1, CHANCE)
    with pytest.raises(ValueError, match="need at least one transition to train on, got none"):
        filled("vector", held_out=(0, 1, 2), stop=1).sample(1, 1, CHANCE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("capacity", [1000, 23])
def test_frames_come_back_from_checkpoints_and_only_new_ones_are_written(kind, capacity, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_rows, "PIECE", 5 * filled(kind, stop=1).frame_bytes)  # of five frames
    writer, dataset = FolderCheckpointIO(), filled(kind, 4, capacity, stop=0)
    for number, steps in enumerate(interleaved(LENGTHS, 3, 4)):
        batch = rows(kind, steps, ENDS)
        held_out = batch["trajectory"][:, 0] == 2
        before = dataset.frames.written
        dataset.extend(batch, held_out, CHANCE)
        state = dataset.state_dict("rows-0", writer.parts())
        given = sum(len(piece["content"]["trajectory"]) for piece in state["pieces"] if piece["content"])
        assert given <= dataset.frames.written - before + 4
        writer.save_checkpoint({"x": state}, tmp_path / f"step-{number}")
        again = filled(kind, 4, capacity, stop=0, folder=tmp_path)  # a buffer on the disk comes back like any other
        again.load_state_dict(load(tmp_path / f"step-{number}")["x"])
        drawn = [one.sample(2, 30, torch.Generator().manual_seed(0)) for one in (dataset, again)]
        assert (drawn[0] == drawn[1]).all()
        assert (again.frames.kept == dataset.frames.kept).all()
        if number == 3:
            over = int(dataset.everything()["next", "truncated"].sum())
            dataset.cut(8)  # it runs: a frame that has been saved is changed afterwards
            writer.save_checkpoint({"x": dataset.state_dict("rows-0", writer.parts())}, tmp_path / "cut")
            changed = filled(kind, 4, capacity, stop=0)
            changed.load_state_dict(load(tmp_path / "cut")["x"])
            assert (changed.frames.kept == dataset.frames.kept).all()
            assert int(changed.everything()["next", "truncated"].sum()) == over + 1
    assert len(list((tmp_path / "step-0").glob("rows-*"))) < len(list((tmp_path / f"step-{number}").glob("rows-*")))
    following = rows(kind, [(0, 7), (0, 8)], {})  # both go on alike
    for one in (dataset, again):
        one.extend(following, torch.zeros(2, dtype=torch.bool), CHANCE)
    assert (again.frames.kept == dataset.frames.kept).all()


@pytest.mark.parametrize("capacity", [1000, 8])
def test_one_collection_may_go_back_and_forth_between_episodes(capacity):
    """As logged data may."""
    steps = [(0, 0), (2, 0), (0, 1), (2, 1), (2, 2), (0, 2), (1, 0), (1, 1), (0, 3)]
    dataset = filled("image", capacity=capacity, stop=0)
    dataset.extend(rows("image", steps, {1: (2, True)}), torch.zeros(len(steps), dtype=torch.bool), CHANCE)
    assert dataset.frames.written == len(steps) + 3
    found = dataset.everything()
    assert torch.equal(read(found["observation"])[1] + 1, read(found["next", "observation"])[1])
    assert len(found) == (9 if capacity == 1000 else 5)


def test_what_follows_an_end_under_the_same_number_begins_anew():
    batch = rows("image", [(0, 0), (0, 1), (1, 0), (1, 1)], {0: (2, True), 1: (2, False)})
    batch["trajectory"] = torch.zeros(4, 1, dtype=torch.int64)
    dataset = filled("image", length=4, stop=0)
    dataset.extend(batch, torch.zeros(4, dtype=torch.bool), CHANCE)
    assert len(dataset) == 6
    assert torch.equal(dataset.everything()["observation"], batch["observation"])
    drawn = dataset.sample(1, 200, CHANCE)
    assert torch.equal(drawn["is_init"][..., 0], read(drawn["observation"])[1] == 0)
