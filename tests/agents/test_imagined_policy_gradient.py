"""The agent: who learns from what, what it refuses, and that it learns."""

import pytest
import torch
from fixed import Given, batches, fit
from tensordict import TensorDict
from worlds import Linear

from fulgurite.agents.dream import Dream
from fulgurite.agents.imagined_policy_gradient import ImaginedPolicyGradient
from fulgurite.agents.likelihood_ratio import LikelihoodRatio
from fulgurite.agents.pathwise import Pathwise
from fulgurite.agents.proximal import Proximal
from fulgurite.agents.total_propagation import TotalPropagation
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import pendulum_reward
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.categorical import CategoricalPolicy
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue

ESTIMATORS = [Pathwise, LikelihoodRatio, lambda: Proximal(reuse=5), TotalPropagation]
NAMES = ["Pathwise", "LikelihoodRatio", "Proximal", "TotalPropagation"]


def agent(estimator=None, policy=None, **changes):
    torch.manual_seed(0)
    world = WorldModel(GaussianDynamics(3, 1, members=2, hidden=(16,)), pendulum_reward)
    policy = SquashedGaussianPolicy(hidden=(8,)) if policy is None else policy
    arguments = {"dream": Dream(horizon=3), "entropy_weight": 0.1, **changes}
    return ImaginedPolicyGradient(world, policy, StateValue(hidden=(8,)), (3,), 1, estimator=estimator, **arguments)


def touched(module, loss):
    gradients = torch.autograd.grad(loss, list(module.parameters()), retain_graph=True, allow_unused=True)
    return any(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize("make", ESTIMATORS, ids=NAMES)
def test_every_loss_moves_its_own_part_alone(make):
    learner = agent(make())
    rows = batches(5, 2, 8)
    learner.prepare(rows)
    losses = learner.loss(rows[0])
    assert set(losses) == {"dynamics", "policy", "value", "entropy"}
    parts = {"dynamics": learner.world_model, "policy": learner.policy, "value": learner.critic.network}
    for name, loss in losses.items():
        owner = "policy" if name == "entropy" else name
        for part, module in parts.items():
            assert touched(module, loss) == (part == owner), (name, part)
    assert all(parameter.requires_grad for parameter in learner.world_model.parameters())


@pytest.mark.parametrize("make", ESTIMATORS, ids=NAMES)
def test_a_fit_moves_every_part(make):
    learner = agent(make())
    before = {name: parameter.clone() for name, parameter in learner.named_parameters()}
    fit(learner, Given(batches(2, 5, 2, 8)))
    still = {name for name, parameter in learner.named_parameters() if torch.equal(parameter, before[name])}
    assert not still
    assert all(parameter.isfinite().all() for parameter in learner.parameters())


def test_the_entropy_counts_like_a_reward():
    """eta sum_t w_t H(pi(. | s_t)), the mean over starts."""
    learner = agent(Pathwise(), entropy_weight=0.7, dream=Dream(horizon=3, discount=0.5))
    batch = batches(2, 8)
    torch.manual_seed(1)
    losses = learner.loss(batch.clone())
    torch.manual_seed(1)
    lesson = learner.estimator.lesson(learner.learner, batch)
    entropy = learner.policy(lesson.state).entropy()  # [H, B]
    by_hand = -0.7 * (entropy[0] + 0.5 * entropy[1] + 0.25 * entropy[2]).mean()
    torch.testing.assert_close(losses["entropy"], by_hand)


def test_the_policy_is_followed_from_as_many_states_as_asked_for():
    learner = agent(Pathwise(), dream=Dream(horizon=3, starts=6))
    lesson = learner.estimator.lesson(learner.learner, batches(2, 8))
    assert lesson.state.shape == (3, 6, 3)
    begun = Dream().begun(batches(2, 8))
    assert torch.equal(begun[:4], torch.stack([batches(2, 8)["state"][e, b] for b in (0, 1) for e in (0, 1)]))


def test_discrete_actions_learn_pathwise_and_by_likelihood_ratio():
    def reward(state, action, next_state):
        return action[..., 1]  # the second action is the better one

    for estimator in (Pathwise(), LikelihoodRatio(), Proximal(reuse=1)):
        torch.manual_seed(0)
        world = WorldModel(Linear(torch.eye(1), torch.zeros(1, 2)), reward)
        policy = CategoricalPolicy(hidden=(8,), learning_rate=3e-2)
        learner = ImaginedPolicyGradient(
            world, policy, StateValue(hidden=(8,)), (1,), 2, True, estimator, Dream(horizon=3, discount=0.9)
        )
        state, action = torch.zeros(4, 20, 16, 1), torch.zeros(4, 20, 16, 2)
        following = {"observation": state, "reward": state}
        fit(learner, Given(TensorDict({"observation": state, "action": action, "next": following}, [4, 20, 16])))
        assert learner.policy(torch.zeros(1, 1)).log_pi.exp()[0, 1] > 0.9


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="estimator: LikelihoodRatio needs a policy with a density"):
        agent(LikelihoodRatio(), DeterministicPolicy(), entropy_weight=0.0)
    with pytest.raises(ValueError, match=r"entropy_weight: need 0 for a policy without a density, got 0\.1"):
        agent(Pathwise(), DeterministicPolicy())
    with pytest.raises(ValueError, match="entropy_weight: need at least 0, got -1"):
        agent(Pathwise(), entropy_weight=-1.0)
    learner = agent(Proximal(), dream=Dream(starts=4))
    with pytest.raises(ValueError, match=r"dream\.starts: need null, Proximal imagines from every state, got 4"):
        learner.prepare(batches(5, 2, 8))


def test_the_norm_of_the_gradient_is_measured_without_a_trace():
    learner = agent(Pathwise())
    batch = batches(2, 8)
    torch.manual_seed(0)
    norms = [learner.gradient_norm(batch, k).item() for k in (1, 4)]
    assert min(norms) > 0
    assert all(parameter.grad is None for parameter in learner.parameters())
    torch.manual_seed(0)
    loss = learner.estimator.lesson(learner.learner, batch, 1).loss
    by_hand = torch.autograd.grad(loss, list(learner.policy.parameters()))
    assert norms[0] == pytest.approx(torch.cat([g.flatten() for g in by_hand]).norm().item())
