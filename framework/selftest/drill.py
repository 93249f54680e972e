"""What a drill is: something that breaks a run on purpose, and finds that nothing was lost, or says what was."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SEARCHING = (  # one recipe of each planner, tree search and kind of model that plans are made in
    "pets/cartpole",
    "icem/pendulum",
    "gradient/pendulum",
    "guided/pendulum",
    "bayesian/pendulum",
    "system_id/pendulum",
    "ladder/v10",
    "cliff/uncertain",
    "mcts/cartpole",
    "alphazero/frozen_lake",
    "latent_mpc/pendulum_pixels",
    "planet/pendulum_pixels",
    "smoother/pendulum_hidden_velocity",
)
FAMILIES = (  # one recipe of each kind of model, planner and agent
    *SEARCHING,
    "dqn/cartpole",
    "dyna/cartpole",
    "ppo/cartpole",
    "vae/pendulum_pixels",
    "dyna/maze",
    "svg/pendulum",
    "imagined_pg/pendulum",
    "dreamer/pendulum",
    "sac/pendulum",
    "mbpo/pendulum",
)
ALONE = ("dyna/maze",)  # learn as they act, in one process


class Failed(Exception):
    """A drill that did not go as it should, in one line."""


class Skipped(Exception):
    """A drill that this machine does not allow, and why."""


class Extent(NamedTuple):
    """How much of a drill is done.

    Attributes:
        long: each thing many times.
        families: recipes, for the drills that go through families; by default one, or, where runs are killed, all of
            them the long way.
    """

    long: bool = False
    families: Sequence[str] = ()

    @property
    def chosen(self) -> Sequence[str]:
        """The families to go through."""
        return self.families or (FAMILIES if self.long else FAMILIES[:1])


class Drill(NamedTuple):
    """`run(place, extent)` works in an empty folder and returns what it saw in one line.

    It raises `Failed` or `Skipped`.
    """

    name: str
    what: str
    run: Callable[[Path, Extent], str]
