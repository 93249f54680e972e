"""`train`, `resume` and `evaluate` around an experiment that is a double: folders, words, signals and exit codes."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fulgurite.cli import fit, main, run_folder
from fulgurite.cli.output import Usage
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.recipe import Composed, MissingExtra, RecipeError, compose
from fulgurite.runs import about, stopping
from fulgurite.runs import checkpoint as checkpoints

RESULT = {
    "status": "completed",
    "env_steps": 2500,
    "gradient_steps": 10,
    "wall_seconds": 3.25,
    "final": {"eval/return_mean": -150.0, "eval/return_std": 20.0, "eval/episodes": 10},
    "best": {"env_steps": 2000, "eval/return_mean": -140.0},
}
EVALUATION = {
    "return_mean": -1.5,
    "return_std": 0.5,
    "return_min": -2.0,
    "return_max": -1.0,
    "length_mean": 200.0,
    "episodes": 2,
    "left_out": 0,
    "returns": [-1.0, -2.0],
    "seeds": [7, 8],
}


class Double:
    """An experiment that notes what it is asked for."""

    def __init__(self) -> None:
        self.fitted: list[tuple[Path, Path | None]] = []
        self.composed: list[Composed] = []
        self.during: Callable[[Path], Any] = lambda folder: None

    def build(self, composed: Composed) -> "Double":
        self.composed.append(composed)
        return self

    def fit(self, folder: Path, checkpoint: Path | None, recipe: dict[str, Any]) -> dict[str, Any]:
        self.fitted.append((folder, checkpoint))
        self.noted = {"env_steps": 0, "versions": about.versions(), "recipe": recipe}
        self.during(folder)
        return RESULT

    def evaluate(self, checkpoint: Path | None) -> dict[str, Any]:
        return EVALUATION

    def value(self, path: str) -> Any:
        return self.composed[-1].tree.find(path)[1]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Double:
    monkeypatch.chdir(tmp_path)
    double = Double()
    monkeypatch.setattr(fit, "build", double.build)
    monkeypatch.setattr("fulgurite.recipe.build", double.build)
    return double


def save(folder: Path, step: int) -> None:
    checkpoints.FolderCheckpointIO().save_checkpoint({"step": step}, folder / "checkpoints" / f"step-{step}")


def test_a_run_gets_its_folder_and_its_recipe_first(double: Double, capsys: pytest.CaptureFixture[str]) -> None:
    written = []
    double.during = lambda folder: written.append((folder / "recipe.yaml").read_text())
    assert main(["train", "pets/pendulum", "seed=3"]) == 0
    folder, checkpoint = double.fitted[0]
    assert re.fullmatch(r"runs/pets/pendulum/\d{8}-\d{6}-seed3", str(folder))
    assert checkpoint is None
    assert written[0].startswith("# recipe: pets/pendulum\n")
    assert double.value("seed") == 3
    said = capsys.readouterr().out
    assert f"pets/pendulum, seed 3: {folder}\n" in said
    assert f"fulgurite resume {folder}\n" in said
    assert re.search(r"final return +-150.0 \+- 20.0 over 10 episodes\n", said)
    assert re.search(r"best return +-140.0 at 2,000 env steps\n", said)


def test_pictures_are_named(double: Double, capsys: pytest.CaptureFixture[str]) -> None:
    def draw(folder: Path) -> None:
        for name in ("plots/returns.png", "videos/step-100.gif"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()

    double.during = draw
    main(["train", "pets/pendulum", "--runs", "elsewhere"])
    folder = double.fitted[0][0]
    assert folder.parts[0] == "elsewhere"
    assert capsys.readouterr().out.splitlines()[-2:] == [f"{folder}/plots/returns.png", f"{folder}/videos/step-100.gif"]


def test_several_seeds_run_one_after_another_as_one_group(double: Double) -> None:
    assert main(["train", "pets/pendulum", "seed=0..2"]) == 0
    names = [folder.name for folder, _ in double.fitted]
    assert [name.rpartition("-")[2] for name in names] == ["seed0", "seed1", "seed2"]
    assert len({name.rpartition("-")[0] for name in names}) == 1
    assert [composed.tree.root["seed"] for composed in double.composed] == [0, 1, 2]


def test_two_runs_of_one_second_get_two_folders(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fulgurite.cli.run_folder.start_time", lambda: "20260101-000000")
    for _ in range(3):
        assert main(["train", "pets/pendulum"]) == 0
    names = [folder.name for folder, _ in double.fitted]
    assert names == ["20260101-000000-seed0", "20260101-000000-2-seed0", "20260101-000000-3-seed0"]


def test_a_recipe_of_ones_own_is_filed_under_its_path(double: Double) -> None:
    Path("lab").mkdir()
    Path("lab/mine.yaml").write_text("defaults: [pets/pendulum]\n")
    assert main(["train", "lab/mine.yaml"]) == 0
    assert double.fitted[0][0].parent == Path("runs/lab/mine")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("answer", ["raise", "leave", "return"])
def test_a_signal_ends_the_run_and_the_way_back_is_printed(
    double: Double, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int, answer: str
) -> None:
    """Whether the fit lets it through, leaves with code 1 as Lightning does, or returns in peace."""

    def stopped(folder: Path) -> None:
        save(folder, 100)
        try:
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 1)
        except (KeyboardInterrupt, SystemExit):
            if answer == "raise":
                raise
            if answer == "leave":
                raise SystemExit(1) from None

    double.during = stopped
    before = signal.getsignal(number)
    assert main(["train", "pets/pendulum", "seed=0..1"]) == code
    assert signal.getsignal(number) == before
    assert len(double.fitted) == 1  # the other seeds do not start
    assert capsys.readouterr().err.splitlines()[-1] == f"stopped; continue with: fulgurite resume {double.fitted[0][0]}"


def test_a_failure_says_why_and_ends_with_one(double: Double, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(folder: Path) -> None:
        raise ZeroDivisionError("something odd")

    double.during = broken
    assert main(["train", "pets/pendulum"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError: something odd" in said
    assert f"failed; no checkpoint was written in {double.fitted[0][0]}\n" in said


def test_an_environments_fault_comes_without_our_traceback(double: Double, capsys: pytest.CaptureFixture[str]) -> None:
    fault = EnvironmentFault("World-v0", 7, 12, "reward: expected a number, got nan")

    def broken(folder: Path) -> None:
        raise fault

    double.during = broken
    assert main(["train", "pets/pendulum"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == str(fault)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RecipeError("mine.yaml: agent: no"), 3, "mine.yaml: agent: no"),
        (MissingExtra("mujoco"), 4, "this needs mujoco, which is not installed: pip install 'fulgurite[mujoco]'"),
    ],
)
def test_what_cannot_be_built_leaves_no_folder(
    double: Double,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    line: str,
) -> None:
    def refuse(composed: Composed) -> None:
        raise error

    monkeypatch.setattr(fit, "build", refuse)
    assert main(["train", "pets/pendulum"]) == code
    assert capsys.readouterr().err == line + "\n"
    assert [path for path in Path("runs").rglob("*") if path.is_file() or "seed" in path.name] == []


@pytest.fixture
def run(double: Double) -> Path:
    """A finished run with two checkpoints."""
    main(["train", "pets/pendulum", "agent.planner=random_shooting"])
    folder = double.fitted.pop()[0]
    save(folder, 100)
    save(folder, 1000)
    return folder


def test_resume_goes_on_from_the_newest_checkpoint(double: Double, run: Path) -> None:
    assert main(["resume", str(run)]) == 0
    assert double.fitted == [(run, run / "checkpoints/step-1000")]
    assert double.value("agent.planner._target_") == "RandomShooting"


@pytest.mark.parametrize("words", [["train", "pets/pendulum"], ["resume"], ["resume", "callbacks.video=null"]])
def test_a_further_process_goes_on_from_what_the_first_one_chose(
    double: Double, run: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning starts it by the first one's command, in its environment. It does not look for itself."""
    main(["resume", str(run)])
    save(run, 2000)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr("fulgurite.cli.fit.share_fate", lambda: None)
    assert main([words[0], str(run), *words[1:]] if words[0] == "resume" else words) == 0
    assert double.fitted[1] == (run.absolute(), run.absolute() / "checkpoints/step-1000")
    assert double.value("agent.planner._target_") == "RandomShooting"


