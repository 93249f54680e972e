"""What a recipe must not be able to do: call, import or unfold anything but what its slots take."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from recipe_desk import Desk, forget_modules

from fulgurite.recipe import RecipeError, build, to_yaml
from fulgurite.recipe_files import RecipeFile
from fulgurite.selftest.crafted_recipes import DISGUISES, MODULE, NESTED, RESOLVERS, TARGETS, UNENDING, alias_bomb

CANARY = "import pathlib\npathlib.Path({here!r}).write_text('ran')\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    monkeypatch.chdir(desk.home)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield desk
    forget_modules(tmp_path)


@pytest.mark.parametrize("target", [*TARGETS, "recipe_double.experiment.planners.abstractmethod"])
@pytest.mark.parametrize("slot", ["agent.planner", "agent.model.reward", "callbacks.video", "agent.model.optimizer"])
def test_nothing_but_a_slots_classes_is_called_or_even_imported(desk: Desk, target: str, slot: str) -> None:
    ran = desk.home / "ran"
    desk.write("canary.py", CANARY.format(here=str(ran)) + "class Thing: ...\ndef run(command): ...\n")
    before = set(sys.modules)
    with pytest.raises(RecipeError) as caught:
        build(desk.compose("a/small", f"{slot}={{_target_: '{target}', command: ls}}"))
    assert f"command line: {slot}._target_: " in str(caught.value)
    assert not ran.exists()
    assert {name.partition(".")[0] for name in set(sys.modules) - before}.isdisjoint({"canary", "torch", "runpy"})


@pytest.mark.parametrize("target", ["shutil.rmtree", "tempfile.mktemp", "recipe_double.deep.helper"])
def test_a_function_must_start_with_the_slots_arguments(desk: Desk, target: str) -> None:
    line = "expected a Reward or a function of (state, action, next_state), got"
    assert line in desk.problems("a/small", f"agent.model.reward={{_target_: {target}}}")[0]


@pytest.mark.parametrize("text", RESOLVERS)
def test_resolvers_are_refused(desk: Desk, text: str) -> None:
    problems = desk.problems(desk.write("mine.yaml", f"defaults: [a/small]\nnote: '{text}'"))
    assert len(problems) == 1
    assert problems[0].startswith("mine.yaml: ")


def test_an_alias_bomb_costs_nothing(desk: Desk) -> None:
    problems = desk.problems(desk.write("mine.yaml", alias_bomb()))
    assert problems == ["mine.yaml: line 1: anchors and aliases (&a) are refused: share with ${key}"]


@pytest.mark.parametrize(("first", "said"), [("x" * 100, "becomes longer than 10000 characters"), ("''", "")])
def test_references_do_not_multiply(desk: Desk, first: str, said: str) -> None:
    """Texts that insert each other twice double in work, and in length, at each step."""
    keys = [f"k{place}: '${{note.k{place - 1}}}${{note.k{place - 1}}}'" for place in range(1, 60)]
    text = f"defaults: [a/small]\nnote:\n  k0: {first}\n" + "".join(f"  {key}\n" for key in keys)
    options = text.replace("note:", "environment:\n options:").replace("note.", "environment.options.")
    problems = desk.problems(desk.write("mine.yaml", options))
    assert any(said in problem for problem in problems) == bool(said)
    assert bool(problems) == bool(said)


def test_a_long_chain_of_references_ends(desk: Desk) -> None:
    keys = "".join(f"  k{place}: '${{environment.options.k{place + 1}}}'\n" for place in range(100))
    path = desk.write("mine.yaml", f"defaults: [a/small]\nenvironment:\n options:\n{keys}  k100: end")
    assert "is the end of 30 references in a row" in desk.problems(path)[0]


@pytest.mark.parametrize("target", [target.format(planners="recipe_double.planners") for target in DISGUISES])
def test_a_disguise_does_not_help(desk: Desk, target: str) -> None:
    ran = desk.home / "ran"
    desk.write("own.py", CANARY.format(here=str(ran)) + MODULE.format(planners="recipe_double.planners"))
    with pytest.raises(RecipeError) as caught:
        build(desk.compose("a/small", f"agent.planner={{_target_: '{target}', command: ls}}"))
    assert "agent.planner._target_: " in str(caught.value)
    assert not ran.exists()


def test_a_class_that_is_another_one_when_imported_is_not_called(desk: Desk) -> None:
    desk.write(
        "changing.py",
        "import os\nfrom recipe_double.planners import CEM\nclass Mine(CEM): ...\nglobals()['Mine'] = os.system\n",
    )
    desk.write("mine.yaml", "defaults: [a/small]\nagent: {planner: {_target_: changing.Mine}}")
    with pytest.raises(RecipeError, match=r"expected a Planner, got changing.Mine, which is none when imported"):
        build(desk.compose("mine.yaml"))


def test_devices_and_pipes_are_no_recipes(desk: Desk) -> None:
    """They would be read for ever, or until somebody writes into them."""
    (desk.home / "zero.yaml").symlink_to("/dev/zero")
    os.mkfifo(desk.home / "pipe.yaml")
    for name in ("zero.yaml", "pipe.yaml"):
        assert desk.problems(name) == [f"{name}: no shipped recipe, file or run folder of this name"]
        mine = desk.write("mine.yaml", f"defaults: [{name}]")
        assert desk.problems(mine)[0].startswith(f"mine.yaml: defaults: {name}: no shipped recipe")


def test_a_file_that_never_ends_is_not_read_whole() -> None:
    with pytest.raises(RecipeError, match="endless: expected at most 256 KiB"):
        RecipeFile(Path("/dev/zero"), "endless", "endless", shipped=False).text()


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1" + "0" * 60])
def test_a_seed_out_of_range_is_one_line(desk: Desk, seed: str) -> None:
    problems = desk.problems("a/small", f"seed={seed}", by=build)
    assert len(problems) == 1
    assert problems[0].startswith(f"a/small.yaml: seed: expected 0 to 4294967295, got {seed[:50]}")


@pytest.mark.parametrize("number", UNENDING)
def test_numbers_without_end_are_refused(desk: Desk, number: str) -> None:
    assert len(desk.problems("a/small", f"agent.planner.candidates={number}")) == 1


def test_deep_nesting_is_refused_wherever_it_stands(desk: Desk) -> None:
    for deep in NESTED:
        assert desk.problems("a/small", f"note={deep}") == ["command line: note: nested deeper than 32"]
    deep = ".".join(["agent"] * 3_000)
    assert desk.problems("a/small", f"{deep}=1")[0].endswith("nested deeper than 32")


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\u202eb", "a\x9bb", "[bold]a[/bold]"])
def test_names_do_not_steer_the_terminal(desk: Desk, name: str) -> None:
    quoted = name.encode("unicode_escape").decode()
    text = f'defaults: [a/small]\n"{quoted}": 1\ncallbacks: {{"{quoted}": {{_target_: Videos}}}}'
    problems = desk.problems(desk.write("mine.yaml", text))
    assert len(problems) == 2
    assert all(problem.isprintable() and quoted in problem for problem in problems)


def test_a_recipes_name_is_safe_as_a_folders(desk: Desk) -> None:
    for name in ("a\x1b[2J.yaml", "a\nb.yaml", "<script>.yaml", "a;rm -rf ~.yaml", "..yaml.yaml"):
        desk.write(name, "defaults: [a/small]")
        found = desk.compose(name).file.name
        assert re.fullmatch(r"[\w. -]+", found)
        assert ".." not in Path(found).parts
    outside = desk.home.parent / "other" / "mine.yaml"
    outside.parent.mkdir()
    outside.write_text("defaults: [a/small]")
    assert desk.compose("../other/mine.yaml").file.name == "mine"


def test_the_folder_of_a_run_brings_no_code(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that somebody else packed holds data; a module in it is not found, from wherever the command is run."""
    ran = desk.home / "ran"
    desk.write(
        "run/packed.py", CANARY.format(here=str(ran)) + "from recipe_double.planners import CEM\nclass P(CEM): ..."
    )
    desk.write("run/recipe.yaml", "defaults: [a/small]\nagent: {planner: {_target_: packed.P}}")
    (desk.home / "run/code").mkdir()
    (desk.home / "run/checkpoints").mkdir()
    for folder in (".", "run", "run/code"):
        monkeypatch.chdir(desk.home / folder)
        with pytest.raises(RecipeError, match=r"no module 'packed'"):
            build(desk.compose(desk.home / "run"))
    assert not ran.exists()


