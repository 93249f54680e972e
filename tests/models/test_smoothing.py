"""The smoother and its filter: what may know of what, borders of episodes, and one frame after the other."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from fulgurite.models.full_gaussian import FullGaussianLatent
from fulgurite.models.gated_transition import GatedTransition
from fulgurite.models.latent import CategoricalLatent, GaussianLatent, Latent
from fulgurite.models.latent_dynamics import LatentDynamics
from fulgurite.models.posterior import Inferred
from fulgurite.models.smoothing import Smoothing

B, L, F, A = 3, 7, 4, 2
BORDERS = ((0, 3), (1, 5), (1, 6))  # a sequence and the frame where an episode begins in it
FAMILIES = [GaussianLatent(3), FullGaussianLatent(3), CategoricalLatent(2, 3)]


class Recurrent(LatentDynamics):
    """h' = tanh(W [h, z, a]), z ~ N(V h, 1): a deterministic part of two numbers."""

    def __init__(self) -> None:
        super().__init__(GaussianLatent(3), 2)
        self.W, self.V = torch.nn.Linear(5 + A, 2), torch.nn.Linear(2, 6)

    def advance(self, state: Tensor, action: Tensor, theta: Any) -> Tensor:
        return torch.tanh(self.W(torch.cat([state, action], -1)))

    def prior(self, hidden: Tensor, theta: Any) -> Tensor:
        return self.latent.read(self.V(hidden))


class Case:
    """A posterior over sequences with episodes that begin in the middle."""

    def __init__(self, dynamics: LatentDynamics | Latent, bidirectional: bool = False) -> None:
        torch.manual_seed(0)
        made = dynamics if isinstance(dynamics, LatentDynamics) else GatedTransition(dynamics, A, (8,))
        self.dynamics = made.double()
        self.posterior = Smoothing(6, bidirectional).build(F, A, self.dynamics).double()
        self.features = torch.randn(B, L, F).double()
        self.is_init = torch.zeros(B, L, 1, dtype=torch.bool)
        for b, t in BORDERS:
            self.is_init[b, t] = True
        self.action = torch.randn(B, L, A).double().masked_fill(self.is_init, 0.0)
        self.noise = torch.randn(B, L, self.dynamics.latent.size).double()

    def infer(self, **other: Tensor | None) -> Inferred:
        given = {name: getattr(self, name) for name in ("features", "action", "is_init", "noise")}
        return self.posterior.infer(self.dynamics, **{**given, **other})


CASES = [*FAMILIES, "recurrent"]


def name(what: Latent | str) -> str:
    """Of a case."""
    return what if isinstance(what, str) else type(what).__name__


def case(what: Latent | str, bidirectional: bool = False) -> Case:
    return Case(what if isinstance(what, Latent) else Recurrent(), bidirectional)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("what", CASES, ids=name)
def test_nothing_passes_a_border_in_either_direction(what: Latent | str, bidirectional: bool) -> None:
    it = case(what, bidirectional)
    found = it.infer()
    earlier, later = it.features.clone(), it.features.clone()
    earlier[0, :3] += 5
    later[0, 3:] += 5
    for changed, same, other in ((earlier, slice(3, None), slice(0, 3)), (later, slice(0, 3), slice(3, None))):
        again = it.infer(features=changed)
        for one, two in ((again.state, found.state), (again.posterior, found.posterior), (again.prior, found.prior)):
            assert torch.equal(one[0, same], two[0, same])
            assert torch.equal(one[1:], two[1:])
        assert torch.equal(again.losses["filter"][0, same], found.losses["filter"][0, same])
        assert not torch.isclose(again.posterior[0, other], found.posterior[0, other]).all(-1).any()


@pytest.mark.parametrize("what", CASES, ids=name)
def test_episodes_in_one_sequence_are_inferred_as_each_alone(what: Latent | str) -> None:
    it = case(what)
    found = it.infer()
    bounds = {0: [0, 3, L], 1: [0, 5, 6, L], 2: [0, L]}
    for b, ends in bounds.items():
        for start, end in pairwise(ends):
            part = {
                name: getattr(it, name)[b : b + 1, start:end] for name in ("features", "action", "is_init", "noise")
            }
            alone = it.posterior.infer(it.dynamics, **part)
            for name in ("state", "posterior", "prior"):
                torch.testing.assert_close(getattr(alone, name)[0], getattr(found, name)[b, start:end])
            torch.testing.assert_close(alone.losses["filter"][0], found.losses["filter"][b, start:end])


