"""Whole experiments: they end, resume exactly, refuse nonsense, and are seeded."""

import json
import math
import os
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from tiny import tiny_experiment

from fulgurite.agents.mpc import MPC
from fulgurite.models.dump import NotFinite
from fulgurite.recipe import RecipeError, build, compose, to_yaml
from fulgurite.runs import metrics
from fulgurite.runs.checkpoint import FolderCheckpointIO, latest, load
from fulgurite.runs.experiment import Experiment
from fulgurite.runs.manifest import DamagedCheckpoint
from fulgurite.runs.random_states import random_states, set_random_states
from fulgurite.saved_agent import SavedAgent


class SaveAt(pl.callbacks.Checkpoint):
    """Saves the trainer's state once, at the end of the epoch after which so many environment steps were made."""

    def __init__(self, env_steps: int) -> None:
        self.env_steps = env_steps

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.datamodule.env_steps == self.env_steps:
            trainer.save_checkpoint(f"{trainer.default_root_dir}/checkpoints/step-{self.env_steps}")


def test_a_run_ends_and_says_so(tmp_path):
    experiment = tiny_experiment()
    (tmp_path / "read").write_text("{}")
    os.link(tmp_path / "read", tmp_path / "result.json")
    result = experiment.fit(tmp_path)
    assert (tmp_path / "read").read_text() == "{}"  # the old one was replaced, not written over
    assert result["status"] == "completed"
    assert result["env_steps"] == 80
    assert result["gradient_steps"] == 20 + 40
    assert json.loads((tmp_path / "result.json").read_text()) == result
    rows = metrics.read(tmp_path)
    assert all({"env_steps", "gradient_steps", "wall_seconds"} <= row.keys() for row in rows)
    assert any(math.isfinite(row.get("loss/dynamics", math.nan)) for row in rows)
    assert any("train/return" in row for row in rows)
    assert any("validation/dynamics/member_error" in row for row in rows)


def test_resume_is_exact(tmp_path):
    """A run saved half way, and gone on with in a new process' stead, ends bitwise where the whole run ends."""
    whole = tiny_experiment(callbacks={"save": SaveAt(60)})
    whole.fit(tmp_path)
    rows = (tmp_path / "metrics.jsonl").read_text().splitlines()
    resumed = tiny_experiment(seed=0)
    with torch.no_grad():
        for parameter in resumed.agent.parameters():
            parameter.add_(1.0)  # whatever it was built with does not matter
    resumed.fit(tmp_path, latest(tmp_path))
    for name, value in whole.agent.state_dict().items():
        assert torch.equal(value, resumed.agent.state_dict()[name]), name
    assert (whole.experience.dataset.buffer[:] == resumed.experience.dataset.buffer[:]).all()
    assert torch.equal(whole.agent.generator.get_state(), resumed.agent.generator.get_state())

    def scalars(lines):
        return [{k: v for k, v in json.loads(line).items() if k != "wall_seconds"} for line in lines]

    assert scalars((tmp_path / "metrics.jsonl").read_text().splitlines()) == scalars(rows)


def test_a_run_of_a_gpu_goes_on_on_a_cpu(tmp_path, caplog):
    """Twice to the same end, which it does not reach with other states."""
    tiny_experiment(callbacks={"save": SaveAt(60)}).fit(tmp_path)
    found = []
    for name, first in (("a", 0), ("b", 0), ("c", 1)):
        content = load(latest(tmp_path))
        content["agent"][0]["generator"] = torch.arange(first, first + 16, dtype=torch.uint8)  # as CUDA's has it
        saved = next(value for key, value in content["callbacks"].items() if key.startswith("RunState"))
        saved["ranks"][0]["cuda"] = [torch.arange(16, dtype=torch.uint8)]
        FolderCheckpointIO().save_checkpoint(content, tmp_path / name / "checkpoints/step-60")
        caplog.clear()
        resumed = tiny_experiment()
        resumed.fit(tmp_path / name, latest(tmp_path / name))
        assert caplog.text.count("resumed, but not exactly: the agent has chance on another kind of device") == 1
        found.append(resumed.agent.generator.get_state())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_resumed_agents_chance_is_put_back_where_it_acts(tmp_path, monkeypatch):
    """Lightning moves the module only after it has loaded a checkpoint into it."""
    tiny_experiment(callbacks={"save": SaveAt(60)}).fit(tmp_path)
    placed, own = [], MPC.generator.fget
    monkeypatch.setattr(SingleDeviceStrategy, "model_to_device", lambda self: placed.append(self.root_device))
    monkeypatch.setattr(MPC, "generator", property(lambda self: own(self) if placed else pytest.fail("too early")))
    tiny_experiment().fit(tmp_path, latest(tmp_path))


def test_generators_of_another_number_of_gpus_are_seeded(monkeypatch, caplog):
    seeds = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    before = random_states()
    for last in (7, 7, 8):
        one = torch.tensor([1] * 15 + [last], dtype=torch.uint8)
        set_random_states({**before, "cuda": [one]})
    assert seeds[0] == seeds[1] != seeds[2]
    assert caplog.text.count("resumed, but not exactly: with 2 GPUs in the place of 1") == 3


