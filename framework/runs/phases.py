"""Where the wall-clock time goes: nested phases of a run, each with the time spent in itself alone.

    with phases("collect"):
        with phases("plan"): ...          # counts for "plan", not for "collect"

The names in use: "fit", "collect", "evaluate", and inside them "plan" and "environment"; time outside any phase is
"other". Entering and leaving costs about a microsecond, so a phase may wrap a single environment step.
"""

from time import perf_counter
from types import TracebackType

OTHER = "other"


class Phases:
    """Exclusive seconds by phase since construction. Entered by one thread; any thread may read."""

    def __init__(self) -> None:
        self._began = perf_counter()
        self._seconds: dict[str, float] = {OTHER: 0.0}
        self._entries: dict[str, int] = {}
        self._stack = [OTHER]
        self._since = self._began
        self._contexts: dict[str, _Phase] = {}

    def __call__(self, name: str) -> "_Phase":
        """A context manager: the time inside it counts for `name`, until a phase is entered within."""
        context = self._contexts.get(name)
        if context is None:
            self._seconds.setdefault(name, 0.0)
            self._entries[name] = 0
            context = self._contexts[name] = _Phase(self, name)
        return context

    @property
    def current(self) -> str:
        """The innermost phase the run is in."""
        return self._stack[-1]

    @property
    def outermost(self) -> str:
        """The phase that the current one is part of: "collect" while a plan is made to collect."""
        return self._stack[min(1, len(self._stack) - 1)]

    def seconds(self) -> dict[str, float]:
        """Seconds spent in each phase itself, the running one up to now."""
        now = perf_counter()
        seconds = self._seconds.copy()
        seconds[self._stack[-1]] += now - self._since
        return seconds

    def shares(self) -> dict[str, float]:
        """The fraction of all time since construction spent in each phase; they sum to one."""
        seconds = self.seconds()
        total = sum(seconds.values())
        return {name: value / total if total else 0.0 for name, value in seconds.items()}

    def entries(self) -> dict[str, int]:
        """How often each phase was entered."""
        return self._entries.copy()

    def enter(self, name: str) -> None:
        """Called by the context manager of a phase."""
        now = perf_counter()
        self._seconds[self._stack[-1]] += now - self._since
        self._since = now
        self._entries[name] += 1
        self._stack.append(name)

    def leave(self) -> None:
        """Called by the context manager of a phase."""
        now = perf_counter()
        self._seconds[self._stack.pop()] += now - self._since
        self._since = now


class _Phase:
    """Re-entrant: it keeps nothing of its own, so one object serves every entry of a phase."""

    __slots__ = ("_name", "_phases")

    def __init__(self, phases: Phases, name: str) -> None:
        self._phases = phases
        self._name = name

    def __enter__(self) -> None:
        self._phases.enter(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._phases.leave()
