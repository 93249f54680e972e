"""The metrics file: what is written is read back, nothing else is."""

import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fulgurite.runs.metrics import MetricsFile, read, report, size, truncate


def trainer(*loggers: MetricsFile, env_steps: int = 7) -> SimpleNamespace:
    counters = {"env_steps": env_steps, "gradient_steps": 3, "wall_seconds": 0.5}
    return SimpleNamespace(datamodule=SimpleNamespace(counters=lambda: counters), loggers=loggers)


def test_report_adds_the_counters_and_writes_to_every_logger(tmp_path: Path) -> None:
    one, two = MetricsFile(tmp_path / "one"), MetricsFile(tmp_path / "two")
    report(trainer(one, two), {"loss/dynamics": torch.tensor(0.25), "eval/episodes": np.int64(10)})
    row = {"env_steps": 7, "gradient_steps": 3, "wall_seconds": 0.5, "loss/dynamics": 0.25, "eval/episodes": 10}
    assert read(tmp_path / "one") == read(tmp_path / "two") == [row]


def test_rows_keep_their_order(tmp_path: Path) -> None:
    log = MetricsFile(tmp_path)
    for step in range(5):
        report(trainer(log, env_steps=step), {"train/return": -step})
    assert [(row["env_steps"], row["train/return"]) for row in read(tmp_path)] == [(k, -k) for k in range(5)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), torch.tensor(float("nan"))])
def test_numbers_that_are_not_finite_become_null(tmp_path: Path, value: float) -> None:
    MetricsFile(tmp_path).log_metrics({"env_steps": 1, "loss/dynamics": value})
    text = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"env_steps": 1, "loss/dynamics": None}


def test_each_row_is_on_disk_before_the_next(tmp_path: Path) -> None:
    log = MetricsFile(tmp_path)
    log.log_metrics({"env_steps": 1})
    assert len(read(tmp_path)) == 1
    log.log_metrics({"env_steps": 2})
    assert len(read(tmp_path)) == 2


def test_a_row_from_elsewhere_gets_the_last_known_axes(tmp_path: Path) -> None:
    log = MetricsFile(tmp_path)
    report(trainer(log), {"loss/dynamics": 1.0})
    log.log_metrics({"lr-Adam": 0.1}, step=99)
    assert read(tmp_path)[1] == {"env_steps": 7, "gradient_steps": 3, "wall_seconds": 0.5, "lr-Adam": 0.1}


def test_half_a_row_is_neither_read_nor_continued(tmp_path: Path) -> None:
    MetricsFile(tmp_path).log_metrics({"env_steps": 1})
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(b'{"env_steps": 2, "train/ret')
    assert read(tmp_path) == [{"env_steps": 1}]
    MetricsFile(tmp_path).log_metrics({"env_steps": 3})
    assert read(tmp_path) == [{"env_steps": 1}, {"env_steps": 3}]


@pytest.mark.parametrize("line", ["oops", "[1, 2]", ""])
def test_a_broken_complete_row_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"env_steps": 1}\n' + line + '\n{"env_steps": 2}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line 2: expected a JSON object"):
        read(tmp_path)


def test_truncate_goes_back_to_a_kept_size(tmp_path: Path) -> None:
    log = MetricsFile(tmp_path)
    log.log_metrics({"env_steps": 1})
    kept = size(tmp_path)
    log.log_metrics({"env_steps": 2})
    truncate(tmp_path, kept)
    assert read(tmp_path) == [{"env_steps": 1}]
    log.log_metrics({"env_steps": 20})  # the same logger goes on after the cut
    assert read(tmp_path) == [{"env_steps": 1}, {"env_steps": 20}]


def test_truncate_never_lengthens_a_file(tmp_path: Path) -> None:
    MetricsFile(tmp_path).log_metrics({"env_steps": 1})
    truncate(tmp_path, 10_000)
    assert read(tmp_path) == [{"env_steps": 1}]


def test_a_folder_without_a_file_has_no_rows(tmp_path: Path) -> None:
    assert (read(tmp_path), size(tmp_path)) == ([], 0)
    truncate(tmp_path, 0)


def test_rows_wait_while_the_disk_refuses_them(tmp_path, caplog):
    log = MetricsFile(tmp_path)
    log.log_metrics({"env_steps": 1})
    kept = (tmp_path / "metrics.jsonl").rename(tmp_path / "kept")
    (tmp_path / "metrics.jsonl").mkdir()  # nothing can be written there
    log.log_metrics({"env_steps": 2})
    log.log_metrics({"env_steps": 3})
    assert caplog.text.count("cannot be written, its rows wait") == 1
    (tmp_path / "metrics.jsonl").rmdir()
    kept.rename(tmp_path / "metrics.jsonl")
    log.log_metrics({"env_steps": 4})
    log.finalize("success")
    assert [row["env_steps"] for row in read(tmp_path)] == [1, 2, 3, 4]
    assert "are lost" not in caplog.text


def test_rows_that_never_get_written_are_counted(tmp_path, caplog):
    (tmp_path / "metrics.jsonl").mkdir()
    log = MetricsFile(tmp_path)
    for step in (1, 2):
        log.log_metrics({"env_steps": step})
    log.finalize("success")
    assert "2 rows of metrics.jsonl could not be written and are lost" in caplog.text


def test_two_threads_write_every_row_once(tmp_path):
    """As an alert about a stalled environment does, beside the run."""
    log = MetricsFile(tmp_path)
    turns = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        rows = [range(300), range(300, 600)]
        threads = [
            threading.Thread(target=lambda of=of: [log.log_metrics({"train/return": k}) for k in of]) for of in rows
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(turns)
    written = [row["train/return"] for row in read(tmp_path)]
    assert sorted(written) == list(range(600))
    assert [k for k in written if k < 300] == list(range(300))
