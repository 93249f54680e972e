"""What an identified system's constants are believed to be, so that they can be compared with a ruler and a scale."""

from pytorch_lightning import LightningModule, Trainer

from fulgurite.agents.agent import Agent
from fulgurite.models.system_identification import SystemIdentification
from fulgurite.runs.metrics import report

from .periodic import Periodic


class PhysicalConstants(Periodic):
    """Reports `model/<constant>` in SI units, where the agent's dynamics is a `SystemIdentification`.

    Args:
        every_env_steps: how often; None for only at the end.
    """

    def __init__(self, every_env_steps: int | None = 200) -> None:
        super().__init__(every_env_steps)

    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        assert isinstance(agent, Agent)
        dynamics = None if agent.world_model is None else agent.world_model.dynamics
        if isinstance(dynamics, SystemIdentification):
            report(trainer, {f"model/{name}": value.item() for name, value in dynamics.constants().values.items()})
