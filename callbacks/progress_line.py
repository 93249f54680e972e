"""What the progress line says: phase, steps, latest return, time left, steps a second, and where the time goes."""

from collections import deque
from time import perf_counter
from typing import Any

from pytorch_lightning import Trainer
from rich.text import Text

from fulgurite.runs.metrics import MetricsFile

WHEEL = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
BAR = 12  # characters
NAMES = {"fit": "fit model", "collect": "collect", "evaluate": "evaluate", "other": "working"}
SHARES = {"environment": "env", "fit": "model", "plan": "plan", "evaluate": "eval"}  # phase: its short name on the line


class Rate:
    """Environment steps a second over the newest few jumps of the count: steps come a collection at a time.

    The jump from zero is left out: a warm-up is made by other means than what follows.

    Args:
        jumps: how many to look back.
    """

    def __init__(self, jumps: int = 5) -> None:
        self._marks: deque[tuple[float, int]] = deque(maxlen=jumps + 1)

    def update(self, now: float, count: int) -> None:
        if count and (not self._marks or count != self._marks[-1][1]):
            self._marks.append((now, count))

    def per_second(self) -> float | None:
        """None until the count has jumped."""
        if len(self._marks) < 2:
            return None
        (first, low), (last, high) = self._marks[0], self._marks[-1]
        return (high - low) / (last - first)

    def seconds_to(self, goal: int, now: float) -> float | None:
        """Seconds until the count gets to the goal, counting down between jumps; None where that is not known."""
        rate = self.per_second()
        if not rate:
            return None
        last, count = self._marks[-1]
        left = (goal - count) / rate - (now - last)
        return left if left > 0 else None


class Line:
    """What the line says at the moment it is asked."""

    def __init__(self, trainer: Trainer) -> None:
        self._data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self._numbers = next((logger.latest for logger in trainer.loggers if isinstance(logger, MetricsFile)), {})
        self._rate = Rate()
        self._began = perf_counter()

    def parts(self) -> dict[str, str]:
        """The fields in order, by name; empty where there is nothing to say yet."""
        now, steps, most = perf_counter(), self._data.env_steps, self._data.max_env_steps
        self._rate.update(now, steps)
        rate, left = self._rate.per_second(), self._rate.seconds_to(most, now)
        shares = self._data.phases.shares()
        returns = [
            f"{name} {self._numbers[key]:.1f}"
            for name, key in (("train", "train/return"), ("eval", "eval/return_mean"))
            if key in self._numbers
        ]
        return {
            "phase": NAMES.get(self._data.phases.outermost, self._data.phases.outermost),
            "steps": f"{steps:,}/{most:,} steps",
            "rate": "" if rate is None else f"{rate:.3g}/s",
            "time": " ".join(f"{short} {100 * shares.get(phase, 0.0):.0f}%" for phase, short in SHARES.items()),
            "return": "return " + ", ".join(returns) if returns else "",
            "left": f"{clock(now - self._began)} gone" + ("" if left is None else f", {clock(left)} left"),
        }

    def plain(self) -> str:
        """The line as text."""
        return "  ".join(part for part in self.parts().values() if part)

    def drawn(self) -> Text:
        """The line in colours, with a wheel that turns and a bar; what does not fit the terminal is cut off its end."""
        parts = self.parts()
        wheel = WHEEL[int(perf_counter() * 8) % len(WHEEL)]
        filled = round(BAR * min(1.0, self._data.env_steps / max(1, self._data.max_env_steps)))
        cells = [
            (f"{wheel} {parts['phase']:<9}", "bold cyan"),
            ("━" * filled, "green"),
            ("━" * (BAR - filled) + " ", "bright_black"),
            (parts["steps"], ""),
            (parts["return"], "bold"),
            (parts["left"], "cyan"),
            (parts["rate"], "yellow"),
            (parts["time"], "bright_black"),
        ]
        text = Text(no_wrap=True, overflow="ellipsis")
        for content, style in cells:
            text.append(content, style)
            if content and "━" not in content:
                text.append("  ")
        return text


def clock(seconds: float) -> str:
    """`1:05`, or `2:00:01` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
