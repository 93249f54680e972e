"""The Hugging Face hub: `hf://owner/name[@revision]` is a repository that holds an exported agent.

Only our four files are fetched, and nothing of what else a repository holds.
"""

import re
from pathlib import Path
from typing import Any

from ..recipe_error import MissingExtra
from .folder import FILES, WrongExport

_NAME = re.compile(r"hf://([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?/?")


def is_name(text: str) -> bool:
    """Whether it says that it lies on the hub."""
    return text.startswith("hf://")


def split(name: str) -> tuple[str, str | None]:
    """Repository and revision.

    Raises:
        ValueError: for another form.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"need hf://owner/name or hf://owner/name@revision, got {name}")
    return found[1], found[2]


def cached(name: str) -> Path:
    """The folder, in the hub's own cache, of an exported agent that is fetched if it is not there.

    Raises:
        MissingExtra: without `huggingface_hub`.
        WrongExport: where it cannot be fetched.
    """
    repository, revision = split(name)
    hub = library()
    try:
        return Path(hub.snapshot_download(repository, revision=revision, allow_patterns=list(FILES)))
    except Exception as error:  # whatever the network and the hub have to say
        raise WrongExport(f"{name}: cannot be fetched: {type(error).__name__}: {first_line(error)}") from error


def push(folder: Path, name: str, private: bool = False, message: str = "An agent of Fulgurite") -> str:
    """Uploads an exported folder, into a repository that is made if there is none; returns its address.

    Raises:
        MissingExtra: without `huggingface_hub`.
        WrongExport: where the hub refuses, as it does without a token.
        ValueError: for a name with a revision.
    """
    repository, revision = split(name)
    if revision is not None:
        raise ValueError(f"need hf://owner/name to upload to, without a revision, got {name}")
    hub = library()
    try:
        api = hub.HfApi()
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=str(folder), allow_patterns=list(FILES), commit_message=message
        )
    except Exception as error:
        raise WrongExport(f"{name}: cannot be uploaded: {type(error).__name__}: {first_line(error)}") from error
    return str(address)


def library() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtra("huggingface_hub") from error
    return huggingface_hub


def first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")[:200]