PACKED = CANARY + "from recipe_double.planners import CEM\nclass P(CEM): ..."
LINKS = {  # into the folder of a run: name to target
    "none": {},
    "to the folder": {"way": "gift"},
    "to a package": {"way": "gift/code"},
    "to a module": {"packed.py": "gift/packed.py"},
    "out of it again": {"gift/code/planners.py": Path(__file__).parent / "recipe_double/planners.py"},
}
MODULES = ("gift.packed", "gift.code.packed", "way.packed", "packed", "gift.code.planners")


@pytest.fixture
def gift(desk: Desk) -> Path:
    """The folder of a run with code in it, and a canary that this code makes."""
    ran = desk.home / "ran"
    for name in ("packed.py", "code/__init__.py", "code/packed.py"):
        desk.write(f"gift/{name}", PACKED.format(here=str(ran)))
    desk.write("gift/metrics.jsonl", "")
    return ran


def sent(desk: Desk, keys: str) -> None:
    desk.write("gift/recipe.yaml", f"defaults: [a/small]\n{keys}")


@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("module", MODULES)
def test_nor_does_it_by_way_of_the_folder_around_it(desk: Desk, gift: Path, links: str, module: str) -> None:
    for name, target in LINKS[links].items():
        (desk.home / name).symlink_to(desk.home / target)
    sent(desk, f"agent: {{planner: {{_target_: {module}.{'CEM' if module.endswith('planners') else 'P'}}}}}")
    with pytest.raises(RecipeError, match=r"agent.planner._target_: no module"):
        build(desk.compose("gift"))
    assert not gift.exists()