@pytest.mark.parametrize("what", CASES, ids=name)
def test_states_are_draws_from_the_posterior_and_priors_follow_from_them(what: Latent | str) -> None:
    it = case(what)
    dynamics, found = it.dynamics, it.infer()
    for t in range(L):
        begins = it.is_init[:, t] | (t == 0)
        last = torch.where(begins, torch.zeros_like(found.state[:, 0]), found.state[:, t - 1])
        hidden = dynamics.advance(last, it.action[:, t].masked_fill(begins, 0.0), None)
        state = dynamics.state(hidden, found.posterior[:, t], it.noise[:, t])
        torch.testing.assert_close(found.state[:, t], state)
        prior = dynamics.prior(hidden, None)
        if not dynamics.deterministic_size:
            prior = torch.where(begins, dynamics.first(last), prior)
        torch.testing.assert_close(found.prior[:, t], prior)
    means = it.infer(noise=None)
    z = dynamics.stochastic(means.state)
    torch.testing.assert_close(z, dynamics.latent.sample(means.posterior, None))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_past_is_seen_through_the_last_state_alone(bidirectional: bool) -> None:
    """With the path from the last state cut, a frame before t says nothing of z_t, and one after it does."""
    it = case(GaussianLatent(3), bidirectional)
    with torch.no_grad():
        it.posterior.from_state.weight.zero_()
    it.features.requires_grad_()
    (gradient,) = torch.autograd.grad(it.infer().posterior[2, 3].sum(), it.features)
    assert gradient[2, 3:].abs().amin(-1).min() > 0
    assert gradient[2, :3].any() == bidirectional


@pytest.mark.parametrize("what", CASES, ids=name)
def test_filtering_step_by_step_is_what_the_filter_is_trained_as(what: Latent | str) -> None:
    it = case(what)
    found = it.infer()
    memory = torch.full((B, it.posterior.memory_size), torch.nan).double()
    is_init = it.is_init.clone()
    is_init[:, 0] = True
    action = torch.where(is_init, torch.nan, it.action)  # where nothing is known from before, nothing is looked at
    state = torch.zeros(B, it.dynamics.state_size).double()
    for t in range(L):
        step = it.posterior.filter(it.dynamics, memory, action[:, t], it.features[:, t], is_init[:, t], it.noise[:, t])
        kl = it.dynamics.latent.kl(found.posterior[:, t], step.statistics).sum(-1)
        torch.testing.assert_close(kl, found.losses["filter"][:, t])
        last = torch.where(is_init[:, t], torch.zeros_like(state), state)
        hidden = it.dynamics.advance(last, action[:, t].masked_fill(is_init[:, t], 0.0), None)
        state = it.dynamics.state(hidden, step.statistics, it.noise[:, t])
        torch.testing.assert_close(step.state, state)
        assert step.memory.shape == memory.shape
        memory = step.memory


def test_the_filters_loss_trains_the_filter_alone_and_the_bound_all_else() -> None:
    it = case(GaussianLatent(3))
    it.features.requires_grad_()
    found = it.infer()
    found.losses["filter"].sum().backward()
    assert it.features.grad is None
    trained = {name for name, p in it.posterior.named_parameters() if p.grad is not None}
    filters = {name for name, _ in it.posterior.named_parameters() if name.startswith("filter_")}
    assert trained == filters
    assert all(p.grad is None for p in it.dynamics.parameters())
    found = it.infer()
    bound = found.state.sum() + it.dynamics.latent.kl(found.posterior, found.prior).sum()
    it.posterior.zero_grad()
    bound.backward()
    trained = {name for name, p in it.posterior.named_parameters() if p.grad is not None}
    assert trained == {name for name, _ in it.posterior.named_parameters()} - filters
    assert all(p.grad is not None for p in it.dynamics.parameters())


@pytest.mark.parametrize("what", [GaussianLatent(3), FullGaussianLatent(3), "recurrent"], ids=name)
def test_gradients_through_time_by_finite_differences(what: Latent | str) -> None:
    it = case(what, bidirectional=True)
    parameters = dict(it.posterior.named_parameters())

    def everything(features: Tensor, action: Tensor, noise: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        given = (it.dynamics, features, action, it.is_init, noise)
        weights = dict(zip(parameters, values, strict=True))
        found = torch.func.functional_call(Infer(it.posterior), {f"it.{k}": v for k, v in weights.items()}, given)
        return found.state, found.posterior, found.prior

    inputs = [it.features, it.action, it.noise, *parameters.values()]
    free = [value.detach().clone().requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(everything, free, fast_mode=True)


class Infer(torch.nn.Module):
    """`infer` as a call, for `functional_call`."""

    def __init__(self, it: Smoothing) -> None:
        super().__init__()
        self.it = it

    def forward(self, *given: Any) -> Inferred:
        return self.it.infer(*given)


@pytest.mark.parametrize("what", CASES, ids=name)
def test_half_precision(what: Latent | str) -> None:
    it = case(what)
    it.posterior.float(), it.dynamics.float()
    given = (it.features.float(), it.action.float(), it.is_init, it.noise.float())
    whole = it.posterior.infer(it.dynamics, *given)
    with torch.autocast("cpu", torch.bfloat16):
        half = it.posterior.infer(it.dynamics, *given)
    for name in ("posterior", "prior"):
        assert getattr(half, name).isfinite().all()
    if not isinstance(it.dynamics.latent, CategoricalLatent):  # one number of them decides which class is drawn
        torch.testing.assert_close(half.state.float(), whole.state, atol=0.1, rtol=0.1)


def test_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="hidden: need at least 1, got 0"):
        Smoothing(hidden=0)
