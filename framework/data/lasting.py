"""What of an environment outlasts its episodes: a clock, a wall that was moved for good.

    info["lasting"] = {"time": 1200}   of every reset and step        reset(options={"lasting": {"time": 1200}})

A seed and actions bring an episode back, but not what earlier ones left behind. So an environment in which something
lasts tells it in its info, as numbers by name, and takes it as an option of a reset; whoever steps it remembers the
latest, gives it to every reset, and keeps it in checkpoints.
"""

import math
from typing import Any

from .nonsense import WrongForm

LASTING = "lasting"
Lasting = dict[str, float]  # numbers by name, integers among them; empty where nothing lasts


def lasting(info: dict[str, Any]) -> Lasting:
    """What an info says of it.

    Raises:
        WrongForm: where these are no finite numbers by name.
    """
    given = info.get(LASTING, {}) if isinstance(info, dict) else {}
    fits = isinstance(given, dict) and all(
        isinstance(name, str) and type(value) in (int, float) and math.isfinite(value) for name, value in given.items()
    )
    if not fits:
        raise WrongForm(f"info.{LASTING}: expected finite Python numbers by name, got {given!r}")
    return dict(given)
