"""Jobs: what is submitted, what a job does, and that one asked to leave comes back where it was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import submitit  # noqa: F401  its logging closes other handlers' streams, perhaps a test's: so before any test
from lightning_fabric.plugins.environments import LightningEnvironment, SLURMEnvironment
from slurm_double import Slurm, ended, tell
from small_run import small_run

from fulgurite.cli import main, slurm, slurm_job
from fulgurite.cli.output import Usage
from fulgurite.reports.run import found_in
from fulgurite.runs.cluster import agreed

RECIPE = small_run("""
callbacks:
  evaluate: null
  model_error: null
  calibration: null
  video: null
  plots: null
  checkpoint: {every_env_steps: 20, keep: 9}
  waiting: {_target_: waiting.Waiting}
logger: {wandb: {mode: offline}}
trainer: {accelerator: cpu}
""")
# Each start of the job waits after its first epoch until it is asked to stop, unless it has come back.
WAITING = """
import os
import time
from pathlib import Path

import pytorch_lightning as pl

from fulgurite.runs import stopping


class Waiting(pl.Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        run = Path(trainer.default_root_dir)
        if os.environ.get("SLURM_RESTART_COUNT", "0") != "0" or trainer.current_epoch < 2:
            return
        (run / f"waits-{trainer.global_rank}").touch()
        while not stopping.asked():
            time.sleep(0.02)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    (place / "small.yaml").write_text(RECIPE)
    (place / "waiting.py").write_text(WAITING)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    cluster = Slurm(tmp_path / "bin")
    monkeypatch.setenv("PATH", cluster.path)
    return cluster


def runs(place: Path) -> list[Path]:
    return found_in(place) if list(place.rglob("recipe.yaml")) else []


def waited(place: Path, ranks: int, job: subprocess.Popen) -> Path:
    """The run folder, once all its ranks wait."""
    until = time.monotonic() + 60
    while len(found := list(place.rglob("waits-*"))) < ranks:
        assert time.monotonic() < until
        assert job.poll() is None, job.communicate()
        time.sleep(0.05)
    return found[0].parent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("partition=gpu,gpus=4", {"partition": "gpu", "gpus": "4"}),
        ("partition=a,b,time=60,memory=32", {"partition": "a,b", "time": "60", "memory": "32"}),
        ("constraint=a100,account=x", {"constraint": "a100", "account": "x"}),
    ],
)
def test_options(text: str, expected: dict[str, str]) -> None:
    assert slurm.options(text) == {"time": "240", "grace": "120", **expected}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--slurm", "partitoin=gpu"], "--slurm partitoin: unknown option; did you mean 'partition'?"),
        (["--slurm", "seed=3"], "--slurm seed: unknown option; expected one of account, "),
        (["--slurm", "time=4h"], "--slurm time: expected minutes, got '4h'"),
        (["--slurm", "time=0"], "--slurm time: expected minutes, got '0'"),
        (["--slurm", "gpu"], "--slurm gpu: expected key=value,key=value,... of partition, "),
        (["--slurm", "time=5,gpus"], "--slurm time: expected minutes, got '5,gpus'"),
        (
            ["--slurm", "gpus=4"],
            "--slurm gpus=4: the recipe uses 1 on each node; expected gpus=1, or trainer.devices=4",
        ),
        (["trainer.devices=-1", "--slurm"], "trainer.devices: under SLURM expected a number, got -1"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(
    place: Path, cluster: Slurm, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "small.yaml", *words]) == 2
    assert said in capsys.readouterr().err
    assert runs(place) == []
    assert not (cluster.folder / "script.sh").exists()


def test_a_wrong_recipe_is_not_submitted(place: Path, cluster: Slurm) -> None:
    assert main(["train", "small.yaml", "experience.max_env_step=5", "--slurm"]) == 3
    assert not (cluster.folder / "script.sh").exists()


def test_without_submitit_its_extra_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main(["train", "small.yaml", "--slurm"]) == 4
    assert capsys.readouterr().err.endswith("pip install 'fulgurite[slurm]'\n")
    assert runs(place) == []


