"""Whether W&B can be reached, decided before it is asked: left to itself it prompts for a key, or waits for minutes."""

import netrc
import os
import socket
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Literal, NamedTuple

wandb: Any
problem = ""
try:
    import wandb
except Exception as error:  # not installed, or not with what else is: a run goes on without it
    wandb, problem = None, f"{type(error).__name__}: {error}"

Mode = Literal["online", "offline", "disabled"]
PATIENCE = 3.0  # seconds for one connection


class Decision(NamedTuple):
    """A mode, and why it is not online (empty if it is)."""

    mode: Mode
    reason: str


def decide(wanted: Literal["auto"] | Mode) -> Decision:
    """The mode to start in: `auto` is online where there is a key and a network; online cannot be had without them.

    `WANDB_MODE` speaks for `auto`, in W&B's own words.
    """
    asked = os.environ.get("WANDB_MODE", "") if wanted == "auto" else wanted
    if asked == "disabled":
        return Decision("disabled", "disabled")
    if asked in ("offline", "dryrun"):
        return Decision("offline", "as asked")
    address = wandb.setup().settings.base_url
    if not has_key(address):
        return Decision("offline", "no API key")
    if not reachable(address):
        return Decision("offline", f"{address} cannot be reached")
    return Decision("online", "")


def has_key(address: str) -> bool:
    """Whether a key lies where `wandb login` or the user would put it. It is not read."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urllib.parse.urlsplit(address).hostname or ""
    named = os.environ.get("NETRC")
    for path in [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]:
        try:
            if host in netrc.netrc(path).hosts:
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def reachable(address: str, patience: float = PATIENCE) -> bool:
    """Whether a connection opens in time. Behind a proxy only W&B itself can tell, so then: yes."""
    url = urllib.parse.urlsplit(address)
    host = url.hostname or ""
    if url.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return True
    opened = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((host, url.port or (443 if url.scheme == "https" else 80)), patience).close()
            opened.set()
        except OSError:
            pass

    # In a thread, since looking up a name has no time limit of its own.
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(patience)
    return opened.is_set()
