"""A drill on environments that fail in every way: the run goes on, names what happened, and ends cleanly at one fault
too many.
"""

import json
import re
from pathlib import Path

import torch

from ..data.transitions import load_transitions
from ..keys import TERMINATED, TRUNCATED
from ..runs import metrics
from .drill import FAMILIES, Extent, Failed
from .fixture import small_recipe
from .killed_run import finish, last_words, said, saved, start, the_run, wait_until

ID = f"{__package__}.faulty_environment:selftest/Faulty-v0"
AT = 5  # the step of an episode at which it fails
BROKE = "ZeroDivisionError: the simulator broke"
IN_PROCESS = {  # what is said of each
    "raise": BROKE,
    "sys.exit": "SystemExit: enough",
    "nan": "reward: expected a finite float32, got nan",
    "inf": "observation: expected finite numbers, got inf",
    "shape": "observation: expected shape (4,), got (3,)",
    "dtype": "observation: expected one of",
    "reward": "reward: expected a number, got 'much'",
    "parts": "step: expected (observation, reward, terminated, truncated, info), got",
}
ISOLATED = {
    "raise": BROKE,
    "exit": "its process ended with exit code 3",
    "kill": "its process was ended by SIGKILL",
    "segfault": "its process was ended by SIGSEGV",
    "memory": "MemoryError",
    "hang": "no answer within 1 s (environment.step_timeout)",
    "nan": "reward: expected a finite float32, got nan",
    "shape": "observation: expected shape (4,), got (3,)",
    "dtype": "observation: expected one of",
    "reward": "reward: expected a number, got 'much'",
}
FAULT = re.compile(re.escape(ID) + r", episode with seed \d+, step (\d+): (.*) \(fault \d+ within .*made anew")


def environment_faults(place: Path, extent: Extent) -> str:
    """Every way in turn, in this process and isolated, each once or ten times; then one fault too many."""
    rounds = 10 if extent.long else 1
    words = ["train", small_recipe(FAMILIES[0], place), f"environment.id={ID}"]
    isolated = ["environment.isolated=true", "environment.step_timeout=1"]
    runs = [(place / "here", IN_PROCESS, list[str]()), (place / "isolated", ISOLATED, isolated)]
    processes = []
    for folder, ways, more in runs:
        folder.mkdir()
        faults = rounds * len(ways)
        options = f"{{at: {AT}, ways: [{', '.join(ways)}], rounds: {rounds}, tally: '{folder / 'tally'}'}}"
        steps = f"experience.max_env_steps={200 if rounds == 1 else 20 * (faults * AT // 20 + 4)}"
        limit = f"environment.max_faults={faults}"
        processes.append(start([*words, f"environment.options={options}", steps, limit, *more], folder))
    for process, (folder, ways, _) in zip(processes, runs, strict=True):
        finish(process, folder)
        survived(folder, ways, rounds)
    too_many(words, place / "many")
    return (
        f"survived {rounds} of each in process ({', '.join(IN_PROCESS)}) and isolated ({', '.join(ISOLATED)}), each "
        "named with seed and step, its episode cut; one too many ended the run with a checkpoint, which resumed"
    )


def survived(folder: Path, ways: dict[str, str], rounds: int) -> None:
    """Looks whether each fault was named, counted, and its episode truncated.

    Raises:
        Failed: for anything else.
    """
    told = FAULT.findall(said(folder))
    for way, problem in ways.items():
        times = sum(text.startswith(problem) for _, text in told)
        shared = rounds * sum(other == problem for other in ways.values())
        if times != shared:
            raise Failed(f"{way}: named {times} of {shared} times, as {problem!r}, with seed and step")
    if any(int(step) != AT for step, _ in told):
        raise Failed(f"another step than {AT} is named")
    run = the_run(folder)
    faults = [row["train/environment_faults"] for row in metrics.read(run) if "train/environment_faults" in row]
    if not faults or faults[-1] != rounds * len(ways):
        raise Failed(f"{faults[-1:]} faults are counted, there were {rounds * len(ways)}")
    rows = load_transitions(run)
    cut = int((rows[TRUNCATED] & ~rows[TERMINATED]).sum())
    if cut != rounds * len(ways):
        raise Failed(f"{cut} episodes were truncated, there were {rounds * len(ways)} faults")
    for key in ("observation", ("next", "observation"), ("next", "reward")):
        if not torch.isfinite(rows[key]).all():
            raise Failed(f"{key} of the replay buffer is not finite")


def too_many(words: list[str], folder: Path) -> None:
    """A third fault where two are survived, after the first checkpoint; what failed is mended, and the run resumed.

    Raises:
        Failed: where it ends in another way.
    """
    trouble = folder / "trouble"
    options = f"environment.options={{at: {AT}, during: '{trouble}'}}"
    process = start([*words, options, "environment.max_faults=2", "experience.max_env_steps=400"], folder)
    wait_until(lambda: saved(folder) > 0, process, folder)
    trouble.touch()
    finish(process, folder, expected=1)
    run = the_run(folder)
    result = json.loads((run / "result.json").read_text())
    expected = f"step {AT}: {BROKE} (fault 3 within 10,000 environment steps, environment.max_faults is 2)"
    if result["status"] != "failed" or expected not in result["reason"]:
        raise Failed(f"result.json says {result['status']}, {result.get('reason')}")
    if "failed; continue with: fulgurite resume" not in last_words(folder):
        raise Failed(f"no way back: {last_words(folder)}")
    trouble.unlink()
    finish(start(["resume", run.relative_to(folder)], folder), folder)
    if json.loads((run / "result.json").read_text())["env_steps"] != 400:
        raise Failed("the resumed run did not make all steps")
