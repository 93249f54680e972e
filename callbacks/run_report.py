"""The run's page, written when it ends, whichever way it ends."""

import logging
from pathlib import Path

from fulgurite.recipe_files import RUN_REPORT
from fulgurite.reports.report import MEGABYTES, report
from fulgurite.runs.after_run import AfterRun

log = logging.getLogger(__name__)


class RunReport(AfterRun):
    """Writes `report.html` in the run folder. A page that cannot be written stops nothing.

    Args:
        megabytes: of pictures in the page; what does not fit is linked.

    Raises:
        ValueError: for less than 0.
    """

    def __init__(self, megabytes: float = MEGABYTES) -> None:
        if not megabytes >= 0:
            raise ValueError(f"megabytes: need at least 0, got {megabytes}")
        self.megabytes = megabytes

    def after_run(self, folder: Path) -> None:
        try:
            report([folder], folder / RUN_REPORT, self.megabytes)
        except Exception as error:
            log.warning("No report: %s: %s", type(error).__name__, error)
