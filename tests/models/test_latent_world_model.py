"""The world model of what is not seen directly: which errors count, and that its parts learn together."""

import pytest
import torch
from latent_doubles import A, B, L, O, Z, model, sequences
from tensordict import TensorDict

from fulgurite.agents.mpc import MPC
from fulgurite.models.divergence import Divergence
from fulgurite.models.latent import GaussianLatent
from fulgurite.models.latent_consistency import LatentConsistency
from fulgurite.models.latent_world_model import LatentWorldModel
from fulgurite.models.overshooting import Overshooting
from fulgurite.models.posterior import Inferred
from fulgurite.models.sequence_objective import SequenceELBO, SequenceObjective
from fulgurite.planners.cem import CEM
from fulgurite.planners.objective import Objective

OBJECTIVES = {
    "elbo": SequenceELBO(Divergence(0.8, 0.2, free_nats=1.0)),
    "overshooting": SequenceELBO(overshooting=Overshooting(3)),
    "consistency": LatentConsistency(hidden=[16]),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_every_part_learns(objective: SequenceObjective) -> None:
    world = model(objective)
    losses = world.loss(sequences((2,)))
    assert all(loss.shape == () and loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    idle = {name for name, p in world.named_parameters() if p.requires_grad and p.grad is None}
    draws = {name for name in idle if name.startswith("observation.decoder")}
    assert idle == (draws if isinstance(objective, LatentConsistency) else set())


def test_the_losses_are_means_of_the_terms_of_the_bound() -> None:
    world = model()
    batch = sequences((0, 3))
    torch.manual_seed(5)
    losses = world.loss(batch)
    torch.manual_seed(5)
    found = world.infer_sequences(batch)
    nats = world.observation.log_likelihood(found.state, batch["observation"])["observation"]
    torch.testing.assert_close(losses["nats_observation"], -nats.mean())
    latent = world.dynamics.latent
    kl = latent.kl(found.posterior, found.prior).sum(-1)  # [E, B, L]
    torch.testing.assert_close(losses["kl"], 2 * kl.mean())
    reward = world.reward(found.state[:, :-1], batch["previous_action"][:, 1:], found.state[:, 1:])
    error = (reward - batch["reward"][:, 1:, 0]).square()[:, [0, 1, 3, 4]]  # frame 3 was arrived at by no action
    torch.testing.assert_close(losses["reward"], 5 * error.mean())


def test_the_divergence_teaches_the_prior_by_one_term_and_the_posterior_by_the_other() -> None:
    latent = GaussianLatent(Z)
    q = latent.read(torch.randn(B, L, 2 * Z)).requires_grad_()
    p = latent.read(torch.randn(2, B, L, 2 * Z)).requires_grad_()
    counts = (torch.rand(B, L) > 0.5).float()
    kl = Divergence(0.8, 0.2)(latent, Inferred(torch.zeros(B, L, Z), q, p, {}), counts)["kl"]
    exact = (latent.kl(q, p).sum(-1).mean(0) * counts).sum() / counts.sum()
    torch.testing.assert_close(kl, exact)
    (to_q, to_p), (of_q, of_p) = torch.autograd.grad(kl, (q, p)), torch.autograd.grad(exact, (q, p))
    torch.testing.assert_close((to_q, to_p), (0.2 * of_q, 0.8 * of_p))


def test_overshooting_is_the_divergence_of_predictions_over_several_steps() -> None:
    world = model(members=2)
    batch = sequences((3,))
    latent, dynamics, action = world.dynamics.latent, world.dynamics, batch["previous_action"]
    found = Inferred(torch.randn(B, L, Z), *(latent.read(torch.randn(B, L, 2 * Z)) for _ in "qp"), {})
    theta = dynamics.sample_parameters(2)
    torch.manual_seed(0)
    noise = torch.randn(2, 2 * B, L, Z).unflatten(1, (2, B))
    expected = []
    for d in (2, 3):
        terms = []
        for t in range(L - d):
            if t < 3 <= t + d:  # frame 3 begins the second episode
                continue
            state = found.state[:, t].expand(2, B, Z)
            for k in range(1, d + 1):
                hidden = dynamics.advance(state, action[:, t + k].expand(2, B, A), theta)
                statistics = dynamics.prior(hidden, theta)
                state = dynamics.state(hidden, statistics, noise[k - 1, :, :, t + k] if k < d else None)
            terms.append(latent.kl(found.posterior[:, t + d], statistics).sum(-1).mean())
        expected.append(torch.stack(terms).mean() if terms else torch.zeros(()))
    torch.manual_seed(0)
    loss = Overshooting(3, scale=2.0)(dynamics, found, batch, torch.ones(B, L))["overshooting"]
    torch.testing.assert_close(loss, expected[0] + expected[1])


def test_frames_that_only_warm_the_state_up_teach_nothing() -> None:
    world = model(burn_in=2)
    assert world.counts(sequences()).tolist() == [[0, 0, 1, 1, 1, 1]] * B
    assert world.counts(sequences((1,))).tolist() == [[0, 1, 1, 1, 1, 1]] * B


def test_the_slow_encoder_follows() -> None:
    objective = LatentConsistency(tau=0.25, hidden=[16])
    world = model(objective)
    (learned, *_), (slow, *_) = world.observation.encoder.parameters(), objective.slow.parameters()
    before = slow.clone()
    with torch.no_grad():
        learned += 1
    world.loss(sequences())
    torch.testing.assert_close(slow, before + 0.25)
    assert not any(name.startswith("objective.slow") for name, p in world.named_parameters() if p.requires_grad)


def test_evaluation_has_its_own_chance() -> None:
    world, batch = model(), sequences()
    state = torch.get_rng_state()
    first = world.evaluate(batch)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    torch.testing.assert_close(world.evaluate(batch), first)


def test_the_bound_is_the_likelihood_less_the_divergence() -> None:
    world, batch = model(), sequences((0, 3))
    scores = world.evaluate(batch)
    torch.testing.assert_close(scores["elbo"], -scores["nats_observation"] - scores["kl_nats"])
    torch.testing.assert_close(scores["kl"], 2 * scores["kl_nats"])
    assert scores["kl_by_variable"].shape == (Z,)
    torch.testing.assert_close(scores["kl_by_variable"].sum(), scores["kl_nats"])
    assert scores["collapsed"] == (scores["kl_by_variable"] < 0.01).float().mean()


def agent(world: LatentWorldModel, **more: object) -> MPC:
    return MPC(world, CEM(candidates=8, elites=2, iterations=2, horizon=3), A, Objective(particles=2), **more)  # type: ignore[arg-type]


def test_an_agent_carries_what_it_knows() -> None:
    player = agent(model()).eval()
    assert player.sequences
    td = TensorDict({"observation": torch.randn(4, O), "is_init": torch.ones(4, 1, dtype=torch.bool)}, [4])
    for key, spec in player.memory_spec.items():
        td[key] = spec.zero((4,))
    out = player(td)
    features = player.world_model.observation.features(td["observation"])
    statistics = player.world_model.posterior.statistics(features)
    torch.testing.assert_close(out["state"], statistics[:, :Z])
    assert torch.equal(out["next", "previous_action"], out["action"])


def test_noise_on_the_actions_of_training_only() -> None:
    player = agent(model(), action_noise=0.3)
    td = TensorDict({"observation": torch.randn(200, O), "is_init": torch.ones(200, 1, dtype=torch.bool)}, [200])
    for key, spec in player.memory_spec.items():
        td[key] = spec.zero((200,))
    player.eval()
    planned = player(td.clone())
    assert torch.equal(planned["action"], planned["plan"][:, 0])
    player.train()
    noisy = player(td.clone())
    off = (noisy["action"] - noisy["plan"][:, 0])[noisy["action"].abs() < 1]
    assert 0.2 < off.std() < 0.35
    assert noisy["action"].abs().max() <= 1
    assert torch.equal(noisy["next", "previous_action"], noisy["action"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: model(burn_in=-1), "burn_in: need at least 0, got -1"),
        (lambda: Divergence(free_nats=-1), "free_nats: need at least 0, got -1"),
        (lambda: Overshooting(1), "distance: need at least 2, got 1"),
        (lambda: LatentConsistency(decay=0), r"decay: need a number in \(0, 1\], got 0"),
        (lambda: agent(model(), action_noise=-1), "action_noise: need at least 0, got -1"),
    ],
)
def test_wrong_numbers(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
