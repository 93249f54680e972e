"""Recipes from elsewhere, by a server on this machine: fetched with limits, and data only unless they are trusted."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from recipe_desk import Desk

from fulgurite import recipe_fetch
from fulgurite.cli import main
from fulgurite.recipe import RecipeError, build, check, to_yaml
from fulgurite.recipe_fetch import address, fetched, file_name, shown_url

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each path with a text, or as a function says."""

    def __init__(self) -> None:
        self.answers: dict[str, str | Answer] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.answers.get(self.path.partition("?")[0])
                if callable(answer):
                    answer(self)
                    return
                self.send_response(404 if answer is None else 200)
                self.end_headers()
                self.wfile.write((answer or "").encode())

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.at = f"http://127.0.0.1:{self.http.server_address[1]}"


def sends_to(place: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", place)
        request.end_headers()

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()
    fetched.cache_clear()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.chdir(desk.home)
    monkeypatch.setattr(sys, "path", list(sys.path))
    desk.write("at_home.py", "from recipe_double.planners import CEM\nclass Own(CEM): ...\n")
    return desk


def problems(desk: Desk, url: str) -> list[str]:
    return desk.problems(url)


def test_plain_values_and_our_classes_are_taken(desk: Desk, server: Server) -> None:
    server.answers["/mine.yaml"] = (
        "defaults: [a/small]\nseed: 5\nagent: {planner: {_target_: RandomShooting, candidates: 9}}"
    )
    url = f"{server.at}/mine.yaml"
    composed = desk.compose(url, "note=hello")
    experiment = build(composed)
    assert (experiment.seed, experiment.note, experiment.agent.planner.candidates) == (5, "hello", 9)
    assert composed.file.name == "mine"
    assert to_yaml(composed).startswith(f"# recipe: {url}\n")


def test_a_run_of_one_is_resumed_without_asking_again(desk: Desk, server: Server) -> None:
    server.answers["/mine.yaml"] = "defaults: [a/small]"
    text = to_yaml(desk.compose(f"{server.at}/mine.yaml"))
    desk.write("run/recipe.yaml", text)
    again = desk.compose("run")
    assert again.file.name == "mine"
    assert to_yaml(again) == text
    assert server.asked == ["/mine.yaml"]


FOREIGN = {
    "agent: {planner: {_target_: at_home.Own}}": "agent.planner._target_: no module 'at_home'",
    "agent: {model: {file: /etc/passwd}}": "agent.model.file: names a place on this machine",
    "environment: {id: 'at_home:World-v0'}": "environment.id: has a module imported",
    "environment: {id: World-v0, options: {xml_file: ../a.xml}}": "environment.options: names a place on this machine",
    "environment: {id: World-v0, options: {x: ['~/a.xml']}}": "environment.options: names a place on this machine",
    "note: '${oc.env:HOME}'": "does not read the variable HOME",
    "defaults: [a/small, ../x]": "defaults: expected a shipped recipe's name, got '../x'",
    "defaults: [own]": "defaults: expected a shipped recipe's name, got 'own'",
    "defaults: [/etc/passwd]": "defaults: expected a shipped recipe's name, got '/etc/passwd'",
    "defaults: ['http://127.0.0.1/b.yaml']": "defaults: expected a shipped recipe's name",
}


@pytest.mark.parametrize("text", FOREIGN)
def test_anything_of_this_machine_is_refused(desk: Desk, server: Server, text: str) -> None:
    desk.write("own.yaml", "seed: 1")
    server.answers["/mine.yaml"] = text if "defaults" in text else f"defaults: [a/small]\n{text}"
    said = problems(desk, f"{server.at}/mine.yaml")
    assert len(said) == 1
    assert FOREIGN[text] in said[0]


def test_a_class_of_a_library_is_refused_even_where_its_slot_takes_it(server: Server, tmp_path: Path) -> None:
    from fulgurite.recipe import compose

    text = "defaults: [pets/pendulum]\ncallbacks: {x: {_target_: pytorch_lightning.callbacks.ModelCheckpoint}}\n"
    text += "logger: {wandb: {entity: me}}"
    server.answers["/mine.yaml"] = text
    with pytest.raises(RecipeError) as caught:
        check(compose(f"{server.at}/mine.yaml"))
    said = "; a recipe from elsewhere may not, unless --trust is given"
    at, target = f"{server.at}/mine.yaml", "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"
    assert sorted(caught.value.problems) == [
        f"{at}: callbacks.x._target_: {target} is not of Fulgurite{said}",
        f"{at}: logger.wandb.entity: sends results to somebody's account{said}",
    ]
    check(compose(f"{server.at}/mine.yaml", trust=True))
    check(compose(f"{server.at}/mine.yaml", ["callbacks.x=null", "logger.wandb.entity=myself"]))


PLACE, MAY = "names a place on this machine", "may name something of this machine"
REACHING = {
    "experience.on_disk=/home": PLACE,
    "experience.on_disk=scratch": PLACE,
    "experience.collector={_target_: RayWorkers, address: auto}": "names another machine",
    "trainer.default_root_dir=elsewhere": PLACE,
    "trainer.strategy=deepspeed": "is not auto or ddp",
    "trainer.model_registry=somebody/model": MAY,
    "experience.base_policy={_target_: SavedAgent, run: runs/x}": PLACE,
}


@pytest.mark.parametrize("override", REACHING)
def test_texts_that_reach_further_than_their_class_are_refused(override: str, tmp_path: Path) -> None:
    from fulgurite.recipe import compose, parse

    composed = compose("dreamer/cartpole_swingup_pixels")
    key, value, text = parse(override)
    composed.tree.put(key, value, text, "mine.yaml")
    check(composed)
    with pytest.raises(RecipeError) as caught:
        check(replace(composed, foreign=True))
    (problem,) = caught.value.problems
    assert problem.startswith(f"mine.yaml: {key}")
    assert REACHING[override] in problem


def test_what_we_ship_may_come_from_elsewhere() -> None:
    from fulgurite.recipe import compose
    from fulgurite.recipe_files import Library

    shipped = [file.name for file in Library().all()]
    assert shipped
    for name in shipped:
        check(replace(compose(name), foreign=True))


def test_what_is_trusted_may_name_ones_own(desk: Desk, server: Server) -> None:
    from recipe_desk import OURS, ROOT

    from fulgurite.recipe import compose
    from fulgurite.recipe_files import Library

    server.answers["/mine.yaml"] = "defaults: [a/small]\nagent: {planner: {_target_: at_home.Own}}"
    composed = compose(f"{server.at}/mine.yaml", library=Library(desk.shipped), ours=OURS, root=ROOT, trust=True)
    assert type(build(composed).agent.planner).__name__ == "Own"


def test_a_recipe_from_elsewhere_is_small_and_comes_at_once(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe_fetch, "PATIENCE", 0.3)
    gone = threading.Event()

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not gone.is_set():
                request.wfile.write(b"x" * 10_000)
        except OSError:
            pass

    def dripping(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not gone.wait(0.05):
                request.wfile.write(b"#")
        except OSError:
            pass

    server.answers.update({"/endless.yaml": endless, "/drip.yaml": dripping, "/mute.yaml": lambda _: gone.wait(5)})
    server.answers["/bytes.yaml"] = lambda request: request.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n\xff\xfe\xff")
    server.answers["/odd.yaml"] = lambda request: request.wfile.write(b"\x00\x01\x02")
    began = time.monotonic()
    expected = {
        "endless": "expected at most 256 KiB",
        "drip": "expected the recipe within 0.3 s",
        "mute": "expected the recipe within 0.3 s",
        "bytes": "expected a text, got bytes that are none",
        "odd": "cannot be fetched: ",
        "none": "cannot be fetched: HTTP Error 404: Not Found",
    }
    for name, said in expected.items():
        (found,) = problems(desk, f"{server.at}/{name}.yaml")
        assert found.startswith(f"{server.at}/{name}.yaml: {said}")
    gone.set()
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "place", ["http://example.org/a.yaml", "file:///etc/passwd", "ftp://127.0.0.1/a.yaml", "data:,x", "https:///a.yaml"]
)
def test_a_server_cannot_send_us_off_https(desk: Desk, server: Server, place: str) -> None:
    server.answers["/mine.yaml"] = sends_to(place)
    (said,) = problems(desk, f"{server.at}/mine.yaml")
    assert said.startswith(f"{server.at}/mine.yaml")
    assert "expected an address that begins with https://" in said or "not allowed" in said


def test_a_redirect_is_followed_and_a_circle_ends(desk: Desk, server: Server) -> None:
    server.answers.update(
        {"/a.yaml": sends_to("/b.yaml"), "/b.yaml": "defaults: [a/small]", "/c.yaml": sends_to("/c.yaml")}
    )
    assert problems(desk, f"{server.at}/a.yaml") == []
    assert "infinite loop" in problems(desk, f"{server.at}/c.yaml")[0]
    assert len(server.asked) < 10


@pytest.mark.parametrize("url", ["http://example.org/a.yaml", "file:///a.yaml", "ftp://x/a.yaml", "https:///a.yaml"])
def test_only_https_is_asked(desk: Desk, url: str) -> None:
    assert problems(desk, url) == [f"{url}: expected an address that begins with https://"]


def test_https_never_leads_back_to_plain_http() -> None:
    with pytest.raises(RecipeError, match=r"https://x.org/a.yaml sends to http://localhost/b.yaml: expected"):
        recipe_fetch._allowed("http://localhost/b.yaml", before="https://x.org/a.yaml")


def test_the_hubs_addresses() -> None:
    assert address("hf://me/mine/deep/a.yaml") == "https://huggingface.co/me/mine/resolve/main/deep/a.yaml"
    assert address("hf://me/mine@v1/a b.yaml") == "https://huggingface.co/me/mine/resolve/v1/a%20b.yaml"
    with pytest.raises(RecipeError, match=r"expected hf://owner/repo/path.yaml"):
        address("hf://me/a.yaml")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.org/a/mine.yaml?token=1", "mine.yaml"),
        ("https://x.org/..%2F..%2Fmine.yaml", "mine.yaml"),
        ("https://x.org/a/..", "recipe.yaml"),
        ("https://x.org/%1b[2J;rm.yaml", "__2J_rm.yaml"),
        ("https://x.org/.hidden.yaml", "hidden.yaml"),
    ],
)
def test_an_address_gives_a_plain_name(url: str, name: str) -> None:
    assert file_name(url) == name


