"""The playground in headless Chromium: desktop and telephone, light and dark, mouse and keyboard."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import STROKES, TEXTS, Browser, browser
from playing import FAULTY, MODEL_FREE, serving, session
from untrained_run import DISCRETE, IMAGE, PENDULUM

from fulgurite.playground.server import Server

LONGER = PENDULUM.replace("max_episode_steps: 12", "max_episode_steps: 40")
MOMENTS, VIEW = "page.moments.length", "page.view"
CURVES = "[...document.querySelectorAll('#curves path.line.c1')].map(p => p.getAttribute('d')).join()"
MIDDLE = (
    "(r => [r.left + r.width / 2, r.top + r.height / 2, r.width])(document.querySelector('{}').getBoundingClientRect())"
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(session(tmp_path_factory.mktemp("served"), LONGER)) as server:
        yield server


def until(shown: Browser, expression: str, fits: Callable[[Any], bool] = bool) -> Any:
    """The value of an expression, once it is as wanted."""
    end = time.monotonic() + 20
    while not fits(value := shown.evaluate(expression)):
        assert time.monotonic() < end, f"{expression} stays {value!r}; {shown.said}"
        time.sleep(0.02)
    return value


def opened(shown: Browser, server: Server, width: int = 1280, dark: bool = False) -> None:
    shown.open(server.gate.page, width, 900, dark)
    until(shown, "document.body.dataset.ready === 'yes'")


def rested(shown: Browser) -> None:
    """Waits for all that was asked of the server."""
    shown.evaluate("queue.then(() => 1)")


def place(shown: Browser, selector: str) -> tuple[float, float, float]:
    """The middle of an element in the window, once it is scrolled into it, and its width."""
    shown.evaluate(f"document.querySelector('{selector}').scrollIntoView({{block: 'center', behavior: 'instant'}})")
    x, y, width = shown.evaluate(MIDDLE.format(selector))
    return x, y, width


def click(shown: Browser, selector: str) -> None:
    x, y, _ = place(shown, selector)
    shown.drag(x, y, x, y)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_person_picks_a_start_drags_an_action_and_lets_the_agent_act(
    shown: Browser, served: Server, width: int, dark: bool
) -> None:
    opened(shown, served, width, dark)
    shown.evaluate("(s => { s.value = '100001'; s.dispatchEvent(new Event('change')); })(one('start'))")
    until(shown, "page.about.seed === 100001 && one('seed').value === '100001'")
    rested(shown)
    first = shown.evaluate(CURVES)
    assert first
    assert shown.evaluate("document.querySelectorAll('.plan').length") == 8
    assert shown.evaluate("document.querySelectorAll('.chosen').length") == 1
    x, y, wide = place(shown, ".slider input")
    shown.drag(x, y, x + wide / 4, y)
    until(shown, "document.querySelector('input[name=who]:checked').value === 'person'")
    rested(shown)
    assert shown.evaluate("page.action[0]") == pytest.approx(0.5, abs=0.08)
    assert shown.evaluate(CURVES) != first
    click(shown, "#one")
    until(shown, MOMENTS, lambda count: count == 2)
    assert shown.evaluate("page.moments[0].by_agent") is False
    click(shown, "input[value=agent]")
    click(shown, "#run")
    until(shown, MOMENTS, lambda count: count >= 6)
    click(shown, "#run")
    rested(shown)
    assert shown.evaluate("page.moments[2].by_agent && !page.playing")
    until(shown, "one('drawn').complete && one('drawn').naturalWidth > 100")
    assert shown.said == []
    assert [at for at in shown.requested if not at.startswith((served.gate.page, "data:"))] == []
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    texts, strokes = shown.evaluate(TEXTS), shown.evaluate(STROKES)
    assert len(texts) > 30
    assert texts[0][0] >= 4.5, texts[:3]
    assert strokes[0][0] >= 3, strokes[:3]
    assert (
        sum(map(int, shown.evaluate("getComputedStyle(document.body).backgroundColor")[4:-1].split(","))) < 200
    ) is dark


def test_by_the_keyboard_and_back_in_time(shown: Browser, served: Server) -> None:
    opened(shown, served)
    shown.evaluate("then(() => begin(100000)).then(() => 1)")
    for count in (2, 3, 4):
        shown.press("ArrowRight")
        until(shown, MOMENTS, lambda found, count=count: found == count)
    former = shown.evaluate("page.moments[3].numbers")
    shown.press("ArrowLeft")
    shown.press("ArrowLeft")
    until(shown, VIEW, lambda view: view == 1)
    rested(shown)
    assert "steps 2 to 3 are given up" in shown.evaluate("one('f-cut').textContent")
    shown.evaluate("actBy('person'); page.action[0] = 1")
    shown.press("ArrowRight")
    until(shown, MOMENTS, lambda count: count == 3)
    assert shown.evaluate("page.former.moments[2].numbers") == former
    assert shown.evaluate("document.querySelectorAll('#curves .dashed').length") > 3
    shown.press(" ")
    until(shown, "page.playing")
    shown.press(" ")
    until(shown, "!page.playing")
    rested(shown)
    shown.evaluate("(s => { s.value = 'done'; s.dispatchEvent(new Event('change')); })(one('way'))")
    shown.evaluate("then(() => look(0)).then(() => imagine()).then(() => 1)")
    assert shown.evaluate("page.imagined.horizon === page.moments.length - 1")
    within, of = shown.evaluate("inside(page.imagined)")
    assert of == 3 * shown.evaluate("page.imagined.horizon")
    lies = "(k, i) => (c => c.low[k] <= page.moments[k].numbers[i] && page.moments[k].numbers[i] <= c.high[k])"
    lies += "(page.imagined.entries[i])"
    assert within == shown.evaluate(
        f"[0, 1, 2].flatMap(i => page.moments.slice(1).map((_, k) => ({lies})(k + 1, i))).filter(x => x).length"
    )
    assert shown.said == []


def test_an_episode_ends_and_every_control_says_what_it_is(shown: Browser, served: Server) -> None:
    opened(shown, served)
    shown.evaluate("then(() => begin(100000)).then(() => 1)")
    shown.evaluate("one('speed').value = '1000'; play(); 1")
    until(shown, MOMENTS, lambda count: count == 41)
    until(shown, "!page.playing && one('run').disabled && one('one').disabled")
    assert "time limit" in shown.evaluate("one('f-state').textContent")
    tree = shown.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "slider", "combobox", "spinbutton", "radio", "checkbox", "image", "img")
    named = [(node["role"]["value"], node.get("name", {}).get("value")) for node in tree if not node["ignored"]]
    controls = [(role, name) for role, name in named if role in roles]
    assert len(controls) > 15
    assert all(name for _, name in controls), controls
    assert any("observation 0" in name and "80 % between" in name for _, name in controls)
    assert shown.said == []


@pytest.mark.parametrize("text", [DISCRETE, MODEL_FREE, IMAGE], ids=["tree", "no model", "image"])
def test_other_agents_are_shown_too(shown: Browser, tmp_path: Path, text: str) -> None:
    with serving(session(tmp_path, text)) as server:
        opened(shown, server, 360)
        for count in (2, 3):
            shown.press("ArrowRight")
            until(shown, MOMENTS, lambda found, count=count: found == count)
        rested(shown)
        if text == DISCRETE:
            assert shown.evaluate("document.querySelectorAll('.bar-row').length") == 2
            click(shown, "#sliders button:last-child")
            until(shown, "page.action[1] === 1 && document.querySelector('input[value=person]').checked")
        elif text == MODEL_FREE:
            assert "has no model" in shown.evaluate("one('said').textContent")
            assert shown.evaluate(CURVES) == ""
            assert shown.evaluate("document.querySelectorAll('#curves path.line.c0').length") > 4
        else:
            loaded = "[...document.querySelectorAll('.strip img[src]')].map(i => i.complete && i.naturalWidth)"
            until(shown, loaded, lambda widths: len(widths) > 3 and set(widths) == {16})
        rested(shown)
        assert shown.said == []
        assert shown.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_goes_wrong_is_said_on_the_page(shown: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(session(tmp_path, FAULTY)) as server:
        opened(shown, server)
        assert shown.evaluate("one('problem').hidden")
        shown.evaluate("then(() => begin(1e12)).then(() => 1)")
        assert "seed: expected 0 to 2147483647" in shown.evaluate("one('problem').textContent")
        Path("broken").touch()
        shown.evaluate("one('speed').value = '1000'; play(); 1")
        until(shown, "one('problem').textContent.includes('The environment failed')")
        until(shown, "!page.playing")
        Path("broken").unlink()
        click(shown, "#one")
        until(shown, MOMENTS, lambda count: count == 4)
        assert shown.evaluate("one('problem').hidden")
    click(shown, "#one")
    until(shown, "one('problem').textContent.includes('has ended')")
