"""`${oc.env:NAME}` and `${oc.env:NAME,default}`: the few variables of the environment that a recipe may take.

They tell jobs, devices and users apart. No other is read: passwords and keys live in variables too, and what stands in
a recipe ends up in file names, logs and trackers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from .recipe_error import shown

NAMES = (
    "CUDA_VISIBLE_DEVICES",
    "HOSTNAME",
    "LOGNAME",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_JOB_ID",
    "SLURM_JOB_NAME",
    "USER",
)
PREFIX = "FULGURITE_"  # a user's own
MAX_TEXT = 1000
_CALL = re.compile(r"oc\.env:\s*([A-Za-z_]\w*)\s*(?:,\s*(.*?)\s*)?", re.DOTALL)


class Variables:
    """The environment as recipes see it.

    Args:
        recorded: what a run took when it was started; its recipe means the same wherever it is resumed. None stands for
            a variable that was not set.

    Attributes:
        taken: what has been asked for so far.
    """

    def __init__(self, recorded: Mapping[str, str | None] | None = None):
        self.recorded = dict(recorded or {})
        self.taken: dict[str, str | None] = {}

    def value(self, inside: str) -> str | None:
        """What `oc.env:NAME,default` between the braces stands for; the default `null` is none.

        Raises:
            ValueError: for names that are not on the list, and for one that is not set and has no default.
        """
        call = _CALL.fullmatch(inside)
        if call is None:
            raise ValueError(f"${{{inside}}}: only ${{key}}, ${{group.key}} and ${{oc.env:NAME}} can be inserted")
        name, default = call.groups()
        if name not in NAMES and not name.startswith(PREFIX):
            raise ValueError(
                f"${{{inside}}}: a recipe does not read the variable {name}; expected one of "
                f"{', '.join(NAMES)} or {PREFIX}..."
            )
        found = self.recorded[name] if name in self.recorded else os.environ.get(name)
        self.taken[name] = found
        if found is not None:
            if len(found) > MAX_TEXT or not found.isprintable():
                raise ValueError(f"${{{inside}}}: {name}: expected one short line, got {shown(found)}")
            return found
        if default is None:
            raise ValueError(f"${{{inside}}}: {name} is not set; ${{oc.env:{name},default}} does without")
        return None if default == "null" else _unquoted(default)


def recorded(said: object) -> dict[str, str | None]:
    """The variables that a run's recipe notes, as far as recipes may read them.

    Raises:
        ValueError: for anything but names with texts.
    """
    if not isinstance(said, dict) or not all(isinstance(one, str | None) for one in said.values()):
        raise ValueError(f"expected variables and their texts, got {shown(said)}")
    return {name: one for name, one in said.items() if name in NAMES or name.startswith(PREFIX)}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
