"""Comparisons: the numbers of groups made by hand, what is refused, and the tables in each form."""

import json
import math
from pathlib import Path

import pytest
from run_folders import folder_of_run

from fulgurite.reports.comparison import Comparison, NotComparable, compare
from fulgurite.reports.comparison_page import comparison_page
from fulgurite.reports.comparison_tables import escaped, latex, markdown, tables
from fulgurite.reports.group import Group, groups
from fulgurite.reports.run import read

FAST = [[20.0, 100.0, 150.0], [30.0, 110.0, 160.0], [40.0, 120.0, 200.0]]
SLOW = [[10.0, 20.0, 100.0], [10.0, 30.0, 155.0], [10.0, 40.0, 120.0]]


def two(home: Path) -> list[Group]:
    folders = [folder_of_run(home, "fast", curve, seed=seed) for seed, curve in enumerate(FAST)]
    horizon = ["agent.planner.horizon=3"]
    folders += [folder_of_run(home, "slow", curve, horizon, seed=seed) for seed, curve in enumerate(SLOW)]
    return groups([read(folder) for folder in folders])


def test_the_numbers_of_two_groups(tmp_path: Path) -> None:
    found = compare(two(tmp_path), levels=[110, 180])
    fast, slow = found.standings
    assert (fast.name, slow.name, fast.runs) == ("pets/cartpole", "pets/cartpole horizon=3", 3)
    assert fast.final.value == pytest.approx(170)  # of three nothing is cut
    assert fast.final.low == 150
    assert fast.final.high == 200
    assert fast.std == pytest.approx(26.4575, abs=1e-3)
    assert found.span == (100, 300)
    assert fast.area.value == pytest.approx(((60 + 125) / 2 + (70 + 135) / 2 + (80 + 160) / 2) / 3)
    assert [(one.level, one.steps, one.runs) for one in fast.reached] == [(110, 200, 3), (180, math.inf, 1)]
    assert [one.steps for one in slow.reached] == [300, math.inf]
    assert fast.reached[0].seconds == pytest.approx(22)  # 30 + 0, 20 + 1 and 20 + 2 seconds
    beats = {(pair.name, pair.other): pair.probability.value for pair in found.pairs}
    assert beats[fast.name, slow.name] == pytest.approx(8 / 9)
    assert beats[slow.name, fast.name] == pytest.approx(1 / 9)
    assert found.notes == []


def test_levels_without_any_given(tmp_path: Path) -> None:
    found = compare(two(tmp_path))
    assert [one.level for one in found.standings[0].reached] == [90, 130, 154]  # of 10 to 170


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evaluation.episodes=3", "evaluation.episodes: pets/cartpole episodes=3 has 3"),
        ("evaluation.seed=5", "evaluation.seed: "),
        ("environment.action_repeat=2", "environment.action_repeat: "),
    ],
)
def test_other_starts_and_environments_are_refused(tmp_path: Path, override: str, said: str) -> None:
    folders = [folder_of_run(tmp_path, "a", overrides=[override]), folder_of_run(tmp_path, "b")]
    found = groups([read(folder) for folder in folders])
    with pytest.raises(NotComparable, match=said) as caught:
        compare(found)
    assert "\n" not in str(caught.value)
    assert "--anyway" in str(caught.value)
    comparison = compare(found, anyway=True)
    assert "not on one scale" in comparison.notes[0]
    assert comparison.pairs == []


def test_what_does_not_change_the_task_is_compared(tmp_path: Path) -> None:
    folders = [folder_of_run(tmp_path, "a", overrides=["environment.num_envs=2"]), folder_of_run(tmp_path, "b")]
    assert len(compare(groups([read(folder) for folder in folders])).pairs) == 2


def test_runs_that_have_not_ended_are_told(tmp_path: Path) -> None:
    folders = [folder_of_run(tmp_path, seed=0), folder_of_run(tmp_path, seed=1, status=None)]
    folders.append(folder_of_run(tmp_path, returns=(), seed=2))
    found = compare(groups([read(folder) for folder in folders]))
    assert found.standings[0].runs == 2
    assert any("left out, since it has no evaluation" in note for note in found.notes)
    assert any("stopped after 400 steps" in note for note in found.notes)
    with pytest.raises(NotComparable, match="none of the runs has an evaluation"):
        compare(groups([read(folders[2])]))


def test_every_form_has_the_numbers(tmp_path: Path) -> None:
    found = compare(two(tmp_path), levels=[180])
    text = markdown(found)
    assert "| pets/cartpole | 3 | 170.0 | [150.0, 200.0] | 170.0 \N{PLUS-MINUS SIGN} 26.5 |" in text
    assert "| pets/cartpole | not (1 of 3) |" in text
    assert r"pets/cartpole horizon=3 & 3 & 125.0 & [100.0, 155.0] & 125.0 $\pm$ 27.8 & " in latex(found)
    plain = json.loads(json.dumps(found.plain(), allow_nan=False))
    assert plain["standings"][0]["reached"][0]["steps"] is None


def test_latex_and_markdown_take_any_name(tmp_path: Path) -> None:
    assert escaped("a_b & 50% #1 {x} \\ $\n") == r"a\_b \& 50\% \#1 \{x\} \textbackslash{} \$ "
    found = compare(two(tmp_path))
    named = Comparison(
        [type(one)(**{**one.__dict__, "name": "a|b_c"}) for one in found.standings], [], found.span, found.notes
    )
    assert r"| a\|b_c |" in markdown(named)
    assert r"a|b\_c &" in latex(named)


def test_the_page_shows_all_of_it(tmp_path: Path) -> None:
    pair = two(tmp_path)
    found = compare(pair)
    comparison_page(pair, found, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    for caption in tables(found):
        assert caption in text
    for title in ("Final return", "Performance profile", "Steps to reach a return", "against time"):
        assert title in text
    assert "<script" not in text