def test_a_finished_run_goes_on_with_more_steps(tmp_path):
    tiny_experiment(callbacks={"save": SaveAt(80)}).fit(tmp_path)
    longer = tiny_experiment(max_env_steps=120)
    assert longer.fit(tmp_path, latest(tmp_path))["env_steps"] == 120


def test_the_same_seed_gives_the_same_run_and_another_another(tmp_path):
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        experiment = tiny_experiment(seed)
        experiment.fit(tmp_path / name)
        weights.append(torch.cat([value.flatten().float() for value in experiment.agent.state_dict().values()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_evaluation_is_repeatable_and_from_a_checkpoint(tmp_path):
    experiment = tiny_experiment(callbacks={"save": SaveAt(80)})
    experiment.fit(tmp_path)
    first = experiment.evaluate()
    assert first == experiment.evaluate()
    assert first["seeds"] == [100_000, 100_001, 100_002]
    assert tiny_experiment(seed=9).evaluate(latest(tmp_path)) == first


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    experiment = tiny_experiment()
    with torch.no_grad():
        experiment.agent.world_model.dynamics.network.biases[0][0, 0, 0] = torch.nan
    with pytest.raises(NotFinite, match="loss/dynamics became nan"):
        experiment.fit(tmp_path)
    assert torch.load(tmp_path / "dump" / "rank0.pt", weights_only=True)["counters"]["env_steps"] == 40
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "failed"


def test_damage_is_named_and_passed_over(tmp_path):
    tiny_experiment(callbacks={"save": SaveAt(60), "later": SaveAt(80)}).fit(tmp_path)
    newest = tmp_path / "checkpoints" / "step-80"
    payload = newest / "checkpoint.pt"
    data = bytearray(payload.read_bytes())
    data[len(data) // 2] ^= 1
    payload.write_bytes(data)
    with pytest.raises(DamagedCheckpoint, match=r"checkpoint\.pt: need .*sha256"):
        load(newest)
    warned = []
    assert latest(tmp_path, warned.append) == tmp_path / "checkpoints" / "step-60"
    assert len(warned) == 1
    payload.unlink()
    with pytest.raises(DamagedCheckpoint, match="no file"):
        load(newest)
    assert not list((tmp_path / "checkpoints").glob(".tmp*"))


def test_a_saved_agent_acts_as_it_did_and_leaves_the_new_runs_chance_alone(tmp_path):
    small = [
        "experience.max_env_steps=60", "experience.env_steps_per_collection=30", "experience.updates_per_epoch=2",
        "experience.updates_per_call=1", "experience.schedule={first_updates: 2, updates_per_env_step: 0.1}",
        "agent.planner.candidates=4", "agent.planner.elites=2", "agent.planner.horizon=2", "logger=null",
        "evaluation.episodes=1", "trainer.accelerator=cpu", "callbacks={checkpoint: {_target_: SaveCheckpoint}}",
    ]  # fmt: skip
    composed = compose("pets/cartpole", small)
    (tmp_path / "recipe.yaml").write_text(to_yaml(composed))
    first = build(composed)
    first.fit(tmp_path)
    policy = f"experience.base_policy={{_target_: SavedAgent, run: {tmp_path}}}"
    second = build(compose("pets/cartpole", [*small, policy, "seed=1"]))
    saved = second.experience.base_policy
    assert isinstance(saved, SavedAgent)
    expected = first.evaluation.run(first.agent)[0].transitions["action"]
    assert torch.equal(first.evaluation.run(saved)[0].transitions["action"], expected)
    assert second.experience.acting is saved
    assert len(second.experience.collect()) == 60  # the warm-up of 50 in collections of 30
    assert second.experience.acting is second.agent
    with pytest.raises(RecipeError, match="undamaged checkpoint"):
        build(compose("pets/cartpole", [f"experience.base_policy={{_target_: SavedAgent, run: {tmp_path / 'no'}}}"]))


@pytest.mark.parametrize(("seeds", "same"), [((3, 3), True), ((3, 4), False)])
def test_the_recipes_seed_seeds_the_first_weights(seeds, same):
    built = [build(compose("pets/cartpole", [f"seed={seed}", "callbacks=null", "logger=null"])) for seed in seeds]
    first, second = (experiment.agent.world_model.dynamics.network.weights[0] for experiment in built)
    assert torch.equal(first, second) is same


@pytest.mark.parametrize("key", ["default_root_dir", "logger", "callbacks", "plugins", "enable_checkpointing"])
def test_what_a_run_sets_itself_cannot_lead_out_of_its_folder(key: str) -> None:
    experiment = tiny_experiment()
    trainer = partial(pl.Trainer, **{key: "../../etc"})
    with pytest.raises(ValueError, match=f"trainer: need no {key}: a run sets this itself, inside its folder"):
        Experiment(
            environment=experiment.environment,
            experience=experiment.experience,
            agent=experiment.agent,
            evaluation=experiment.evaluation,
            trainer=trainer,
        )
