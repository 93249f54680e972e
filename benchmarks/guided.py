"""Closed loop, open loop and both: one model, policy and value of `svg/pendulum`, acted with in every way.

python -m benchmarks guided [--seeds 3] [--jobs 1] [--out DIR] [--page FILE]

The recipe is trained for 1,000 steps by the command. Then its policy acts alone, a search acts alone with its model,
and searches act with the policy's plans, with the value at the end of theirs, and with both, from the same 50 starts.
"""

import json
import statistics
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fulgurite.agents.agent import Agent
from fulgurite.agents.guided_mpc import GuidedMPC
from fulgurite.agents.imagined_policy_gradient import ImaginedPolicyGradient
from fulgurite.agents.mpc import MPC
from fulgurite.planners.cem import CEM
from fulgurite.planners.objective import Objective

from .table import machine, spread
from .trained import restored, trained

STEPS, STARTS, PLANS, SHORT, LONG = 1000, 50, 8, 5, 20


def ways(learner: ImaginedPolicyGradient) -> dict[str, Agent]:
    """Agents that act with what one of them learned."""
    model, size, discount = learner.world_model, learner.action_size, learner.discount

    def search(horizon: int) -> CEM:
        return CEM(candidates=100, elites=10, iterations=3, horizon=horizon)

    def guided(plans: int, tail: bool) -> GuidedMPC:
        objective = Objective(particles=5, discount=discount)
        return GuidedMPC(learner, search(SHORT), size, objective, policy_plans=plans, value_tail=tail)

    return {
        "policy alone": learner,
        f"search over {SHORT} steps": MPC(model, search(SHORT), size, Objective(particles=5)),
        f"search over {SHORT} steps, policy's plans": guided(PLANS, False),
        f"search over {SHORT} steps, value at the end": guided(0, True),
        f"search over {SHORT} steps, both": guided(PLANS, True),
        f"search over {LONG} steps": MPC(model, search(LONG), size, Objective(particles=5)),
    }


def judged(seed: int, out: Path) -> dict[str, dict[str, float]]:
    """Trains and plays the starts in every way; what an earlier call did is not done again."""
    runs, kept = out / f"seed{seed}", out / f"seed{seed}.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    run = trained(
        runs, "svg/pendulum", f"seed={seed}", f"experience.max_env_steps={STEPS}", "evaluation.episodes=2",
        "callbacks.evaluate.every_env_steps=null", "callbacks.video=null", "logger=null",
    )  # fmt: skip
    experiment = restored(run, f"evaluation.episodes={STARTS}")
    assert isinstance(experiment.agent, ImaginedPolicyGradient)
    found: dict[str, dict[str, float]] = {}
    for name, agent in ways(experiment.agent).items():
        episodes = experiment.evaluation.run(agent)
        found[name] = {"return": statistics.mean(episode.return_ for episode in episodes)}
        found[name]["least"] = min(episode.return_ for episode in episodes)
    kept.write_text(json.dumps(found))
    return found


def run(options: Namespace) -> str:
    """The table: means over seeds and their spread."""
    out = options.out / "guided"
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(lambda seed: judged(seed, out), range(options.seeds)))
    content: dict[str, Any] = {"machine": machine(), "rows": found}
    (out / "rows.json").write_text(json.dumps(content) + "\n")
    lines = ["| acts | mean return | by seed | worst start |", "|---|---|---|---|"]
    for name in found[0]:
        returns = [one[name]["return"] for one in found]
        by_seed = ", ".join(f"{value:.0f}" for value in returns)
        worst = min(one[name]["least"] for one in found)
        lines.append(f"| {name} | {spread(returns)} | {by_seed} | {worst:.0f} |")
    return f"{machine()}\n\n" + "\n".join(lines)
