"""The pages in headless Chromium: desktop and telephone, light and dark: nothing complains, overflows or is pale."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import STROKES, TEXTS, Browser, browser
from run_folders import folder_of_run

from fulgurite.reports.comparison import compare
from fulgurite.reports.comparison_page import comparison_page
from fulgurite.reports.group import groups
from fulgurite.reports.report import report
from fulgurite.reports.run import read

WIDER = "[...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > WIDTH + 1 && " + (
    "!e.closest('.scroll, pre')).map(e => e.outerHTML.slice(0, 120))"
)
LARGEST = "[...document.querySelectorAll('svg.chart, img, .card')].filter(e => e.getClientRects().length)" + (
    ".map(e => e.getBoundingClientRect()).map(r => [r.left, r.right, r.width])"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("pages")
    folders = [folder_of_run(home, "a", [9.0 + seed, 70.0, 180.0 - seed], seed=seed, video=True) for seed in range(3)]
    long = ["environment.options={a_rather_long_name_without_any_space_at_all: " + "x" * 90 + "}"]
    folders += [folder_of_run(home, "b", overrides=["agent.planner.horizon=3", *long], seed=seed) for seed in range(2)]
    crashed = folder_of_run(home, "c", (), recipe="baselines/random", model=False, status=None)
    found = groups([read(folder) for folder in folders[:3]])
    comparison_page(found, compare(found), home / "comparison.html")
    report(folders, home / "many.html")
    report([folders[0]], home / "one.html")
    report([crashed], home / "crashed.html")
    return {path.stem: path for path in home.glob("*.html")}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["one", "many", "crashed", "comparison"])
def test_it_looks_as_it_should(shown: Browser, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    shown.open(pages[name], width, 900, dark)
    shown.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert shown.said == []
    assert [address for address in shown.requested if not address.startswith("data:")] == [pages[name].as_uri()]
    assert shown.evaluate("document.documentElement.scrollWidth") <= width, shown.evaluate(
        WIDER.replace("WIDTH", str(width))
    )[:5]
    boxes = shown.evaluate(LARGEST)
    assert all(left >= 0 and right <= width for left, right, _ in boxes)
    assert name == "crashed" or sum(box[2] > 250 for box in boxes) > 10
    paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) < 200) is dark
    texts = shown.evaluate(TEXTS)
    assert len(texts) > 10
    assert texts[0][0] >= 4.5, texts[:3]
    strokes = shown.evaluate(STROKES)
    assert all(contrast >= 3 for contrast, _ in strokes), strokes[:3]
    smallest = (
        "Math.min(...[...document.querySelectorAll('svg.chart')].map(s => 12 * s.getBoundingClientRect().width / 480))"
    )
    assert name == "crashed" or shown.evaluate(smallest) * (17 / 12 if width < 560 else 1) >= 10


def test_by_the_keyboard(shown: Browser, pages: dict[str, Path]) -> None:
    shown.open(pages["one"])
    shown.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    assert shown.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    for _ in range(60):
        shown.press("Tab")
        if shown.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    shown.press("Enter")
    assert shown.evaluate("document.activeElement.parentElement.open")


def test_pictures_are_shown_and_foreign_ones_are_not(shown: Browser, pages: dict[str, Path]) -> None:
    shown.open(pages["one"])
    assert shown.evaluate("[...document.images].map(i => i.naturalWidth)") == [60]
    shown.evaluate("const i = new Image(); i.src = 'file:///etc/hostname.png'; document.body.append(i); 1")
    shown.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s); 1"
    )
    assert shown.evaluate("window.ran === undefined")
    assert any("Content Security Policy" in line for line in shown.said)
