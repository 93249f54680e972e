"""`fulgurite selftest`, drill by drill, the short way; and that the drills can fail."""

import pytest

from fulgurite.cli import main
from fulgurite.runs import checkpoint, manifest, shared_files
from fulgurite.selftest import stops, storage
from fulgurite.selftest.drill import Extent, Failed, Skipped
from fulgurite.selftest.drills import DRILLS

ALWAYS = {"kills-while-writing", "damage", "resume"}


@pytest.mark.parametrize(
    "drill",
    [pytest.param(drill, id=drill.name, marks=() if drill.name in ALWAYS else pytest.mark.slow) for drill in DRILLS],
)
def test_the_drill_passes(drill, tmp_path):
    try:
        assert drill.run(tmp_path, Extent())
    except Skipped as reason:
        pytest.skip(str(reason))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mbpo/pendulum", "dreamer/pendulum", "planet/pendulum_pixels"])
def test_other_families_are_asked_to_leave_in_each_phase(name, tmp_path):
    assert f"{name}: asked in warm-up (" in stops.terminated(tmp_path, Extent(families=[name]))


@pytest.mark.slow
def test_images_that_lie_on_the_disk_survive_being_asked_to_leave(tmp_path):
    """The file has no name and goes with the process; what was in it comes back from the checkpoint."""
    phases = ("warm-up", "fit", "collect")
    said = stops.asked("planet/pendulum_pixels", tmp_path, phases, 0, ["experience.on_disk=true"])
    assert "each left a checkpoint and ended identical" in said


def test_a_checkpoint_that_is_not_checked_fails_the_drill(tmp_path, monkeypatch):
    for module in (checkpoint, manifest, shared_files):
        monkeypatch.setattr(module, "fingerprint", lambda path: {"bytes": path.stat().st_size})
    with pytest.raises(Failed, match="with a flipped bit was taken for whole"):
        storage.damage(tmp_path, Extent())


def test_checkpoints_that_share_one_file_fail_the_drill(tmp_path, monkeypatch):
    nothing = property(lambda self: None, lambda self, path: None)
    monkeypatch.setattr(checkpoint.FolderCheckpointIO, "beside", nothing, raising=False)
    with pytest.raises(Failed, match="a part that they share is in files"):
        storage.damage(tmp_path, Extent())


def test_a_drill_that_fails_is_named_and_counts(monkeypatch, capsys):
    def fail(place, extent):
        raise Failed(f"two weights differ, {'long' if extent.long else 'short'}, {extent.chosen}")

    def skip(place, extent):
        raise Skipped("no second disk")

    from fulgurite.selftest import drills
    from fulgurite.selftest.drill import Drill

    doubles = (Drill("one", "w", lambda place, extent: "fine"), Drill("two", "w", fail), Drill("three", "w", skip))
    monkeypatch.setattr(drills, "DRILLS", doubles)
    assert main(["selftest"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("ok       one ")
    assert said[1].startswith("FAILED   two ")
    assert said[1].endswith("two weights differ, short, ('pets/cartpole',)")
    assert said[2].startswith("skipped  three ")
    assert main(["selftest", "one", "--long"]) == 0
    assert main(["selftest", "ome"]) == 2
    assert "no drill ome; did you mean 'one'?" in capsys.readouterr().err
    assert main(["selftest", "--list"]) == 0
    capsys.readouterr()
    assert main(["selftest", "two", "--family", "mcts/cartpole"]) == 1
    assert "short, ['mcts/cartpole']" in capsys.readouterr().out
    assert main(["selftest", "one", "--family", "mcts/cartpol"]) == 2
    assert "no family mcts/cartpol; did you mean 'mcts/cartpole'?" in capsys.readouterr().err
