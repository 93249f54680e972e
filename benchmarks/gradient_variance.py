"""Size and variance of policy gradients in a model, by how they are estimated and how far is imagined.

python -m benchmarks gradient_variance [--out DIR] [--page docs/results.md]

A small squashed Gaussian policy is followed from 200 states for H steps, in float64, 20 times with new chance; a value
that was fitted to it before stands at the end and is the baseline. "norm" is that of the mean gradient, "variance" the
trace of the covariance of one estimate from 200 rollouts. Two known models with a density:

smooth    the pendulum of Gymnasium with friction 0.3 N m s, and noise of 0.02 in each entry of the state
chaotic   x' = sin(3 x + y) + a / 5, y' = sin(3 y + x) + a / 5, and noise of 0.05; reward -(x^2 + y^2)
"""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.distributions import Independent, Normal

from fulgurite.agents.dream import Dream
from fulgurite.agents.likelihood_ratio import LikelihoodRatio
from fulgurite.agents.pathwise import Pathwise
from fulgurite.agents.policy_gradient import Learner, PolicyGradient
from fulgurite.agents.total_propagation import TotalPropagation
from fulgurite.equations.pendulum import pendulum_step
from fulgurite.models.dynamics import Dynamics
from fulgurite.models.known import pendulum_reward
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue
from fulgurite.runs.figures import COLOURS, horizon_axis, panels

from .table import machine

HORIZONS = (1, 2, 5, 10, 20, 50, 100)
STARTS, REPEATS, DISCOUNT = 200, 20, 0.99
ESTIMATORS: dict[str, PolicyGradient] = {
    "pathwise": Pathwise(),
    "likelihood ratio": LikelihoodRatio(),
    "total propagation": TotalPropagation(),
}
PICTURE = Path("docs/images/gradient_variance.png")


class Noisy(Dynamics):
    """A known mean and a constant deviation."""

    std: float

    def mean(self, state: Tensor, action: Tensor) -> Tensor:
        raise NotImplementedError

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> None:
        return None

    def predict(self, state: Tensor, action: Tensor, theta: None) -> torch.distributions.Distribution:
        mean = self.mean(state, action)
        return Independent(Normal(mean, torch.full_like(mean, self.std), validate_args=False), 1)

    def step(self, state: Tensor, action: Tensor, theta: None, noise: Tensor | None) -> Tensor:
        mean = self.mean(state, action)
        return mean if noise is None else mean + self.std * noise

    def loss(self, batch: Any) -> dict[str, Tensor]:
        return {}


class DampedPendulum(Noisy):
    """Gymnasium's pendulum with friction."""

    std = 0.02

    def mean(self, state: Tensor, action: Tensor) -> Tensor:
        return pendulum_step(state, action, mass=1.0, length=1.0, friction=0.3)


class Sines(Noisy):
    """Two coupled sine maps."""

    std = 0.05

    def mean(self, state: Tensor, action: Tensor) -> Tensor:
        return (3 * state + state.flip(-1)).sin() + action / 5


class Task(NamedTuple):
    """A model to imagine in."""

    world: WorldModel
    state_size: int


def tasks() -> dict[str, Task]:
    """The two."""
    return {
        "smooth": Task(WorldModel(DampedPendulum(), pendulum_reward), 3),
        "chaotic": Task(WorldModel(Sines(), lambda s, a, n: -n.square().sum(-1)), 2),
    }


def states(size: int) -> Tensor:
    """Where rollouts begin: `[B, S]`."""
    if size == 2:
        return torch.rand(STARTS, 2) * 2 - 1
    angle, speed = (torch.rand(STARTS) * 2 - 1) * torch.pi, torch.rand(STARTS) * 2 - 1
    return torch.stack([angle.cos(), angle.sin(), speed], -1)


def learner(task: Task) -> Learner:
    """A policy as it begins, and what it is worth."""
    torch.manual_seed(0)
    policy = SquashedGaussianPolicy(hidden=(16,), activation="tanh", max_log_std=0.0).build(task.state_size, 1)
    value = StateValue(hidden=(32,), activation="tanh", learning_rate=3e-3, target_rate=0.05).build(task.state_size)
    found = Learner(task.world, policy, value, Dream(20, DISCOUNT, lambda_=1.0))
    optimizer = value.make_optimizer()
    for _ in range(400):
        lesson = LikelihoodRatio().lesson(found, batch(task.state_size))
        optimizer.zero_grad()
        value.fit(lesson.state, lesson.return_).mean().backward()
        optimizer.step()
        value.follow()
    return found


