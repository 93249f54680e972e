"""The report on a trained agent's model, from a run's checkpoint."""

import pytest
import pytorch_lightning as pl
from tiny import tiny_experiment

from fulgurite.agents.random import RandomAgent
from fulgurite.runs.checkpoint import latest
from fulgurite.runs.model_report import model_report


class SaveLast(pl.callbacks.Checkpoint):
    """Saves the trainer's state at the end."""

    def on_train_end(self, trainer, pl_module):
        trainer.save_checkpoint(f"{trainer.default_root_dir}/checkpoints/step-{trainer.datamodule.env_steps}")


def test_a_checkpoints_model_is_judged_on_both_kinds_of_episodes(tmp_path):
    trained = tiny_experiment(callbacks={"save": SaveLast()})
    trained.fit(tmp_path)
    held_out = trained.experience.held_out()
    assert held_out
    report = tiny_experiment(seed=5).judge_model(latest(tmp_path))
    assert set(report) == {"played", "held_out"}
    assert {"model/nll", "model/crps_h1", "model/error_h4", "plan/promised_return"} <= set(report["played"])
    assert "plan/promised_return" not in report["held_out"]
    with_the_same_weights = model_report(trained.agent, trained.evaluation.run(trained.agent), held_out)
    assert report["played"] == pytest.approx(with_the_same_weights["played"])
    assert report["held_out"] == pytest.approx(with_the_same_weights["held_out"])


def test_an_untrained_recipe_has_no_held_out_episodes():
    assert set(tiny_experiment().judge_model()) == {"played"}


def test_an_agent_without_a_model_is_refused():
    with pytest.raises(ValueError, match="RandomAgent has no model to judge"):
        model_report(RandomAgent(1), [], [])
