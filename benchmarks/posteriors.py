"""Learned posteriors over latent states against the exact ones, on a linear-Gaussian system whose parameters are known.

python -m benchmarks posteriors [--seeds 3]

A state of two numbers turns and shrinks under an action, one number of it is observed with noise; sequences of 20
frames, drawn anew for every update. The evidence lower bound of the known model trains a smoothing posterior, its
filter beside it, and a posterior that sees one observation. Held against: the Rauch-Tung-Striebel smoother, the Kalman
filter, and the best Gaussian q(z_t | o_t), all in closed form. Errors of means are in standard deviations of the exact
posterior, root mean squares over sequences, frames and entries; variances are ratios to the exact ones, the least and
the most over frames and entries of the means over sequences. The gap is what the bound falls short of the
log-likelihood; of a filter, which has no bound, it is KL(exact || q).
"""

import json
from argparse import Namespace
from collections.abc import Iterable
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from fulgurite.equations.kalman_filter import kalman_filter
from fulgurite.equations.linear_gaussian import LinearGaussianSystem, Simulated, simulate, stationary_covariance
from fulgurite.equations.rts_smoother import rts_smoother
from fulgurite.equations.single_observation import single_observation
from fulgurite.models.full_gaussian import FullGaussianLatent
from fulgurite.models.latent import Latent
from fulgurite.models.latent_dynamics import LatentDynamics
from fulgurite.models.linear_gaussian import LinearGaussian, LinearGaussianObservation
from fulgurite.models.posterior import Inferred, Posterior
from fulgurite.models.single_step import SingleStep
from fulgurite.models.smoothing import Smoothing

from .table import machine
from .timing import use_threads

FRAMES, UPDATES, BATCH, HIDDEN, LEARNING_RATE = 20, 800, 64, 32, 2e-2
TESTED, DRAWS = 10_000, 4


class Judged(NamedTuple):
    """A posterior beside the exact one.

    Attributes:
        error: of the means, in the exact posterior's standard deviations.
        least, most: ratios of variances.
        gap: from the log-likelihood or the exact filter, in nats a sequence.
        doubt: the standard error of the gap, of the choice of sequences.
        expected: what theory says of the gap.
    """

    error: float
    least: float
    most: float
    gap: float
    doubt: float
    expected: float

    def row(self, who: str, against: str, seed: int) -> str:
        """A line of the table."""
        ratios = f"{self.least:.3f} to {self.most:.3f}"
        gap = f"{self.gap:.3f} +- {self.doubt:.3f}"
        return f"| {who} | {against} | {seed} | {self.error:.3f} | {ratios} | {gap} | {self.expected:.3f} |"


class LinearSingleStep(SingleStep):
    """q(z_t | o_t) with a mean that is linear in o_t, and one covariance for all."""

    def made_for(self, features: int, latent: Latent) -> Self:
        self.latent = latent
        self.mean = nn.Linear(features, latent.size)
        self.raw = nn.Parameter(torch.zeros(latent.statistics - latent.size))
        return self

    def statistics(self, features: Tensor) -> Tensor:
        mean = self.mean(features)
        return self.latent.read(torch.cat([mean, self.raw.expand(*mean.shape[:-1], -1)], -1))


