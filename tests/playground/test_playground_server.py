"""The server: who may ask, what is refused and in which words, and that nothing ends it."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playing import FAULTY, TRUE_PENDULUM, serving, session

from fulgurite.playground.server import Server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(session(tmp_path_factory.mktemp("served"), TRUE_PENDULUM)) as server:
        yield server


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, token: str | None = None, **headers: str
) -> tuple[int, bytes, Any]:
    """Status, content and headers; `Host` and `Origin` only as given, else the right ones."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    given = {"Host": server.gate.hosts[0], **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.putrequest(method, f"/{server.gate.token if token is None else token}/{path}", skip_host=True)
    for name, value in given.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def post(server: Server, verb: str, given: Any, **headers: str) -> tuple[int, Any]:
    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    status, content, found = ask(server, "POST", f"api/{verb}", body, **{"Content_Type": "application/json", **headers})
    return status, json.loads(content) if found["Content-Type"] == "application/json" else content.decode()


def test_the_page_is_whole_and_lets_nothing_else_run(served: Server) -> None:
    status, content, headers = ask(served, "GET", "")
    assert status == 200
    assert b"<title>a &lt;run&gt;</title>" in content
    assert b"http" not in content.replace(b"http://www.w3.org/2000/svg", b"")  # nothing from elsewhere
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2
    assert "frame-ancestors 'none'" in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert served.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({}, None, 200),
        ({"Host": "evil.example"}, None, 421),  # a name that was pointed at 127.0.0.1
        ({"Host": "127.0.0.1:1"}, None, 421),
        ({"Origin": "http://evil.example"}, None, 403),
        ({"Origin": "null"}, None, 403),
        ({"Sec_Fetch_Site": "cross-site"}, None, 403),
        ({"Content_Type": "text/plain"}, None, 415),  # what a form of another site can send
        ({}, "wrong", 404),
        ({}, "", 404),
    ],
)
def test_only_its_own_page_may_ask(served: Server, headers: dict[str, str], token: str | None, status: int) -> None:
    before = len(served.requests.session.moments)
    given = {"Content_Type": "application/json", **headers}
    found, content, _ = ask(served, "POST", "api/state", b"{}", token, **given)
    assert found == status
    if status != 200:
        assert served.gate.token.encode() not in content
        assert ask(served, "POST", "api/step", b'{"at": 0}', token, **given)[0] == status
    assert len(served.requests.session.moments) == before


def test_its_own_origin_is_welcome_and_reading_needs_the_token_too(served: Server) -> None:
    own = f"http://{served.gate.hosts[0]}"
    assert post(served, "state", {}, Origin=own, Sec_Fetch_Site="same-origin")[0] == 200
    assert ask(served, "GET", "", token="wrong")[0] == 404
    assert ask(served, "GET", "drawn/0/0", token="wrong")[0] == 404
    assert ask(served, "GET", "", Host="evil.example")[0] == 421
    assert ask(served, "GET", "drawn/0/0")[1].startswith(b"\x89PNG")
    for path in ("drawn/0/99", "seen/0/0/0", "drawn/0/x", "../secret", "api/state"):
        assert ask(served, "GET", path)[0] == 404


@pytest.mark.parametrize(
    ("verb", "given", "status", "said"),
    [
        ("fly", {}, 400, "expected one of state, reset, step, imagine, got 'fly'"),
        ("step", {}, 400, "at: expected a whole number, got None"),
        ("step", {"at": "0"}, 400, "at: expected a whole number, got '0'"),
        ("step", {"at": True}, 400, "at: expected a whole number, got True"),
        ("step", {"at": 7}, 400, "step: expected 0 to 0, got 7"),
        ("step", {"at": 0, "action": [2]}, 400, "action: expected 1 numbers in [-1, 1], got [2]"),
        ("step", {"at": 0, "action": ["a"]}, 400, "action: expected a list of numbers or null, got ['a']"),
        ("step", {"at": 0, "action": 1}, 400, "action: expected a list of numbers or null, got 1"),
        ("step", {"at": 0, "speed": 1}, 400, "step: expected an object with at and action"),
        ("step", [], 400, "step: expected an object with at and action, got []"),
        ("reset", {"seed": 10**12}, 400, "seed: expected 0 to 2147483647"),
        ("reset", {"seed": None}, 400, "seed: expected a whole number, got None"),
        ("imagine", {"at": 0, "way": ["agent"]}, 400, "way: expected one of agent, held, done"),
        ("step", b"{", 400, "body: expected JSON"),
        ("step", b"[" * 50_000, 400, "body: expected JSON"),
        ("step", b" " * 100_001, 413, "Content-Length: expected at most 100000"),
    ],
)
def test_what_is_wrong_is_said_and_it_goes_on(served: Server, verb: str, given: Any, status: int, said: str) -> None:
    found, answer = post(served, verb, given)
    assert found == status
    assert said in (answer["problem"] if isinstance(answer, dict) else answer)
    assert post(served, "state", {})[0] == 200
    assert len(served.requests.session.moments) == 1


def test_an_episode_by_the_page_s_own_words(served: Server) -> None:
    whole = post(served, "reset", {"seed": 100_001})[1]
    assert (whole["seed"], whole["starts"], whole["discrete"]) == (100_001, [100_000, 100_001, 100_002], False)
    (moment,) = post(served, "step", {"at": 0, "action": [0.5]})[1]["moments"][1:]
    assert (moment["step"], moment["return"]) == (1, moment["reward"])
    imagined = post(served, "imagine", {"at": 0, "way": "done"})[1]
    assert imagined["reward"]["mean"] == pytest.approx([moment["reward"]], abs=1e-3)
    assert post(served, "reset", {"seed": 100_000})[1]["moments"][0]["step"] == 0


def test_many_askers_wait_for_each_other(served: Server) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(served, "step", {"at": 0, "action": [0.1]})[0]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    assert len(served.requests.session.moments) == 2
    post(served, "reset", {"seed": 100_000})


def test_faults_are_told_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.chdir(tmp_path)
    played = session(tmp_path, FAULTY)
    with serving(played) as server:
        for step in range(2):
            assert post(server, "step", {"at": step})[0] == 200
        Path("broken").touch()
        status, answer = post(server, "step", {"at": 2})
        assert status == 409
        assert "The environment failed: " in answer["problem"]
        assert "step 3" in answer["problem"]
        Path("broken").unlink()
        assert post(server, "step", {"at": 2})[0] == 200

        def broken(td: Any) -> Any:
            raise SystemExit("the agent left")

        monkeypatch.setattr(played.mind, "think", lambda td, chance: broken(td))
        status, answer = post(server, "step", {"at": 3})
        assert (status, answer["problem"]) == (500, "SystemExit: the agent left")
        monkeypatch.undo()
        assert post(server, "step", {"at": 3})[0] == 200
    assert any("could not step" in record.message for record in caplog.records)
