"""The recurrent state-space model and its filtering posterior, against steps by hand, torch's own and TorchRL's."""

import pickle
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from benchmarks.rssm_by_hand import Plain
from benchmarks.torchrl_rssm import torchrl_modules
from fulgurite.models.block_gru_cell import BlockGRUCell
from fulgurite.models.filtering import Filtering
from fulgurite.models.gru_cell import GRUCell
from fulgurite.models.latent import CategoricalLatent, GaussianLatent, Latent
from fulgurite.models.latent_dynamics import LatentDynamics, distribution
from fulgurite.models.posterior import Inferred
from fulgurite.models.recurrent_cell import RecurrentCell
from fulgurite.models.rssm import RSSM

BATCH, FRAMES, FEATURES, ACTION, SIZE = 3, 7, 4, 2, 6

CELLS = {"gru": lambda: GRUCell(5), "blocks": lambda: BlockGRUCell(5, 2)}
LATENTS = {"gaussian": lambda: GaussianLatent(3), "categorical": lambda: CategoricalLatent(2, 4)}
KINDS = [*product(CELLS, LATENTS, (False, True))]


def built(
    cell: RecurrentCell, latent: Latent, normalize: bool, activation: str = "silu", **options: bool
) -> tuple[RSSM, Filtering]:
    """In double precision, with no parameter at a special value; what is normalised has a learned initial state."""
    torch.manual_seed(0)
    rssm = RSSM(ACTION, latent, cell, SIZE, [5], activation, normalize, learned_initial=normalize).double()
    filtering = Filtering(4, activation, normalize, **options).build(FEATURES, ACTION, rssm).double()
    for parameter in [*rssm.parameters(), *filtering.parameters()]:
        parameter.data += 0.3 * torch.randn_like(parameter)
    return rssm, filtering


