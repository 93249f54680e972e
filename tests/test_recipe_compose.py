"""Composing: what a recipe becomes from its inclusions, overrides and references."""

from pathlib import Path

import pytest
from recipe_desk import Desk

from fulgurite.recipe import RecipeError, check, parse, to_yaml


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.chdir(desk.home)
    return desk


def test_a_shipped_recipe_is_valid(desk: Desk) -> None:
    assert desk.problems() == []


def test_layers_win_in_order_and_keep_what_they_do_not_name(desk: Desk) -> None:
    desk.ship("one", "environment: {id: One, sizes: 1}")
    desk.ship("two", "environment: {id: Two}\nnote: two")
    path = desk.write("mine.yaml", "defaults: [one, two]\nnote: mine")
    assert desk.tree(path) == {"environment": {"id": "Two", "sizes": 1}, "note": "mine"}


def test_inclusions_count_from_the_file_that_names_them(desk: Desk) -> None:
    desk.write("parts/low.yaml", "seed: 1\nnote: low")
    desk.write("parts/high.yaml", "defaults: [low]\nnote: high")
    path = desk.write("mine.yaml", "defaults: [parts/high, a/small]\n")
    assert desk.tree(path)["note"] == "high"
    assert desk.tree(path)["seed"] == 0  # a/small comes later


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 0.001),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("{a: 1}", {"a": 1}),
        ("a b", "a b"),
        ("'7'", "7"),
        ("007", "007"),
        ("1:30", "1:30"),
        ("a=b", "a=b"),
    ],
)
def test_values_of_overrides(text: str, value: object) -> None:
    assert parse(f"agent.x={text}") == ("agent.x", value, text)


@pytest.mark.parametrize("name", ["random_shooting", "RandomShooting", "recipe_double.planners.RandomShooting"])
def test_a_group_is_swapped_by_name_and_keeps_the_keys_that_fit(desk: Desk, name: str) -> None:
    planner = desk.tree("a/small", "agent.planner.alpha=0.2", f"agent.planner={name}")["agent"]["planner"]
    assert planner == {"_target_": name if "." in name else "RandomShooting", "candidates": 50}


def test_overrides_after_a_swap_reach_the_new_node(desk: Desk) -> None:
    planner = desk.tree("a/small", "agent.planner=random_shooting", "agent.planner.horizon=3")["agent"]["planner"]
    assert planner == {"_target_": "RandomShooting", "candidates": 50, "horizon": 3}


def test_a_file_swaps_as_an_override_does(desk: Desk) -> None:
    path = desk.write("mine.yaml", "defaults: [a/small]\nagent: {planner: still}")
    assert desk.tree(path)["agent"]["planner"] == {"_target_": "Still"}


def test_a_text_slot_keeps_its_text(desk: Desk) -> None:
    assert desk.tree("a/small", "note=cem")["note"] == "cem"


def test_another_target_drops_the_keys_of_the_old_class(desk: Desk) -> None:
    planner = desk.tree("a/small", "agent.planner={_target_: RandomShooting, candidates: 3}")["agent"]["planner"]
    assert planner == {"_target_": "RandomShooting", "candidates": 3}


def test_the_same_target_keeps_them(desk: Desk) -> None:
    planner = desk.tree("a/small", "agent.planner={_target_: cem, alpha: 0.3}")["agent"]["planner"]
    assert planner == {"_target_": "cem", "candidates": 50, "elites": 5, "alpha": 0.3}


def test_null_removes_an_entry_of_a_named_map(desk: Desk) -> None:
    assert desk.tree("a/small", "callbacks.video=null")["callbacks"] == {}
    assert desk.problems("a/small", "callbacks.video=null") == []


def test_a_key_of_a_shared_node_belongs_to_the_node(desk: Desk) -> None:
    tree = desk.tree("a/small", "experience.environment.sizes=7")
    assert tree["environment"]["sizes"] == 7
    assert tree["experience"]["environment"] == "${environment}"


def test_the_composed_recipe_is_a_recipe_again(desk: Desk) -> None:
    composed = desk.compose("a/small", "agent.planner=random_shooting", "note=${environment.id} at ${seed}")
    path = desk.write("runs/a/small/1-seed0/recipe.yaml", to_yaml(composed))
    again = desk.compose(path.parent)
    check(again)
    assert again.tree.root == composed.tree.root
    assert again.file.name == "a/small"


