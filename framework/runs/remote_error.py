"""An exception that crosses from one process to another, with its cause and where it was raised."""

import pickle
import traceback
from dataclasses import dataclass


class RaisedElsewhere(Exception):
    """Stands below an exception of another process and shows that process's traceback."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text}"


@dataclass(frozen=True)
class RemoteError:
    """What is sent: bytes and text, so that receiving it cannot fail whatever the exception's class is."""

    error: bytes
    cause: bytes
    text: str

    @classmethod
    def of(cls, error: BaseException) -> "RemoteError":
        """Of an exception that was caught."""
        text = "".join(traceback.format_exception(error)).rstrip()
        return cls(pickled(error), pickled(error.__cause__), text)

    def unpacked(self) -> Exception:
        """The exception as it was; its cause too, under which the traceback of the other process is shown."""
        error, cause = unpickled(self.error, self.text), unpickled(self.cause, "")
        assert error is not None
        shown = RaisedElsewhere(self.text)
        if cause is not None:
            cause.__cause__ = shown
        error.__cause__ = cause or shown
        return error


def pickled(error: BaseException | None) -> bytes:
    """The exception, or what it says where its class cannot be sent."""
    try:
        told = pickle.dumps(error)
        pickle.loads(told)
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return told


def unpickled(told: bytes, text: str) -> Exception | None:
    """The exception, or a `RuntimeError` with the text where its class is unknown here."""
    try:
        error = pickle.loads(told)
    except Exception:
        return RuntimeError(text)
    return error if error is None or isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
