"""How large the gradient is that a policy learns by, by the steps that are imagined: does it explode or vanish?"""

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from tensordict import TensorDict

from fulgurite.agents.imagined_policy_gradient import ImaginedPolicyGradient
from fulgurite.runs.metrics import report

from .periodic import Periodic


class PolicyGradients(Periodic):
    """Reports `policy/gradient_norm_h<k>`, the norm of the gradient over k imagined steps by the agent's own estimator.

    It starts from held-out states, with the same chance every time, so what changes is the policy and the model.

    Args:
        horizons: the k to report.
        starts: how many held-out states to start from, at most; a multiple of the dream's particles is taken.
        every_env_steps: how often; None for only at the end.

    Raises:
        ValueError: for a horizon or starts below 1.
    """

    def __init__(
        self, horizons: Sequence[int] = (1, 2, 4, 8, 16, 32), starts: int = 200, every_env_steps: int | None = 500
    ) -> None:
        super().__init__(every_env_steps)
        for name, number in (("horizons", min(horizons)), ("starts", starts)):
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        self.horizons, self.starts = sorted(set(horizons)), starts

    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        if not isinstance(agent, ImaginedPolicyGradient):
            return
        metrics: dict[str, float] = {}
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        episodes = data.held_out() if trainer.is_global_zero else []
        if episodes:
            with data.phases("evaluate"):
                metrics = self.norms(agent, torch.cat([episode["observation"] for episode in episodes]))
        report(trainer, metrics)

    def norms(self, agent: ImaginedPolicyGradient, observation: torch.Tensor) -> dict[str, float]:
        """The metrics from observations `[N, O]`."""
        devices = [agent.device] if agent.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            particles = agent.dream.particles or agent.world_model.members
            kept = min(self.starts, len(observation)) // particles * particles
            if not kept:
                return {}
            chosen = observation[torch.randperm(len(observation))[:kept]].to(agent.device)
            batch = TensorDict({"observation": chosen, "next": {"observation": chosen}}, [kept])
            return {f"policy/gradient_norm_h{k}": agent.gradient_norm(batch, k).item() for k in self.horizons}
