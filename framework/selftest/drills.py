"""The drills, in the order in which `fulgurite selftest` runs them."""

from . import exactness, full_disk, soak, stops, storage
from .drill import Drill

DRILLS = (
    Drill(
        "kills-while-writing", "a whole checkpoint is there whenever the writer is killed", storage.kills_while_writing
    ),
    Drill("damage", "truncated files and flipped bits are found; the checkpoint before is taken", storage.damage),
    Drill("full-disk", "training goes on, and what was saved stays whole", full_disk.full_disk),
    Drill("same-seed", "two runs of one seed are the same run", exactness.same_seed),
    Drill("resume", "a killed run goes on to the same bits", exactness.resume),
    Drill("resume-two-processes", "so does one on two processes", exactness.resume_two_processes),
    Drill("terminated", "asked to leave at any moment, a run saves and loses nothing", stops.terminated),
    Drill("terminated-two-processes", "so does one on two processes", stops.terminated_two_processes),
    Drill("soak", "memory, open files and threads stay what they were", soak.soak),
)
