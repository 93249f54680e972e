"""Offline data: the same batches from arrays, a run's folder and Minari; whole trajectories held out; models fitted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pictures import Looking, SaveAt, pictures
from pytorch_lightning import Trainer
from tensordict import TensorDict

from fulgurite.data import saved_rows
from fulgurite.data.frame_dataset import FrameDataset
from fulgurite.data.offline import OfflineData, evaluate, split
from fulgurite.data.transitions import held_out_of, load_transitions
from fulgurite.keys import DONE, REWARD, TERMINATED, TRAJECTORY, TRANSITION, TRUNCATED
from fulgurite.models.deterministic import DeterministicDynamics
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.reward import LearnedReward
from fulgurite.models.sequence import transitions
from fulgurite.runs import checkpoint
from fulgurite.runs.checkpoint import FolderCheckpointIO

LENGTHS = (7, 4, 9, 5, 6)


def logged(lengths: tuple[int, ...] = LENGTHS) -> dict[str, NDArray]:
    """Episodes of s' = s + 0.1 a with reward -s_0, the odd ones terminated, the even ones cut off."""
    generator = np.random.default_rng(0)
    size = sum(lengths)
    action = generator.uniform(-1, 1, (size, 2))
    observation = generator.normal(size=(size, 2))
    last = np.cumsum(lengths) - 1
    terminated, truncated = np.zeros(size, bool), np.zeros(size, bool)
    terminated[last[1::2]] = truncated[last[::2]] = True
    return {
        "observation": observation,
        "action": action,
        "next_observation": observation + 0.1 * action,
        "reward": -observation[:, 0],
        "terminated": terminated,
        "truncated": truncated,
    }


def trainer(epochs: int) -> Trainer:
    return Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip


def test_arrays_become_experience() -> None:
    rows = load_transitions(logged())
    assert rows.batch_size == (31,)
    assert set(rows.keys(True, True)) == {*TRANSITION, TRAJECTORY}
    assert rows["observation"].dtype == rows["action"].dtype == rows[REWARD].dtype == torch.float32
    assert rows[TRAJECTORY][:, 0].bincount().tolist() == list(LENGTHS)
    assert torch.equal(rows[DONE], rows[TERMINATED] | rows[TRUNCATED])
    assert rows[DONE].sum() == len(LENGTHS)
    np.testing.assert_allclose(rows[REWARD][:, 0], logged()["reward"], rtol=1e-6)


def test_an_npz_file_is_as_good_as_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "log.npz", **logged())
    from_file, from_arrays = load_transitions(tmp_path / "log.npz"), load_transitions(logged())
    assert (from_file == from_arrays).all()


def test_a_log_that_breaks_off_was_truncated() -> None:
    arrays = logged()
    arrays["truncated"][:] = False
    arrays["trajectory"] = np.repeat([3, 1, 4, 0, 2], LENGTHS)
    rows = load_transitions(arrays)
    last = np.cumsum(LENGTHS) - 1
    assert rows[TRUNCATED][:, 0].nonzero()[:, 0].tolist() == last[::2].tolist()
    assert rows[TERMINATED][:, 0].nonzero()[:, 0].tolist() == last[1::2].tolist()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("reward", None, "missing: reward"),
        ("reward", np.zeros(30), r"arrays: reward: need shape \[31\], got \[30\]"),
        ("action", np.zeros(31), r"arrays: action: need shape \[31, D\], got \[31\]"),
        ("action", np.full((31, 1), 2.0), r"arrays: action: need \[-1, 1\], got 2"),
        ("observation", np.full((31, 2), np.nan), "arrays: observation: need finite numbers, row 0"),
        ("next_observation", np.zeros((31, 3)), "arrays: next_observation: need 2 numbers as in observation, got 3"),
        ("observation", np.zeros((0, 2)), r"arrays: observation: need shape \[1, D\], got \[0, 2\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(key: str, value: Any, says: str) -> None:
    arrays: dict[str, Any] = {**logged(), key: value}
    with pytest.raises(ValueError, match=says):
        load_transitions({name: array for name, array in arrays.items() if array is not None})


def test_whole_trajectories_are_held_out() -> None:
    data = OfflineData(logged(), held_out_share=0.4, batch_size=64, updates_per_epoch=20)
    held_out = data.held_out()
    assert len(held_out) == 2
    numbers = [int(trajectory[TRAJECTORY][0, 0]) for trajectory in held_out]
    assert [len(trajectory) for trajectory in held_out] == [LENGTHS[number] for number in numbers]
    trained = torch.cat([batch[TRAJECTORY] for call in data.train_dataloader() for batch in call]).unique().tolist()
    assert sorted(trained + numbers) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("share", "lengths", "expected"), [(0.0, (5, 5), 0), (0.1, (5, 5), 1), (0.5, (5,), 0)])
