"""Building: one object a node, sizes from the environment, and errors of the classes themselves at their keys."""

import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from recipe_desk import Desk, forget_modules
from recipe_double import deep, experiment, planners

from fulgurite.recipe import MissingExtra, RecipeError, build


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    monkeypatch.chdir(desk.home)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield desk
    forget_modules(tmp_path)


def test_the_signature_is_the_schema(desk: Desk) -> None:
    built = desk.build("a/small", "agent.planner.alpha=1", "note=${environment.id}-${seed}", "seed=3")
    assert isinstance(built, experiment.Experiment)
    assert (built.seed, built.note, built.environment.id) == (3, "World-v0-3", "World-v0")
    assert isinstance(built.agent.planner, planners.CEM)
    assert (built.agent.planner.candidates, built.agent.planner.elites) == (50, 5)
    assert type(built.agent.planner.alpha) is float
    assert isinstance(built.callbacks["video"], experiment.Video)


def test_a_shared_node_is_one_object(desk: Desk) -> None:
    built = desk.build("a/small", "agent.spare=${agent.planner}")
    assert built.experience.agent is built.agent
    assert built.experience.environment is built.environment
    assert built.agent.spare is built.agent.planner


def test_two_nodes_alike_are_two_objects(desk: Desk) -> None:
    built = desk.build("a/small", "agent.spare={_target_: CEM, candidates: 50, elites: 5}")
    assert built.agent.spare is not built.agent.planner


def test_sizes_come_from_the_environment_unless_given(desk: Desk) -> None:
    reward = "agent.model.reward={_target_: Reward, observation_size: 9}"
    built = desk.build("a/small", reward, "environment.sizes=4")
    assert built.agent.model.observation_size == 4
    assert built.agent.model.reward.observation_size == 9


def test_functions_and_open_classes_stay_uncalled(desk: Desk) -> None:
    momentum = "agent.model.optimizer={_target_: Momentum, momentum: 0.5}"
    model = desk.build("a/small", momentum).agent.model
    assert model.reward is deep.no_reward
    assert isinstance(model.optimizer, functools.partial)
    optimizer = model.optimizer([1], rate=0.3)
    assert isinstance(optimizer, deep.Momentum)
    assert (optimizer.parameters, optimizer.rate, optimizer.momentum) == ([1], 0.3, 0.5)


def test_a_function_with_arguments_waits_for_the_others(desk: Desk) -> None:
    reward = desk.build("a/small", "agent.model.reward={_target_: scaled_reward, factor: 3}").agent.model.reward
    assert reward(2.0, 0.0, 0.0) == 6.0


def test_values_arrive_in_the_annotated_types(desk: Desk) -> None:
    model = desk.build("a/small", "agent.model.size=[3, 4]", "agent.model.file=x.pt", "agent.model.scale=2").agent.model
    assert model.size == (3, 4)
    assert model.file == Path("x.pt")
    assert type(model.scale) is int


def test_a_union_keeps_a_float_a_float(desk: Desk) -> None:
    scale = desk.build("a/small", "agent.model.scale=1.0").agent.model.scale
    assert type(scale) is float


def test_what_a_class_refuses_is_told_at_its_key(desk: Desk) -> None:
    with pytest.raises(RecipeError) as caught:
        desk.build("a/small", "agent.planner.elites=60")
    assert str(caught.value).startswith(
        "a/small.yaml: agent.planner: CEM: need elites <= candidates, got 60 and 50 (planners.py:"
    )


def test_an_environment_that_cannot_tell_its_size(desk: Desk) -> None:
    with pytest.raises(RecipeError, match=r"^a/small.yaml: environment: Environment: sizes: need at least 1, got 0"):
        desk.build("a/small", "environment.sizes=0")


def test_a_class_of_the_users_own_is_found_beside_the_recipe(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("own.py", "class Own: ...")  # in the working folder: the one beside the recipe comes first
    desk.write(
        "lab/own.py",
        "from recipe_double.planners import CEM\nclass Own(CEM):\n    def plan(self):\n        return -1\n",
    )
    path = desk.write("lab/mine.yaml", "defaults: [a/small]\nagent: {planner: own.Own}")
    assert desk.build(path).agent.act() == -1


def test_a_module_that_another_one_hides(desk: Desk) -> None:
    path = desk.write("colorsys.py", "from recipe_double.planners import CEM\nclass Own(CEM): ...\n")
    import colorsys  # Python's own, imported before ours is on the path

    with pytest.raises(RecipeError) as caught:
        desk.build("a/small", "agent.planner=colorsys.Own")
    assert str(caught.value) == (
        f"command line: agent.planner: {path} is hidden by the module {colorsys.__file__}; give it another name"
    )


def test_an_import_that_fails_is_told_at_its_key(desk: Desk) -> None:
    head = "from recipe_double.planners import CEM\n"
    desk.write("own.py", head + "import nowhere_at_all\nclass Own(CEM): ...\n")
    with pytest.raises(RecipeError) as caught:
        desk.build("a/small", "agent.planner=own.Own")
    assert str(caught.value) == (
        "command line: agent.planner: cannot import 'own': No module named 'nowhere_at_all' (own.py:2)"
    )


def test_a_missing_extra_is_told_with_its_command(desk: Desk) -> None:
    head = "from recipe_double.planners import CEM\n"
    missing = 'raise ModuleNotFoundError("No module named mujoco", name="mujoco")\n'
    desk.write("own.py", head + missing + "class Own(CEM): ...\n")
    with pytest.raises(MissingExtra) as caught:
        desk.build("a/small", "agent.planner=own.Own")
    assert str(caught.value) == "this needs mujoco, which is not installed: pip install 'fulgurite[mujoco]'"


def test_a_source_that_promised_more_than_the_class_holds(desk: Desk) -> None:
    text = "from recipe_double.planners import CEM\nclass Own(CEM): ...\nglobals()['Own'] = print\n"
    desk.write("own.py", text)
    with pytest.raises(RecipeError) as caught:
        desk.build("a/small", "agent.planner=own.Own")
    assert (
        str(caught.value) == "command line: agent.planner: expected a Planner, got own.Own, which is none when imported"
    )


def test_building_twice_gives_two_experiments(desk: Desk) -> None:
    composed = desk.compose()
    assert build(composed).agent is not build(composed).agent
