"""The process that W&B starts beside ours: begun without a word, and parted with where its server does not answer."""

import os
import threading
from contextlib import suppress

from .wandb_mode import wandb


def quieten() -> None:
    """Starts W&B's own process without a word, to us (its login speaks before any run's settings are known) or home:
    reports of its own errors would hold up our end for half a minute where the server does not answer.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    wandb.setup(wandb.Settings(silent=True))


def let_go() -> None:
    """Parts with W&B's service process, which would hold up the end of ours while it tries to reach its server."""

    def part() -> None:
        with suppress(Exception):  # it may be gone already
            wandb.teardown()

    parting = threading.Thread(target=part, daemon=True)
    parting.start()
    parting.join(1.0)
