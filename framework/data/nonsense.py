"""What is wrong with something that an environment gave, in words."""


class SelfExplaining(Exception):
    """An error whose text says all; of any other its type is said too."""


class Nonsense(SelfExplaining, ValueError):
    """What an environment gave is not what it promised."""


class WrongForm(Nonsense):
    """It has another shape, type or structure: in the first step of a run a mistake, which no new attempt mends."""


def problem(error: BaseException) -> str:
    """An exception in words."""
    return str(error) if isinstance(error, SelfExplaining) else f"{type(error).__name__}: {error}"
