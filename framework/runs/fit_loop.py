"""What Lightning has counted of a fit, in its checkpoints."""

from typing import Any


def uncounted(loop: dict[str, Any], calls: int) -> None:
    """Takes an epoch that a stop cut short out of what Lightning has counted: the resumed run counts it as a whole.

    Args:
        loop: the state of its `fit_loop`, changed in place to that at the end of the epoch before.
        calls: of an epoch.
    """
    epochs, batches = loop["epoch_progress"], loop["epoch_loop.batch_progress"]
    loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= batches["current"]["completed"]
    for name in ("ready", "started", "processed", "completed"):
        batches["total"][name] -= batches["current"][name]
        epochs["total"][name] -= 1
        epochs["current"][name] -= 1
        batches["current"][name] = calls if epochs["current"][name] else 0
    batches["is_last_batch"] = epochs["current"]["ready"] > 0
