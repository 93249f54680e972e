# %% [markdown]
# # A new algorithm from scratch: posterior sampling
#
# An old idea: believe one possible world at a time. Draw a model from the posterior, act as if it were true, learn,
# draw again (Thompson 1933; for reinforcement learning Strens 2000, Osband et al. 2013). It explores by being wrong
# in a new way each time.
#
# Three parts make it: a model with an exact posterior, which is new and written here; a planner, which is there; and
# the choice to plan with one draw, which is an argument.

# %%
import tempfile
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from pytorch_lightning import Trainer

from fulgurite.agents.mpc import MPC
from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.data.schedule import Schedule
from fulgurite.models.dynamics import Dynamics
from fulgurite.models.known import cart_pole_balance_reward, cart_pole_balance_termination
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.objective import Objective
from fulgurite.runs import metrics
from fulgurite.runs.evaluation import Evaluation
from fulgurite.runs.experiment import Experiment

OUT = Path(tempfile.mkdtemp(prefix="posterior-"))

# %% [markdown]
# ## The model
#
# Near its upright position a cart-pole is nearly linear: s' = s + W x with x = (s, a, 1). With a normal prior on W
# and normal noise the posterior is known (Bishop 2006, section 3.3):
#
#     A = X^T X + ridge I        M = A^-1 X^T Delta        W ~ N(M, sigma^2 A^-1)
#
# A `Dynamics` says three things: how to draw parameters, how to step, and what it predicts. `adapt` sees every
# transition once. There is no loss, since there is nothing to descend.


# %%
class BayesianLinear(Dynamics):
    """s' = s + W x + eps, with the posterior of W."""

    def __init__(self, observation_size: int, action_size: int, ridge: float = 1e-3) -> None:
        super().__init__()
        X, S = observation_size + action_size + 1, observation_size
        self.ridge = ridge
        for name, size in (("gram", (X, X)), ("moment", (X, S)), ("squares", (S,)), ("count", ())):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def x(self, state, action):
        return torch.cat([state, action, torch.ones_like(action[..., :1])], -1)

    def adapt(self, batch):
        x, change = self.x(batch["state"], batch["action"]).double(), (batch["next", "state"] - batch["state"]).double()
        self.gram += x.T @ x
        self.moment += x.T @ change
        self.squares += change.square().sum(0)
        self.count += len(x)

    def posterior(self):
        """M `[X, S]`, a factor L^-T of A^-1, and sigma `[S]`."""
        eye = torch.eye(len(self.gram), dtype=self.gram.dtype, device=self.gram.device)
        lower = torch.linalg.cholesky(self.gram + self.ridge * eye)
        mean = torch.cholesky_solve(self.moment, lower)
        left = (self.squares - (mean * self.moment).sum(0)).clamp_min(1e-8) / self.count.clamp_min(1)
        return mean.float(), torch.linalg.solve_triangular(lower.T, eye, upper=True).float(), left.sqrt().float()

    def sample_parameters(self, particles, generator=None):
        mean, factor, std = self.posterior()
        noise = torch.randn((particles, *mean.shape), generator=generator, device=mean.device)
        return mean + std * (factor @ noise), std  # [P, X, S], [S]

    def step(self, state, action, theta, noise):
        weights, std = theta
        x = self.x(state, action)  # [P, *B, X]
        change = (x.reshape(len(weights), -1, x.shape[-1]) @ weights).view(*state.shape)
        return state + change if noise is None else state + change + std * noise

    def predict(self, state, action, theta):
        normal = torch.distributions.Normal(self.step(state, action, theta, None), theta[1])
        return torch.distributions.Independent(normal, 1)

    def loss(self, batch):
        return {}


# %% [markdown]
# ## First against something exact
#
# On a linear world the posterior must close in on the truth. A test like this costs a second and saves a day.

# %%
torch.manual_seed(0)
world = 0.1 * torch.randn(4, 3)  # (s, a, 1) -> change of s, of two numbers and one action
world = world[:, :2]
model = BayesianLinear(2, 1)
state, action = torch.randn(500, 2), torch.rand(500, 1) * 2 - 1
following = state + model.x(state, action) @ world + 0.01 * torch.randn(500, 2)
model.adapt({"state": state, "action": action, ("next", "state"): following})
mean, _, std = model.posterior()
print(f"largest error of a weight: {(mean - world).abs().max():.4f}; noise {std.mean():.4f}, true 0.01")
assert (mean - world).abs().max() < 0.003
assert 0.009 < std.mean() < 0.011

# %% [markdown]
# ## The agent
#
# `particles=1` under TS-infinity, the default, is posterior sampling: one draw of W for a whole imagined rollout.
# More particles would be the mean over worlds.

# %%
environment = Environment("fulgurite/CartPoleBalance-v0")


def experiment(particles: int, folder: str) -> Experiment:
    """Thirty random steps, then 370 steps by the agent; the posterior is renewed after every ten."""
    torch.manual_seed(0)
    world_model = WorldModel(BayesianLinear(4, 1), cart_pole_balance_reward, cart_pole_balance_termination)
    planner = CEM(candidates=64, elites=8, iterations=3, horizon=15)
    agent = MPC(world_model, planner, action_size=1, objective=Objective(particles=particles))
    experience = Experience(
        environment, agent, max_env_steps=400, warmup_env_steps=30, env_steps_per_collection=10,
        base_policy=RandomAgent(1), batch_size=32, schedule=Schedule(0.0, 1), updates_per_epoch=1, updates_per_call=1,
    )  # fmt: skip
    trainer = partial(
        Trainer, max_epochs=-1, accelerator="cpu", num_sanity_val_steps=0, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    made = Experiment(
        environment=environment, experience=experience, agent=agent, evaluation=Evaluation(environment, episodes=10),
        trainer=trainer, threads=1,
    )  # fmt: skip
    made.fit(OUT / folder)
    return made


# %%
sampling = experiment(1, "sampling")
result = sampling.evaluate()
print(f"posterior sampling: {result['return_mean']:.0f} of 200 steps over 10 starts, after 400 steps of experience")

# %% [markdown]
# ## What it did
#
# Everything that a run of ours records is there, since the agent is one of ours: here the returns of training.

# %%
rows = [row for row in metrics.read(OUT / "sampling") if row.get("train/return") is not None]
figure, axis = plt.subplots(figsize=(6, 3))
axis.plot([row["env_steps"] for row in rows], [row["train/return"] for row in rows], ".-")
axis.set(xlabel="environment steps", ylabel="return of training, of 200")
figure.tight_layout()
figure.savefig(OUT / "returns.png", dpi=100)
print(OUT / "returns.png")

# %% [markdown]
# ## From here to a recipe
#
# Put the class into `linear.py`, and a recipe beside it:
#
#     defaults: [pets/cartpole]
#     agent:
#       world_model:
#         dynamics: {_target_: linear.BayesianLinear}
#       objective: {particles: 1}
#
# `fulgurite train linear.yaml` then has checkpoints, resume, videos and W&B. `docs/own_model.md` says more; with
# several processes the sums must be added up over them, which it shows, too.

# %%
assert result["return_mean"] > 150, "a random policy lasts 25 steps"
