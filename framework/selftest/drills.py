"""The drills, in the order in which `fulgurite selftest` runs them."""

from . import (
    environment_faults,
    exactness,
    full_disk,
    lost_process,
    malicious_files,
    numbers,
    places,
    soak,
    stops,
    storage,
    wandb_drill,
)
from .drill import Drill

DRILLS = (
    Drill(
        "kills-while-writing", "a whole checkpoint is there whenever the writer is killed", storage.kills_while_writing
    ),
    Drill("damage", "truncated files and flipped bits are found; the checkpoint before is taken", storage.damage),
    Drill("malicious-files", "recipes, checkpoints and data of others run nothing", malicious_files.malicious_files),
    Drill("full-disk", "training goes on, and what was saved stays whole", full_disk.full_disk),
    Drill("places", "read-only folders, two processes on a run, a clock that goes backwards", places.places),
    Drill("same-seed", "two runs of one seed are the same run", exactness.same_seed),
    Drill("resume", "a killed run goes on to the same bits", exactness.resume),
    Drill("resume-two-processes", "so does one on two processes", exactness.resume_two_processes),
    Drill("terminated", "asked to leave in any phase, a run saves and loses nothing", stops.terminated),
    Drill("terminated-two-processes", "so does one on two processes", stops.terminated_two_processes),
    Drill("lost-worker", "a killed worker of the collector is named; the run resumes", lost_process.lost_worker),
    Drill("lost-rank", "a killed process of several takes the others with it; the run resumes", lost_process.lost_rank),
    Drill(
        "environment-faults", "environments fail in every way; the run goes on", environment_faults.environment_faults
    ),
    Drill("numbers", "what is not finite is skipped, then stops the run, and is never saved", numbers.numbers),
    Drill("wandb-faults", "W&B absent, unreachable, silent or failing: the same run", wandb_drill.wandb_faults),
    Drill("soak", "memory, open files and threads stay what they were", soak.soak),
)
