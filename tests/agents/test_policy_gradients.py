"""Gradients of a policy's worth in the model, against finite differences, dynamic programming and a plain loop."""

import math

import pytest
import torch
from tensordict import TensorDict
from torch.nn.functional import one_hot
from worlds import Counter, Linear, state_is_reward

from fulgurite.agents.dream import Dream, following
from fulgurite.agents.likelihood_ratio import LikelihoodRatio
from fulgurite.agents.pathwise import Pathwise
from fulgurite.agents.policy_gradient import Learner
from fulgurite.agents.proximal import IMAGINED, Proximal
from fulgurite.agents.total_propagation import TotalPropagation, carrying
from fulgurite.equations.total_propagation import inverse_variance_mix
from fulgurite.imagination import TS1
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import pendulum_reward
from fulgurite.models.physics import PendulumPhysics
from fulgurite.models.termination import LearnedTermination
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.bounded_normal import BoundedNormalPolicy
from fulgurite.policies.categorical import CategoricalPolicy
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue


def states(state):
    return TensorDict({"state": state}, state.shape[:-1])


def flat(gradients):
    return torch.cat([gradient.flatten() for gradient in gradients])


def gradient(estimator, learner, state, horizon=None):
    """Of the loss in the policy's parameters, and the loss."""
    loss = estimator.lesson(learner, states(state), horizon).loss
    return flat(torch.autograd.grad(loss, list(learner.policy.parameters()))), loss.detach()


# ---------------------------------------------------------------- pathwise


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def pendulum_world(dynamics):
    torch.manual_seed(0)
    if dynamics == "physics":
        return WorldModel(PendulumPhysics(), pendulum_reward)
    learned = GaussianDynamics(3, 1, members=2, hidden=(8,), activation="tanh")
    learned.input_normalizer.update(torch.randn(50, 4))
    learned.change_normalizer.update(0.1 * torch.randn(50, 3))
    return WorldModel(learned, pendulum_reward, LearnedTermination(3, hidden=(8,)))


@pytest.mark.parametrize("dynamics", ["physics", "ensemble"])
@pytest.mark.parametrize("policy", [SquashedGaussianPolicy, DeterministicPolicy])
def test_the_pathwise_gradient_is_that_of_finite_differences(double, dynamics, policy):
    world = pendulum_world(dynamics).double()
    actor = policy(hidden=(8,), activation="tanh", output_scale=0.1).build(3, 1).double()
    value = StateValue(hidden=(8,), activation="tanh").build(3).double()
    learner = Learner(world, actor, value, Dream(horizon=6, discount=0.9))
    angle = torch.tensor([0.4, 2.0, -1.0, 3.0])
    state = torch.stack([angle.cos(), angle.sin(), 0.5 * angle], -1)

    def loss():
        torch.manual_seed(3)
        return Pathwise().lesson(learner, states(state)).loss

    exact = flat(torch.autograd.grad(loss(), list(actor.parameters())))
    weights = torch.nn.utils.parameters_to_vector(actor.parameters()).detach()
    for seed in range(3):
        direction = torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed), dtype=weights.dtype)
        ends = []
        for sign in (1, -1):
            torch.nn.utils.vector_to_parameters(weights + sign * 1e-6 * direction, actor.parameters())
            ends.append(loss().item())
        torch.nn.utils.vector_to_parameters(weights, actor.parameters())
        assert math.isclose((ends[0] - ends[1]) / 2e-6, (exact @ direction).item(), rel_tol=1e-5, abs_tol=1e-7)


class Given(DeterministicPolicy):
    """a_t = x_t, whatever the state: the gradient of each action by itself."""

    def build(self, state_size, action_size):
        self.x = torch.nn.Parameter(torch.linspace(0.1, 0.6, 6))
        return self


