"""What a recipe must not be able to do: call, import or unfold anything but what its slots take."""

import sys
from pathlib import Path

import pytest
from recipe_desk import Desk

from fulgurite.recipe import RecipeError, build

CANARY = "import pathlib\npathlib.Path({here!r}).write_text('ran')\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.chdir(desk.home)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return desk


CALLS = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "runpy.run_path",
    "pickle.loads",
    "shutil.rmtree",
    "torch.load",
    "torch.hub.load",
    "torch.utils.cpp_extension.load_inline",
    "numpy.testing._private.utils.runstring",
    "recipe_double.experiment.planners.abstractmethod",
    "canary.run",
    "canary.Thing",
    "canary",
    "fulgurite.cli.main",
    "__main__.x",
    "..canary.Thing",
    "/canary.Thing",
]


@pytest.mark.parametrize("target", CALLS)
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


@pytest.mark.parametrize(
    "text", ["${oc.env:HOME}", "${oc.decode:x}", "${eval:1}", "x ${oc.env:HOME}", "${:}", "${}", "${a b}"]
)
def test_resolvers_are_refused(desk: Desk, text: str) -> None:
    problems = desk.problems(desk.write("mine.yaml", f"defaults: [a/small]\nnote: '{text}'"))
    assert len(problems) == 1
    assert problems[0].startswith("mine.yaml: ")


def test_an_alias_bomb_costs_nothing(desk: Desk) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    problems = desk.problems(desk.write("mine.yaml", "\n".join(lines)))
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


def test_a_recipe_from_elsewhere_is_not_fetched(desk: Desk) -> None:
    assert desk.problems("http://127.0.0.1:9/mine.yaml")[0].endswith(
        "expected a shipped recipe, a file or a run folder"
    )
