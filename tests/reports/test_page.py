"""The report's page: what stands in it, what never does, and how large it is."""

import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from run_folders import folder_of_run

from fulgurite.recipe_files import RUN_REPORT
from fulgurite.reports.page import duration, number
from fulgurite.reports.report import report

HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}</script><script>alert(2)</script>"


class Seen(HTMLParser):
    """Tags with their attributes, and the texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def made(folders: list[Path], path: Path, **more: float) -> tuple[str, Seen]:
    report(folders, path, **more)
    text = path.read_text()
    return text, Seen(text)


def test_a_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path, video=True)
    text, seen = made([folder], folder / RUN_REPORT)
    policy = next(about["content"] for tag, about in seen.tags if about.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script" not in {tag for tag, _ in seen.tags}
    for tag, about in seen.tags:
        assert not [name for name in about if name.startswith("on") or name in ("style", "srcset", "action")], tag
        for name in ("src", "href"):
            value = about.get(name) or "#"
            assert value.startswith(("data:", "#")), (tag, value)
    assert "http" not in re.sub(r"<meta http-equiv", "", text)
    assert [
        about["src"]
        for tag, about in seen.tags
        if tag == "img" and (about["src"] or "")[:22] == "data:image/gif;base64,"
    ]


def test_what_a_run_says_of_itself_is_only_text(tmp_path: Path) -> None:
    words = [f"environment.options={{name: {json.dumps(HOSTILE)}}}"]
    more = [{"env_steps": 400, "wall_seconds": 0.0, HOSTILE: 1.0, f"loss/{HOSTILE}": 2.0, f"plan/{HOSTILE}": 1.0}]
    folder = folder_of_run(tmp_path, overrides=words, more=more, video=True)
    (folder / "result.json").write_text(
        '{"status": "<b>", "reason": "<i>x</i>", "device": "<u>", "versions": {"<s>": 1}}'
    )
    (folder / "videos" / "<em>x.gif").write_bytes((folder / "videos" / "step-400.gif").read_bytes())
    for megabytes in (4, 0):
        _text, seen = made([folder], folder / RUN_REPORT, megabytes=megabytes)
        tags = {tag for tag, _ in seen.tags}
        assert tags.isdisjoint({"script", "b", "i", "u", "s", "em"})
        assert not any(about.get("src") == "x" for _, about in seen.tags)
        assert "{{ 7*7 }}" in "".join(seen.words)
        assert HOSTILE[:20] in "".join(seen.words)


def test_every_panel_of_a_full_run_is_there(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path, video=True)
    text, seen = made([folder], folder / RUN_REPORT)
    for title in (
        "Return of an episode", "Open-loop error by horizon", "Coverage by horizon", "PIT histogram", "CRPS by horizon",
        "Does the spread know the error?", "Disagreement and error", "Return over a plan&#39;s horizon",
        "Exploitation gap", "loss/dynamics", "Share of wall-clock time so far",
        "190.0 \N{PLUS-MINUS SIGN} 2.0", "fulgurite train pets/cartpole", f"fulgurite resume {folder}", "torch 2.13.0",
    ):  # fmt: skip
        assert title in text, title
    assert "not shown" not in text
    ids = [about["id"] for _, about in seen.tags if "id" in about]
    assert len(ids) == len(set(ids))
    for tag, about in seen.tags:
        if tag == "a" and (about["href"] or "").startswith("#"):
            assert (about["href"] or "")[1:] in ids


def test_what_is_missing_is_said_in_a_line(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path, returns=(), model=False, status=None)
    text, _ = made([folder], folder / RUN_REPORT)
    assert "No returns yet" in text
    for panel in ("Can the model be trusted?", "Planner", "Losses", "Time"):
        assert f"{panel}: not shown. It is filled by" in text
    assert "Pictures: none." in text
    assert ">stopped<" in text


def test_faults_are_told(tmp_path: Path) -> None:
    rows = [{"env_steps": 400, "wall_seconds": 1.0, "train/skipped_updates": 2, "train/environment_faults": 3}]
    folder = folder_of_run(tmp_path, more=rows)
    (folder / "dump").mkdir()
    with (folder / "metrics.jsonl").open("a") as file:
        file.write("oops\n")
    text, _ = made([folder], folder / RUN_REPORT)
    assert "2 updates were skipped" in text
    assert "3 environment faults were survived" in text
    assert "1 lines of" in text
    assert "dump holds the batch" in text


def test_pictures_beyond_the_room_are_linked_beside_the_page(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path, "a b", video=True)
    _, seen = made([folder], tmp_path / "page.html", megabytes=0)
    assert [about["href"] for tag, about in seen.tags if tag == "a" and "gif" in (about["href"] or "")] == [
        "a%20b-seed0/videos/step-400.gif"
    ]


def test_no_file_is_embedded_that_is_no_picture(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path, video=True)
    (tmp_path / "secret").write_text("GIF8 SESAME")
    (folder / "videos" / "step-500.gif").symlink_to(tmp_path / "secret")
    (folder / "videos" / "other.gif").write_text("SESAME")
    text, seen = made([folder], folder / RUN_REPORT)
    assert len([tag for tag, _ in seen.tags if tag == "img"]) == 1
    assert "step-400" in text


def test_a_page_goes_through_no_link(tmp_path: Path) -> None:
    folder = folder_of_run(tmp_path)
    (tmp_path / "mine").write_text("mine")
    for name in (RUN_REPORT, f".{RUN_REPORT}.tmp"):
        (folder / name).symlink_to(tmp_path / "mine")
    made([folder], folder / RUN_REPORT)
    assert not (folder / RUN_REPORT).is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


def test_five_recipes_of_three_seeds_are_soon_made_and_small(tmp_path: Path) -> None:
    horizons = (5, 6, 7, 8, 9)
    folders = [
        folder_of_run(tmp_path, f"h{h}", [h + seed, 9 * h, 90], [f"agent.planner.horizon={h}"], seed=seed, video=True)
        for h in horizons
        for seed in range(3)
    ]
    before = time.process_time()
    text, _ = made(folders, tmp_path / RUN_REPORT)
    assert time.process_time() - before < 20
    assert len(text) < 10e6
    for h in horizons:
        assert f"pets/cartpole horizon={h}, 3 seeds" in text


@pytest.mark.parametrize(
    ("seconds", "said"), [(5, "5 s"), (75.2, "1 min 15 s"), (3600 * 2 + 61, "2 h 01 min"), (None, "-"), ("x", "-")]
)
def test_durations(seconds: object, said: str) -> None:
    assert duration(seconds) == said


def test_numbers() -> None:
    assert [number(value) for value in (-1215.04, 0.0, 0.012, 1e6, None, "x")] == [
        "\N{MINUS SIGN}1,215.0", "0.0", "0.012", "1,000,000.0", "-", "-",
    ]  # fmt: skip
