"""`${oc.env:NAME}`: the few variables that a recipe takes, and that a run remembers what it took."""

from pathlib import Path

import pytest
from recipe_desk import Desk

from fulgurite.recipe import to_yaml

LIST = (
    "expected one of CUDA_VISIBLE_DEVICES, HOSTNAME, LOGNAME, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_JOB_ID, "
    "SLURM_JOB_NAME, USER or FULGURITE_..."
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.chdir(desk.home)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "7")
    monkeypatch.setenv("FULGURITE_NOTE", "${oc.env:USER} of ${seed}")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return desk


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("seed=${oc.env:SLURM_ARRAY_TASK_ID}", 7),
        ("seed=${oc.env:SLURM_JOB_ID,3}", 3),
        ("seed=${oc.env:SLURM_ARRAY_TASK_ID,3}", 7),
        ("note=task ${oc.env:SLURM_ARRAY_TASK_ID} of ${oc.env:SLURM_JOB_ID, 'no job'}", "task 7 of no job"),
        ("note=${oc.env:SLURM_JOB_ID,null}", None),
        ("note=${oc.env:FULGURITE_NOTE}", "${oc.env:USER} of ${seed}"),  # what stands in a variable is not read again
    ],
)
def test_a_variable_on_the_list_is_inserted_when_built(desk: Desk, override: str, found: object) -> None:
    key = override.partition("=")[0]
    assert getattr(desk.build("a/small", override), key) == found
    assert desk.tree("a/small", override)[key] == override.partition("=")[2]


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "HOME", "PATH", "user", "XFULGURITE_A"])
def test_any_other_is_refused_with_the_list(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "sesame")
    for text in (f"${{oc.env:{name}}}", f"${{oc.env:{name},x}}", f"a ${{oc.env:{name}}}"):
        problems = desk.problems("a/small", f"note={text}")
        assert len(problems) == 1
        assert f"a recipe does not read the variable {name}; {LIST}" in problems[0]
        assert "sesame" not in problems[0]


def test_one_that_is_not_set_needs_a_default(desk: Desk) -> None:
    said = "${oc.env:SLURM_JOB_ID}: SLURM_JOB_ID is not set; ${oc.env:SLURM_JOB_ID,default} does without"
    assert desk.problems("a/small", "note=${oc.env:SLURM_JOB_ID}") == [f"command line: note: {said}"]


@pytest.mark.parametrize("value", ["a\nb", "\x1b[2J", "x" * 2000])
def test_one_that_is_no_short_line_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("USER", value)
    problems = desk.problems("a/small", "note=${oc.env:USER}")
    assert len(problems) == 1
    assert "USER: expected one short line" in problems[0]


def test_a_run_keeps_the_reference_and_goes_on_with_what_it_took(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    override = "seed=${oc.env:SLURM_ARRAY_TASK_ID}", "note=${oc.env:SLURM_JOB_ID,none}"
    text = to_yaml(desk.compose("a/small", *override))
    assert "seed: ${oc.env:SLURM_ARRAY_TASK_ID}\n" in text
    desk.write("run/recipe.yaml", text)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "8")
    monkeypatch.setenv("SLURM_JOB_ID", "9")
    again = desk.build("run")
    assert (again.seed, again.note) == (7, "none")
    assert to_yaml(desk.compose("run")) == text
    assert desk.build("a/small", *override).seed == 8


def test_what_a_run_noted_is_checked(desk: Desk) -> None:
    def noted(said: str) -> list[str]:
        body = "defaults: [a/small]\nnote: ${oc.env:AWS_KEY}\n"
        return desk.problems(desk.write("run/recipe.yaml", f"# recipe: a/small\n# variables: {said}\n{body}"))

    assert "does not read the variable AWS_KEY" in noted('{"AWS_KEY": "x"}')[0]
    for said in ("[1]", "{", '{"USER": 3}', "[" * 100_000):
        assert noted(said)[0].startswith("run/recipe.yaml: # variables: ")
