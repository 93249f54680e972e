"""The norm of the policy's gradient by horizon, on a world where it is known."""

import pytest
import torch
from watched import LinearGaussian, Run, Still, counting

from fulgurite.agents.dream import Dream
from fulgurite.agents.imagined_policy_gradient import ImaginedPolicyGradient
from fulgurite.callbacks.policy_gradients import PolicyGradients
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.policies.state_value import StateValue


def learner():
    """a = tanh(0 s + 0), s' = s + a and r = s': every action raises all rewards after it by itself."""
    world = WorldModel(LinearGaussian(), lambda s, a, n: n[..., 0])
    policy = DeterministicPolicy(hidden=())
    agent = ImaginedPolicyGradient(
        world, policy, StateValue(hidden=()), (1,), 1, dream=Dream(discount=1.0, particles=1)
    )
    with torch.no_grad():
        for parameter in [*agent.policy.parameters(), *agent.critic.network.parameters()]:
            parameter.zero_()
    return agent


def test_the_norm_grows_as_the_sums_say(tmp_path):
    run = Run(tmp_path, PolicyGradients(horizons=(1, 3), starts=10), held_out=[counting(1)])
    run.go(500, learner())
    # from s = 0 alone: the weight has no gradient, the bias 1, or 3 + 2 + 1
    assert run.rows[-1]["policy/gradient_norm_h1"] == pytest.approx(1.0)
    assert run.rows[-1]["policy/gradient_norm_h3"] == pytest.approx(6.0)


def test_chance_and_other_agents_are_left_alone(tmp_path):
    run = Run(tmp_path, PolicyGradients(), held_out=[counting(4)])
    agent, before = learner(), torch.get_rng_state()
    run.go(500, agent)
    assert torch.equal(torch.get_rng_state(), before)
    run = Run(tmp_path / "other", PolicyGradients(), held_out=[counting(4)])
    run.go(500, Still(None))
    assert not run.rows


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match="horizons: need at least 1, got 0"):
        PolicyGradients(horizons=(0, 2))
    with pytest.raises(ValueError, match="starts: need at least 1, got 0"):
        PolicyGradients(starts=0)