class Bench:
    """The system, as matrices and as models, and sequences to judge by.

    Args:
        frames: T.
    """

    def __init__(self, frames: int = FRAMES) -> None:
        def matrix(rows: list[list[float]]) -> Tensor:
            return torch.tensor(rows, dtype=torch.float64)

        self.frames = frames
        A, B = matrix([[0.9, 0.3], [-0.3, 0.8]]), matrix([[0.0], [0.5]])
        Q, C, R = matrix([[0.1, 0.03], [0.03, 0.2]]), matrix([[1.0, 0.0]]), matrix([[0.3]])
        self.action_covariance = matrix([[1 / 3]])
        P0 = stationary_covariance(A, Q + B @ self.action_covariance @ B.T)
        self.exact = LinearGaussianSystem(A, B, Q, torch.zeros(2, dtype=torch.float64), P0, C, R)
        self.system = LinearGaussianSystem(*(matrix.float() for matrix in self.exact))
        lists = [matrix.tolist() for matrix in self.exact]
        self.dynamics: LatentDynamics = LinearGaussian(*lists[:5])
        self.observation = LinearGaussianObservation(*lists[5:])
        best = self.best_single = single_observation(self.exact, self.action_covariance, frames)
        self.shortfall = (best.log_likelihood - best.elbo).item()  # of a posterior that sees one observation, in nats
        generator = torch.Generator().manual_seed(1_000_000)
        self.tested, self.actions = self.draw(TESTED, generator)
        self.filtered = kalman_filter(self.exact, self.tested.observations.double(), self.actions.double())
        self.smoothed = rts_smoother(self.exact, self.filtered)

    def draw(self, sequences: int, generator: torch.Generator) -> tuple[Simulated, Tensor]:
        """Sequences, and the actions `[B, T, 1]` before each frame."""
        actions = torch.randn(sequences, self.frames, 1, generator=generator) * self.action_covariance.sqrt().float()
        return simulate(self.system, actions, generator), actions

    def infer(self, posterior: Posterior, o: Tensor, a: Tensor, noise: Tensor | None) -> tuple[Inferred, Tensor]:
        """What it says of observations `[B, T, 1]`, and its bound of each sequence, `[B]`."""
        is_init = torch.zeros(*a.shape[:2], 1, dtype=torch.bool)
        is_init[:, 0] = True
        found = posterior.infer(self.dynamics, self.observation.features(o), a, is_init, noise)
        likelihood = self.observation.log_likelihood(found.state, o)["observation"]
        kl = self.dynamics.latent.kl(found.posterior, found.prior).sum(-1)
        return found, (likelihood - kl).sum(-1)

    def train(
        self,
        posterior: Posterior,
        updates: int,
        batch: int,
        learning_rate: float,
        seed: int,
        parameters: Iterable[nn.Parameter] | None = None,
    ) -> None:
        """Adam on the bound and the posterior's own losses, with a rate that falls to nothing.

        What is learned are the posterior's parameters, or those given.
        """
        free = list(posterior.parameters() if parameters is None else parameters)
        optimizer = torch.optim.Adam(free, lr=learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min((i + 1) / 50, 1 - i / (updates + 1)))
        generator = torch.Generator().manual_seed(seed)
        for _ in range(updates):
            drawn, actions = self.draw(batch, generator)
            noise = torch.randn(batch, self.frames, 2, generator=generator)
            found, bound = self.infer(posterior, drawn.observations, actions, noise)
            loss = -bound.mean() / self.frames + sum(each.mean() for each in found.losses.values())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(free, 10.0)
            optimizer.step()
            schedule.step()

    # ------------------------------------------------------------------ judging

    @torch.no_grad()
    def judge(self, posterior: Posterior, expected: float) -> Judged:
        """Its marginals, from pairs of opposite draws, against those of the exact smoother; and its bound."""
        generator = torch.Generator().manual_seed(2_000_000)
        sums = squares = bounds = torch.zeros(())
        for _ in range(DRAWS // 2):
            noise = torch.randn(TESTED, self.frames, 2, generator=generator)
            for signed in (noise, -noise):
                found, bound = self.infer(posterior, self.tested.observations, self.actions, signed)
                z = found.state.double() - self.smoothed.mean  # [TESTED, T, Z]
                sums, squares, bounds = sums + z, squares + z.square(), bounds + bound.double()
        off = sums / DRAWS
        variance = (squares / DRAWS - off.square()).mean(0)  # [T, Z]; opposite draws know their mean: no n / (n - 1)
        gap = self.filtered.log_likelihood - bounds / DRAWS
        return judged(off, variance, self.smoothed.covariance, gap, expected)

    @torch.no_grad()
    def judge_filter(self, posterior: Posterior) -> Judged:
        """What an agent gets, step by step, against the Kalman filter."""
        memory = torch.zeros(TESTED, posterior.memory_size)
        latent, exact = self.dynamics.latent, torch.linalg.cholesky(self.filtered.covariance)
        assert isinstance(latent, FullGaussianLatent)
        off, variances, gap = [], [], torch.zeros(TESTED)
        for t in range(self.frames):
            is_init = torch.full((TESTED, 1), t == 0)
            o = self.tested.observations[:, t]
            step = posterior.filter(self.dynamics, memory, self.actions[:, t], o, is_init)
            memory, statistics = step.memory, step.statistics.double()
            mean, factor = latent.split(statistics)
            truth = latent.join(self.filtered.mean[:, t], exact[t].expand(TESTED, -1, -1))
            gap = gap + latent.kl(truth, statistics).sum(-1)
            off.append(mean - self.filtered.mean[:, t])
            variances.append(factor.square().sum(-1).mean(0))
        return judged(torch.stack(off, 1), torch.stack(variances), self.filtered.covariance, gap, 0.0)


def judged(off: Tensor, variance: Tensor, covariance: Tensor, gap: Tensor, expected: float) -> Judged:
    """Differences of means `[B, T, Z]`, variances `[T, Z]` beside the exact covariance `[T, Z, Z]`, and gaps `[B]`."""
    exact = covariance.diagonal(dim1=-2, dim2=-1)  # [T, Z]
    ratio = variance / exact
    error = (off.square() / exact).mean().sqrt()
    doubt = gap.std() / len(gap) ** 0.5
    return Judged(error.item(), ratio.min().item(), ratio.max().item(), gap.mean().item(), doubt.item(), expected)


def run(options: Namespace) -> str:
    """Trains with each seed; returns the table and writes it with all digits to `out`."""
    use_threads(1)
    bench = Bench()
    rows: list[tuple[str, str, int, Judged]] = []
    for seed in range(options.seeds):
        torch.manual_seed(seed)
        smoothing = Smoothing(HIDDEN).build(1, 1, bench.dynamics)
        bench.train(smoothing, UPDATES, BATCH, LEARNING_RATE, seed)
        rows.append(("smoother", "RTS smoother", seed, bench.judge(smoothing, 0.0)))
        rows.append(("filter", "Kalman filter", seed, bench.judge_filter(smoothing)))
        single = LinearSingleStep().build(1, 1, bench.dynamics)
        bench.train(single, UPDATES, BATCH, LEARNING_RATE, seed)
        rows.append(("single step", "RTS smoother", seed, bench.judge(single, bench.shortfall)))
    options.out.mkdir(parents=True, exist_ok=True)
    content = [{"who": who, "against": against, "seed": seed, **it._asdict()} for who, against, seed, it in rows]
    (options.out / "posteriors.json").write_text(json.dumps({"machine": machine(), "rows": content}) + "\n")
    columns = (
        "posterior", "against", "seed", "error of means, sds", "ratio of variances", "gap, nats a sequence", "in theory"
    )  # fmt: skip
    lines = [it.row(who, against, seed) for who, against, seed, it in sorted(rows, key=lambda row: row[0])]
    likelihood = f"Expected log-likelihood of a sequence: {bench.best_single.log_likelihood.item():.3f} nats."
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n"
    return f"{machine()}\n\n{likelihood}\n\n{head}" + "\n".join(lines)
