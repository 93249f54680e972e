"""Recipes from elsewhere: `https://.../mine.yaml`, `hf://owner/repo/mine.yaml`.

Only https, also where a server sends us on; plain http only to this machine itself. A recipe is small and comes at
once, or it is refused.
"""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from functools import cache
from http.client import HTTPException
from typing import IO, Any

from .recipe_error import RecipeError
from .recipe_text import MAX_BYTES

PATIENCE = 10.0  # seconds
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_HUB = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w.-]+))?/(.+)")


@cache  # several seeds are of one text
def fetched(url: str) -> str:
    """The text at an address.

    Raises:
        RecipeError: for another scheme than https, for redirects that leave it, for a slow or large answer, and for
            whatever the network says.
    """
    label = shown_url(url)
    deadline = time.monotonic() + PATIENCE
    try:
        with _opener().open(_request(_allowed(address(url))), timeout=PATIENCE) as answer:
            content = b""
            while block := answer.read1(65_536):  # what there is: a slow server must not keep us in one read
                content += block
                if len(content) > MAX_BYTES:
                    raise RecipeError(f"{label}: expected at most {MAX_BYTES // 1024} KiB")
                if time.monotonic() > deadline:
                    raise TimeoutError
        return content.decode("utf-8-sig")
    except TimeoutError as error:
        raise RecipeError(f"{label}: expected the recipe within {PATIENCE:g} s") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{label}: expected a text, got bytes that are none") from error
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, RecipeError):
            raise
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            raise RecipeError(f"{label}: cannot be fetched: {error}") from error
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise RecipeError(f"{label}: expected an answer within {PATIENCE:g} s") from error
        raise RecipeError(f"{label}: cannot be fetched: {reason}") from error


def address(url: str) -> str:
    """The https address of `hf://owner/repo[@revision]/path`; others stay as they are."""
    if not url.startswith("hf://"):
        return url
    found = _HUB.fullmatch(url)
    if found is None:
        raise RecipeError(f"{shown_url(url)}: expected hf://owner/repo/path.yaml or hf://owner/repo@revision/path.yaml")
    repository, revision, path = found.groups()
    return f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{urllib.parse.quote(path)}"


def shown_url(url: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "the address"
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def file_name(url: str) -> str:
    """The last part of the path as a plain name."""
    last = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last, flags=re.ASCII).lstrip(".")[:100] or "recipe.yaml"


def _allowed(url: str, before: str | None = None) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise RecipeError(f"{shown_url(url)}: {error}") from error
    secure = parts.scheme == "https"
    local = parts.scheme == "http" and host in LOOPBACK and (before is None or not before.startswith("https:"))
    if not host or not (secure or local):
        sent = f"{shown_url(before)} sends to " if before else ""
        raise RecipeError(f"{sent}{shown_url(url)}: expected an address that begins with https://")
    if "@" in parts.netloc:
        raise RecipeError(f"{shown_url(url)}: expected an address without user and password")
    return url


def _request(url: str) -> urllib.request.Request:
    return urllib.request.Request(url, headers={"User-Agent": "fulgurite", "Accept-Encoding": "identity"})


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        fp.close()
        _allowed(newurl, before=req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Knows http and https and nothing else: no files, no ftp, no data."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(_proxies()),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _proxies() -> dict[str, str]:
    """The proxy for https that the environment names; this machine itself is asked directly."""
    return {scheme: proxy for scheme, proxy in urllib.request.getproxies().items() if scheme == "https"}
