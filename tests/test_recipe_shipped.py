"""The real thing: the shipped recipes, and `pets/pendulum` with one mistake after the other."""

from dataclasses import replace
from pathlib import Path

import pytest
from recipe_desk import cases

from fulgurite.recipe import RecipeError, check, compose, to_yaml
from fulgurite.recipe_files import Library

RECIPES = [recipe.name for recipe in Library().all()]
WRONG = """
agent.planner.candidate=50
    agent.planner.candidate: CEM takes no 'candidate'; did you mean 'candidates'?
agent.planner.horizon=far
    agent.planner.horizon: expected int, got 'far'
agent.planner.horizon=12.5
    agent.planner.horizon: expected int, got 12.5
agent.planner=cemm
    agent.planner: no Planner 'cemm'; did you mean 'CEM'?
agent.planner=gaussian_dynamics
    agent.planner: expected a Planner, got the class GaussianDynamics, which is not one; there are CEM,
    GradientPlanner, ICEM, MPPI, RandomShooting
agent.planner._target_=Planner
    agent.planner._target_: Planner is abstract (without plan); there are CEM, GradientPlanner, ICEM, MPPI,
    RandomShooting
planner=cem
    planner: Experiment takes no 'planner'; did you mean 'agent.planner'?
agent.horizon=3
    agent.horizon: MPC takes no 'horizon'; did you mean 'agent.planner.horizon'?
agent.world_model.dynamics.learning_rate=fast
    agent.world_model.dynamics.learning_rate: expected float, got 'fast'
agent.world_model.dynamics.hidden=64
    agent.world_model.dynamics.hidden: expected a list of int, got 64
agent.world_model.dynamics.hidden=[64, wide]
    agent.world_model.dynamics.hidden.1: expected int, got 'wide'
agent.world_model.reward=pendulum_rewards
    agent.world_model.reward: no Reward or function 'pendulum_rewards'; did you mean 'pendulum_reward'?
agent.world_model.reward=gaussian_nll
    agent.world_model.reward: expected a Reward or a function of (state, action, next_state), got gaussian_nll,
    a function of (x, mean, log_var)
agent.world_model.reward=os.system
    agent.world_model.reward: os has no 'system'
agent.world_model.dynamics=null
    agent.world_model.dynamics: expected a Dynamics, got null
agent.objective.propagation=ts_infinite
    agent.objective.propagation: no Propagation 'ts_infinite'; did you mean 'TSInfinity'?
agent.objective.propagation={}
    agent.objective.propagation: expected a Propagation, got no _target_; there are Expectation, TS1, TSInfinity
environment.id=null
    environment.id: expected text, got null
environment.ids=Pendulum-v1
    environment.ids: Environment takes no 'ids'; did you mean 'id'?
environment={_target_: pytorch_lightning.Trainer}
    environment._target_: expected an Environment, got the class pytorch_lightning.Trainer, which is not one
experience.environment=${agent}
    experience.environment: expected an Environment, got ${agent}, which is MPC
experience.agent=${environment}
    experience.agent: expected a Behaviour, got ${environment}, which is Environment
agent.planner.candidates=${agent.world_model.member}
    agent.planner.candidates: ${agent.world_model.member} names nothing; did you mean
    'agent.world_model.dynamics.members'?
experience.seed=${seeds}
    experience.seed: ${seeds} names nothing; did you mean 'seed'?
experience.max_env_steps=${oc.env:STEPS}
    experience.max_env_steps: ${oc.env:STEPS}: a recipe does not read the variable STEPS; expected one of
    CUDA_VISIBLE_DEVICES, HOSTNAME, LOGNAME, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_JOB_ID, SLURM_JOB_NAME,
    USER or FULGURITE_...
experience.schedule.updates_per_env_steps=2
    experience.schedule.updates_per_env_steps: Schedule takes no 'updates_per_env_steps'; did you mean
    'updates_per_env_step'?
experience.batch_size=true
    experience.batch_size: expected int, got true
evaluation.episodes=[1, 2]
    evaluation.episodes: expected int, got a list of 2
callbacks.mine=my_module.Mine
    callbacks.mine: no module 'my_module' in the recipe's folder, the working folder or what is installed
callbacks.video._partial_=true
    callbacks.video._partial_: _partial_ is for slots of open classes; this one takes a Callback
logger.wandb=3
    logger.wandb: expected a Logger, got 3
logger.more={_target_: pytorch_lightning.loggers.TensorBoardLoger}
    logger.more._target_: pytorch_lightning.loggers has no 'TensorBoardLoger'; did you mean 'TensorBoardLogger'?
trainer.max_epoch=3
    trainer.max_epoch: Trainer takes no 'max_epoch'; did you mean 'max_epochs'?
trainer._target_=torch.load
    trainer._target_: expected a Trainer, got the function torch.load
seed=one
    seed: expected int, got 'one'
sed=1
    sed: Experiment takes no 'sed'; did you mean 'seed'?
_target_=Experiment
    _target_: a recipe's top level is always Experiment
"""


def test_there_are_recipes() -> None:
    assert "pets/pendulum" in RECIPES
    assert len(cases(WRONG)) >= 20


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_is_valid(name: str) -> None:
    check(compose(name))


@pytest.mark.parametrize("name", RECIPES)
def test_a_composed_recipe_is_a_recipe_again(name: str, tmp_path: Path) -> None:
    composed = compose(name)
    (tmp_path / "recipe.yaml").write_text(to_yaml(composed))
    again = compose(tmp_path)
    check(replace(again, foreign=True))  # it says nothing that one from elsewhere may not
    assert again.tree.root == composed.tree.root
    assert again.file.name == name


@pytest.mark.parametrize(("override", "line"), cases(WRONG))
def test_a_mistake_has_one_clear_line(override: str, line: str) -> None:
    with pytest.raises(RecipeError) as caught:
        check(compose("pets/pendulum", [override]))
    assert str(caught.value) == f"command line: {line}"


def test_the_file_with_the_mistake_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("defaults: [pets/pendulum]\nagent:\n  planner:\n    candidate: 3\n")
    with pytest.raises(RecipeError) as caught:
        check(compose("mine.yaml"))
    assert (
        str(caught.value) == "mine.yaml: agent.planner.candidate: CEM takes no 'candidate'; did you mean 'candidates'?"
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["agent.planner=random_shooting"],
        ["agent.planner=RandomShooting", "agent.planner.horizon=5"],
        ["callbacks.video=null", "logger=null"],
        ["agent.objective.propagation=ts1"],
        ["agent.world_model.reward=learned_reward"],
        ["agent.world_model.termination={_target_: LearnedTermination}"],
        ["trainer.accelerator=cpu", "trainer.precision=bf16-mixed", "trainer.max_time=00:01:00:00"],
        ["logger.board={_target_: pytorch_lightning.loggers.TensorBoardLogger, save_dir: runs}"],
        ["callbacks.stop={_target_: pytorch_lightning.callbacks.Timer, duration: '00:00:10:00'}"],
        ["experience.max_env_steps=1e4", "environment.num_envs=2"],
        ["agent=random"],
    ],
)
def test_changes_that_are_right(overrides: list[str]) -> None:
    check(compose("pets/pendulum", overrides))