def test_without_slurm_it_is_said(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["train", "small.yaml", "--slurm"]) == 2
    assert "expected sbatch and srun on the PATH" in capsys.readouterr().err


def test_what_is_asked_of_slurm(place: Path, cluster: Slurm) -> None:
    words = ["trainer.devices=4", "trainer.num_nodes=2", "trainer.strategy=ddp", "trainer.accelerator=gpu"]
    given = "partition=gpu,time=90,cpus=8,memory=32,account=lab,qos=low,constraint=a100,grace=60"
    assert main(["train", "small.yaml", *words, "--slurm", given]) == 0
    found = cluster.directives()
    expected = {
        "partition": "gpu", "time": "90", "nodes": "2", "ntasks-per-node": "4", "gpus-per-node": "4", "mem": "32GB",
        "cpus-per-task": "8", "account": "lab", "qos": "low", "constraint": "a100", "signal": "USR2@60", "requeue": "",
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected
    assert not {"wckey", "array"} & set(found)


def test_several_seeds_are_an_array(place: Path, cluster: Slurm, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "small.yaml", "seed=0..2", "--slurm"]) == 0
    assert cluster.directives()["array"].startswith("0-2")
    folders = runs(place)
    assert [folder.name.rpartition("-")[2] for folder in folders] == ["seed0", "seed1", "seed2"]
    said = capsys.readouterr().out
    for element, folder in enumerate(folders):
        assert f"job 4242_{element}: {folder.relative_to(place)}, log " in said
    assert len(list(place.glob("runs/small/slurm/4242_*_submitted.pkl"))) == 3


