"""The hub: what is asked of it, and the real library against a server of our own. No network is used."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from untrained_run import untrained_run

import fulgurite
from fulgurite.cli import main
from fulgurite.recipe_error import MissingExtra
from fulgurite.runs.checkpoint import checkpoints
from fulgurite.runs.durable import fingerprint
from fulgurite.sharing import hub
from fulgurite.sharing.export import export
from fulgurite.sharing.folder import FILES, WrongExport

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = untrained_run(tmp_path_factory.mktemp("made") / "run")
    export(run, run / "exported", checkpoints(run)[0])
    (run / "exported" / "evil.py").write_text("raise SystemExit")
    return run / "exported"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, exported: Path) -> list[Any]:
    """A hub that notes what it is asked."""
    asked: list[Any] = []

    class Api:
        def create_repo(self, name: str, **how: Any) -> str:
            asked.append(("create", name, how))
            return f"https://hub/{name}"

        def upload_folder(self, **how: Any) -> None:
            asked.append(("upload", {path.name for path in Path(how["folder_path"]).iterdir()}, how["allow_patterns"]))

    def snapshot_download(name: str, **how: Any) -> str:
        asked.append(("download", name, how))
        return str(exported)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=Api, snapshot_download=snapshot_download))  # type: ignore[arg-type]
    return asked


def test_the_command_uploads_our_files_and_no_other(fake: list, exported: Path, capsys: Any) -> None:
    assert main(["export", str(exported.parent), "--to", "hf://somebody/agent", "--private"]) == 0
    assert fake[0] == ("create", "somebody/agent", {"private": True, "exist_ok": True})
    assert fake[1] == ("upload", set(FILES), list(FILES))
    said = capsys.readouterr().out
    assert "https://hub/somebody/agent" in said
    assert 'load("hf://somebody/agent")' in said


def test_a_name_on_the_hub_is_loaded_by_its_revision(fake: list) -> None:
    policy = fulgurite.load("hf://somebody/agent@v1.0")
    assert fake == [("download", "somebody/agent", {"revision": "v1.0", "allow_patterns": list(FILES)})]
    assert policy.about["name"] == "small"


@pytest.mark.parametrize("name", ["hf://agent", "hf://a/b/c", "hf://a/b@", "hf://../b c"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="need hf://owner/name"):
        hub.split(name)


def test_what_the_hub_says_is_one_line(fake: list, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: Any, **how: Any) -> None:
        raise OSError("\n\n401 Client Error.\nRepository Not Found")

    monkeypatch.setattr(sys.modules["huggingface_hub"], "snapshot_download", refuse)
    with pytest.raises(WrongExport, match=r"^hf://a/b: cannot be fetched: OSError: 401 Client Error\.$"):
        fulgurite.load("hf://a/b")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"pip install 'fulgurite\[hub\]'"):
        fulgurite.load("hf://a/b")


@pytest.fixture
def server(exported: Path) -> Iterator[str]:
    """The little of the hub's protocol that a download needs."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(body=True)

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def answer(self, body: bool) -> None:
            if "/tree/" in self.path:
                listed = [
                    {"type": "file", "oid": "0" * 40, "size": 1, "path": path.name} for path in exported.iterdir()
                ]
                return self.send(json.dumps(listed).encode(), body, "application/json")
            if self.path.startswith("/api/models/"):
                files = [{"rfilename": path.name} for path in exported.iterdir()]
                said = {"id": "a/b", "modelId": "a/b", "sha": COMMIT, "siblings": files, "private": False, "tags": []}
                return self.send(json.dumps({**said, "downloads": 0, "likes": 0}).encode(), body, "application/json")
            path = exported / self.path.rpartition("/")[2]
            if not path.is_file():
                return self.send_error(404)
            return self.send(path.read_bytes(), body, "text/plain", fingerprint(path)["sha256"])

        def send(self, content: bytes, body: bool, kind: str, etag: str | None = None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if etag:
                self.send_header("ETag", f'"{etag}"')
                self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *words: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_the_real_library_fetches_our_files_alone(server: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        pytest.skip("huggingface_hub is not installed")
    own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {**own, "HF_ENDPOINT": server, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "fulgurite", "import", "hf://a/b"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "runs" / "imported" / "a-b" / "checkpoints" / "step-40").is_dir()
    assert not list((tmp_path / "hf").rglob("evil.py"))