def test_no_gradient_goes_back_further_than_the_truncation():
    """s' = s + a and r = s': an action raises all rewards that follow it, of which the gradient sees those nearby."""
    policy, value = Given().build(1, 1), StateValue(hidden=()).build(1)
    world = WorldModel(Counter(), state_is_reward)
    for truncate, slope in (
        (None, [6, 5, 4, 3, 2, 1]),
        (6, [6, 5, 4, 3, 2, 1]),
        (2, [2, 1] * 3),
        (4, [4, 3, 2, 1, 2, 1]),
    ):
        dream = Dream(horizon=6, discount=1.0, truncate=truncate)
        rollout = dream.imagine(world, torch.zeros(1, 1), lambda s, t: policy.x[t].tanh().expand_as(s))
        (found,) = torch.autograd.grad(rollout.reward.sum(), policy.x)
        torch.testing.assert_close(found / (1 - policy.x.tanh() ** 2), torch.tensor(slope, dtype=torch.float32))
        assert rollout.reward.sum() > 0
        assert value(rollout.next_state).shape == (6, 1)


def test_a_policy_sees_the_state_as_a_constant_where_a_piece_begins():
    world = WorldModel(Linear(torch.eye(1), torch.eye(1)), state_is_reward)
    policy = DeterministicPolicy(hidden=()).build(1, 1)
    dream, state = Dream(horizon=4, discount=1.0, truncate=1), torch.full((1, 1), 0.3)
    rollout = dream.imagine(world, state, following(policy))
    found = torch.autograd.grad(rollout.reward.sum(), list(policy.parameters()))
    by_hand = torch.autograd.grad(policy(rollout.state.detach()).mode().sum(), list(policy.parameters()))
    torch.testing.assert_close(found, by_hand)


# ---------------------------------------------------------------- likelihood ratio, exactly


class Chain(Counter):
    """Three states and two actions, one-hot; where it goes is drawn by the noise."""

    P = torch.tensor(
        [[[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], [[0.3, 0.3, 0.4], [0.0, 0.2, 0.8]], [[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]]]
    )

    def step(self, state, action, theta, noise):
        reached = torch.einsum("...s,...a,sat->...t", state, action, self.P).cumsum(-1)
        uniform = torch.special.ndtr(noise[..., :1])
        return one_hot((uniform > reached[..., :-1]).sum(-1), 3).to(state.dtype)


REWARD = torch.tensor([[1.0, -0.5], [0.3, 2.0], [-1.0, 0.0]])
END = torch.tensor([0.0, 0.1, 0.4])
HORIZON, GAMMA = 4, 0.9


def chain_learner():
    torch.manual_seed(0)
    world = WorldModel(Chain(), lambda s, a, n: torch.einsum("...s,...a,sa->...", s, a, REWARD), lambda n: n @ END)
    policy = CategoricalPolicy(hidden=(), unimix=0.0, output_scale=1.0).build(3, 2)
    value = StateValue(hidden=()).build(3)
    with torch.no_grad():
        value.network.layers[0].weight += torch.tensor([[1.0, -2.0, 3.0]])
    return Learner(world, policy, value, Dream(HORIZON, GAMMA, lambda_=1.0))


def exact_loss(learner, start):
    """-J by dynamic programming, backwards."""
    pi = learner.policy(torch.eye(3)).log_pi.exp()  # [S, A]
    worth = learner.value(torch.eye(3)).detach()
    for _ in range(HORIZON):
        q = REWARD + GAMMA * torch.einsum("sat,t->sa", Chain.P, (1 - END) * worth)
        worth = (pi * q).sum(-1)
    return -(start * worth).sum()


@pytest.mark.parametrize("estimator", [LikelihoodRatio(), Proximal()], ids=lambda one: type(one).__name__)
def test_the_imagined_gradient_is_that_of_dynamic_programming(estimator):
    learner = chain_learner()
    start = torch.tensor([0.5, 0.3, 0.2])
    exact = flat(torch.autograd.grad(exact_loss(learner, start), list(learner.policy.parameters())))
    rows = torch.eye(3)[torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])].repeat(400, 1)
    drawn = torch.stack([gradient(estimator, learner, rows)[0] for _ in range(60)])
    error = drawn.std(0) / len(drawn) ** 0.5
    assert error.max() < 0.02 * exact.abs().max()
    assert ((drawn.mean(0) - exact).abs() < 4 * error + 1e-6).all(), (drawn.mean(0), exact, error)


