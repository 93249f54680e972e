"""Who has a run folder to itself at the moment: a lock, which the system lets go of when its process ends; a name."""

from pathlib import Path

LOCK, OWNER = ".lock", ".owner"


def in_use(folder: Path) -> bool:
    """Whether a process, perhaps this one, has the run to itself."""
    if not (folder / LOCK).is_file():
        return False
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:  # somebody else's folder, that we may only read
        return False
    lock.release()
    return False
