"""Checkpoints: when they are saved, how many stay, and that a past that did not happen goes."""

import errno
import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from watched import Run

from fulgurite.callbacks import save_checkpoint
from fulgurite.callbacks.save_checkpoint import SaveCheckpoint
from fulgurite.models.dump import NotFinite
from fulgurite.runs import parts
from fulgurite.runs.checkpoint import FolderCheckpointIO, checkpoints, latest, load
from fulgurite.runs.metrics import report


def saving(folder: Path, **options: float | None) -> Run:
    """A run whose trainer saves at how many gradient steps it is, and a piece of a buffer that never changes."""
    run, writer = Run(folder, SaveCheckpoint(**options)), FolderCheckpointIO()

    def save(path: Path, weights_only: bool) -> None:
        assert not weights_only
        rows = parts.part("rows", None if "rows" in writer.parts() else {"x": torch.arange(9)})
        writer.save_checkpoint({"gradient_steps": run.data.gradient_steps, "rows": rows}, path)

    run.trainer.save_checkpoint = save
    run.trainer.lightning_module = torch.nn.Linear(1, 1)
    run.trainer.optimizers = []
    run.trainer.strategy = SimpleNamespace(
        checkpoint_io=writer,
        remove_checkpoint=writer.remove_checkpoint,
        barrier=lambda name: None,
        broadcast=lambda value: value,
    )
    return run


def gradient_steps(run: Run, name: str) -> int:
    return load(run.folder / "checkpoints" / name)["gradient_steps"]


def resumed(folder: Path, name: str, **options: float | None) -> Run:
    """A run that goes on from a checkpoint."""
    run = saving(folder, **options)
    run.trainer.ckpt_path = folder / "checkpoints" / name
    run.trainer.strategy.checkpoint_io.load_checkpoint(run.trainer.ckpt_path)
    run.trainer.callbacks[0].on_fit_start(run.trainer, None)
    return run


