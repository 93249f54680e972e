"""Evaluation from fixed starts, so that two agents, two seeds or two days are compared on the same episodes."""

from ..agents.agent import Agent
from ..data.environments import Environment
from ..data.play import Episode, play


class NothingPlayed(RuntimeError):
    """The environment failed in every episode of an evaluation, twice."""


class Evaluation:
    """One episode from each of the reset seeds `seed, seed + 1, ...`, all planned for at once.

    The agent's own source of chance is set aside for the time, so evaluating more often does not change a run.

    Args:
        environment: whose episodes; they are always made one simulator a start.
        episodes: how many starts.
        seed: of the first start.

    Raises:
        ValueError: for fewer than one episode.
    """

    def __init__(self, environment: Environment, episodes: int = 10, seed: int = 100_000) -> None:
        if episodes < 1:
            raise ValueError(f"episodes: need at least 1, got {episodes}")
        self.environment = environment
        self.episodes = episodes
        self.seed = seed

    @property
    def seeds(self) -> list[int]:
        """The reset seeds of the starts."""
        return list(range(self.seed, self.seed + self.episodes))

    def run(self, agent: Agent) -> list[Episode]:
        """The episodes, in the order of `seeds`; without those whose environment failed, see `data/play.py`."""
        training = agent.training
        agent.eval()
        try:
            with agent.seeded(self.seed):
                return play(self.environment, agent, self.seeds)
        finally:
            agent.train(training)
