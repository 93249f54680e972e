"""Puts a table into a page, between the comments `<!-- begin NAME -->` and `<!-- end NAME -->`."""

import re
from pathlib import Path


def put(page: Path, name: str, table: str) -> None:
    """Replaces what stands between the comments.

    Raises:
        ValueError: where the page has no such comments.
    """
    text = page.read_text()
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    changed, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}\n\n{table}\n\n{end}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{page}: need '{begin}' and '{end}' once, found them {count} times")
    page.write_text(changed)
