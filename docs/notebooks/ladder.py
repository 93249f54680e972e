# %% [markdown]
# # The ladder: planning with a learned model, and knowing what it does not know
#
# Three rungs (Levine, CS 285, "Model-based reinforcement learning"), each by its shipped recipe, in little:
#
# - **v0.5**: random data once, one fit, a plan of a whole episode is executed with closed eyes;
# - **v1.0**: the same, refitted to what was executed;
# - **v1.5**: only the first action of a plan is executed, then it is planned again. This is model-predictive control.
#
# Then the fourth step, PETS: five networks in the place of one, so that the plan knows where the model is unsure.
# Pendulum-v1, 100 steps an episode, 800 steps in all; the sizes of `docs/results.md` take longer and say more.

# %%
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from fulgurite.imagination import TSInfinity, imagine
from fulgurite.recipe import build, compose

OUT = Path(tempfile.mkdtemp(prefix="ladder-"))
SMALL = [
    "experience.max_env_steps=800", "environment.max_episode_steps=100", "experience.schedule.updates_per_env_step=2",
    "evaluation.episodes=5", "callbacks=null", "logger=null", "trainer.accelerator=cpu",
]  # fmt: skip


def trained(recipe: str, *changes: str):
    """A recipe's experiment after its fit."""
    experiment = build(compose(recipe, [*SMALL, *changes]))
    experiment.fit(OUT / recipe.replace("/", "-"))
    return experiment


# %% [markdown]
# ## The three rungs
#
# A plan of a whole episode is a search in 100 dimensions, hence more candidates. All else is the same.

# %%
WHOLE = [
    "agent.replan_every=100",
    "agent.planner.horizon=100",
    "agent.planner.iterations=10",
    "agent.planner.candidates=200",
]
rungs = {
    "v0.5": trained("ladder/v05", *WHOLE, "experience.warmup_env_steps=800", "experience.schedule.first_updates=2700"),
    "v1.0": trained("ladder/v10", *WHOLE),
    "v1.5": trained("ladder/v15", "agent.planner.candidates=50"),
}
returns = {name: experiment.evaluate()["return_mean"] for name, experiment in rungs.items()}
for name, value in returns.items():
    print(f"{name}: mean return {value:.0f} over 5 starts")

# %% [markdown]
# Looking again is worth most. A plan of 100 steps fails even with a good model: nothing corrects what grows from the
# smallest error while the pole stands up.
#
# ## What the model does not know
#
# One network has one opinion. Five networks that saw resamples of the same data agree where data were, and disagree
# where none were.

# %%
pets = trained("pets/pendulum", "agent.planner.candidates=50", "experience.max_env_steps=400")
print(f"PETS after 400 steps: mean return {pets.evaluate()['return_mean']:.0f}")
model = pets.agent.world_model

# %% [markdown]
# Twenty particles imagine 40 steps under one plan, each by its own network with its own noise. The band is what the
# model believes possible. It widens with every step: where it is wide, a plan is a wish.

# %%
start = torch.tensor([[-1.0, 0.0, 0.0]])  # hanging, at rest
torch.manual_seed(0)
plan = torch.sin(torch.arange(40) / 4).view(1, 40, 1)
with torch.no_grad():
    dream = imagine(model, start, plan, propagation=TSInfinity(), particles=20)
speed = dream["next", "state"][:, 0, :, 2]  # [P, H], rad/s

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
axes[0].bar(list(returns), list(returns.values()), color="tab:blue")
axes[0].set(ylabel="mean return", title="three rungs")
middle, spread = speed.mean(0), speed.std(0)
axes[1].fill_between(range(1, 41), middle - 2 * spread, middle + 2 * spread, alpha=0.3, label="two deviations")
axes[1].plot(range(1, 41), middle, label="mean of 20 particles")
axes[1].set(xlabel="steps ahead", ylabel="angular speed, rad/s", title="what five networks imagine")
axes[1].legend()
figure.tight_layout()
figure.savefig(OUT / "ladder.png", dpi=100)
print(OUT / "ladder.png")

# %% [markdown]
# ## Is that belief worth anything?
#
# Of the true values 80 % should lie in its 80 % intervals, and it should be unsure where it errs.

# %%
report = pets.judge_model()["played"]
for k in (1, 4, 8):
    inside, error = report[f"model/coverage_80_h{k}"], report[f"model/error_h{k}"]
    nothing = report[f"model/persistence_h{k}"]
    print(f"{k} steps ahead: error {error:.2f} (no change: {nothing:.2f}), {inside:.0%} in the 80 % interval")

assert spread[-1] > spread[0], "doubt must grow with the horizon"
assert report["model/error_h1"] < report["model/persistence_h1"], "the model must beat no change"
assert returns["v1.5"] > returns["v0.5"], "looking again must help"
