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
    "torch": (
        ">=2.10",
        "earlier ones run code from a checkpoint even with weights_only=True (CVE-2026-24747, CVE-2025-32434)",
    ),
    "pytorch-lightning": (
        ">=2.6.6,<2.7",
        "earlier ones run code from a checkpoint's hyper-parameters (CVE-2026-58659, CVE-2026-31221)",
    ),
    "torchrl": (">=0.14,<0.15", "built and tested on 0.14"),
    "tensordict": (">=0.14,<0.15", "must be torchrl's own version; earlier ones read pickles beside tensors (#1763)"),
    "gymnasium": (">=1.4", "earlier ones reset vectors of environments differently"),
    "omegaconf": (">=2.4", "earlier ones hang on a file of nested aliases (#794)"),
    "wandb": (">=0.31", "tested on 0.31"),
    "filelock": (">=3.20.3", "earlier ones empty what a link leads to (CVE-2025-68146, CVE-2026-22701)"),
    "jinja2": (">=3.1.6", "earlier ones let a template out of its sandbox (CVE-2025-27516)"),
    "pillow": (">=11.3", "earlier ones write beyond a buffer (CVE-2025-48379)"),
    "safetensors": (">=0.5", "tested on 0.8"),
    "numpy": (">=2", "tested on 2.4"),
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
    "optuna": Optional(">=5", "tested on 5.0", "sweep"),
    "ray": Optional(">=2.54", "earlier ones take orders from web pages (CVE-2026-27482, CVE-2025-62593)", "ray"),
    "huggingface-hub": Optional(">=2", "tested on 2.4", "hub"),
}
# What Fulgurite does not use, a package or a part of one, but what runs code from somebody's file, or for anybody, in
# the same environment: the versions that do not (none where nothing is known to help), and what is wrong with others.
BESIDE = {
    "lightning": (">=2.6.6", "earlier ones run code from a checkpoint's hyper-parameters (CVE-2026-58659)"),
    "hydra-core": (">=1.3.6", "earlier ones call any function that a file names (GHSA-2cp2-2r3c-7p7r, CVE-2026-68508)"),
    "jsonargparse": (">=5", "earlier ones import any class that a file names (#959)"),
    "stable-baselines3": ("", "it unpickles what it loads (#2281): load only what you made yourself"),
    "ray": ("", "its dashboard runs anybody's jobs (CVE-2023-48022): keep it on 127.0.0.1; Fulgurite starts none"),
    "pillow": (">=13", "earlier ones are overrun by a crafted picture (CVE-2026-96639); Fulgurite opens none"),
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
    for package, (works, why) in BESIDE.items():
        found = installed(package)
        if found is not None and not _within(found, works):
            findings.append(Finding("note", package, f"{found}: {why}"))
    for package, bad in MALICIOUS.items():
        found = installed(package)
        if found in bad:
            said = f"{found} is malicious (GHSA-w37p-236h-pfx3): remove it and change every key on this machine"
            findings.append(Finding("broken", package, said))
    return findings


def _judged(package: str, found: str, works: str, why: str) -> Finding:
    good = _within(found, works)
    return Finding("ok", package, found) if good else Finding("broken", package, f"{found}, needs {works}: {why}")


def _within(found: str, works: str) -> bool:
    try:
        return bool(works) and SpecifierSet(works).contains(Version(Version(found).public), prereleases=True)
    except InvalidVersion:
        return False
