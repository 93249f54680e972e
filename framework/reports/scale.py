"""Axes: where a number lies between two ends, and which numbers are named along the way."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Scale:
    """From `low` to `high`, by the number itself or by its logarithm; `ticks` are the numbers named."""

    low: float
    high: float
    ticks: Sequence[float]
    logarithmic: bool = False
    percent: bool = field(default=False, kw_only=True)

    def share(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`; held within them on a logarithmic axis, which has no zero."""
        if self.logarithmic:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(min(max(value, self.low), self.high)) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def name(self, tick: float) -> str:
        """A tick in few characters."""
        if self.percent:
            return f"{short(100 * tick)} %"
        return short(tick)


def linear(values: Iterable[float], count: int = 5, *, within: tuple[float, float] | None = None) -> Scale:
    """An axis by the number itself, with about `count` round ticks; `within` fixes its ends."""
    low, high = within or _ends(values)
    step = _round_step((high - low) / max(1, count))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, [i * step for i in range(first, last + 1)])


def logarithmic(values: Iterable[float]) -> Scale:
    """An axis by the logarithm: decades are named, of less than two of them also 2 and 5."""
    low, high = _ends((math.log10(value) for value in values if value > 0), spare=0.04)
    decades = range(math.floor(low), math.ceil(high) + 1)
    digits = (1,) if high - low > 2.2 else (1, 2, 5) if high - low > 0.5 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    inside = [tick for tick in ticks if 10**low <= tick <= 10**high]
    return Scale(10**low, 10**high, inside[:: max(1, math.ceil(len(inside) / 7))], logarithmic=True)


def named(values: Sequence[float]) -> Scale:
    """A logarithmic axis that names each of its values, such as horizons that double."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low / 2, high * 2
    return Scale(low, high, list(values), logarithmic=True)


def short(value: float) -> str:
    """A number in few characters: 1.2k, 0.05, 3e-7, with a minus sign."""
    for least, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= least * (10 if unit == "k" else 1):
            return f"{value / least:.4g}{unit}".replace("-", MINUS)
    return (f"{value:.4g}" if value == 0 or abs(value) >= 1e-4 else f"{value:.0e}").replace("-", MINUS)


def _ends(values: Iterable[float], spare: float = 0.05) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(low) / 10 or 1.0
        return low - room, high + room
    return low - spare * (high - low), high + spare * (high - low)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next((digit * power for digit in (1, 2, 2.5, 5) if digit * power >= step * 0.999), 10 * power)
