"""One line that always moves while a run goes on."""

import threading

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.live import Live

from .progress_line import Line


class Progress(Callback):
    """Shows the line on standard error: refreshed in place on a terminal, elsewhere printed at once and now and then.

    A thread draws it, so it moves while the run is deep in one long phase.

    Args:
        every_seconds: how often a line is printed where there is no terminal.
    """

    def __init__(self, every_seconds: float = 10.0) -> None:
        self.every_seconds = every_seconds
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._printer: threading.Thread | None = None
        self._ended = threading.Event()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        line = Line(trainer)
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, get_renderable=line.drawn)
            self._live.start()
        else:
            self._ended.clear()
            self._printer = threading.Thread(target=self._print, args=(line,), daemon=True)
            self._printer.start()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._printer is not None:
            self._ended.set()
            self._printer.join()
            self._printer = None

    def _print(self, line: Line) -> None:
        ended = False
        while True:  # the first line at once: it has begun
            self._console.print(line.plain(), soft_wrap=True, highlight=False, markup=False)
            if ended:
                return
            ended = self._ended.wait(self.every_seconds)
