"""Dreamer's losses against a second implementation, their gradients, and which part each of them moves."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from dreamer_by_hand import Plain
from dreamer_doubles import A, B, L, O, first_dreamer, sequences, third_dreamer
from tensordict import TensorDict

from fulgurite.agents.dreamer import Dreamer
from fulgurite.agents.dreamer_actor import Pathwise, Reinforce
from fulgurite.agents.dreamer_critic import CriticLoss
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.policies.return_scale import PercentileScale, Unscaled
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue

KINDS = {
    "first": first_dreamer,
    "first, nothing ends": lambda: first_dreamer(termination=False),
    "first, by likelihood ratios": lambda: first_dreamer(actor_loss=Reinforce(0.0)),
    "third": third_dreamer,
    "third, discrete actions": lambda: third_dreamer(discrete=True),
    "third, some of the frames": lambda: third_dreamer(burn_in=2, starts=2),
}
every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def drawn(agent: Dreamer, seed: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return agent.loss(sequences())


@every_kind
def test_every_loss_is_that_of_the_papers(make):
    agent = make()
    found, expected = drawn(agent), Plain(agent, sequences(), 3).losses()
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(
            found[name].double(), expected[name], rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
        )


@every_kind
def test_every_gradient_is_that_of_the_papers(make):
    agent = make()
    found, plain = drawn(agent), Plain(agent, sequences(), 3)
    for name, part, expected in (
        ("actor", agent.policy, plain.actor()),
        ("value", agent.critic.network, plain.value()),
    ):
        parameters = list(part.parameters())
        grads = torch.autograd.grad(found[name], parameters, retain_graph=True)
        exact = torch.autograd.grad(expected, parameters, retain_graph=True)
        assert max(grad.abs().max() for grad in exact) > 1e-4
        for grad, by_hand in zip(grads, exact, strict=True):
            torch.testing.assert_close(grad, by_hand, rtol=1e-5, atol=1e-8)


@every_kind
def test_the_models_losses_are_its_own_to_the_bit(make):
    agent = make()
    alone = make()
    torch.manual_seed(3)
    own = alone.world_model.loss(sequences())
    sum(own.values()).backward()
    losses = drawn(agent)
    for name, loss in own.items():
        assert torch.equal(losses[name], loss), name
    sum(losses.values()).backward()
    for (name, parameter), (_, other) in zip(
        agent.world_model.named_parameters(), alone.world_model.named_parameters(), strict=True
    ):
        assert (parameter.grad is None) == (other.grad is None), name
        if other.grad is not None:
            assert torch.equal(parameter.grad, other.grad), name


@every_kind
def test_each_loss_moves_its_own_part_alone(make):
    agent = make()
    losses = drawn(agent)
    for name, owner in (("actor", "policy."), ("value", "critic.network."), ("replay_value", "critic.network.")):
        if name not in losses:
            continue
        named = [(key, p) for key, p in agent.named_parameters() if p.requires_grad]
        grads = torch.autograd.grad(losses[name], [p for _, p in named], retain_graph=True, allow_unused=True)
        moved = {key for (key, _), grad in zip(named, grads, strict=True) if grad is not None}
        assert moved == {key for key, _ in named if key.startswith(owner)}, name
    assert all(p.requires_grad for p in agent.world_model.parameters())


def test_the_pathwise_gradient_is_the_slope_of_what_is_imagined():
    """Central differences along random directions of the policy's weights, with the noise held."""
    agent = first_dreamer(termination=False)
    loss = drawn(agent)["actor"]
    parameters = list(agent.policy.parameters())
    grads = torch.autograd.grad(loss, parameters)
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        way = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters]
        slope = sum((g * d).sum() for g, d in zip(grads, way, strict=True))
        ends = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                for p, d in zip(parameters, way, strict=True):
                    p += step * d
                ends.append(drawn(agent)["actor"])
                for p, d in zip(parameters, way, strict=True):
                    p -= step * d
        torch.testing.assert_close(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-9)


def test_both_gradients_agree_on_average():
    """Of one model and policy: REINFORCE's draws lie around the pathwise slope, within four standard errors."""
    agent = first_dreamer(termination=False)
    agent.horizon = 1
    state = agent.world_model.dynamics.initial(torch.zeros(10_000, 1, dtype=torch.float64))
    biases = [agent.policy.network.layers[-1].bias]

    def slope(loss, seed):
        agent.actor_loss = loss
        torch.manual_seed(seed)
        dreamt = agent.dreamt(agent.imagine(state), torch.ones(len(state), dtype=torch.bool))
        return torch.autograd.grad(loss(agent.policy, dreamt)[0], biases)[0]

    exact = slope(Pathwise(), 0)
    drawn = torch.stack([slope(Reinforce(0.0, Unscaled()), seed) for seed in range(14)])
    error = drawn.std(0) / 14**0.5
    assert ((drawn.mean(0) - exact).abs() < 4 * error).all()
    assert (error < 0.15 * exact.abs().max()).all()


