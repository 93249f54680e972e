"""W&B: what an offline run holds, and that nothing in it can stop, delay or question a run."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb
from PIL import Image
from wandb_file import history, parsed, records, values
from watched import Run

from fulgurite.callbacks import wandb_logger, wandb_mode
from fulgurite.callbacks.wandb_logger import Wandb
from fulgurite.callbacks.wandb_mode import Decision, decide, has_key, reachable
from fulgurite.redact import HIDDEN
from fulgurite.runs.metrics import report

RECIPE = """# recipe: pets/pendulum
seed: 3
hub: {token: hf_abc}
agent: {horizon: 15, world_model: '${world}'}
"""


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE", "NETRC", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = tmp_path / "pendulum" / "20261122-120000-seed3"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    return Run(folder)


def start(run: Run, logger: Wandb) -> Wandb:
    run.trainer.loggers.append(logger)
    logger.log_graph(SimpleNamespace(trainer=run.trainer))
    return logger


def test_an_offline_run_holds_every_row_with_its_environment_steps(run: Run) -> None:
    logger = start(run, Wandb())
    for env_steps in (200, 400, 600):
        run.data.env_steps = env_steps
        report(run.trainer, {"train/return": -float(env_steps)})
    logger.finalize("success")
    rows = history(run.folder)
    assert [(row["env_steps"], row["train/return"]) for row in rows] == [(200, -200), (400, -400), (600, -600)]
    assert all("trainer/global_step" not in row for row in rows)


def test_environment_steps_are_the_axis_of_every_chart(run: Run) -> None:
    start(run, Wandb()).finalize("success")
    metrics = {metric.name or metric.glob_name: metric for metric in records(run.folder)["metric"]}
    assert metrics["*"].step_metric == "env_steps"


def test_the_recipe_is_the_configuration_without_its_secrets(run: Run) -> None:
    start(run, Wandb()).finalize("success")
    config = {}
    for record in records(run.folder)["run"]:
        config.update(values(record.config.update))
    assert config["seed"] == 3
    assert config["agent"] == {"horizon": 15, "world_model": "${world}"}
    assert config["hub"] == {"token": HIDDEN}
    assert not [path for path in run.folder.rglob("wandb/**/*") if path.is_file() and b"hf_abc" in path.read_bytes()]


def test_seeds_share_a_group_and_a_folder_keeps_its_id(run: Run) -> None:
    start(run, Wandb()).finalize("success")
    (first,) = records(run.folder)["run"]
    assert first.run_group == "pets/pendulum 20261122-120000"
    assert first.display_name == "pets/pendulum 20261122-120000-seed3"
    again = start(run, Wandb())
    assert again.version == first.run_id
    again.finalize("success")


def test_rows_before_the_start_wait_for_it(run: Run) -> None:
    logger = Wandb()
    run.trainer.loggers.append(logger)
    report(run.trainer, {"train/return": -7.0})
    logger.log_graph(SimpleNamespace(trainer=run.trainer))
    logger.finalize("success")
    assert history(run.folder)[0]["train/return"] == -7


def test_rows_from_elsewhere_get_the_last_known_environment_steps(run: Run) -> None:
    logger = start(run, Wandb())
    run.data.env_steps = 500
    report(run.trainer, {"train/return": 1.0})
    logger.log_metrics({"lr": 0.1}, step=77)
    logger.finalize("success")
    assert history(run.folder)[1]["env_steps"] == 500


def test_model_error_pictures_and_videos_have_panels(run: Run, tmp_path: Path) -> None:
    picture, video = tmp_path / "returns.png", tmp_path / "step-5.gif"
    Image.new("RGB", (8, 8)).save(picture)
    Image.new("RGB", (8, 8)).save(video)
    logger = start(run, Wandb())
    report(run.trainer, {"model/error_h1": 0.1, "model/error_h2": 0.3})
    logger.log_image("plots/returns", [str(picture)])
    logger.log_video("video/evaluation", [str(video)])
    logger.finalize("success")
    first, second, third = history(run.folder)
    assert first["charts/model_error_by_horizon_table.nrows"] == 2
    assert second["plots/returns.filenames"][0].endswith(".png")
    assert third["video/evaluation.videos"][0]["path"].endswith(".gif")
    assert all(row["env_steps"] == 0 for row in (first, second, third))


def test_the_chart_of_model_errors_has_at_most_so_many_lines(run: Run) -> None:
    """The first and the latest among them, and the others spread over the run."""
    logger = start(run, Wandb())
    for step in range(45):
        run.data.env_steps = step
        report(run.trainer, {"model/error_h1": 0.1, "model/error_h2": 0.3})
    logger.finalize("success")
    rows = history(run.folder)
    assert (
        rows[19]["charts/model_error_by_horizon_table.nrows"]
        == rows[44]["charts/model_error_by_horizon_table.nrows"]
        == 40
    )
    (newest,) = (run.folder / "wandb").glob("offline-run-*/files/media/table/charts/model_error_by_horizon_table_44_*")
    lines = list(dict.fromkeys(line for _, line, _ in json.loads(newest.read_text())["data"]))
    steps = [int(line.removesuffix(" steps")) for line in lines]
    assert (steps[0], steps[-1]) == (0, 44)
    assert {later - earlier for earlier, later in pairwise(steps)} == {2, 3}


def test_it_says_nothing_but_how_to_upload(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    logger = start(run, Wandb())
    report(run.trainer, {"train/return": 1.0})
    logger.finalize("success")
    printed = capfd.readouterr()
    assert printed.out == ""
    (folder,) = run.folder.glob("wandb/offline-run-*")
    assert printed.err == f"W&B was offline (no API key); upload this run with: wandb sync {folder}\n"


def test_a_failing_start_leaves_it_out(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**kwargs: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(wandb, "init", fail)
    logger = start(run, Wandb())
    with caplog.at_level(logging.WARNING):
        report(run.trainer, {"train/return": 1.0})
        logger.finalize("success")
    assert [record.message for record in caplog.records] == [
        "W&B failed and is left out from here on (OSError: no space left)"
    ]
    assert run.rows[-1]["train/return"] == 1.0


def test_a_failing_row_leaves_it_out(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    logger = start(run, Wandb())
    kept = logger.experiment
    monkeypatch.setattr(kept, "log", lambda row: (_ for _ in ()).throw(BrokenPipeError("wandb-core is gone")))
    report(run.trainer, {"train/return": 1.0})
    report(run.trainer, {"train/return": 2.0})
    logger.log_video("video/evaluation", ["/nowhere.gif"])
    logger.finalize("failed")
    assert len([record for record in caplog.records if record.name == wandb_logger.__name__]) == 1
    assert len(run.rows) == 2
    assert "W&B was offline (it failed); upload this run with: wandb sync " in capfd.readouterr().err


def test_a_row_that_is_not_taken_holds_up_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    logger = start(run, Wandb())
    monkeypatch.setattr(wandb_logger, "FINISH_PATIENCE", -1.5)
    taken = threading.Event()
    monkeypatch.setattr(logger.experiment, "log", lambda row: taken.wait())
    began = time.monotonic()
    for env_steps in range(1200):
        run.data.env_steps = env_steps
        report(run.trainer, {"train/return": 1.0})
    logger.finalize("success")
    assert time.monotonic() - began < 5
    taken.set()
    assert len(run.rows) == 1200
    said = [record.message for record in caplog.records if record.name == wandb_logger.__name__]
    assert said == ["W&B does not keep up: what comes now is left out of it; metrics.jsonl has every number"]
    assert "W&B was offline (it stopped answering); upload this run with: wandb sync " in capfd.readouterr().err


def test_without_wandb_a_run_goes_on(tmp_path: Path) -> None:
    """In a process of its own, by the command, with an import that fails."""
    (tmp_path / "wandb.py").write_text("raise ModuleNotFoundError(\"No module named 'wandb'\")\n")
    small = ["max_env_steps=40", "warmup_env_steps=20", "env_steps_per_collection=20", "updates_per_epoch=20"]
    small += ["updates_per_call=20", "schedule={first_updates: 20, updates_per_env_step: 1}"]
    done = subprocess.run(
        [sys.executable, "-m", "fulgurite", "train", "pets/cartpole", "callbacks=null"]
        + [f"experience.{word}" for word in small],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    line = "W&B is left out (ModuleNotFoundError: No module named 'wandb'); metrics.jsonl has every number\n"
    assert done.stderr.count(line) == 1
    assert list(tmp_path.glob("runs/pets/cartpole/*/metrics.jsonl"))


def test_a_server_that_does_not_answer_means_offline(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    init = wandb.init

    def unanswered(**kwargs: object) -> object:
        if kwargs["mode"] == "online":
            raise wandb.errors.CommError("timed out")
        return init(**kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(wandb, "init", unanswered)
    monkeypatch.setattr(wandb_logger, "decide", lambda wanted: Decision("online", ""))
    logger = start(run, Wandb())
    report(run.trainer, {"train/return": 1.0})
    logger.finalize("success")
    assert "W&B was offline (no online start: timed out)" in capfd.readouterr().err
    assert len(history(run.folder)) == 1


class Online:
    """A W&B run that is online and takes everything."""

    entity, project, url = "me", "pendulum", "https://wandb.test/me/pendulum/runs/1"

    def __init__(self, folder: Path) -> None:
        self.settings = SimpleNamespace(sync_dir=str(folder))

    def define_metric(self, *what: object, **how: object) -> None: ...

    def log(self, row: object) -> None: ...

    def finish(self, exit_code: int) -> None: ...


@pytest.mark.parametrize(("panels", "expected"), [(True, [("me", "pendulum")]), (False, [])])
def test_online_the_panels_are_arranged_while_the_run_goes_on(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    panels: bool,
    expected: list[tuple[str, str]],
) -> None:
    asked, answered = [], threading.Event()

    def saved(*where: str) -> str:
        asked.append(where)
        answered.wait(20.0)
        return "https://wandb.test/view"

    monkeypatch.setattr(wandb_logger.wandb_panels, "saved_for_the_first", saved)
    monkeypatch.setattr(wandb_logger, "decide", lambda wanted: Decision("online", ""))
    monkeypatch.setattr(Wandb, "_init", lambda self, folder, mode: Online(folder))
    began = time.monotonic()
    logger = start(run, Wandb(panels=panels))
    report(run.trainer, {"train/return": 1.0})
    logger.finalize("success")
    assert time.monotonic() - began < 10.0  # though the server has not answered
    answered.set()
    for thread in threading.enumerate():
        if thread.name == "panels":
            thread.join(5.0)
    assert asked == expected
    assert ("W&B, with its panels arranged: https://wandb.test/view" in capfd.readouterr().err) == panels


def test_disabled_writes_nothing(run: Run) -> None:
    logger = start(run, Wandb(mode="disabled"))
    report(run.trainer, {"train/return": 1.0})
    logger.finalize("success")
    assert not (run.folder / "wandb").exists()


@pytest.mark.parametrize(
    ("wanted", "spoken", "key", "network", "expected"),
    [
        ("auto", "", False, True, Decision("offline", "no API key")),
        ("auto", "", True, True, Decision("online", "")),
        ("auto", "offline", True, True, Decision("offline", "as asked")),
        ("auto", "dryrun", True, True, Decision("offline", "as asked")),
        ("auto", "disabled", True, True, Decision("disabled", "disabled")),
        ("auto", "online", False, True, Decision("offline", "no API key")),
        ("online", "offline", True, True, Decision("online", "")),
        ("online", "", False, True, Decision("offline", "no API key")),
        ("offline", "online", True, True, Decision("offline", "as asked")),
    ],
)
def test_the_mode(
    monkeypatch: pytest.MonkeyPatch, wanted: str, spoken: str, key: bool, network: bool, expected: Decision
) -> None:
    monkeypatch.setenv("WANDB_MODE", spoken)
    monkeypatch.setattr(wandb_mode, "has_key", lambda address: key)
    monkeypatch.setattr(wandb_mode, "reachable", lambda address: network)
    assert decide(wanted) == expected  # type: ignore[arg-type]


def test_no_network_is_offline_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_mode, "has_key", lambda address: True)
    monkeypatch.setattr(wandb_mode, "reachable", lambda address: False)
    mode, reason = decide("auto")
    assert mode == "offline"
    assert "cannot be reached" in reason


def test_keys_are_found_where_they_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    address = "https://api.example.org"
    assert not has_key(address)
    (tmp_path / ".netrc").write_text("machine api.example.org login user password x\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert has_key(address)
    assert not has_key("https://api.example.com")
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert has_key("https://api.example.com")


def test_the_network_is_asked_once_and_shortly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert reachable(f"http://127.0.0.1:{server.getsockname()[1]}")
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    began = time.monotonic()
    assert not reachable(closed)
    assert time.monotonic() - began < 1


def test_a_slow_name_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: object) -> None:
        time.sleep(0.6)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", slow)
    began = time.monotonic()
    assert not reachable("http://example.org", patience=0.1)
    assert time.monotonic() - began < 0.5


@pytest.mark.slow
def test_a_dead_server_costs_seconds_in_all(tmp_path: Path) -> None:
    # In a process of its own, since W&B's worst waits come as the process ends.
    code = (
        "import types, sys; from fulgurite.callbacks import wandb_logger; wandb_logger.START_PATIENCE = 1.0\n"
        "logger = wandb_logger.Wandb(); trainer = types.SimpleNamespace(default_root_dir=sys.argv[1])\n"
        "logger.log_graph(types.SimpleNamespace(trainer=trainer))\n"
        "logger.log_metrics({'env_steps': 1, 'train/return': 2.0}); logger.finalize('success')\n"
    )
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:  # it accepts, and never answers
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
        environment = {**own, "WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": address}
        result = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, timeout=40)
    assert result.returncode == 0
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert parsed(path.read_bytes())["history"]