@pytest.mark.parametrize("make", [LikelihoodRatio, Proximal])
def test_standardized_gradients_point_the_same_way_whatever_the_unit_of_reward(make):
    learner, start = chain_learner(), torch.eye(3).repeat(500, 1)
    dearer = WorldModel(Chain(), lambda *given: 1000 * learner.world_model.reward(*given), lambda n: n @ END)
    value = StateValue(hidden=()).build(3)
    with torch.no_grad():
        for parameter in (*learner.value.network.parameters(), *value.network.parameters()):
            parameter.zero_()
    torch.manual_seed(5)
    found = gradient(make(standardize=True), learner, start)[0]
    torch.manual_seed(5)
    same = gradient(make(standardize=True), Learner(dearer, learner.policy, value, learner.dream), start)[0]
    torch.testing.assert_close(found, same, rtol=1e-3, atol=1e-6)
    torch.manual_seed(5)
    plain = gradient(make(), learner, start)[0]
    assert plain.norm() > 1.2 * found.norm()
    assert torch.nn.functional.cosine_similarity(plain, found, 0) > 0.8


def test_every_estimator_agrees_with_every_other():
    """On smooth noisy dynamics with a termination, whose probability the pathwise gradients see."""
    world = noisy_world()
    learner = learner_in(world)
    state = torch.tensor([[0.3, -0.2], [-0.5, 0.4]]).repeat(500, 1)
    found = {}
    for estimator in (Pathwise(), LikelihoodRatio(), TotalPropagation()):
        torch.manual_seed(1)
        drawn = torch.stack([gradient(estimator, learner, state)[0] for _ in range(40)])
        found[type(estimator).__name__] = drawn.mean(0), drawn.std(0) / len(drawn) ** 0.5
    mean, error = found.pop("Pathwise")
    for name, (other, spread) in found.items():
        bound = 4 * (error.square() + spread.square()).sqrt() + 0.01 * mean.abs().max()  # the mix has a small bias
        assert ((mean - other).abs() < bound).all(), name
        assert spread.norm() < 0.2 * mean.norm(), name


def test_a_longer_reuse_deals_every_rollout_to_as_many_minibatches():
    learner = chain_learner()
    rows = states(torch.eye(3)[torch.randint(3, (6, 2, 4))])  # [K, E, B]
    Proximal(reuse=3).prepare(learner, rows)
    made = rows[IMAGINED]
    assert made.shape == (6, 2, 4)
    assert made["action"].shape == (6, 2, 4, HORIZON, 2)
    passes = made["return"].reshape(3, 16, HORIZON)
    for one in passes[1:]:
        torch.testing.assert_close(one.sort(0).values, passes[0].sort(0).values)
        assert not torch.equal(one, passes[0])
    lesson = Proximal(reuse=3).lesson(learner, rows[0])
    assert lesson.state.shape == (2, 4, HORIZON, 3)
    with pytest.raises(ValueError, match="reuse: need a divisor of the 6 updates of a call, got 4"):
        Proximal(reuse=4).prepare(learner, rows)


# ---------------------------------------------------------------- total propagation


class NoisyOscillator(Counter):
    """s' = tanh(A s) + B a + sigma(s) noise, with a density."""

    A, B = torch.tensor([[1.2, 0.4], [-0.6, 0.9]]), torch.tensor([[0.1], [0.5]])

    def parameters_of(self, state, action):
        mean = (state @ self.A.T).tanh() + action @ self.B.T
        return mean, 0.3 + 0.1 * mean.square()

    def predict(self, state, action, theta):
        return torch.distributions.Independent(torch.distributions.Normal(*self.parameters_of(state, action)), 1)

    def step(self, state, action, theta, noise):
        mean, std = self.parameters_of(state, action)
        return mean + std * noise