def test_a_further_process_of_a_new_run_starts_anew(double: Double, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["resume", str(run)])
    main(["train", "pets/pendulum", "seed=1"])
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr("fulgurite.cli.fit.share_fate", lambda: None)
    assert main(["train", "pets/pendulum", "seed=1"]) == 0
    assert double.fitted[2] == (double.fitted[1][0].absolute(), None)


def test_a_signal_to_another_process_of_the_run_is_its_end_as_well(
    double: Double, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    requeued = []
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr("fulgurite.cli.slurm_job.requeue", lambda job, *_: requeued.append(job.id))
    for number, code in ((signal.SIGTERM, 143), (signal.SIGUSR1, 138)):
        double.during = lambda folder, number=number: stopping.ask(number)
        assert main(["train", "pets/pendulum", "seed=0..1"]) == code
        assert "stopped; " in capsys.readouterr().err
    assert len(double.fitted) == 2  # the other seeds do not start
    assert requeued == ["7"]


def test_resume_passes_over_a_damaged_checkpoint(double: Double, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "checkpoints/step-1000/checkpoint.pt").write_bytes(b"torn")
    assert main(["resume", str(run / "recipe.yaml")]) == 0
    assert double.fitted == [(run, run / "checkpoints/step-100")]
    assert "step-1000" in capsys.readouterr().err


def test_a_job_that_comes_back_does_not_start_over_where_its_checkpoints_are_damaged(
    double: Double, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed = compose(run)
    assert fit.go_on(composed, run) == 0
    for checkpoint in run.glob("checkpoints/step-*/checkpoint.pt"):
        checkpoint.write_bytes(b"torn")
    with pytest.raises(Usage, match="every checkpoint is damaged; start again with"):
        fit.go_on(composed, run)
    assert double.fitted == [(run, run / "checkpoints/step-1000")]
    for checkpoint in run.glob("checkpoints/step-*"):
        shutil.rmtree(checkpoint)
    (run / "checkpoints/.tmp-step-100").mkdir()  # of a first checkpoint that was not finished
    assert fit.go_on(composed, run) == 0
    assert "from the start" in capsys.readouterr().out


def test_resume_names_what_is_not_as_it_was(double: Double, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed recipe and other versions, but not what may be changed; nothing where nothing is noted."""
    noted, folder = double.noted, run / "checkpoints"
    assert main(["resume", str(run)]) == 0
    checkpoints.FolderCheckpointIO(about=lambda: noted).save_checkpoint({}, folder / "step-2000")
    assert main(["resume", str(run), "experience.max_env_steps=9000", "callbacks.video=null", "trainer.devices=1"]) == 0
    assert not re.search("recipe|torch [0-9]", capsys.readouterr().err)

    recipe = run / "recipe.yaml"
    text = re.sub(r"\nseed: .*", "\nseed: 7", recipe.read_text())
    recipe.write_text(re.sub(r"candidates: \d+", "candidates: 77", text))
    noted["versions"] = {**noted["versions"], "torch": "2.9.1", "numpy": "1.0"}
    checkpoints.FolderCheckpointIO(about=lambda: noted).save_checkpoint({}, folder / "step-3000")
    assert main(["resume", str(run)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("step-3000 is of another recipe; the run goes on by the one in its folder: ")
    assert re.search(r"folder: seed: 0 -> 7, agent\.planner\.candidates: \d+ -> 77$", said[0])
    assert f"step-3000 was written with torch 2.9.1, here is {about.versions()['torch']}; numpy 1.0, here" in said[1]
    assert said[1].endswith("bits may differ")


def test_what_checkpoints_note_has_no_secrets(double: Double) -> None:
    assert main(["train", "pets/pendulum", "environment.options.api_key=hush"]) == 0
    assert double.noted["recipe"]["environment"]["options"] == {"api_key": "<redacted>"}


@pytest.mark.parametrize("noted", [b"[1]", b"{", b'{"recipe": [], "versions": 3}', b'{"versions": {"torch": {}}}'])
def test_notes_of_another_shape_are_passed_over(
    double: Double, run: Path, capsys: pytest.CaptureFixture[str], noted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "as_text", lambda about: noted.decode())
    checkpoints.FolderCheckpointIO().save_checkpoint({}, run / "checkpoints" / "step-2000")
    assert main(["resume", str(run)]) == 0
    assert double.fitted == [(run, run / "checkpoints/step-2000")]
    assert "step-2000" not in capsys.readouterr().err


def test_a_run_belongs_to_one_process_at_a_time(double: Double, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unfinished = run / "checkpoints" / ".tmp-step-2000-1"
    unfinished.mkdir()
    with run_folder.to_itself(run):
        assert main(["resume", str(run), "experience.max_env_steps=5000"]) == 2
        said = capsys.readouterr().err
        assert f"{run}: is in use by process {os.getpid()} on " in said
        assert "5000" not in (run / "recipe.yaml").read_text()
        assert unfinished.is_dir()
    assert double.fitted == []
    assert main(["resume", str(run)]) == 0
    assert not unfinished.exists()


@pytest.mark.parametrize("name", ["metrics.jsonl", "result.json", "owner", "plots/returns.png", "dangling"])
def test_nothing_is_written_through_a_link_out_of_the_folder(
    double: Double, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    mine = tmp_path / "mine"
    if name != "dangling":
        mine.write_text("mine")
    path = run / {"owner": run_folder.OWNER}.get(name, name)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(mine)
    for verb in ("resume", "video"):
        assert main([verb, str(run)]) == 2
        assert f"{path}: expected a file, got a link to {mine}, which a run would overwrite" in capsys.readouterr().err
    assert not double.fitted
    assert name == "dangling" or mine.read_text() == "mine"


def test_a_run_may_lie_on_several_disks_and_have_links_within(double: Double, run: Path, tmp_path: Path) -> None:
    (run / "checkpoints").rename(tmp_path / "disk")
    (run / "checkpoints").symlink_to(tmp_path / "disk")
    (run / "debug.log").symlink_to("recipe.yaml")
    logs = run / "wandb" / "offline-run-1" / "logs"
    logs.mkdir(parents=True)
    (logs / "debug-core.log").symlink_to(tmp_path / "core.log")  # as W&B does
    assert main(["resume", str(run)]) == 0


def test_resume_changes_the_length_and_what_is_watched_only(
    double: Double, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(run), "experience.max_env_steps=5000", "callbacks.video=null"]) == 0
    assert double.value("experience.max_env_steps") == 5000
    assert "max_env_steps: 5000" in (run / "recipe.yaml").read_text()
    assert main(["resume", str(run), "agent.planner=cem"]) == 2
    assert capsys.readouterr().err.startswith(
        "agent.planner: a run keeps this; expected one of experience.max_env_steps"
    )


def test_resume_without_a_checkpoint_says_how_to_start_again(
    double: Double, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (run / "checkpoints").iterdir():
        (folder / "checkpoint.pt").write_bytes(b"torn")
    assert main(["resume", str(run)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"start again with: fulgurite train {run}")


def test_a_run_can_be_trained_again_from_its_recipe(double: Double, run: Path) -> None:
    assert main(["train", str(run), "seed=5"]) == 0
    assert double.fitted[0][0].parent == Path("runs/pets/pendulum")


def test_evaluate_prints_returns_and_seeds(double: Double, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["evaluate", str(run), "--episodes", "2"]) == 0
    assert double.value("evaluation.episodes") == 2
    said = capsys.readouterr().out
    assert "step-1000" in said
    assert re.search(r"return mean +-1.5\n", said)
    assert said.endswith("seeds 7 to 8\n")


def test_evaluate_takes_a_checkpoint_by_name(double: Double, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--checkpoint", "step-100"]) == 0
    assert f"{run}, step-100\n" in capsys.readouterr().out
    assert main(["evaluate", str(run), "--checkpoint", "best"]) == 2
    assert "expected one of step-100, step-1000, got best" in capsys.readouterr().err
    (run / "checkpoints" / "best").write_text("step-100\n")
    assert main(["evaluate", str(run), "--checkpoint", "best"]) == 0
    assert f"{run}, step-100\n" in capsys.readouterr().out
    assert main(["evaluate", "pets/pendulum", "--checkpoint", "best"]) == 2


def test_evaluate_a_recipe_is_of_the_untrained_agent(double: Double, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "baselines/random", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["checkpoint"] is None
    assert (told["returns"], told["seeds"]) == ([-1.0, -2.0], [7, 8])
