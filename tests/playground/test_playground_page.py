"""The page's files are in the wheel, and its program stands for itself."""

import re
from fnmatch import fnmatch
from pathlib import Path

from fulgurite.playground.page import HERE, PROGRAM, page

ROOT = Path(__file__).parents[2]


def test_the_wheel_has_what_the_page_is_made_of() -> None:
    told = re.search(r'"fulgurite.playground": \[(.*)\]', (ROOT / "setup.py").read_text())
    assert told is not None
    patterns = re.findall(r'"([^"]+)"', told[1])
    files = [path.name for path in HERE.iterdir() if path.is_file() and path.suffix != ".py"]
    assert len(files) == len(PROGRAM) + 2
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in files)


def test_a_title_cannot_bring_a_program() -> None:
    text = page("</title><script>alert(1)</script>")[0].decode()
    assert text.count("<script>") == text.count("</script>") == 1
    assert "&lt;script&gt;" in text


def test_every_element_that_the_program_names_is_on_the_page() -> None:
    text = page("a")[0].decode()
    markup = text.partition("<script>")[0]
    named = set(re.findall(r'one\("([\w-]+)"\)', text))
    assert len(named) > 40
    assert named <= set(re.findall(r'id="([\w-]+)"', markup))