def noisy_world():
    def reward(state, action, next_state):
        return -(next_state.square().sum(-1) + 0.3 * action[..., 0].square() + 0.2 * state[..., 0] * action[..., 0])

    return WorldModel(NoisyOscillator(), reward, lambda s: 0.3 * s[..., 0].sigmoid())


def learner_in(world, horizon=4):
    torch.manual_seed(0)
    policy = SquashedGaussianPolicy(hidden=(5,), activation="tanh").build(2, 1)
    value = StateValue(hidden=(6,), activation="tanh").build(2)
    return Learner(world, policy, value, Dream(horizon, 0.9, lambda_=1.0))


def plain_total_propagation(learner, state, H, seed):
    """Node by node and sample by sample, as the algorithm is written down."""
    world, policy, value, dream = learner
    torch.manual_seed(seed)
    epsilon = torch.randn(H, 1, *state.shape)[:, 0]  # the model's chance is drawn first
    eta = [torch.randn(1, len(state), 1)[0] for _ in range(H)]
    N = len(state)
    s, weight, visited, weights, rewards, leaves = state, torch.ones(N), [state], [torch.ones(N)], [], []
    for t in range(H):
        z = policy.network(s)
        mu, log_std = policy.read(z).mean, policy.read(z).log_std
        a = (mu + log_std.exp() * eta[t]).tanh()
        mean, std = world.dynamics.parameters_of(s, a)
        following_state = mean + std * epsilon[t]
        r = world.reward(s, a, following_state)
        leaves.append((s, z, a, mean, std))
        rewards.append(weight * r)
        weight = (weight * dream.discount * (1 - world.termination(following_state))).detach()
        s = following_state.detach()
        visited.append(s)
        weights.append(weight)
    with torch.no_grad():
        to_go = [weights[H] * value(visited[H])]
        for r in reversed(rewards):
            to_go.insert(0, r + to_go[0])
    # on the way back: what J gains by a state, and by the weight with which one gets there
    s = visited[H].clone().requires_grad_()
    (back,) = torch.autograd.grad((weights[H] * value(s)).sum(), s)
    by_weight = value(visited[H]).detach()
    total = torch.zeros(sum(p.numel() for p in policy.parameters()))
    for t in reversed(range(H)):
        surprise = to_go[t].detach() - weights[t] * value(visited[t]).detach()
        s = visited[t].clone().requires_grad_()
        w = weights[t].clone().requires_grad_()
        z = policy.network(s)
        z_free = z.detach().requires_grad_()
        pi = policy.read(z_free)
        a = (pi.mean + pi.log_std.exp() * eta[t]).tanh()
        s_free, a_free = s.detach().requires_grad_(), a.detach().requires_grad_()
        mean, std = world.dynamics.parameters_of(s_free, a_free)
        m_free, d_free = mean.detach().requires_grad_(), std.detach().requires_grad_()
        n = m_free + d_free * epsilon[t]
        c = dream.discount * (1 - world.termination(n))
        gain = (w * world.reward(s_free, a_free, n) + w * c * by_weight).sum() + (n * back).sum()
        rp_mean, rp_std, direct_s, direct_a, by_weight = torch.autograd.grad(gain, [m_free, d_free, s_free, a_free, w])
        drawn = visited[t + 1]
        log_p = torch.distributions.Normal(m_free, d_free).log_prob(drawn).sum()
        lr_mean, lr_std = (surprise[:, None] * g for g in torch.autograd.grad(log_p, [m_free, d_free]))
        g_mean, g_std = inverse_variance_mix(lr_mean, rp_mean), inverse_variance_mix(lr_std, rp_std)
        through_s, through_a = torch.autograd.grad([mean, std], [s_free, a_free], [g_mean, g_std])
        (rp_z,) = torch.autograd.grad(a, z_free, direct_a + through_a)
        z_again = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(policy.read(z_again).log_prob(a.detach()).sum(), z_again)
        g_z = inverse_variance_mix(surprise[:, None] * slope, rp_z)
        back, *gradients = torch.autograd.grad(z, [s, *policy.parameters()], g_z)
        back = back + direct_s + through_s
        total += flat(gradients)
    return -total / N


