# %% [markdown]
# # Latent models from pixels
#
# Images say little about speeds, and much that does not matter. A latent model learns states of its own: an encoder
# and a decoder, a prior that goes on in time (an RSSM), a posterior that takes in what is seen. PlaNet, Hafner et al.
# 2019.
#
# Here one is fitted to random play of Pendulum-v1 in 16 x 16 pixels, for a minute or two, and then shown the
# beginning of an episode and asked how it goes on.

# %%
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from fulgurite.agents.random import RandomAgent
from fulgurite.recipe import build, compose
from fulgurite.runs.dream import dream
from fulgurite.runs.evaluation import Evaluation

OUT = Path(tempfile.mkdtemp(prefix="latent-"))

# %% [markdown]
# ## The experiment
#
# `planet/pendulum_pixels`, smaller: random play only, and all updates after it.

# %%
experiment = build(
    compose(
        "planet/pendulum_pixels",
        [
            "environment.wrappers.pixels.size=16", "experience.max_env_steps=4000", "experience.warmup_env_steps=4000",
            "experience.schedule={first_updates: 3000, updates_per_env_step: 0}", "evaluation.episodes=1",
            "callbacks=null", "logger=null", "trainer.accelerator=cpu",
        ],
    )
)  # fmt: skip
experiment.fit(OUT)
model, data = experiment.agent.world_model, experiment.experience

# %% [markdown]
# ## A dream
#
# An episode that was never trained on. The model sees its first five frames; of the rest it is told the actions
# alone.

# %%
torch.manual_seed(0)
(episode,) = Evaluation(experiment.environment, episodes=1).run(RandomAgent(1))
found = dream(model, episode.transitions, context=5, horizon=15, particles=8)[""]
truth, imagined = found.truth[5:], found.imagined.mean(0)  # [H, 3, 16, 16] each, after the five frames that were seen
frozen = found.truth[4].expand_as(truth)
average = torch.stack([row["observation"].float() for row in data.held_out()[0]]).mean(0).expand_as(truth)

shown = [0, 2, 4, 7, 10, 14]
rows = {"truth": truth, "imagined": imagined, "error": (truth - imagined).abs()}
figure, axes = plt.subplots(3, len(shown), figsize=(9, 4.6))
for row, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, k in zip(row, shown, strict=True):
        axis.imshow(images[k].permute(1, 2, 0).clamp(0, 255).byte())
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_title(f"{name}, {k + 1} ahead", fontsize=8)
figure.tight_layout()
figure.savefig(OUT / "dream.png", dpi=100)
print(OUT / "dream.png")

# %% [markdown]
# The error in numbers, against two ways of knowing nothing: that nothing changes, and the average frame, which a
# model draws that has not learned to tell frames apart.

# %%
guesses = {"imagined": imagined, "no change": frozen, "average frame": average}
errors = {name: (guess - truth).square().mean((1, 2, 3)).sqrt() for name, guess in guesses.items()}  # [H], of 255
for k in shown:
    print(f"{k + 1:2d} steps ahead: " + ", ".join(f"{name} {error[k]:.1f}" for name, error in errors.items()))

# %% [markdown]
# ## What the state holds
#
# The latent variables that carry something: their divergence of posterior and prior, in nats a frame, is
# `validation/kl_nats` of a run. `plots/kl_by_variable.png` and `plots/traversals.png` of `fulgurite train
# planet/pendulum_pixels` show which and what. With 20,000 steps it swings up: see "From pixels" in `docs/results.md`.

# %%
first = {name: error[:5].mean().item() for name, error in errors.items()}
print("over the first five steps: " + ", ".join(f"{name} {error:.1f}" for name, error in first.items()))
assert first["imagined"] < min(first["no change"], first["average frame"]), "the model must beat both"
