"""What README and the guides tell people to type: their blocks of code, files, and the commands in sentences.

```yaml                  a file, named by its first line `# mine.yaml`, or `# mine.yaml: what it is`
```sh, ```console        commands, in the second kind with what they print
```text                  what a program says
<!-- not run: why -->    above a block that no test can run
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"((?:^<!--.*-->\n)*)^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w./-]+\.(?:py|yaml))(?::.*)?\n")
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
INLINE = re.compile(r"`fulgurite ([^`]+)`")


@dataclass
class Block:
    """One fenced block of a page.

    Attributes:
        line: of its first line of code, from 1.
        kind: `python`, `yaml`, `sh`, `console`, `text`.
        text: without the fences.
        reason: why it is not run, or an empty text.
    """

    page: Path
    line: int
    kind: str
    text: str
    reason: str

    @property
    def where(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def name(self) -> str | None:
        """The file that it is."""
        found = NAMED.match(self.text)
        return found[1] if found else None


@dataclass
class Command:
    """A command, what is shown below it, and what the comment behind it says."""

    where: str
    words: str
    shown: str = ""
    comment: str = ""


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        reason = NOT_RUN.search(match[1])
        line = text.count("\n", 0, match.start(3)) + 1
        found.append(Block(page, line, match[2], match[3], reason[1] if reason else ""))
    return found


def commands(page: Path) -> list[Command]:
    """What is to be typed into a shell, in order."""
    found = []
    for block in blocks(page):
        if block.reason:
            continue
        if block.kind == "sh":
            lines = block.text.replace("\\\n", " ").splitlines()
            parts = [line.partition(" #") for line in lines if line.strip() and not line.startswith("#")]
            found += [Command(block.where, words.strip(), comment=comment.strip()) for words, _, comment in parts]
        if block.kind == "console":
            pairs = re.findall(r"^\$ (.*)\n((?:[^$\n].*\n)*)", block.text, re.MULTILINE)
            found += [Command(block.where, words.partition(" #")[0].strip(), shown) for words, shown in pairs]
    return found


def inline(page: Path) -> list[Command]:
    """Commands of ours within sentences, those with placeholders (`RUN`, `...`) left out."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    whole = [" ".join(words.split()) for words in INLINE.findall(text)]
    return [
        Command(page.name, f"fulgurite {words}") for words in whole if not re.search(r"\.\.\.|\b[A-Z]{3,}\b", words)
    ]


def files(page: Path) -> dict[str, str]:
    """The files of a page, by name."""
    return {block.name: block.text for block in blocks(page) if block.name and not block.reason}
