"""Experience from images: sequences reach the model, faults and cuts end episodes, and a resume is exact."""

from pathlib import Path

import pytest
import torch
from pictures import SHAPE, Looking, Pictures, SaveAt, Watching, pictures
from tiny import tiny_agent, tiny_experience

from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.data.frame_dataset import FrameDataset
from fulgurite.runs.checkpoint import latest


def random_experience(environment: Environment, **changes) -> Experience:
    return Experience(environment, RandomAgent(1), **{"warmup_env_steps": 0, "env_steps_per_collection": 40, **changes})


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("at", [60, 80])
def test_resume_is_exact(tmp_path, at, on_disk):
    """With a ring that has wrapped, in the middle of episodes."""
    whole = pictures(callbacks={"save": SaveAt(at)}, on_disk=on_disk)
    assert whole.fit(tmp_path)["status"] == "completed"
    assert whole.experience.dataset.frames.written > 100
    resumed = pictures(on_disk=on_disk)
    with torch.no_grad():
        for parameter in resumed.agent.parameters():
            parameter.add_(1.0)
    resumed.fit(tmp_path, latest(tmp_path))
    for name, value in whole.agent.state_dict().items():
        assert torch.equal(value, resumed.agent.state_dict()[name]), name
    assert (whole.experience.dataset.frames.kept == resumed.experience.dataset.frames.kept).all()
    assert torch.equal(whole.agent.generator.get_state(), resumed.agent.generator.get_state())
    assert not list(tmp_path.glob(".frames*"))


def test_batches_are_sequences_of_images(tmp_path):
    experiment = pictures()
    experiment.fit(tmp_path)
    data = experiment.experience
    data.schedule.owed = data.updates_per_epoch
    (call, *_) = data.train_dataloader()
    assert call.stacked.batch_size == (5, 4)
    assert call.stacked["observation"].shape == (5, 4, 6, *SHAPE)
    assert call.stacked["observation"].dtype == torch.uint8
    (held_out,) = data.val_dataloader()
    assert held_out["observation"].shape[1:] == (6, *SHAPE)
    assert experiment.agent.world_model.adapted[0] == {
        "action", "trajectory", *(("next", name) for name in ("reward", "terminated", "truncated", "done"))
    }  # fmt: skip


@pytest.mark.parametrize("nested", [False, True])
def test_interleaved_environments_and_a_fault(nested):
    """Frames say in which episode and at which time they were made; the failed step is in no sequence."""
    experience = random_experience(Pictures(3, nested, faulty_at=39), env_steps_per_collection=30, sequence_length=5)
    for _ in range(4):
        experience.collect()
    dataset = experience.dataset
    assert isinstance(dataset, FrameDataset)
    rows = dataset.everything()
    assert len(rows) == 119
    (batch,) = experience.dataset.sample(1, 1000, experience.generator)
    image = batch["observation", "camera"] if nested else batch["observation"]
    time, number = image[:, :, 1, 0, 0].long(), image[:, :, 2, 0, 0].long()
    begins = batch["is_init"][..., 0]
    assert torch.equal(begins, time == 0)
    goes_on = ~begins[:, 1:]
    assert torch.equal(number[:, 1:][goes_on], number[:, :-1][goes_on])
    assert torch.equal(time[:, 1:][goes_on], time[:, :-1][goes_on] + 1)
    column = image[:, :, 0, 0].float().argmax(-1)
    assert torch.equal(column[~begins], batch["reward"][..., 0][~begins].long())
    if nested:
        assert torch.equal(batch["observation", "place"][~begins], batch["reward"][~begins])
    ended = batch["terminated"][..., 0]
    assert torch.equal(ended, (time == 5 + 3 * number % 7) & (number % 2 == 0))


def test_images_without_sequences_are_transitions():
    experience = random_experience(Pictures(2))
    assert set(experience.collect().keys()) == {"action", "next", "trajectory"}
    (batch,) = experience.dataset.sample(1, 8, experience.generator)
    assert batch["observation"].shape == batch["next", "observation"].shape == (8, *SHAPE)
    assert torch.equal(batch["next", "observation"][:, 1, 0, 0], batch["observation"][:, 1, 0, 0] + 1)


