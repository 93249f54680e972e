"""What lies below a folder is listed while runs in it go on."""

import os

from fulgurite.runs.live_folder import files_below


def test_folders_that_vanish_are_passed_over(tmp_path, monkeypatch):
    names = [
        "a/recipe.yaml",
        "a/checkpoints/step-10/weights.pt",
        "a/checkpoints/.tmp-step-20/weights.pt",
        "b/recipe.yaml",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    scandir = os.scandir

    def late(folder):
        if os.path.basename(folder) == ".tmp-step-20":  # the checkpoint is whole, and has its name now
            os.rename(folder, tmp_path / "a/checkpoints/step-20")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", late)
    assert files_below(tmp_path, "*.yaml") == [tmp_path / "a/recipe.yaml", tmp_path / "b/recipe.yaml"]
    assert (tmp_path / "a/checkpoints/step-20").exists()
    assert files_below(tmp_path / "nothing", "*") == []


def test_links_are_listed_and_not_followed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/file").symlink_to(tmp_path / "nowhere")
    (tmp_path / "run/folder").symlink_to(tmp_path)
    assert files_below(tmp_path, "*") == [tmp_path / "run/file"]
