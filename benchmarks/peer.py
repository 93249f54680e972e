"""mbrl-lib 0.2.0 in its own virtual environment, measured through a pipe.

A script of `peers/` runs there, prepares its work, and does one chunk of it each time it is asked to.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from .timing import Times

VARIABLE = "FULGURITE_MBRL_PYTHON"
SCRIPTS = Path(__file__).parent / "peers"
INSTALLS = (  # its pins do not import on Python 3.11, hence without dependencies
    ["torch==2.13.0"],
    ["--no-deps", "mbrl==0.2.0", "hydra-core==1.3.2", "omegaconf==2.3.0", "gymnasium==0.26.3"],
    ["numpy==1.26.4", "mujoco==2.3.7", "termcolor", "tqdm", "imageio", "matplotlib", "sk-video",
     "antlr4-python3-runtime==4.9.3", "cloudpickle", "glfw", "tensorboard", "farama-notifications", "pyyaml"],
)  # fmt: skip


class PeerMissing(RuntimeError):
    """No interpreter with mbrl-lib is known."""


def setup(folder: Path) -> Path:
    """Creates the virtual environment and returns its interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for packages in INSTALLS:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def interpreter() -> Path:
    """The peer's Python, from the environment variable.

    Raises:
        PeerMissing: where it is not set or does not exist.
    """
    python = os.environ.get(VARIABLE, "")
    if not python or not Path(python).exists():
        raise PeerMissing(f"set {VARIABLE} to the Python that `python -m benchmarks peer-setup FOLDER` made")
    return Path(python)


def available() -> bool:
    """Whether the peer can be measured; says so where it cannot."""
    try:
        interpreter()
    except PeerMissing as missing:
        print(f"mbrl-lib is left out: {missing}", file=sys.stderr)
        return False
    return True


class Peer:
    """A running script of `peers/`; calling it does one chunk there and gives the times of one piece of work.

    Args:
        script: file name.
        arguments: its command line.
    """

    def __init__(self, script: str, *arguments: str) -> None:
        command = [str(interpreter()), str(SCRIPTS / script), *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()  # it is ready

    def __call__(self) -> Times:
        assert self.process.stdin is not None
        self.process.stdin.write("chunk\n")
        self.process.stdin.flush()
        return Times(**self._answer())

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):  # the peer prints other things too
                return json.loads(line)
        raise RuntimeError(f"{self.process.args} ended with code {self.process.wait()}; its errors are above")

    def close(self) -> None:
        """Ends the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def run(script: str, *arguments: str) -> dict[str, object]:
    """Runs a script of `peers/` to its end and returns the JSON object that it prints last."""
    command = [str(interpreter()), str(SCRIPTS / script), *arguments]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=True)
    return json.loads(finished.stdout.strip().splitlines()[-1])
