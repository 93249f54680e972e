"""A SLURM of one machine: `sbatch` keeps the script, `srun` starts its tasks, `scontrol` notes what it is asked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

SBATCH = """
import os, pathlib, shutil, sys
if os.environ.get("REFUSES"):
    sys.exit("sbatch: error: " + os.environ["REFUSES"])
shutil.copy(sys.argv[1], pathlib.Path(__file__).parent / "script.sh")
print("Submitted batch job 4242")
"""
SRUN = """
import os, pathlib, signal, subprocess, sys
words = sys.argv[1:]
paths = {}
while words[0].startswith("--"):
    name = words.pop(0)
    if name in ("--output", "--error"):
        paths[name] = words.pop(0)
tasks = []
signal.signal(signal.SIGUSR2, lambda number, frame: [task.send_signal(number) for task in tasks])
signal.signal(signal.SIGTERM, lambda number, frame: [task.send_signal(number) for task in tasks])
job = os.environ.get("SLURM_ARRAY_JOB_ID")
job = f"{job}_{os.environ['SLURM_ARRAY_TASK_ID']}" if job else os.environ["SLURM_JOB_ID"]
for k in range(int(os.environ.get("SLURM_NTASKS", "1"))):
    told = {**os.environ, "SLURM_STEP_ID": "0", "SLURM_PROCID": str(k), "SLURM_LOCALID": str(k), "SLURM_NODEID": "0"}
    opened = {name: pathlib.Path(path.replace("%j", job).replace("%A_%a", job).replace("%t", str(k))).open("a")
              for name, path in paths.items()}
    tasks.append(subprocess.Popen(words, env=told, stdout=opened.get("--output"), stderr=opened.get("--error")))
codes = [task.wait() for task in tasks]
sys.exit(max(code if code >= 0 else 128 - code for code in codes))
"""
SCONTROL = """
import pathlib, sys
with (pathlib.Path(__file__).parent / "scontrol.txt").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
"""


class Slurm:
    """The programs in `folder`, and what they were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, code in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", SCONTROL)):
            (folder / name).write_text(f"#!{sys.executable}\n{code}")
            (folder / name).chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH with these programs."""
        return f"{self.folder}:/usr/bin:/bin"

    @property
    def script(self) -> str:
        """What was submitted last."""
        return (self.folder / "script.sh").read_text()

    def directives(self) -> dict[str, str]:
        """The `#SBATCH --key=value` lines of the script."""
        lines = [line.removeprefix("#SBATCH --") for line in self.script.splitlines() if line.startswith("#SBATCH --")]
        return {key: value.strip("'") for key, _, value in (line.partition("=") for line in lines)}

    def requeued(self) -> list[str]:
        """The calls of `scontrol`."""
        asked = self.folder / "scontrol.txt"
        return asked.read_text().splitlines() if asked.exists() else []

    def start(self, cwd: Path, *command: str, tasks: int = 1, **told: str) -> subprocess.Popen:
        """Runs the script as a job (or a command in its place), as SLURM would tell it about itself."""
        environment = {
            "PATH": self.path, "HOME": str(cwd), "OMP_NUM_THREADS": "1", "WITNESS": str(cwd),
            "SLURM_JOB_ID": "4242", "SLURM_JOB_NAME": "fulgurite", "SLURM_NTASKS": str(tasks),
            "SLURM_NTASKS_PER_NODE": str(tasks), "SLURM_NODELIST": "localhost", "SLURM_NNODES": "1", **told,
        }  # fmt: skip
        return subprocess.Popen(
            list(command) or ["bash", str(self.folder / "script.sh")], cwd=cwd, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip


def ended(job: subprocess.Popen, patience: float) -> tuple[int, str, str]:
    """A job's exit code and what it printed."""
    out, err = job.communicate(timeout=patience)
    return job.returncode, out, err


def tell(job: subprocess.Popen, number: signal.Signals) -> None:
    """Sends a signal to the `srun` of a job, which passes it on to the tasks."""
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    for child in map(int, children) if children else [job.pid]:
        os.kill(child, number)