def test_how_many_trajectories_are_held_out(share: float, lengths: tuple[int, ...], expected: int) -> None:
    rows = load_transitions(logged(lengths))
    assert split(rows, share, torch.Generator()).sum() == 5 * expected


def test_batches_have_the_shapes_of_experience() -> None:
    alike = OfflineData(logged(), batch_size=8, updates_per_epoch=7, updates_per_call=3)
    calls = list(alike.train_dataloader())
    assert len(calls) == len(alike.train_dataloader()) == 3
    assert [len(call) for call in calls] == [3, 3, 1]
    assert calls[0].stacked.batch_size == (3, 8)
    bootstrapped = OfflineData(logged(), batch_size=8, members=5)
    batch = next(iter(bootstrapped.train_dataloader())).stacked[0]
    assert batch.batch_size == (5, 8)
    assert torch.equal(batch["state"], batch["observation"])
    assert torch.equal(batch["next", "state"], batch["next", "observation"])
    assert OfflineData(logged(), batch_size=8, held_out_share=0.0).updates_per_epoch == 4  # one pass over 31 rows


def test_the_seed_decides_and_resumes() -> None:
    def actions(data: OfflineData) -> torch.Tensor:
        return torch.stack([batch["action"] for call in data.train_dataloader() for batch in call])

    one, same, other = (OfflineData(logged(), seed=seed) for seed in (0, 0, 1))
    first = actions(one)
    assert torch.equal(first, actions(same))
    assert not torch.equal(first[:1], actions(other)[:1])
    kept = one.state_dict()
    second = actions(one)
    assert not torch.equal(first, second)
    for state in (kept, kept["ranks"][0]):  # the second one as it was when there was one process only
        one.load_state_dict(state)
        assert torch.equal(second, actions(one))


@pytest.mark.parametrize("members", [None, 3])
def test_a_model_is_fitted_and_judged(members: int | None) -> None:
    torch.manual_seed(0)
    data = OfflineData(logged((40, 40, 40)), members=members, batch_size=64, updates_per_epoch=100, held_out_share=0.3)
    for model, score in (
        (GaussianDynamics(2, 2, members=3, hidden=(32,)), "member_error"),
        (DeterministicDynamics(2, 2, members=3, hidden=(32,)), "member_error"),
    ):
        trainer(3).fit(model, datamodule=data)
        assert evaluate(model, data)[score] < 0.05  # where the mean change would score 1
        assert model.training


def test_a_reward_is_fitted_alone() -> None:
    torch.manual_seed(0)
    data = OfflineData(logged((40, 40, 40)), batch_size=64, updates_per_epoch=100, held_out_share=0.3)
    reward = LearnedReward(2, 2, hidden=(32,))
    trainer(3).fit(reward, datamodule=data)
    assert evaluate(reward, data)["reward"] < 0.02


def test_judging_without_held_out_data_is_refused() -> None:
    with pytest.raises(ValueError, match="no trajectory is held out"):
        evaluate(DeterministicDynamics(2, 2), OfflineData(logged((9,))))