def spoil(file: Path) -> None:
    """Flips a bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def names(run: Run) -> list[str]:
    return sorted(path.name for path in (run.folder / "checkpoints").glob("*"))


def test_the_newest_stay(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=300, keep=2)
    for env_steps in (200, 400, 600, 800):
        run.go(env_steps)
    assert names(run) == ["step-400", "step-600"]
    run.go(999)
    assert names(run) == ["step-600", "step-999"]


def test_the_last_save_holds_the_last_fit(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=300)
    run.go(400)
    run.data.gradient_steps = 10
    run.go(1000)  # all steps are made, but the model has not seen the newest
    assert names(run) == ["step-400"]
    run.data.gradient_steps = 20
    run.end()
    assert gradient_steps(run, "step-1000") == 20


def test_an_end_at_the_steps_of_the_last_save_replaces_it(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=300)
    run.go(400)
    run.data.gradient_steps = 20
    run.end()
    assert names(run) == ["step-400-20"]
    assert gradient_steps(run, "step-400-20") == 20


def test_the_best_stays_and_is_named(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=1000, keep=1)
    for env_steps, mean in ((200, -900.0), (400, -200.0), (600, -300.0), (800, -250.0)):
        run.data.env_steps = env_steps
        report(run.trainer, {"eval/return_mean": mean})
        run.go(env_steps)
    assert names(run) == ["best", "step-400"]
    run.go(999)
    run.end()
    assert names(run) == ["best", "step-400", "step-999"]
    assert (tmp_path / "checkpoints" / "best").read_text() == "step-400\n"


def test_an_evaluation_after_a_stop_belongs_to_the_checkpoint_gone_on_from(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=300, keep=1)
    run.go(400)
    run.trainer.ckpt_path = tmp_path / "checkpoints" / "step-400"
    report(run.trainer, {"eval/return_mean": -200.0})
    run.trainer.callbacks[0].on_fit_start(run.trainer, None)
    for env_steps in (700, 999):
        run.go(env_steps)
    assert names(run) == ["best", "step-400", "step-999"]
    assert (tmp_path / "checkpoints" / "best").read_text() == "step-400\n"


def refusing(run: Run, times: int, number: int = errno.ENOSPC) -> list[Path]:
    """Makes the disk of a run full for so many saves, or have another trouble."""
    save, refused = run.trainer.save_checkpoint, []

    def maybe(path: Path, weights_only: bool) -> None:
        if len(refused) < times:
            refused.append(path)
            raise OSError(number, os.strerror(number))
        save(path, weights_only)

    run.trainer.save_checkpoint = maybe
    return refused


def test_a_full_disk_costs_the_older_checkpoints_first(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=100, keep=3)
    for env_steps in (200, 400, 600):
        run.go(env_steps)
    refusing(run, 1)
    run.go(800)
    assert names(run) == ["step-600", "step-800"]


def test_a_full_disk_does_not_stop_the_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = saving(tmp_path, every_env_steps=100)
    run.go(200)
    refused = refusing(run, 2)
    run.go(400)
    assert len(refused) == 2
    assert names(run) == ["step-200"]
    assert "no checkpoint at step 400, training goes on without: [Errno 28] No space left" in caplog.text
    assert run.trainer.callbacks[0].refused == "[Errno 28] No space left on device"
    run.go(600)
    assert run.trainer.callbacks[0].refused is None
    assert names(run) == ["step-200", "step-600"]
    refusing(run, 2)
    run.data.gradient_steps = 5
    with pytest.raises(OSError, match="no checkpoint could be written at the end of the run"):
        run.end()
    assert names(run) == ["step-600"]


def test_a_full_disk_never_costs_the_checkpoint_that_the_run_goes_on_from(tmp_path: Path) -> None:
    first = saving(tmp_path, every_env_steps=100, keep=3)
    for env_steps in (100, 200, 300):
        first.go(env_steps)
    spoil(tmp_path / "checkpoints" / "step-300" / "checkpoint.pt")
    run = resumed(tmp_path, "step-200", every_env_steps=100)
    refused = refusing(run, 2)
    run.go(400)
    assert (names(run), len(refused)) == (["step-200"], 2)
    spoil(tmp_path / "checkpoints" / "step-200" / "rows.pt")
    run.go(500)
    assert latest(tmp_path) == tmp_path / "checkpoints" / "step-500"


def test_a_full_disk_costs_a_newest_one_that_was_damaged_meanwhile(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=100)
    for env_steps in (100, 200):
        run.go(env_steps)
    spoil(tmp_path / "checkpoints" / "step-200" / "checkpoint.pt")
    refusing(run, 2)
    run.go(300)
    assert names(run) == ["step-100"]


def test_another_trouble_of_the_disk_costs_none(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=100)
    for env_steps in (100, 200):
        run.go(env_steps)
    refusing(run, 2, errno.EIO)
    run.go(300)
    assert names(run) == ["step-100", "step-200"]


def test_the_best_is_named_while_it_is_there(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=100)
    for env_steps, mean in ((100, -200.0), (200, -300.0), (300, -400.0)):
        run.data.env_steps = env_steps
        report(run.trainer, {"eval/return_mean": mean})
        run.go(env_steps)
    assert names(run) == ["best", "step-100", "step-200", "step-300"]
    refusing(run, 2)
    run.go(400)
    assert names(run) == ["step-300"]
    run.go(500)
    assert names(run) == ["step-300", "step-500"]
    run.data.env_steps = 600
    report(run.trainer, {"eval/return_mean": -100.0})
    run.go(600)
    assert (tmp_path / "checkpoints" / "best").read_text() == "step-600\n"


def test_old_checkpoints_that_cannot_be_removed_do_not_stop_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    run = saving(tmp_path, every_env_steps=100, keep=1)
    run.go(100)
    run.trainer.strategy.remove_checkpoint = refuse
    run.go(200)
    assert "old checkpoints cannot be removed: [Errno 30] Read-only file system" in caplog.text


@pytest.mark.parametrize("keep", [1, 2, 3])
@pytest.mark.parametrize("best", [None, 1, 2])
def test_no_damaged_file_takes_all_checkpoints_that_stay(tmp_path: Path, keep: int, best: int | None) -> None:
    """Whatever stays, the best and two at the same steps among them."""
    run = saving(tmp_path, every_env_steps=100, keep=keep)
    rows = tmp_path / "checkpoints"
    for number, env_steps in enumerate((100, 200, 300, 400, 400, 500, 600)):
        run.data.env_steps, run.data.gradient_steps = env_steps, number
        if number == best:
            report(run.trainer, {"eval/return_mean": -200.0})
        run.trainer.callbacks[0]._save(run.trainer, run.trainer.callbacks[0]._improved(run.trainer), last=False)
        files = [one / "rows.pt" for one in checkpoints(tmp_path)]
        for file in files if len(files) > 1 else ():
            spoil(file)
            assert latest(tmp_path) is not None
            spoil(file)
        assert len({file.stat().st_ino for file in rows.glob("*/rows.pt")}) <= 2


def test_what_was_damaged_between_does_not_stay_in_place_of_what_is_whole(tmp_path: Path) -> None:
    first = saving(tmp_path, every_env_steps=100, keep=3)
    for env_steps in (100, 200):
        first.go(env_steps)
    spoil(tmp_path / "checkpoints" / "step-200" / "checkpoint.pt")
    run = resumed(tmp_path, "step-100", every_env_steps=100)
    run.go(300)
    assert names(run) == ["step-100", "step-300"]


def test_what_lies_ahead_of_a_resumed_run_goes(tmp_path: Path) -> None:
    for step in (300, 600, 900):
        (tmp_path / "checkpoints" / f"step-{step}").mkdir(parents=True)
    run = saving(tmp_path, every_env_steps=300)  # resumed from 300: the later ones were damaged
    run.go(600)
    assert names(run) == ["step-300", "step-600-0"]
    assert gradient_steps(run, "step-600-0") == 0


def test_a_resumed_run_keeps_the_rhythm(tmp_path: Path) -> None:
    first = saving(tmp_path / "first", every_env_steps=300)
    first.go(400)
    run = saving(tmp_path / "second", every_env_steps=300)
    run.trainer.callbacks[0].load_state_dict(first.trainer.callbacks[0].state_dict())
    run.go(500)
    assert names(run) == []
    run.go(600)
    assert names(run) == ["step-600"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its last entry is the time of day, for checkpoints."""
    times = [1000.0]
    monkeypatch.setattr(save_checkpoint, "time", SimpleNamespace(monotonic=lambda: times[-1]))
    return times


