"""The versions that matter, and those that are known to be bad."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from .doctor_checks import Finding, installed

# Distribution, the versions that work, and what is wrong with others.
NEEDED = {
    "torch": (">=2.10", "earlier ones run code from a checkpoint even with weights_only=True (CVE-2026-24747)"),
    "pytorch-lightning": (
        ">=2.6.6,<2.7",
        "earlier ones run code from a checkpoint's hyper-parameters (CVE-2026-58659)",
    ),
    "torchrl": (">=0.14,<0.15", "built and tested on 0.14"),
    "tensordict": (">=0.14,<0.15", "must be torchrl's own version"),
    "gymnasium": (">=1.4", "earlier ones reset vectors of environments differently"),
    "omegaconf": (">=2.4", "earlier ones hang on a file of nested aliases"),
    "wandb": (">=0.31", "tested on 0.31"),
}


@dataclass(frozen=True)
class Optional:
    """A package of an extra: the versions that work, what is wrong with others, and the extra."""

    works: str
    why: str
    extra: str


OPTIONAL = {
    "mujoco": Optional(">=3.3,<4", "4.0 breaks dm-control 1.0.50: pip install mujoco==3.17.0", "mujoco"),
    "dm-control": Optional(">=1.0.50", "tested on 1.0.50", "dmc"),
    "minari": Optional(">=0.5.3", "tested on 0.5.3", "offline"),
    "submitit": Optional(">=1.5", "tested on 1.5.4", "slurm"),
}
# Releases that stole credentials when imported; whoever has one must change every key on the machine.
MALICIOUS = {"lightning": ("2.6.2", "2.6.3"), "pytorch-lightning": ("2.6.2", "2.6.3")}


def versions() -> list[Finding]:
    """Python and the packages, one finding each."""
    python = platform.python_version()
    findings = [Finding("ok" if sys.version_info >= (3, 11) else "broken", "python", python)]
    for package, (works, why) in NEEDED.items():
        found = installed(package)
        if found is None:
            findings.append(Finding("broken", package, "not installed: pip install fulgurite"))
        else:
            findings.append(_judged(package, found, works, why))
    for package, optional in OPTIONAL.items():
        found = installed(package)
        if found is None:
            findings.append(Finding("ok", package, f"not installed: pip install 'fulgurite[{optional.extra}]'"))
        else:
            findings.append(_judged(package, found, optional.works, optional.why))
    for package, bad in MALICIOUS.items():
        found = installed(package)
        if found in bad:
            said = f"{found} is malicious (GHSA-w37p-236h-pfx3): remove it and change every key on this machine"
            findings.append(Finding("broken", package, said))
    return findings


def _judged(package: str, found: str, works: str, why: str) -> Finding:
    try:
        good = SpecifierSet(works).contains(Version(Version(found).public), prereleases=True)
    except InvalidVersion:
        good = False
    return Finding("ok", package, found) if good else Finding("broken", package, f"{found}, needs {works}: {why}")
