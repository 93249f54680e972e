"""Plots: what is drawn is what the rows say, and nothing is drawn without data."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fulgurite.runs import plots
from fulgurite.runs.metrics import MetricsFile, horizons


def row(env_steps: int, **values: float | None) -> dict:
    return {"env_steps": env_steps, **{name.replace("__", "/"): value for name, value in values.items()}}


def evaluated(env_steps: int, mean: float) -> dict:
    spread = {"return_std": 1.0, "return_min": mean - 3, "return_max": mean + 2}
    return row(env_steps, eval__return_mean=mean, **{f"eval__{name}": value for name, value in spread.items()})


def lines(axes: object) -> dict[str, list[tuple[float, float]]]:
    """The points of every labelled line."""
    return {line.get_label(): [tuple(xy) for xy in line.get_xydata()] for line in axes.lines}  # type: ignore[attr-defined]


def test_returns_of_training_and_evaluation_with_references() -> None:
    rows = [row(200, train__return=-9.0), evaluated(400, -5.0), row(400, train__return=-7.0), evaluated(800, -2.0)]
    drawing = plots.returns(rows, {"random": -12.0})
    assert drawing is not None
    (axes,) = drawing.axes
    drawn = lines(axes)
    assert drawn["training"] == [(200, -9), (400, -7)]
    assert drawn["evaluation, mean"] == [(400, -5), (800, -2)]
    assert [text.get_text() for text in axes.texts] == ["random \N{MINUS SIGN}12"]
    outer, inner = (collection.get_datalim(axes.transData) for collection in axes.collections)
    assert (outer.y0, outer.y1) == (-8, 0)  # worst to best
    assert (inner.y0, inner.y1) == (-6, -1)  # one std


def test_model_error_at_start_middle_and_end() -> None:
    rows = [
        row(n, model__error_h1=0.1 / n, model__error_h4=0.4 / n, model__persistence_h1=1.0, model__persistence_h4=n)
        for n in (1, 2, 3, 4, 5)
    ]
    drawing = plots.model_error(rows)
    assert drawing is not None
    drawn = lines(drawing.axes[0])
    assert list(drawn) == ["after 1 steps", "after 3 steps", "after 5 steps", "predicting no change"]
    assert drawn["after 5 steps"] == [(1, pytest.approx(0.02)), (4, pytest.approx(0.08))]
    assert drawn["predicting no change"] == [(1, 1), (4, 5)]


def test_coverage_over_the_run_and_by_horizon() -> None:
    rows = [
        row(
            n,
            **{f"model__coverage_{q}": q / 200 for q in (50, 80, 95)},
            **{f"model__coverage_{q}_h{k}": q / 100 / k for q in (50, 80, 95) for k in (1, 2)},
        )
        for n in (100, 200)
    ]
    drawing = plots.coverage(rows)
    assert drawing is not None
    left, right = drawing.axes
    assert lines(left)["80 % interval"] == [(100, 0.4), (200, 0.4)]
    assert [tuple(xy) for xy in right.lines[0].get_xydata()] == [(1, 0.5), (2, 0.25)]


def test_calibration_when_last_measured() -> None:
    tenths = {f"pit__h{k}_{i}": i / 55 for k in (1, 2) for i in range(1, 11)}
    by_horizon = {f"model__{name}_h{k}": k / 10 for name in ("crps", "spread_correlation") for k in (1, 2)}
    rows = [row(100, **dict.fromkeys(by_horizon, 9.0), **tenths), row(200, model__error_h1=0.4, model__error_h2=0.8)]
    rows += [row(200, **by_horizon, **tenths), row(300, eval__return_mean=1.0)]
    drawing = plots.calibration(rows)
    assert drawing is not None
    pit, score, knows = drawing.axes
    assert [patch.get_label() for patch in pit.patches] == ["1 step ahead", "2 steps ahead"]
    assert pit.patches[0].get_data().values.tolist() == [i / 55 for i in range(1, 11)]
    assert lines(score)["whole distribution (CRPS)"] == [(1, 0.1), (2, 0.2)]
    assert lines(score)["its mean"] == [(1, 0.4), (2, 0.8)]
    assert [tuple(xy) for xy in knows.lines[0].get_xydata()] == [(1, 0.1), (2, 0.2)]
    assert plots.calibration(rows[3:]) is None


def test_promised_against_realised() -> None:
    drawing = plots.promises(
        [row(100, plan__promised_return=3.0, plan__realised_return=1.0)], "plan", "_return", "a title", "the model"
    )
    assert drawing is not None
    drawn = lines(drawing.axes[0])
    assert drawn == {"promised by the model": [(100, 3)], "realised": [(100, 1)]}


def test_shares_of_time_fill_the_whole() -> None:
    rows = [row(n, speed__share_model=0.2, speed__share_planner=0.5) for n in (100, 300)]
    drawing = plots.time_shares(rows)
    assert drawing is not None
    tops = [collection.get_datalim(drawing.axes[0].transData).y1 for collection in drawing.axes[0].collections]
    assert tops == pytest.approx([0.2, 0.7, 1.0])
    labels = [collection.get_label() for collection in drawing.axes[0].collections]
    assert labels == ["model", "planner", "other"]


def test_a_null_is_a_gap_not_a_zero() -> None:
    rows = [row(1, train__return=5.0), row(2, train__return=None), row(3, train__return=6.0)]
    assert [values.tolist() for values in plots.series(rows, "train/return")] == [[1, 3], [5, 6]]
    assert horizons({"model/error_h1": 0.5, "model/error_h2": None}, "model/error") == ([1], [0.5])


def test_nothing_is_drawn_without_data(tmp_path: Path) -> None:
    assert plots.draw(tmp_path) == []
    assert not (tmp_path / "plots").exists()


def test_a_crashed_run_is_drawn_as_far_as_it_got(tmp_path: Path) -> None:
    log = MetricsFile(tmp_path)
    for line in (row(200, train__return=-9.0), evaluated(400, float("nan")), evaluated(600, -2.0)):
        log.log_metrics(line)
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(b'{"env_steps": 800, "eval/ret')
    (path,) = plots.draw(tmp_path, {"optimum": 0.0})
    assert path == tmp_path / "plots" / "returns.png"
    assert np.asarray(Image.open(path).convert("L")).std() > 10


def test_every_figure_is_drawn_even_from_single_points(tmp_path: Path) -> None:
    log = MetricsFile(tmp_path)
    log.log_metrics(evaluated(400, -5.0))
    numbers = {f"coverage_{q}{h}": 0.5 for q in (50, 80, 95) for h in ("", "_h1")}
    log.log_metrics(row(400, **{f"model__{name}": x for name, x in {**numbers, "error_h1": 0.1}.items()}))
    log.log_metrics(row(400, plan__promised_return=1.0, plan__realised_return=1.0, speed__share_model=0.5))
    log.log_metrics(row(400, value__promised=1.0, value__realised=2.0, value__gap=-1.0))
    names = {path.stem for path in plots.draw(tmp_path)}
    assert names == {"returns", "model_error", "coverage", "promises", "values", "time"}