def test_total_propagation_is_the_plain_loop(double):
    learner = learner_in(noisy_world().double())
    for part in learner[:3]:
        part.double()
    world = learner.world_model.dynamics
    world.A, world.B = world.A.double(), world.B.double()
    state = torch.randn(50, 2, generator=torch.Generator().manual_seed(4))
    torch.manual_seed(7)
    found, loss = gradient(TotalPropagation(), learner, state)
    torch.testing.assert_close(found, plain_total_propagation(learner, state, 4, 7), rtol=1e-7, atol=1e-9)
    torch.manual_seed(7)
    assert math.isclose(loss.item(), Pathwise().lesson(learner, states(state)).loss.item(), rel_tol=1e-9)


class Sines(NoisyOscillator):
    """Chaotic: two coupled maps that stretch by up to eight at a step."""

    def parameters_of(self, state, action):
        mean = (8 * state + state.flip(-1)).sin() + 0.2 * action
        return mean, torch.full_like(mean, 0.05)


def test_total_propagation_survives_chaos():
    """Fifteen steps: the pathwise gradient has exploded; the mix is no worse than the better of the two."""
    learner = learner_in(WorldModel(Sines(), lambda s, a, n: -n.square().sum(-1)), horizon=15)
    state = torch.randn(300, 2, generator=torch.Generator().manual_seed(4))
    spread = {}
    for estimator in (Pathwise(), LikelihoodRatio(), TotalPropagation()):
        torch.manual_seed(0)
        drawn = torch.stack([gradient(estimator, learner, state)[0] for _ in range(20)])
        spread[type(estimator).__name__] = drawn.var(0).sum().item()
    assert spread["Pathwise"] > 1e4 * spread["LikelihoodRatio"]
    assert spread["TotalPropagation"] < 1.1 * spread["LikelihoodRatio"]


def test_a_scalar_carries_a_gradient():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = carrying(torch.tensor(5.0), [x], [torch.tensor([3.0, -1.0])])
    loss.backward()
    assert loss == 5.0
    assert torch.equal(x.grad, torch.tensor([3.0, -1.0]))


@pytest.mark.parametrize(
    ("estimator", "policy", "message"),
    [
        (LikelihoodRatio(), DeterministicPolicy(), "LikelihoodRatio needs a policy with a density, got Deterministic"),
        (Proximal(), DeterministicPolicy(), "Proximal needs a policy with a density"),
        (TotalPropagation(), CategoricalPolicy(), r"TotalPropagation needs actions in \[-1, 1\], got Categorical"),
    ],
)
def test_a_policy_without_the_gradient_is_refused(estimator, policy, message):
    with pytest.raises(ValueError, match=message):
        estimator.check(policy)
    Pathwise().check(policy)
    estimator.check(BoundedNormalPolicy())


def test_wrong_numbers_are_refused():
    for bad in ({"horizon": 0}, {"discount": 1.2}, {"lambda_": -0.1}, {"particles": 0}, {"truncate": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}: need .* got"):
            Dream(**bad)
    for bad in ({"clip": 1.0}, {"reuse": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}: need .* got"):
            Proximal(**bad)
    learner = learner_in(noisy_world())._replace(dream=Dream(3, propagation=TS1()))
    with pytest.raises(ValueError, match="TotalPropagation needs TSInfinity"):
        TotalPropagation().lesson(learner, states(torch.zeros(2, 2)))
