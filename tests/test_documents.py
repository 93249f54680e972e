"""README and guides tell the truth: each page's files are written into a folder, its commands are run there, in order.

Training goes as far as it is quick: a shipped recipe is checked (`test_shipped_recipes.py` trains them), one of the
page's own also makes two small collections. `runs/...` is a small run that was made before.
"""

import ast
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest
import torch
from documents import PAGES, ROOT, Block, Command, blocks, commands, files, inline
from recipe_desk import forget_modules

from fulgurite.cli import VERBS, _parsed, main
from fulgurite.recipe import RecipeError, build, check, compose

QUICK = ("list", "show", "copy", "check", "doctor")
VERB_NAMES = [verb.__name__.rpartition(".")[2].replace("_", "-") for verb in VERBS]
LONG = (
    "verify-resume",
    "selftest",
    "sweep",
    "report",
    "compare",
    "play",  # serves until it is interrupted
)  # take minutes, or runs of several recipes: tested alone
SMALL = [
    "experience.max_env_steps=20", "experience.warmup_env_steps=10", "experience.env_steps_per_collection=10",
    "experience.updates_per_epoch=2", "experience.updates_per_call=1", "experience.batch_size=4",
    "experience.schedule={first_updates: 2, updates_per_env_step: 0.2}",
    "logger=null", "evaluation.episodes=1", "environment.max_episode_steps=8", "environment.num_envs=1",
]  # fmt: skip
SMALLER = [  # where there is such a part
    "agent.planner.candidates=4", "agent.planner.elites=2", "agent.planner.horizon=3", "agent.planner.iterations=1",
    "agent.objective.particles=5", "agent.world_model.dynamics.hidden=[8]",
]  # fmt: skip
PLACE = re.compile(r"runs/[\w/]+?/(?:\.\.\.|\d{8}-\d{6}-seed\d)")


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `pets/pendulum`, made by the command, whose episodes are short."""
    folder = tmp_path_factory.mktemp("made")
    quiet = [f"callbacks.{name}=null" for name in ("video", "plots", "progress", "calibration", "model_error")]
    code = main(["train", "pets/pendulum", "--runs", str(folder), *SMALL, *SMALLER, *quiet])
    assert code == 0
    (run,) = (folder / "pets" / "pendulum").iterdir()
    return run


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one's own. What is imported and registered from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("WANDB_MODE", "offline")
    environments, threads = set(gymnasium.registry), torch.get_num_threads()
    yield tmp_path
    forget_modules(tmp_path)
    for name in set(gymnasium.registry) - environments:
        del gymnasium.registry[name]
    torch.set_num_threads(threads)


def smallest(recipe: str, overrides: list[str]) -> list[str]:
    """The overrides, and those that make it small."""
    words = [*overrides, *SMALL, *(["callbacks=null"] if recipe.endswith(".yaml") else [])]
    for word in SMALLER:
        try:
            check(compose(recipe, [*words, word]))
            words.append(word)
        except RecipeError:
            continue
    return words


def run(command: Command, desk: Path, small_run: Path) -> str | None:
    """Does what a command says, as far as it is quick; gives what was wrong."""
    text = command.words
    for place in set(PLACE.findall(text)):
        copy = desk / place.replace("...", "20260101-120000-seed0")
        if not copy.exists():
            shutil.copytree(small_run, copy)
        text = text.replace(place, str(copy.relative_to(desk)))
    program, *words = shlex.split(text)
    if program == "python":
        return script(words)
    if program != "fulgurite":
        return f"{program}: no test can run it; say why above the block: <!-- not run: why -->"
    given = _parsed(words)  # leaves with a code where it does not parse
    verb = words[0]
    if verb in LONG or "hf://" in text:
        return None
    if verb == "train":
        return trained(given.recipe, given.overrides, command)
    if verb == "copy" and given.destination:
        kept = given.destination.read_text() if given.destination.exists() else None
        given.destination.unlink(missing_ok=True)
        code = main(words)
        if kept is not None:
            given.destination.write_text(kept)
        return f"exit code {code}" if code else None
    if verb == "evaluate" and not Path(given.recipe).is_dir():
        words.append("environment.max_episode_steps=8")
    if getattr(given, "slurm", None) is not None:  # a cluster is needed: `tests/cli/test_slurm.py` has a double
        return None
    if verb == "resume":  # for as long as is quick
        steps = ["experience.max_env_steps=30" for word in given.overrides if word.startswith("experience.max_env")]
        words = ["resume", given.run_folder, *steps]
    code = main(words)
    return f"exit code {code}" if code != (3 if refused(command) else 0) else None


def refused(command: Command) -> bool:
    """Whether the page says that the command is refused."""
    return command.comment.startswith("error") or command.shown.startswith("command line")


def trained(recipe: str, overrides: list[str], command: Command) -> str | None:
    """Checks a training; one by a file of the page is also made, in little."""
    words = [word for word in overrides if not word.startswith("seed=0..")]
    code = main(["check", recipe, *words])
    if code != (3 if refused(command) else 0):
        return f"check: exit code {code}"
    if recipe.endswith(".yaml") and not code:
        experiment = build(compose(recipe, [*smallest(recipe, words), "trainer.accelerator=cpu"]))
        result = experiment.fit(Path("fit"))
        shutil.rmtree("fit", ignore_errors=True)
        if result["status"] != "completed" or result["env_steps"] < 20:
            return f"train: {result}"
    return None


def script(words: list[str]) -> str | None:
    """Runs a file as `python FILE ...` does."""
    argv, sys.argv = sys.argv, words
    try:
        runpy.run_path(words[0], run_name="__main__")
    finally:
        sys.argv = argv
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_to_type_works(
    page: Path, desk: Path, small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = files(page)
    for name, text in written.items():
        (desk / name).write_text(text)
    wrong = []
    for name in written:
        if name.endswith(".yaml"):
            code = main(["check", name])
            wrong += [f"{name}: exit code {code}: {capsys.readouterr().err}"] if code else []
    for command in commands(page):
        capsys.readouterr()
        problem = run(command, desk, small_run)
        said = capsys.readouterr()
        if problem:
            wrong.append(f"{command.where}: {command.words}: {problem}\n{said.err}")
        elif command.shown and said.out + said.err != command.shown:
            wrong.append(f"{command.where}: {command.words}: expected\n{command.shown}got\n{said.out + said.err}")
        elif "did you mean" in command.comment and command.comment.partition("... ")[2] not in said.err:
            wrong.append(f"{command.where}: {command.words}: expected {command.comment}, got {said.err}")
    for command in inline(page):
        words = shlex.split(command.words)[1:]
        if words[0] in VERB_NAMES and len(words) == 1:  # the verb as such
            continue
        given = _parsed(words)
        if words[0] in ("train", "check") and not given.recipe.endswith(".yaml"):
            code = main(["check", given.recipe, *given.overrides])
            wrong += [f"{command.where}: {command.words}: {capsys.readouterr().err}"] if code else []
    assert not wrong, "\n".join(wrong)


ALL = [block for page in PAGES for block in blocks(page)]


def test_there_are_pages_blocks_and_commands() -> None:
    assert len(PAGES) > 15
    kinds = {kind: sum(block.kind == kind for block in ALL) for kind in ("python", "yaml", "sh", "console", "text")}
    assert all(count >= 4 for count in kinds.values()), kinds
    assert sum(len(commands(page)) for page in PAGES) > 80
    assert sum(len(inline(page)) for page in PAGES) > 10


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.where)
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    assert block.kind in ("python", "yaml", "sh", "console", "text"), f"{block.where}: of no kind: {block.kind!r}"
    if block.kind in ("python", "yaml") and not block.reason:
        assert block.name, f"{block.where}: begin it with its name, as in `# mine.yaml`"
        used = [text for name, text in files(block.page).items() if name != block.name]
        used += [command.words for command in [*commands(block.page), *inline(block.page)]]
        stem = Path(block.name).stem
        assert block.kind == "yaml" or any(re.search(rf"\b{stem}\b", text) for text in used), f"{block.where}: unused"


def literals() -> list[re.Pattern[str]]:
    """Every text in our source, as a pattern: what is put into it is anything."""
    found = set()
    for path in [*(ROOT / "framework").rglob("*.py"), *(ROOT / "callbacks").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.add(tuple(p.value if isinstance(p, ast.Constant) else None for p in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add((node.value,))
    patterns = []
    for parts in found:
        if max((len(part.strip()) for part in parts if part), default=0) >= 12:
            texts = [".+?" if part is None else re.sub(r"%[sd]", ".+?", re.escape(part)) for part in parts]
            patterns.append(re.compile("".join(texts), re.DOTALL))
    return patterns


def test_what_pages_say_that_the_program_says_is_in_the_program() -> None:
    patterns = literals()
    shown = [block for block in ALL if block.kind == "text" and not block.reason]
    said = [(block.where, line) for block in shown for line in block.text.splitlines()]
    assert len(said) > 15
    missing = [f"{where}: {line}" for where, line in said if not any(pattern.search(line) for pattern in patterns)]
    assert not missing, "nobody says:\n" + "\n".join(missing)


def test_pictures_that_pages_show_are_there_and_load_soon() -> None:
    shown = [(page, path) for page in PAGES for path in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())]
    assert "docs/images/pendulum.gif" in {path for page, path in shown if page.name == "README.md"}
    for page, path in shown:
        picture = page.parent / path
        assert picture.is_file(), f"{page.name} shows {path}, which does not exist"
        assert picture.stat().st_size < 2e6, f"{page.name} shows {path}, of {picture.stat().st_size / 1e6:.1f} MB"


def test_files_that_pages_name_are_there() -> None:
    for page in PAGES:
        for path in re.findall(r"`((?:framework|callbacks|recipes|tests|benchmarks|docs)/[\w./*]+)`", page.read_text()):
            assert list(ROOT.glob(path.rstrip("/"))), f"{page.name} names {path}, which does not exist"