def batch(size: int) -> TensorDict:
    """A batch of states."""
    return TensorDict({"state": states(size)}, [STARTS])


def drawn(found: Learner, estimator: PolicyGradient, size: int, horizon: int) -> Tensor:
    """Estimates `[REPEATS, |theta|]` of the gradient, each from new states and new chance."""
    torch.manual_seed(1)
    weights = list(found.policy.parameters())
    rows = []
    for _ in range(REPEATS):
        loss = estimator.lesson(found, batch(size), horizon).loss
        rows.append(torch.cat([gradient.flatten() for gradient in torch.autograd.grad(loss, weights)]))
    return torch.stack(rows)


@torch.no_grad()
def stretch(found: Learner, size: int) -> float:
    """The largest Lyapunov exponent under the policy, per step, by two neighbours of which one is pulled back."""
    torch.manual_seed(2)
    state, total, distance = states(size), 0.0, 1e-7
    near = state + distance * torch.nn.functional.normalize(torch.randn_like(state), dim=-1)
    for _ in range(100):
        noise, action = torch.randn_like(state), found.policy(state).mode()
        near_action = found.policy(near).mode()
        state, near = (
            found.world_model.dynamics.step(s, a, None, noise) for s, a in ((state, action), (near, near_action))
        )
        apart = (near - state).norm(dim=-1, keepdim=True).clamp_min(1e-300)
        total += (apart / distance).log().mean().item()
        near = state + distance * (near - state) / apart
    return total / 100


def measure() -> dict[str, Any]:
    """Everything, by model, estimator and horizon."""
    torch.set_default_dtype(torch.float64)
    result: dict[str, Any] = {}
    for name, task in tasks().items():
        found = learner(task)
        rows: dict[str, list[dict[str, float]]] = {}
        for who, estimator in ESTIMATORS.items():
            rows[who] = []
            for horizon in HORIZONS:
                gradients = drawn(found, estimator, task.state_size, horizon)
                norm, variance = gradients.mean(0).norm().item(), gradients.var(0).sum().item()
                rows[who].append({"horizon": horizon, "norm": norm, "variance": variance})
        result[name] = {"lyapunov": stretch(found, task.state_size), "rows": rows}
    torch.set_default_dtype(torch.float32)
    return result


def picture(result: dict[str, Any], path: Path) -> None:
    """The variance against the horizon, a panel for each model."""
    drawing, axes = panels("Variance of a policy gradient in the model", *["imagined steps"] * len(result))
    for one, (name, found) in zip(axes, result.items(), strict=True):
        for colour, (who, rows) in zip(COLOURS, found["rows"].items(), strict=False):
            one.plot(HORIZONS, [row["variance"] for row in rows], color=colour, marker=".", label=who)
        horizon_axis(one, HORIZONS)
        one.set_yscale("log")
        one.set_title(f"{name} (Lyapunov exponent {found['lyapunov']:.2f} a step)", fontsize=9)
    axes[0].set_ylabel("variance of an estimate from 200 rollouts", fontsize=9)
    axes[0].legend(frameon=False, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=120)


def run(options: Namespace) -> str:
    """The table; the numbers as JSON and the picture beside it, or in docs/ with `--page`."""
    result = measure()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gradient_variance.json").write_text(json.dumps({"machine": machine(), "models": result}) + "\n")
    picture(result, PICTURE if options.page else options.out / PICTURE.name)
    lines = [
        f"| model | gradient | | {' | '.join(f'H = {horizon}' for horizon in HORIZONS)} |",
        "|---|---|---|" + "---|" * len(HORIZONS),
    ]
    for name, found in result.items():
        for who, rows in found["rows"].items():
            for what in ("norm", "variance"):
                numbers = " | ".join(f"{row[what]:.2g}" for row in rows)
                lines.append(f"| {name} | {who} | {what} | {numbers} |")
    return "\n".join(lines)