def test_what_slurm_refuses_leaves_no_folder(
    place: Path, cluster: Slurm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUSES", "invalid partition specified: gpux")
    assert main(["train", "small.yaml", "--slurm", "partition=gpux"]) == 2
    assert "invalid partition specified: gpux" in capsys.readouterr().err
    assert runs(place) == []


def test_a_job_that_is_asked_to_leave_comes_back_and_ends(
    place: Path, cluster: Slurm, capsys: pytest.CaptureFixture[str]
) -> None:
    """Submitted, run, told by SLURM that its time is up, requeued once, and run again to the end in the same folder."""
    assert main(["train", "small.yaml", "--slurm", "time=10"]) == 0
    (folder,) = runs(place)
    assert (
        f"job 4242: {folder.relative_to(place)}, log {folder.parent}/slurm/4242_0_log.out\n" in capsys.readouterr().out
    )
    job = cluster.start(place)
    assert waited(place, 1, job) == folder
    tell(job, signal.SIGUSR2)
    tell(job, signal.SIGTERM)  # the time is really up; no second request
    assert ended(job, 30)[0] == 140
    assert cluster.requeued() == ["requeue 4242"]
    log = (folder.parent / "slurm" / "4242_0_log.err").read_text()
    assert "job 4242 is requeued and goes on from the newest checkpoint" in log
    assert json.loads((folder / "result.json").read_text())["status"] == "interrupted"
    id = (folder / "wandb" / "run-id").read_text()
    newest = max(folder.glob("checkpoints/step-*"), key=lambda path: int(path.name[5:])).name

    again = cluster.start(place, SLURM_RESTART_COUNT="1")
    assert ended(again, 60)[0] == 0
    assert f"from {newest}\n" in (folder.parent / "slurm" / "4242_0_log.out").read_text()
    assert cluster.requeued() == ["requeue 4242"]
    assert runs(place) == [folder]
    assert json.loads((folder / "result.json").read_text())["env_steps"] == 160
    assert (folder / "wandb" / "run-id").read_text() == id
    ids = {path.name.rpartition("-")[2] for path in folder.glob("wandb/offline-run-*")}
    assert ids == {id}
    rows = [json.loads(line)["env_steps"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert rows == sorted(rows)
    assert rows[-1] == 160


@pytest.mark.slow
def test_two_tasks_of_a_script_of_ones_own_are_one_run(place: Path, cluster: Slurm) -> None:
    """`srun fulgurite train` in a batch script, SIGUSR1, and the same script again."""
    words = ["trainer.devices=2", "trainer.strategy=ddp", "logger=null"]
    command = ["srun", sys.executable, "-m", "fulgurite", "train", "small.yaml", *words]
    job = cluster.start(place, str(cluster.folder / command[0]), *command[1:], tasks=2)
    folder = waited(place, 2, job)
    for child in map(int, Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()):
        os.kill(child, signal.SIGUSR1)
    code, out, err = ended(job, 40)
    assert code == 138, err
    assert runs(place) == [folder]
    assert out.count(f"small, seed 0: {folder.relative_to(place)}\n") == 1
    assert cluster.requeued() == ["requeue 4242"]

    again = cluster.start(place, str(cluster.folder / "srun"), *command[1:], tasks=2, SLURM_RESTART_COUNT="1")
    code, out, err = ended(again, 60)
    assert code == 0, err
    assert "from step-" in out
    assert runs(place) == [folder]
    assert json.loads((folder / "result.json").read_text())["env_steps"] == 160


def test_tasks_that_looked_for_themselves_take_the_first_ones_checkpoint() -> None:
    """Those that Lightning started were told, and have nobody to ask yet."""
    done, theirs = [], Path("step-80")
    strategy = SimpleNamespace(
        cluster_environment=SLURMEnvironment(auto_requeue=False),
        setup_environment=lambda: done.append("joined"),
        broadcast=lambda found: done.append(found) or theirs,
    )
    trainer = SimpleNamespace(world_size=2, strategy=strategy)
    assert agreed(trainer, None) == theirs
    assert done == ["joined", None]
    strategy.cluster_environment = LightningEnvironment()
    assert agreed(trainer, Path("step-60")) == Path("step-60")
    assert agreed(SimpleNamespace(world_size=1, strategy=None), None) is None
    assert len(done) == 2


def test_an_element_of_an_array_is_requeued_alone(cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own number may be that of the array, and requeueing that would start every element again."""
    told = {"SLURM_JOB_ID": "4242", "SLURM_ARRAY_JOB_ID": "4242", "SLURM_ARRAY_TASK_ID": "3"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    job = slurm_job.current()
    assert job is not None
    slurm_job.requeue(job, "fulgurite resume x", progress=True)
    assert cluster.requeued() == ["requeue 4242_3"]


@pytest.mark.parametrize(("restarts", "progress", "calls"), [(2, False, 1), (3, False, 0), (99, True, 1)])
def test_a_job_that_gets_no_further_is_given_up(
    cluster: Slurm, restarts: int, progress: bool, calls: int, capsys: pytest.CaptureFixture[str]
) -> None:
    slurm_job.requeue(slurm_job.Job("7", "0", 0, restarts), "fulgurite resume x", progress)
    assert len(cluster.requeued()) == calls
    assert ("continue with: fulgurite resume x" in capsys.readouterr().err) == (not calls)


def test_a_requeue_that_fails_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    slurm_job.requeue(slurm_job.Job("7", "0", 0, 0), "fulgurite resume x", progress=True)
    said = capsys.readouterr().err
    assert said.startswith("job 7 could not be requeued (")
    assert said.endswith("continue with: fulgurite resume x\n")


def test_a_task_waits_for_the_first_ones_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_job, "PATIENCE", 0.3)
    second, first = slurm_job.Job("7", "0", 1, 0), slurm_job.Job("7", "0", 0, 0)

    def create() -> Path:
        folder = tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}"
        folder.mkdir()
        (folder / "recipe.yaml").touch()
        return folder

    with pytest.raises(Usage, match="expected the first task's note of the run folder, got none"):
        slurm_job.run_of(second, tmp_path / "slurm", ["a"], create)
    made = slurm_job.run_of(first, tmp_path / "slurm", ["a"], create)
    assert slurm_job.run_of(second, tmp_path / "slurm", ["a"], create) == made
    other = slurm_job.run_of(first, tmp_path / "slurm", ["a", "seed=1"], create)
    assert other != made
    back = first._replace(restarts=1)
    assert slurm_job.run_of(back, tmp_path / "slurm", ["a"], create) == made
    assert slurm_job.run_of(first, tmp_path / "slurm", ["a"], create) not in (made, other)
