"""Runs as they lie on the disk: ended, crashed, damaged, still going on; and their secrets."""

import json
from pathlib import Path

import pytest
from filelock import FileLock
from run_folders import folder_of_run

from fulgurite.reports.difference import changes, resume_command, train_command
from fulgurite.reports.group import groups
from fulgurite.reports.run import found_in, read
from fulgurite.runs.rows import readable


def test_what_a_run_came_to(tmp_path: Path) -> None:
    run = read(folder_of_run(tmp_path, returns=(10.0, 50.0, 40.0), seed=3))
    assert (run.status, run.seed, run.environment) == ("completed", "3", "fulgurite/CartPoleBalance-v0")
    assert (run.source, run.shipped, run.started) == ("pets/cartpole", True, "one")
    assert run.final["eval/return_mean"] == 40
    assert (run.best["eval/return_mean"], run.best["env_steps"]) == (50, 200)
    assert run.series("eval/return_mean") == ([100, 200, 300], [10, 50, 40])
    assert run.references == {"most": 200}


def test_broken_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path, returns=(1.0,), model=False)
    good = len(read(folder).rows)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"env_steps": 5, "x": NaN, "y": "<b>", "z": true}\nnonsense\n[1]\n{"x": 1}\n{"env_steps": 200, "ev')
    run = read(folder)
    assert run.broken == 3
    assert run.rows[good:] == [{"env_steps": 5}]
    assert readable(tmp_path / "nowhere") == ([], 0)


def test_a_result_of_an_earlier_stop_is_not_believed(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path)
    late = {"env_steps": 500, "gradient_steps": 1, "wall_seconds": 1e4}
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(late) + "\n")
    assert read(folder).status == "stopped"
    with FileLock(folder / ".lock"):
        assert read(folder).status == "running"
    assert read(folder).status == "stopped"


def test_secrets_stay_in_the_recipe(tmp_path: Path) -> None:
    overrides = ["environment.options={api_key: SESAME1, url: 'https://me:SESAME2@host/x'}"]
    folder = folder_of_run(tmp_path, overrides=overrides)
    result = {"status": "failed", "reason": "no SESAME1 at ftp://x:SESAME3@y", "wall_seconds": 1e9}
    (folder / "result.json").write_text(json.dumps(result))
    assert "SESAME1" in (folder / "recipe.yaml").read_text()
    run = read(folder)
    assert run.reason == "no <redacted> at ftp://<redacted>@y"
    assert "SESAME" not in json.dumps(run.recipe)
    assert train_command(run, changes(run)) == f"fulgurite train {folder}"  # overrides would be wrong


@pytest.mark.parametrize("text", ["a: [", "!!python/object:os.system {}", "- 1", "a: &x [1]\nb: *x"])
def test_a_recipe_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"recipe\.yaml"):
        read(tmp_path)


def test_folders_stand_for_the_runs_in_them(tmp_path: Path) -> None:
    made = [folder_of_run(tmp_path / "runs", name) for name in ("b", "a")]
    assert found_in(tmp_path / "runs") == sorted(made)
    assert found_in(made[0] / "recipe.yaml") == [made[0]]
    folder_of_run(made[0], "exported")  # lies within a run, and is none
    assert found_in(tmp_path / "runs") == sorted(made)
    with pytest.raises(ValueError, match="expected the folder of a run, or one with runs in it"):
        found_in(tmp_path / "nothing")


def test_the_difference_from_the_shipped_recipe_and_the_command(tmp_path: Path) -> None:
    words = ["agent.planner=random_shooting", "agent.planner.horizon=7", "experience.max_env_steps=400"]
    run = read(folder_of_run(tmp_path, overrides=words, seed=2))
    found = changes(run)
    assert found is not None
    told = {one.key: (one.shipped, one.run) for one in found}
    assert told["agent.planner._target_"] == ("CEM", "RandomShooting")
    assert told["agent.planner.horizon"] == ("15", "7")
    assert told["agent.planner.elites"] == ("10", "-")
    assert told["seed"] == ("0", "2")
    command = train_command(run, found)
    assert command.startswith("fulgurite train pets/cartpole agent.planner=RandomShooting ")
    assert "experience.max_env_steps=400" in command
    assert resume_command(run) == f"fulgurite resume {run.folder}"


def test_seeds_are_one_group_and_changes_another(tmp_path: Path) -> None:
    folders = [folder_of_run(tmp_path, "cem", seed=seed) for seed in (10, 2)]
    shooting = ["agent.planner=random_shooting"]
    folders += [folder_of_run(tmp_path, "shot", overrides=shooting, seed=seed) for seed in (0, 1)]
    folders.append(folder_of_run(tmp_path, "watched", overrides=["callbacks.video=null", "logger=null"], seed=4))
    folders.append(folder_of_run(tmp_path, "long", overrides=["experience.max_env_steps=900"]))
    found = groups([read(folder) for folder in folders])
    assert [[run.seed for run in group.runs] for group in found] == [["2", "4", "10"], ["0", "1"], ["0"]]
    assert [group.name for group in found] == [
        "pets/cartpole",
        "pets/cartpole planner=RandomShooting",
        "pets/cartpole max_env_steps=900",
    ]