def test_it_acts_by_its_policy_on_the_filtered_state_and_knows_its_worth():
    agent = third_dreamer().eval()
    td = TensorDict({"observation": torch.randn(4, O).double(), "is_init": torch.ones(4, 1, dtype=torch.bool)}, [4])
    for key, spec in agent.memory_spec.items():
        td[key] = spec.zero((4,)).double()
    out = agent(td)
    assert torch.equal(out["action"], agent.policy(out["state"]).mode())
    assert torch.equal(out["next", "previous_action"], out["action"])
    assert agent.value(out["state"]).shape == (4,)


def test_entropy_and_scale_are_told():
    agent = third_dreamer()
    drawn(agent)
    assert {"policy/entropy", "policy/return_scale", "policy/imagined_return"} <= agent._notes.keys()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: third_dreamer(starts=0), "starts: need at least 1, got 0"),
        (
            lambda: drawn(third_dreamer(burn_in=2, starts=4)),
            "starts: need 1 to 3, the frames that follow burn_in, got 4",
        ),
        (lambda: drawn(third_dreamer(burn_in=L)), "starts: need 1 to 0, the frames that follow burn_in, got 0"),
        (lambda: Reinforce(entropy=-1.0), "entropy: need at least 0, got -1.0"),
        (lambda: CriticLoss(slow=-1.0), "slow: need at least 0, got -1.0"),
        (lambda: CriticLoss(replay=-0.3), "replay: need at least 0, got -0.3"),
    ],
)
def test_wrong_numbers(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"horizon": 0}, "horizon: need at least 1, got 0"),
        ({"discount": 1.1}, r"discount: need a number in \[0, 1\], got 1.1"),
        ({"lambda_": -0.1}, r"lambda_: need a number in \[0, 1\], got -0.1"),
        ({"policy": DeterministicPolicy()}, "policy: need one with a density for Reinforce with entropy 0.0003"),
        ({"discrete_actions": True}, "policy: need one for actions one-hot, got SquashedGaussianPolicy"),
    ],
)
def test_wrong_parts(changes, text):
    model = first_dreamer().world_model
    with pytest.raises(ValueError, match=text):
        Dreamer(
            model,
            **{
                "policy": SquashedGaussianPolicy(),
                "value": StateValue(),
                "observation_shape": (O,),
                "action_size": A,
                **changes,
            },
        )


def test_a_deterministic_policy_learns_through_the_model():
    torch.manual_seed(0)
    model = first_dreamer().world_model.float()
    agent = Dreamer(model, DeterministicPolicy([6]), StateValue([6]), (O,), A, actor_loss=Pathwise(), action_noise=0.3)
    batch = TensorDict({key: x.float() if x.is_floating_point() else x for key, x in sequences().items()}, [B])
    agent.loss(batch)["actor"].backward()
    assert all(p.grad is not None for p in agent.policy.parameters())


def test_the_scale_is_the_distance_of_percentiles_averaged_over_updates():
    scale = PercentileScale(low=0.25, high=0.75, rate=0.5)
    assert scale(torch.arange(9.0)) == 4  # 6 - 2; the first update's own
    assert scale(torch.arange(9.0)) == 4  # what was not followed by an update leaves no trace
    scale.follow()
    torch.testing.assert_close(scale(100 * torch.arange(9.0)), torch.tensor((0.25 * 4 + 0.5 * 400) / 0.75))
    scale.follow()
    scale(torch.full((9,), torch.nan))
    scale.follow()
    assert scale.ends.isfinite().all()
    torch.testing.assert_close(scale.weight, torch.tensor(0.75))
    assert PercentileScale()(torch.full((5,), 3.0)) == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"low": 0.9, "high": 0.5}, "low: need 0 <= low < high <= 1, got 0.9 and 0.5"),
        ({"rate": 0.0}, r"rate: need a number in \(0, 1\], got 0.0"),
        ({"least": 0.0}, "least: need more than 0, got 0.0"),
    ],
)
def test_wrong_scales(changes, text):
    with pytest.raises(ValueError, match=text):
        PercentileScale(**changes)


def test_two_processes_stay_one_dreamer(tmp_path):
    """Weights, slow copies and the scale of returns, after updates on different sequences."""
    tests = Path(__file__).parents[1]
    words = [sys.executable, str(tests / "dreamer_fits.py"), str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["weights"].keys() == second["weights"].keys()
    for name, value in first["weights"].items():
        assert torch.equal(value, second["weights"][name]), name
    assert first["weights"]["actor_loss.scale.weight"] > 0
    assert first["told"]["loss/actor"] != second["told"]["loss/actor"]
