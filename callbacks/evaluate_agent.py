"""Evaluation: what the agent's returns are on the same starts every time, and what it had promised itself."""

from collections.abc import Sequence

import torch
from pytorch_lightning import LightningModule, Trainer

from fulgurite.agents.agent import Agent
from fulgurite.agents.planning_agent import PlanningAgent
from fulgurite.agents.policy_agent import PolicyAgent
from fulgurite.data.play import Episode
from fulgurite.runs.evaluation import Evaluation
from fulgurite.runs.metrics import report
from fulgurite.runs.promises import promised_against_realised
from fulgurite.runs.ranks import rank
from fulgurite.runs.value_promises import value_promises

from .periodic import Periodic


class EvaluateAgent(Periodic):
    """Plays the evaluation's episodes and reports `eval/*`, `plan/*` of an agent that plans, `value/*` of a policy's.

    `eval/left_out` counts episodes whose environment failed twice: the returns are those of the others then.

    Args:
        evaluation: which episodes.
        every_env_steps: how often; None for only at the end.
        interim_episodes: how many of them, from the first start on, before the end; None for all. With a planning agent
            an episode of evaluation costs what an episode of training does.

    Attributes:
        episodes: the latest evaluation's, for other callbacks to look into; empty before the first and off rank zero.
        best_return: the best mean return so far, None before the first.
    """

    def __init__(
        self, evaluation: Evaluation, every_env_steps: int | None = 500, interim_episodes: int | None = None
    ) -> None:
        super().__init__(every_env_steps)
        self.evaluation = evaluation
        self.interim = evaluation
        if interim_episodes is not None:
            fewer = min(interim_episodes, evaluation.episodes)
            self.interim = Evaluation(evaluation.environment, fewer, evaluation.seed)
        self.episodes: list[Episode] = []
        self.best_return: float | None = None

    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        assert isinstance(agent, Agent)
        metrics: dict[str, float] = {}
        if trainer.is_global_zero:
            with trainer.datamodule.phases("evaluate"):  # type: ignore[attr-defined]
                evaluation = self.evaluation if final else self.interim
                self.episodes = evaluation.run(agent)
                if self.episodes:
                    metrics = summary(self.episodes)
                    mean = metrics["eval/return_mean"]
                    self.best_return = mean if self.best_return is None else max(mean, self.best_return)
                if left_out := len(evaluation.seeds) - len(self.episodes):
                    metrics |= {"eval/episodes": len(self.episodes), "eval/left_out": left_out}
                if isinstance(agent, PlanningAgent):
                    metrics |= promised_against_realised(agent, self.episodes)
                if isinstance(agent, PolicyAgent):
                    metrics |= value_promises(agent, self.episodes)
        report(trainer, metrics)

    def state_dict(self) -> dict[str, object]:
        """With the episodes: others may look into them when the resumed run comes to it."""
        episodes = [episode.state() for episode in self.episodes]
        return {**super().state_dict(), "best_return": self.best_return, "episodes": episodes}

    def load_state_dict(self, state_dict: dict) -> None:
        super().load_state_dict(state_dict)
        self.best_return = state_dict["best_return"]
        if rank() == 0:
            self.episodes = [Episode.restored(state) for state in state_dict.get("episodes", ())]


def summary(episodes: Sequence[Episode]) -> dict[str, float]:
    """Returns and lengths over the episodes; the standard deviation is the population's, 0 for one episode."""
    returns = torch.tensor([episode.return_ for episode in episodes], dtype=torch.float64)
    return {
        "eval/return_mean": returns.mean().item(),
        "eval/return_std": returns.std(correction=0).item(),
        "eval/return_min": returns.min().item(),
        "eval/return_max": returns.max().item(),
        "eval/episodes": len(episodes),
        "eval/length_mean": sum(len(episode) for episode in episodes) / len(episodes),
    }


def latest_episodes(trainer: Trainer) -> list[Episode]:
    """The latest evaluation's episodes, from whichever callback evaluates; empty where there is none."""
    found = (callback.episodes for callback in trainer.callbacks if isinstance(callback, EvaluateAgent))  # type: ignore[attr-defined]
    return next(found, [])