def test_vectors_in_sequences(caplog):
    agent = Watching()
    environment = Environment("Pendulum-v1", num_envs=2)
    experience = Experience(
        environment, agent, base_policy=RandomAgent(1), sequence_length=7, on_disk=True, env_steps_per_collection=40,
        warmup_env_steps=40,
    )  # fmt: skip
    assert set(experience.collect().keys()) == {"action", "next", "trajectory", "observation"}
    (batch,) = experience.dataset.sample(1, 5, experience.generator)
    assert "of memory" in caplog.text  # only images are worth a file
    assert batch["observation"].shape == (5, 7, 3)
    assert batch["observation"].dtype == torch.float32


def test_the_cost_is_said_once_before_the_first_step(tmp_path, caplog):
    pictures(max_env_steps=60).fit(tmp_path)
    size = 3 * 8 * 8 + 4 + 4 + 4 + 8
    said = [record.getMessage() for record in caplog.records if "replay buffer" in record.getMessage()]
    assert said == [f"the replay buffer takes up to {70 * size / 1e6:.3g} MB of memory: 70 frames of {size} bytes"]
    caplog.clear()
    pictures(max_env_steps=60, on_disk=True, callbacks={"save": SaveAt(60)}).fit(tmp_path)
    (told,) = [record.getMessage() for record in caplog.records if "replay buffer" in record.getMessage()]
    assert f"MB on the disk of {tmp_path}, and twice as much in checkpoints: 70 frames" in told


def test_a_buffer_is_no_larger_than_the_run():
    """A million images are not asked room for, where a run makes a thousand steps."""
    assert random_experience(Pictures(2), max_env_steps=1000).dataset.frames.capacity == 2 * (1000 + 40)


@pytest.mark.parametrize(
    ("free", "on_disk", "message"),
    [
        ({"memory": 1000}, False, r"the replay buffer: need 0.0148 MB of memory, 0.001 MB are free"),
        ({"disk": 1000}, True, r"the replay buffer: need 0.0148 MB on the disk of .*, 0.001 MB are free"),
        ({"memory": 1000, "disk": 1000}, None, r"the replay buffer: need 0.0148 MB on the disk"),
        ({}, "/nowhere", r"on_disk: need a folder that is there, got /nowhere"),
    ],
)
def test_a_buffer_without_room_ends_the_run_before_it_begins(tmp_path, monkeypatch, free, on_disk, message):
    for name, size in free.items():
        monkeypatch.setattr(f"fulgurite.data.room.free_{name}", lambda *folder, size=size: size)
    experiment = pictures(on_disk=on_disk)
    with pytest.raises(ValueError, match=message):
        experiment.fit(tmp_path)
    assert experiment.experience.env_steps == 0


@pytest.mark.parametrize("here", [True, False])
def test_checkpoints_need_room_too(tmp_path, monkeypatch, here):
    monkeypatch.setattr("fulgurite.data.room.free_disk", lambda folder: 20_000)
    with pytest.raises(ValueError, match=r"in checkpoints on the disk of" if here else r"checkpoints: need 0.0424 MB"):
        pictures(on_disk=here, callbacks={"save": SaveAt(60)}, capacity=70 if here else 100).fit(tmp_path)


def test_a_large_buffer_goes_to_the_disk_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("fulgurite.data.room.free_memory", lambda: 20_000)
    experiment = pictures(max_env_steps=40)
    experiment.fit(tmp_path)
    maps = Path("/proc/self/maps").read_text()
    assert f"{tmp_path}/.frames-" in maps
    assert "(deleted)" in maps


def test_sequences_and_models_must_fit_each_other():
    with pytest.raises(ValueError, match=r"sequence_length: need a number of frames, since Looking learns from seq"):
        Experience(Pictures(), Watching())
    with pytest.raises(
        ValueError, match=r"sequence_length: need none, since WorldModel learns from transitions, got 5"
    ):
        tiny_experience(Environment("fulgurite/CartPoleBalance-v0", num_envs=2), tiny_agent(), sequence_length=5)
    with pytest.raises(ValueError, match="sequence_length: need 2 to the capacity, 70, or none, got 71"):
        pictures(sequence_length=71)
    assert Looking.sequences


def test_too_few_frames_for_a_sequence(tmp_path):
    with pytest.raises(ValueError, match=r"sequence_length: need at most the \d+ frames that there are to train on"):
        pictures(sequence_length=60, held_out_share=0.0).fit(tmp_path)