def test_a_run_finds_the_folder_of_its_recipe(desk: Desk, tmp_path: Path) -> None:
    desk.write("mine.yaml", "defaults: [a/small]\nagent: {planner: {_target_: own.Own}}")
    desk.write("own.py", "from recipe_double.planners import Planner\nclass Own(Planner):\n    def plan(self): ...\n")
    run = tmp_path / "elsewhere" / "1-seed0"
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text(to_yaml(desk.compose("mine.yaml")))
    assert desk.problems(run) == []


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        ("a/smal", "a/smal: no shipped recipe, file or run folder of this name; did you mean 'a/small'?"),
        ("small", "small: no shipped recipe, file or run folder of this name; did you mean 'a/small'?"),
        ("../shipped/b", "../shipped/b: no shipped recipe, file or run folder of this name"),
        ("ftp://x.org/a.yaml", "ftp://x.org/a.yaml: expected an address that begins with https://"),
        ("", ": no shipped recipe, file or run folder of this name"),
    ],
)
def test_recipes_that_are_not_there(desk: Desk, recipe: str, line: str) -> None:
    assert desk.problems(recipe) == [line]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("defaults: [mine]", "mine.yaml: defaults: includes itself by way of mine.yaml"),
        ("defaults: [other]", "mine.yaml: defaults: includes itself by way of other.yaml"),
        ("defaults: a/small", "mine.yaml: defaults: expected a list of recipes, got 'a/small'"),
        ("defaults: [a/smal]", "mine.yaml: defaults: a/smal: no shipped recipe, file or run folder of this name;"
                               " did you mean 'a/small'?"),
        ("a: 1\na: 2", "mine.yaml: line 2: found duplicate key a"),
        ("a: [1, 2", "mine.yaml: line 2: did not find expected ',' or ']'"),
        ("a: b: c", "mine.yaml: line 1: mapping values are not allowed in this context"),
        ("- a", "mine.yaml: expected keys, got ['a']"),
        ("3", "mine.yaml: expected keys, got '3'"),
        ("on: 1", "mine.yaml: true: expected a name as key; put it in quotes"),
        ("a: 1\n---\nb: 2", "mine.yaml: line 2: a second document begins; a recipe is one"),
        ("a: 1:30", "mine.yaml: line 1: YAML reads 1:30 as another number; quote it or write the number"),
        ("a:\n  b: 010", "mine.yaml: line 2: YAML reads 010 as another number; quote it or write the number"),
        ("a: !!python/name:os.system x", "mine.yaml: line 1: refused the tag tag:yaml.org,2002:python/name:os.system:"
                                         " a recipe is plain values"),
        ("a: !own 3", "mine.yaml: line 1: refused the tag !own: a recipe is plain values"),
        ("a: &x 1\nb: *x", "mine.yaml: line 1: anchors and aliases (&x) are refused: share with ${key}"),
        ("a: " + "[" * 40 + "]" * 40, "mine.yaml: line 1: nested deeper than 32"),
        ("a: " + "[" * 100_000, "mine.yaml: line 1: nested deeper than 32"),
        ("a: [" + "1," * 30_000 + "1]", "mine.yaml: line 1: more than 10000 keys and values"),
        ("a: " + "x" * 300_000, "mine.yaml: expected at most 256 KiB"),
        ("a: \x01", "mine.yaml: control characters are not allowed"),
    ],
)  # fmt: skip
def test_files_that_are_not_read(desk: Desk, text: str, line: str) -> None:
    desk.write("other.yaml", "defaults: [mine]")
    assert desk.problems(desk.write("mine.yaml", text)) == [line]


def test_a_file_that_is_not_text(desk: Desk) -> None:
    (desk.home / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    assert desk.problems("mine.yaml")[0].startswith("mine.yaml: cannot be read: ")


def test_an_empty_file_lacks_what_is_needed(desk: Desk) -> None:
    assert desk.problems(desk.write("mine.yaml", "# nothing\n")) == [
        "mine.yaml: Experiment needs 'environment' (an Environment)",
        "mine.yaml: Experiment needs 'agent' (an Agent)",
    ]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed", "command line: expected key=value, such as seed=1 or agent.planner=cem, got 'seed'"),
        ("--seed=1", "command line: expected key=value, such as seed=1 or agent.planner=cem, got '--seed=1'"),
        ("a[0]=1", "command line: expected key=value, such as seed=1 or agent.planner=cem, got 'a[0]=1'"),
        ("seed=", "command line: seed: expected a value after '=', got nothing; write null for none"),
        ("defaults=[x]", "command line: defaults: only a file can include others"),
        ("note=[1, 2", "command line: note: did not find expected ',' or ']'"),
        ("note=a: b", "command line: note: mapping values are not allowed in this context"),
        ("note=&x 1", "command line: note: anchors and aliases (&x) are refused: share with ${key}"),
        ("note=!!python/name:os.x y", "command line: note: refused the tag tag:yaml.org,2002:python/name:os.x:"
                                           " a recipe is plain values"),
    ],
)  # fmt: skip
def test_overrides_that_are_not_read(desk: Desk, override: str, line: str) -> None:
    with pytest.raises(RecipeError) as caught:
        desk.compose("a/small", override)
    assert str(caught.value) == line