def run_folder(folder: Path, overwritten: int, held_out: int = 1) -> None:
    """A run's folder whose buffer holds 10 rows of two trajectories, and has overwritten some, as `train` writes it."""
    rows = {
        "observation": torch.arange(10.0)[:, None],
        "action": torch.zeros(10, 1),
        "trajectory": torch.arange(10)[:, None] // 5,
        "held_out": (torch.arange(10)[:, None] // 5) == held_out,
        "next/observation": torch.arange(10.0)[:, None] + 1,
        "next/reward": torch.zeros(10, 1),
        **{f"next/{key}": torch.zeros(10, 1, dtype=torch.bool) for key in ("terminated", "truncated", "done")},
    }
    table = TensorDict({tuple(name.split("/")): column.roll(overwritten, 0) for name, column in rows.items()}, [10])
    payload = {"Experience": {"ranks": [{"dataset": saved_rows.save(table, 10 + overwritten, (), "rows-0", ())}]}}
    FolderCheckpointIO().save_checkpoint(payload, folder / "checkpoints" / "step-10")


@pytest.mark.parametrize("overwritten", [0, 3])
def test_a_runs_buffer_comes_in_the_order_of_time_and_stays_split(tmp_path: Path, overwritten: int) -> None:
    run_folder(tmp_path, overwritten)
    rows = load_transitions(tmp_path)
    assert rows["observation"][:, 0].tolist() == list(range(10))
    data = OfflineData(tmp_path)
    assert [trajectory["observation"][:, 0].tolist() for trajectory in data.held_out()] == [[5, 6, 7, 8, 9]]


def test_a_run_that_held_nothing_out_is_split_here(tmp_path: Path) -> None:
    run_folder(tmp_path, 0, held_out=-1)
    assert len(OfflineData(tmp_path).held_out()) == 1


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkpoint of a run in it"):
        load_transitions(tmp_path)
    with pytest.raises(ValueError, match=r"missing\.npz: no such file"):
        load_transitions(tmp_path / "missing.npz")


def pictured(lengths: tuple[int, ...] = LENGTHS, last: bool = False) -> dict[str, NDArray]:
    """The same episodes seen as images `[B, 3, 5, 6]`, or `[B, 5, 6, 3]`, that show episode and time."""
    steps = [(number, time) for number, length in enumerate(lengths) for time in range(length)]
    frames = np.zeros((2, len(steps), 3, 5, 6), np.uint8)
    for row, (number, time) in enumerate(steps):
        for later in (0, 1):
            frames[later, row, 0], frames[later, row, 1], frames[later, row, 2] = number, time + later, np.arange(6)
    here, following = frames.transpose(0, 1, 3, 4, 2) if last else frames
    return {**logged(lengths), "observation": here, "next_observation": following}


@pytest.mark.parametrize("last", [False, True])
def test_images_have_their_channels_first(tmp_path: Path, last: bool) -> None:
    np.savez(tmp_path / "log.npz", **pictured(last=last))
    rows = load_transitions(tmp_path / "log.npz")
    for key in ("observation", ("next", "observation")):
        assert rows[key].dtype == torch.uint8
        assert rows[key].shape == (31, 3, 5, 6)
        assert (rows[key][:, 2] == torch.arange(6, dtype=torch.uint8)).all()
    data = OfflineData(tmp_path / "log.npz", batch_size=8)
    call = next(iter(data.train_dataloader()))
    assert call.stacked["observation"].shape[2:] == (3, 5, 6)
    assert "state" not in call.stacked
    time = call.stacked["observation"][:, :, 1, 0, 0]
    assert torch.equal(call.stacked["next", "observation"][:, :, 1, 0, 0], time + 1)
    assert "state" not in data.held_out()[0]


def test_images_beside_vectors_by_name(tmp_path: Path) -> None:
    arrays = pictured()
    time = arrays["observation"][:, 1, 0, :1].astype(float)
    for key, vector in (("observation", time), ("next_observation", time + 1)):
        arrays |= {f"{key}/camera": arrays.pop(key), f"{key}/clock": vector}
    np.savez(tmp_path / "log.npz", **arrays)
    data = OfflineData(tmp_path / "log.npz", batch_size=8, sequence_length=4)
    batch = next(iter(data.train_dataloader())).stacked[0]
    assert set(batch["observation"].keys()) == {"camera", "clock"}
    assert torch.equal(batch["observation", "camera"][:, :, 1, 0, 0].float(), batch["observation", "clock"][..., 0])


@pytest.mark.parametrize("kind", ["images", "vectors"])
def test_sequences_from_a_log(kind: str) -> None:
    arrays = pictured()
    if kind == "vectors":
        arrays |= {key: arrays[key][:, :2, 0, 0].astype(float) for key in ("observation", "next_observation")}
    data = OfflineData(arrays, batch_size=8, sequence_length=6, held_out_share=0.4, updates_per_call=100)
    (call,) = data.train_dataloader()
    held_out = data.held_out()
    trained = 31 + 5 - sum(len(trajectory) + 1 for trajectory in held_out)
    assert len(call) == -(-trained // (8 * 6))  # one pass over the frames
    numbers = {int(trajectory[TRAJECTORY][0, 0]) for trajectory in held_out}
    (validation,) = data.val_dataloader()
    for batch, expected in ((call.stacked[0], set(range(5)) - numbers), (validation, numbers)):
        seen = batch["observation"][..., 0, 0] if kind == "images" else batch["observation"]
        number, time = seen[..., 0].long(), seen[..., 1].long()  # [B, L]
        assert set(number.unique().tolist()) <= expected
        assert torch.equal(batch["is_init"][..., 0], time == 0)
        ends = torch.tensor(LENGTHS)[number] == time
        assert torch.equal(batch["terminated"][..., 0], ends & (number % 2 == 1))


@pytest.mark.parametrize(
    ("changes", "arguments", "says"),
    [
        ({"observation": np.zeros((31, 3, 5, 6))}, {}, "arrays: observation: need images of uint8, got float64"),
        ({"next_observation": np.zeros((31, 3, 5, 5), np.uint8)}, {},
         r"next_observation: need \[31, 3, 5, 6\] as in observation, got \[31, 3, 5, 5\]"),
        ({"observation/camera": np.zeros((31, 3, 5, 6), np.uint8)}, {}, "need the same entries, got observation, "),
        ({}, {"members": 3}, "members: need none with images or sequences, which all members see alike, got 3"),
        ({}, {"sequence_length": 1}, "sequence_length: need 2 to the capacity, 36, or none, got 1"),
        ({}, {"sequence_length": 37}, "sequence_length: need 2 to the capacity, 36, or none, got 37"),
        ({"next_observation": np.zeros((31, 3, 5, 6), np.uint8)}, {},
         "next_observation of row 0: need the observation of row 1, which follows it in the same trajectory"),
    ],
)  # fmt: skip
def test_images_and_sequences_that_do_not_fit_are_refused(changes: Any, arguments: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        OfflineData({**pictured(), **changes}, **arguments)


def test_vectors_by_name_are_refused() -> None:
    arrays = logged()
    arrays |= {f"{key}/a": arrays.pop(key) for key in ("observation", "next_observation")}
    with pytest.raises(
        ValueError, match=r"observation/\.\.\.: need an image among them; what is a vector is one column"
    ):
        load_transitions(arrays)


def test_a_run_of_images_comes_back(tmp_path: Path) -> None:
    """With a buffer that has overwritten its oldest frames."""
    experiment = pictures(callbacks={"save": SaveAt(100)}, max_env_steps=100)
    experiment.fit(tmp_path)
    dataset = experiment.experience.dataset
    assert isinstance(dataset, FrameDataset)
    rows = load_transitions(tmp_path)
    assert (rows == dataset.everything()).all()
    data = OfflineData(tmp_path, sequence_length=4, batch_size=5)
    assert next(iter(data.train_dataloader())).stacked["observation"].shape[1:] == (5, 4, 3, 8, 8)
    newest = checkpoint.latest(tmp_path)
    assert newest is not None
    found = held_out_of(newest)
    for one, other, again in zip(found, dataset.trajectories(), data.held_out(), strict=True):
        assert (one == other).all()
        assert torch.equal(one["observation"], again["observation"])


def test_a_model_of_sequences_is_fitted_and_sees_the_transitions_in_them() -> None:
    class Adapting(Looking):
        def __init__(self) -> None:
            super().__init__()
            self.network = torch.nn.Linear(3 * 5 * 6 + 2, 1)

    model, data = Adapting(), OfflineData(pictured(), sequence_length=6, batch_size=4)
    trainer(1).fit(model, datamodule=data)
    assert model.adapted[0] == {"action", ("next", "reward"), ("next", "terminated")}
    with pytest.raises(ValueError, match="sequence_length: need a number of frames, since Adapting learns from"):
        trainer(1).fit(model, datamodule=OfflineData(pictured()))


def test_the_transitions_in_sequences() -> None:
    arrays = pictured()
    arrays |= {key: arrays[key][:, :2, 0, 0].astype(float) for key in ("observation", "next_observation")}
    data = OfflineData(arrays, sequence_length=6, batch_size=16, held_out_share=0.0)
    batch = next(iter(data.train_dataloader())).stacked[0]
    rows = transitions(batch)
    assert len(rows) == (~batch["is_init"][:, 1:]).sum()
    assert torch.equal(rows["next", "observation"], rows["observation"] + torch.tensor([0.0, 1.0]))
    row = np.cumsum((0, *LENGTHS))[rows["observation"][:, 0].long()] + rows["observation"][:, 1].long().numpy()
    np.testing.assert_allclose(rows["action"], arrays["action"][row], rtol=1e-6)
    np.testing.assert_allclose(rows["next", "reward"][:, 0], arrays["reward"][row], rtol=1e-6)
    np.testing.assert_array_equal(rows["next", "terminated"][:, 0], arrays["terminated"][row])


def test_every_process_draws_its_own_batches_from_the_same_split(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(at: int) -> tuple[torch.Tensor, torch.Tensor]:
        monkeypatch.setattr("fulgurite.data.offline.rank", lambda: at)
        data = OfflineData(logged((40, 40, 40)), batch_size=16, members=2)
        call = next(iter(data.train_dataloader()))
        return data.held_out()[0][TRAJECTORY], call.stacked["action"]

    (split_of_first, first), (split_of_second, second), (_, again) = drawn(0), drawn(1), drawn(1)
    assert torch.equal(split_of_first, split_of_second)
    assert not torch.equal(first, second)
    assert torch.equal(second, again)