def sequences(latent: Latent) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, actions, is_init with episodes that begin in the middle and at the end, and noise."""
    generator = torch.Generator().manual_seed(1)
    features, action, noise = (
        torch.randn(BATCH, FRAMES, n, generator=generator, dtype=torch.float64) for n in (FEATURES, ACTION, latent.size)
    )
    is_init = torch.zeros(BATCH, FRAMES, 1, dtype=torch.bool)
    is_init[0, 0] = is_init[0, 3] = is_init[1, 4] = is_init[1, 5] = is_init[2, -1] = True
    return features.requires_grad_(), action.requires_grad_(), is_init, noise


def by_hand(
    rssm: RSSM, filtering: Filtering, features: Tensor, action: Tensor, is_init: Tensor, noise: Tensor | None
) -> Inferred:
    """Every sequence alone, frame by frame, by `advance` and the posterior, with a branch where an episode begins."""
    found = []
    for b in range(len(features)):
        state = torch.zeros(0)
        frames = []
        for t in range(features.shape[1]):
            a = action[b, t]
            if t == 0 or bool(is_init[b, t]):
                state, a = rssm.initial(a), torch.zeros_like(a)
            h = rssm.advance(state, a, None)
            posterior = filtering.statistics(rssm, h, features[b, t])
            state = rssm.state(h, posterior, None if noise is None else noise[b, t])
            frames.append((state, posterior, rssm.prior(h, None)))
        found.append([torch.stack(x) for x in zip(*frames, strict=True)])
    return Inferred(*(torch.stack(x) for x in zip(*found, strict=True)), {})


@pytest.mark.parametrize(("cell", "latent", "normalize"), KINDS)
@pytest.mark.parametrize("noisy", [True, False])
def test_sequences_are_inferred_as_step_by_step_with_the_same_gradients(cell, latent, normalize, noisy) -> None:
    rssm, filtering = built(CELLS[cell](), LATENTS[latent](), normalize)
    features, action, is_init, noise = sequences(rssm.latent)
    torch.manual_seed(2)
    wanted = [*rssm.parameters(), *filtering.parameters(), features, action]
    scanned, stepped = (
        way(features, action, is_init, noise if noisy else None)
        for way in (lambda *x: filtering.infer(rssm, *x), lambda *x: by_hand(rssm, filtering, *x))
    )
    weights = [torch.randn_like(x) for x in stepped[:3]]
    gradients = []
    for inferred in (scanned, stepped):
        loss = torch.stack([(x * w).sum() for x, w in zip(inferred[:3], weights, strict=True)]).sum()
        gradients.append(torch.autograd.grad(loss, wanted))
    for name, got, expected in zip(Inferred._fields[:3], scanned[:3], stepped[:3], strict=True):
        torch.testing.assert_close(got, expected, msg=name)
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected)
        assert expected.abs().max() > 0  # nothing is left out of the comparison
    assert scanned.losses == {}
    assert scanned.state.shape == (BATCH, FRAMES, rssm.state_size)


@pytest.mark.parametrize(
    ("cell", "activation"), [*product(["gru"], ["silu", "relu", "elu", "tanh"]), ("blocks", "silu")]
)
def test_gradients_through_time_are_those_of_finite_differences(cell: str, activation: str) -> None:
    kind = GRUCell(5, activation) if cell == "gru" else BlockGRUCell(5, 2)
    rssm, filtering = built(kind, GaussianLatent(2), True, activation)
    features, action, is_init, noise = sequences(rssm.latent)
    parameters = [*rssm.parameters(), *filtering.parameters()]

    def outcome(*inputs: Tensor) -> tuple[Tensor, ...]:
        return filtering.infer(rssm, inputs[0], inputs[1], is_init, noise)[:3]

    assert torch.autograd.gradcheck(outcome, (features, action, *parameters), fast_mode=True)


def test_gradients_of_categorical_statistics_are_those_of_finite_differences() -> None:
    # of the frames' statistics with respect to their own features: nothing goes through a sample
    rssm, filtering = built(BlockGRUCell(5, 2), CategoricalLatent(2, 4), True)
    features, action, is_init, noise = sequences(rssm.latent)
    first = features.detach()[:, :1].requires_grad_()

    def statistics(frame: Tensor) -> Tensor:
        return filtering.infer(rssm, frame, action[:, :1], is_init[:, :1], noise[:, :1]).posterior

    assert torch.autograd.gradcheck(statistics, (first,))


def test_the_gradient_goes_through_a_categorical_sample_as_through_its_probabilities() -> None:
    """The next frame's statistics: where z is a sample, the gradient is that of z + p(x) - p(x_0), which is smooth."""
    rssm, filtering = built(GRUCell(5), CategoricalLatent(2, 4), False)
    features, action, _, noise = sequences(rssm.latent)
    is_init = torch.zeros(1, 2, 1, dtype=torch.bool)
    later, action, noise = features.detach()[:1, 1], action.detach()[:1, :2], noise[:1, :2]

    def smooth(frame: Tensor) -> Tensor:
        h = rssm.advance(rssm.initial(frame), torch.zeros_like(action[:, 0]), None)
        statistics = filtering.statistics(rssm, h, frame)
        with torch.no_grad():
            at = filtering.statistics(rssm, h, start).exp()
            sample = rssm.latent.sample(at.log(), noise[:, 0]).round()
        state = torch.cat([h, sample + statistics.exp() - at], -1)
        return filtering.statistics(rssm, rssm.advance(state, action[:, 1], None), later)

    start = features.detach()[:1, 0]
    weight = torch.randn(1, rssm.latent.statistics, dtype=torch.float64)
    frame = start.clone().requires_grad_()
    inferred = filtering.infer(rssm, torch.stack([frame, later], 1), action, is_init, noise)
    (got,) = torch.autograd.grad((inferred.posterior[:, 1] * weight).sum(), frame)
    for index in range(FEATURES):
        step = torch.zeros_like(start)
        step[0, index] = 1e-6
        slope = ((smooth(start + step) - smooth(start - step)) * weight).sum() / 2e-6
        assert got[0, index].item() == pytest.approx(slope.item(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("cell", "latent", "normalize"), KINDS)
def test_filtering_frame_by_frame_is_inferring_the_sequence(cell: str, latent: str, normalize: bool) -> None:
    rssm, filtering = built(CELLS[cell](), LATENTS[latent](), normalize)
    features, action, is_init, noise = sequences(rssm.latent)
    inferred = filtering.infer(rssm, features, action, is_init, noise)
    is_init[:, 0] = True
    memory = torch.full((BATCH, filtering.memory_size), torch.nan, dtype=torch.float64)  # it is not looked at
    for t in range(FRAMES):
        found = filtering.filter(rssm, memory, action[:, t], features[:, t], is_init[:, t], noise[:, t])
        torch.testing.assert_close(found.state, inferred.state[:, t])
        torch.testing.assert_close(found.statistics, inferred.posterior[:, t])
        memory = found.memory


@pytest.mark.parametrize(("cell", "latent", "normalize"), KINDS)
def test_steps_have_the_prior_of_the_sequence(cell: str, latent: str, normalize: bool) -> None:
    rssm, filtering = built(CELLS[cell](), LATENTS[latent](), normalize)
    features, action, _, noise = sequences(rssm.latent)
    inferred = filtering.infer(rssm, features, action, torch.zeros(BATCH, FRAMES, 1, dtype=torch.bool), noise)
    before, a = inferred.state[None, :, :-1], action[None, :, 1:]  # [P, B, L - 1, ...]
    p = rssm.predict(before, a, None)
    q = distribution(rssm.latent, inferred.posterior[None, :, 1:])
    kl = rssm.latent.kl(inferred.posterior, inferred.prior)[None, :, 1:].sum(-1)
    torch.testing.assert_close(kl, torch.distributions.kl_divergence(q, p))
    eps = torch.randn(1, 1, 1, rssm.latent.size, dtype=torch.float64)  # one for all, as in planning
    following = rssm.step(before, a, None, eps)
    z = rssm.latent.sample(inferred.prior[None, :, 1:], eps)
    torch.testing.assert_close(following, torch.cat([inferred.state[None, :, 1:, :SIZE], z], -1))


def test_nothing_is_known_from_before_the_beginning_of_an_episode() -> None:
    rssm, filtering = built(BlockGRUCell(5, 2), CategoricalLatent(2, 4), True)
    features, action, _, noise = sequences(rssm.latent)
    is_init = torch.zeros(BATCH, FRAMES, 1, dtype=torch.bool)
    is_init[:, 3] = True
    state = filtering.infer(rssm, features, action, is_init, noise).state
    state = state * torch.randn_like(state)  # not the sum of probabilities, which is one whatever there is
    before = torch.autograd.grad(state[:, 3:].sum(), [features, action], retain_graph=True)
    assert before[0][:, :3].abs().max() == 0
    assert before[1][:, :4].abs().max() == 0
    assert before[0][:, 3:].abs().amax(-1).min() > 0
    assert before[1][:, 4:].abs().amax(-1).min() > 0
    (early,) = torch.autograd.grad(state[:, :3].sum(), features)
    assert early[:, 3:].abs().max() == 0


@pytest.mark.parametrize("blocks", [False, True])
def test_the_peers_of_the_benchmark_do_the_same(blocks: bool) -> None:
    cell = BlockGRUCell(5, 2) if blocks else GRUCell(5, "silu")
    rssm, filtering = (part.float() for part in built(cell, CategoricalLatent(2, 4), blocks))
    rssm.initial_weight = None
    features, action, is_init, noise = (x.detach() for x in sequences(rssm.latent))
    features, action, noise, is_init[:, 0] = features.float(), action.float().clamp(-1, 1), noise.float(), True
    inferred = filtering.infer(rssm, features, action, is_init, noise)
    for got, expected in zip(Plain(rssm, filtering)(features, action, is_init, noise), inferred[:3], strict=True):
        torch.testing.assert_close(got, expected)
    prior, posterior = torchrl_modules(rssm, filtering, ACTION)
    h, z = inferred.state[:, 0].split([SIZE, 8], -1)
    logits, belief = prior._belief_and_logits(z, h, action[:, 1])
    going_on = ~is_init[:, 1, 0]
    torch.testing.assert_close(belief[going_on], inferred.state[going_on, 1, :SIZE])
    torch.testing.assert_close(rssm.latent.read(logits.flatten(1))[going_on], inferred.prior[going_on, 1])
    statistics = rssm.latent.read(posterior._logits(belief, features[:, 1]).flatten(1))
    torch.testing.assert_close(statistics[going_on], inferred.posterior[going_on, 1])


def test_a_cell_of_ones_own_is_inferred_too() -> None:
    class Leaky(RecurrentCell):
        def build(self, stochastic_size: int, action_size: int, deterministic_size: int) -> "Leaky":
            self.weight = torch.nn.Linear(stochastic_size + action_size, deterministic_size)
            return self

        def drive(self, action: Tensor) -> Tensor:
            return action

        def forward(self, deterministic: Tensor, stochastic: Tensor, drive: Tensor) -> Tensor:
            return 0.9 * deterministic + self.weight(torch.cat([stochastic, drive], -1)).tanh()

    rssm, filtering = built(Leaky(), GaussianLatent(3), True)
    features, action, is_init, noise = sequences(rssm.latent)
    inferred = filtering.infer(rssm, features, action, is_init, noise)
    for got, expected in zip(inferred[:3], by_hand(rssm, filtering, features, action, is_init, noise)[:3], strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("cell", CELLS)
def test_in_mixed_precision_the_recurrence_stays_in_single(cell: str) -> None:
    rssm, filtering = (part.float() for part in built(CELLS[cell](), GaussianLatent(3), True))
    features, action, is_init, noise = (x.detach().float() for x in sequences(rssm.latent))
    with torch.autocast("cpu", torch.bfloat16):
        inferred = filtering.infer(rssm, features, action, is_init.bool(), noise)
        h = rssm.advance(inferred.state[:, 0], action[:, 1], None)
    assert inferred.state.dtype == h.dtype == torch.float32
    inferred.state.sum().backward()
    exact = filtering.infer(rssm, features, action, is_init.bool(), noise).state
    torch.testing.assert_close(inferred.state, exact, atol=0.1, rtol=0.1)
    assert all(p.grad is not None for p in rssm.cell.parameters())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own
@pytest.mark.parametrize(
    ("cell", "latent"),
    [("blocks", "categorical"), *(pytest.param("gru", latent, marks=pytest.mark.slow) for latent in LATENTS)],
)
def test_it_is_one_graph_of_fixed_shapes(cell: str, latent: str) -> None:
    """Nothing depends on data, forwards or backwards, so torch.compile and CUDA graphs can have it."""
    torch._dynamo.reset()
    rssm, filtering = built(CELLS[cell](), LATENTS[latent](), True)
    features, action, is_init, noise = (x.detach()[:, 3:5].contiguous() for x in sequences(rssm.latent))
    parameters = [*rssm.parameters(), *filtering.parameters()]

    def gradients(of: Callable[..., Tensor], is_init: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(of(is_init), parameters)

    def loss(is_init: Tensor) -> Tensor:
        inferred = filtering.infer(rssm, features, action, is_init, noise)
        return inferred.state.square().sum() + rssm.latent.kl(inferred.posterior, inferred.prior).sum()

    one_graph = torch.compile(loss, backend="eager", fullgraph=True)
    for first, reset in enumerate((is_init, ~is_init)):
        with torch.compiler.set_stance("default" if first == 0 else "fail_on_recompile"):
            got = gradients(one_graph, reset)
        for found, expected in zip(got, gradients(loss, reset), strict=True):
            torch.testing.assert_close(found, expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own
@pytest.mark.parametrize(("cell", "latent"), [*product(CELLS, LATENTS)])
def test_compiled_steps_do_the_same(cell: str, latent: str) -> None:
    found = []
    for compiled in (False, True):
        rssm, filtering = built(CELLS[cell](), LATENTS[latent](), True, compiled=compiled)
        features, action, is_init, noise = sequences(rssm.latent)
        inferred = filtering.infer(rssm, features, action, is_init, noise)
        loss = torch.stack([x.square().sum() for x in inferred[:3]]).sum()
        found.append([*inferred[:3], *torch.autograd.grad(loss, [*rssm.parameters(), *filtering.parameters()])])
    for got, expected in zip(*found, strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(("cell", "latent"), [*product(CELLS, LATENTS)])
def test_workers_get_a_copy(cell: str, latent: str) -> None:
    rssm, filtering = built(CELLS[cell](), LATENTS[latent](), True)
    features, action, is_init, noise = sequences(rssm.latent)
    rssm_copy, filtering_copy = pickle.loads(pickle.dumps((rssm, filtering)))
    got = filtering_copy.infer(rssm_copy, features, action, is_init, noise)
    assert torch.equal(got.state, filtering.infer(rssm, features, action, is_init, noise).state)


def test_wrong_numbers_and_parts() -> None:
    class Memoryless(LatentDynamics):
        def advance(self, state, action, theta):
            return state

        def prior(self, hidden, theta):
            return hidden

    with pytest.raises(TypeError, match="Filtering needs an RSSM, whose h remembers, got Memoryless"):
        Filtering().build(FEATURES, ACTION, Memoryless(GaussianLatent(3)))
    with pytest.raises(ValueError, match="deterministic_size: need a multiple of the cell's 4 blocks, got 6"):
        RSSM(ACTION, cell=BlockGRUCell(5, 4), deterministic_size=6)
    with pytest.raises(ValueError, match="deterministic_size: need at least 1, got 0"):
        RSSM(ACTION, deterministic_size=0)
    for make in (GRUCell, Filtering, BlockGRUCell):
        with pytest.raises(ValueError, match="hidden: need at least 1, got 0"):
            make(hidden=0)
    for make in (GRUCell, Filtering, lambda activation: RSSM(ACTION, activation=activation)):
        with pytest.raises(ValueError, match="activation: need one of silu, relu, elu, tanh, got 'gelu'"):
            make(activation="gelu")
    with pytest.raises(ValueError, match="blocks: need at least 1, got 0"):
        BlockGRUCell(blocks=0)
