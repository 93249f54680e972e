"""`play`: what is wrong is said before anything is loaded, and Ctrl-C ends it well."""

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from untrained_run import untrained_run

from fulgurite.cli import main


def test_it_prints_an_address_serves_the_page_and_ends(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run")
    words = [sys.executable, "-m", "fulgurite", "play", str(run), "--no-browser"]
    process = subprocess.Popen(  # it takes Ctrl-C, also where the tests are a background job, which does not
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading torch ...\n"
        address = urlsplit(process.stdout.readline().strip())
        assert address.hostname == "127.0.0.1"
        connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=30)
        for path, body, status in ((address.path, None, 200), ("/", None, 404), ("api/step", b'{"at": 0}', 200)):
            path = path if path.startswith("/") else address.path + path
            connection.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
        connection.close()
        busy = main(["play", str(run), "--port", str(address.port), "--no-browser"])
        assert busy == 2
    finally:
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert said.splitlines()[-1] == "ended"
    names = {path.name for path in run.rglob("*")}
    assert not names & {"videos", "plots"}  # nothing is written


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "RUN: expected the folder of a run, got nowhere"),
        ([".", "--port", "70000"], "--port: expected 0 to 65535, got 70000"),
    ],
)
def test_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_checkpoint_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = untrained_run(tmp_path / "run")
    assert main(["play", str(run), "--checkpoint", "step-9", "--no-browser"]) == 2
    assert "--checkpoint: expected one of" in capsys.readouterr().err
    assert os.listdir(run / "checkpoints") == ["step-40"]