@pytest.mark.parametrize("module", MODULES[:2])
@pytest.mark.parametrize("folder", [".", "gift"])
def test_the_module_of_an_environment_is_not_looked_for_in_a_run(
    desk: Desk, gift: Path, monkeypatch: pytest.MonkeyPatch, module: str, folder: str
) -> None:
    monkeypatch.chdir(desk.home / folder)
    monkeypatch.syspath_prepend(desk.home / folder)
    module = module if folder == "." else module.removeprefix("gift.")
    sent(desk, f"environment: {{id: '{module}:World-v0'}}")
    (problem,) = desk.problems(desk.home / "gift")
    assert problem.endswith(
        f"recipe.yaml: environment.id: the module '{module}' is in the folder of the run, where none is looked for"
    )
    assert not gift.exists()


def test_the_module_of_an_environment_is_looked_for_where_one_works(desk: Desk, gift: Path) -> None:
    desk.write("at_home.py", "")
    sent(desk, "environment: {id: 'at_home:World-v0'}")
    assert desk.problems("gift") == []


@pytest.mark.parametrize("first", ["/proc/self/cwd/beside/x.yaml", "{home}/gift/../beside/x.yaml", "{home}/way/x.yaml"])
def test_a_run_cannot_name_a_folder_that_came_with_it(desk: Desk, gift: Path, first: str) -> None:
    """What packs a run does not know where it is unpacked."""
    desk.write("beside/packed.py", PACKED.format(here=str(gift)))
    desk.write("beside/x.yaml", "seed: 1")
    (desk.home / "way").symlink_to(desk.home / "beside")
    text = "defaults: [a/small]\nagent: {planner: {_target_: packed.P}}"
    desk.write("gift/recipe.yaml", f"# recipe: {first.format(home=desk.home)}\n{text}")
    (problem,) = desk.problems("gift", by=build)
    assert "no module 'packed'" in problem
    assert not gift.exists()


def test_a_runs_recipe_finds_the_classes_beside_the_recipe_that_it_came_from(desk: Desk) -> None:
    desk.write("lab/own.py", "from recipe_double.planners import CEM\nclass P(CEM): ...")
    mine = desk.write("lab/mine.yaml", "defaults: [a/small]\nagent: {planner: {_target_: own.P}}")
    desk.write("runs/x/recipe.yaml", to_yaml(desk.compose(mine)))
    (desk.home / "runs/x/checkpoints").mkdir()
    assert desk.problems("runs/x") == []
