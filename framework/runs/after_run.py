"""What is still to be done when a run has ended and `result.json` says how."""

from abc import ABC, abstractmethod
from pathlib import Path

from pytorch_lightning import Callback


class AfterRun(Callback, ABC):
    """A callback with a last word, on rank zero, however the run ended; not where somebody wants to leave at once."""

    @abstractmethod
    def after_run(self, folder: Path) -> None:
        """Called with the run's folder; must not raise, since it may be what tells of another error."""