def test_what_is_secret_in_an_address_is_not_repeated(desk: Desk, server: Server) -> None:
    server.answers["/mine.yaml"] = "defaults: [a/small]"
    url = server.at + "/mine.yaml?token=sesame"
    assert "sesame" not in to_yaml(desk.compose(url))
    assert "sesame" not in problems(desk, url.replace("mine", "none"))[0]
    said = f"{server.at}/mine.yaml: expected an address without user and password"
    assert problems(desk, url.replace("http://", "http://me:sesame@")) == [said]
    assert shown_url("https://a:b@x.org:80/c?d#e") == "https://x.org:80/c"


def test_the_command_takes_an_address(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    server.answers["/mine.yaml"] = "defaults: [pets/pendulum]\nseed: 3\n"
    server.answers["/own.yaml"] = "defaults: [pets/pendulum]\nagent: {planner: {_target_: at_home.Own}}\n"
    (tmp_path / "at_home.py").write_text("from fulgurite.planners.cem import CEM\nclass Own(CEM): ...\n")
    assert main(["check", f"{server.at}/mine.yaml"]) == 0
    assert main(["show", f"{server.at}/mine.yaml"]) == 0
    assert "seed: 3\n" in capsys.readouterr().out
    assert main(["copy", f"{server.at}/mine.yaml"]) == 0
    assert (tmp_path / "mine.yaml").read_text() == server.answers["/mine.yaml"]
    assert "Read it first" in capsys.readouterr().out
    for verb in ("check", "train", "evaluate", "copy"):
        assert main([verb, f"{server.at}/none.yaml"]) == 3
    assert main(["check", f"{server.at}/own.yaml"]) == 3
    assert main(["check", f"{server.at}/own.yaml", "--trust"]) == 0