def test_a_slow_run_saves_by_the_clock(tmp_path: Path, clock: list[float]) -> None:
    run = saving(tmp_path, every_env_steps=300, every_seconds=60.0)
    clock.append(1059.0)
    run.go(100)
    assert names(run) == []
    clock.append(1060.0)
    run.go(200)
    assert names(run) == ["step-200"]
    clock.append(1119.0)
    run.go(250)
    run.go(320)  # the rhythm of steps is what it was
    assert names(run) == ["step-200", "step-320"]
    clock.append(1178.0)
    run.go(400)
    assert names(run) == ["step-200", "step-320"]


def test_the_clock_counts_in_the_last_fit_too(tmp_path: Path, clock: list[float]) -> None:
    run = saving(tmp_path, every_env_steps=300, every_seconds=60.0)
    for gradient_steps, now in ((10, 1050.0), (20, 1100.0), (30, 1150.0), (40, 1200.0)):
        run.data.gradient_steps = gradient_steps
        clock.append(now)
        run.go(1000)
    assert names(run) == ["step-1000-40"]


def test_the_clock_begins_with_the_fit_and_a_full_disk_is_not_asked_again_at_once(
    tmp_path: Path, clock: list[float]
) -> None:
    run = saving(tmp_path, every_env_steps=1000, every_seconds=60.0)
    clock.append(2000.0)
    run.trainer.callbacks[0].on_fit_start(run.trainer, None)
    run.go(100)
    assert names(run) == []
    refused = refusing(run, 2)
    clock.append(2060.0)
    run.go(200)
    run.go(300)
    assert (names(run), len(refused)) == ([], 2)
    clock.append(2120.0)
    run.go(400)
    assert names(run) == ["step-400"]


def test_the_clock_of_the_first_process_is_that_of_all(tmp_path: Path, clock: list[float]) -> None:
    run = saving(tmp_path, every_env_steps=1000, every_seconds=60.0)
    clock.append(1070.0)
    run.trainer.strategy.broadcast = lambda value: False if value is True else value  # the first one's is slower
    run.go(100)
    assert names(run) == []
    run.trainer.strategy.broadcast = lambda value: True if value is False else value
    clock.append(1000.0)
    assert run.trainer.callbacks[0]._overdue(run.trainer) is True


def test_never_by_the_clock(tmp_path: Path, clock: list[float]) -> None:
    run = saving(tmp_path, every_env_steps=300, every_seconds=None)
    clock.append(1e9)
    run.go(200)
    assert names(run) == []
    with pytest.raises(ValueError, match="every_seconds: need more than 0, got 0"):
        SaveCheckpoint(every_seconds=0)


@pytest.mark.parametrize("options", [{"keep": 0}, {"every_env_steps": 0}])
def test_numbers_below_one_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="need at least 1, got 0"):
        SaveCheckpoint(**options)


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    run = saving(tmp_path, every_env_steps=300, keep=1)
    run.go(400)
    torch.nn.init.constant_(run.trainer.lightning_module.bias, torch.nan)
    with pytest.raises(NotFinite, match="no checkpoint at 800 steps: bias has entries that are not finite"):
        run.go(800)
    assert names(run) == ["step-400"]


def test_moments_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    """The square of a finite gradient may not be."""
    run = saving(tmp_path, every_env_steps=300, keep=1)
    agent = run.trainer.lightning_module
    run.trainer.optimizers = [torch.optim.AdamW(agent.parameters())]
    for env_steps, gradient in ((400, 1e15), (800, 1e22)):
        for weight in agent.parameters():
            weight.grad = torch.full_like(weight, gradient)
        run.trainer.optimizers[0].step()
        assert all(weight.isfinite().all() for weight in agent.parameters())
        with (
            nullcontext()
            if gradient < 1e19
            else pytest.raises(
                NotFinite, match="no checkpoint at 800 steps: exp_avg_sq of weight has entries that are not finite"
            )
        ):
            run.go(env_steps)
    assert names(run) == ["step-400"]
