"""The posterior over latent states given a whole sequence, and a filter that is learned beside it.

    x_t = [e_t, a_{t-1}]        g_t = GRU(g_{t+1}, x_t)        q(z_t | s_{t-1}, o_{t:T}, a_{t-1:T-1}) of the statistics

    U ( sigma(V_1 g_t) * W_1 s_{t-1} ) + M tanh(W_2 s_{t-1} + V_2 g_t) + V_3 [g_t, x_t]

with e_t the features of o_t, and V_4 instead of V_3 where an episode begins. Given s_{t-1} the past says nothing more
about s_t, so a recurrence backward from the end makes a full posterior (Krishnan, Shalit and Sontag 2017, sections 3
and 4, the deep Kalman smoother). Their combiner is (tanh(W z) + g) / 2. Ours has linear paths, and a gate, since in the
exact posterior of a linear-Gaussian system the mean is M_t z_{t-1} + m_t, and M_t depends on how much future there is.
So that posterior can be represented to any accuracy, with deviations that are not bounded below (`min_std: 0`) and a
family of z that allows for correlations (`FullGaussianLatent`).

An agent does not know the future. The filter q_f(z_t | o_1:t, a_1:t-1), a GRU forward in time with linear paths, is
trained by

    E_q(z_{t-1}) KL( q(z_t | z_{t-1}, o_{t:T}, .) || q_f(z_t | o_1:t, .) ) = -E_q(z_t) log q_f(z_t | .) + constant

the forward divergence from the smoother's samples with z_t integrated in closed form. At its optimum q_f has the mean
and (co)variance of the smoother's marginal over all futures: where the smoother is exact and the data are the model's,
those of the exact filter.
"""

from typing import Self

import torch
from torch import Tensor, nn

from .latent_dynamics import LatentDynamics
from .posterior import Filtered, Inferred, Posterior
from .reset_gru import ResetGRU


class Smoothing(Posterior):
    """q(s_t | s_{t-1}, o_{t:T}, a_{t:T}), with a recurrent filter.

    Nothing passes an episode's border, in either direction. With `noise` None, `infer` follows the means, which is the
    smoother's best guess of a recorded sequence.

    Where the dynamics has a deterministic part h_t, the combiner sees it beside s_{t-1}, and the filter's h_t follows
    from the state that the filter gave last.

    Args:
        hidden: units of each GRU, and of the layer that joins s and g.
        bidirectional: g_t also holds a GRU's state forward in time: given s_{t-1} it adds nothing where all is exact,
            but may where s_{t-1} says less about the past than it could.

    Raises:
        ValueError: for no units.
    """

    def __init__(self, hidden: int = 128, bidirectional: bool = False) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden: need at least 1, got {hidden}")
        self.hidden = hidden
        self.bidirectional = bidirectional

    def build(self, features: int, action_size: int, dynamics: LatentDynamics) -> Self:
        inputs, statistics = features + action_size, dynamics.latent.statistics
        from_state = dynamics.state_size + dynamics.deterministic_size
        self.backward_gru = ResetGRU(inputs, self.hidden)
        self.forward_gru = ResetGRU(inputs, self.hidden) if self.bidirectional else None
        context = self.hidden * (1 + self.bidirectional)
        self.from_state = nn.Linear(from_state, 2 * self.hidden, bias=False)  # W_1, W_2
        self.from_context = nn.Linear(context, 2 * self.hidden)  # V_1, V_2
        self.joined = nn.Linear(2 * self.hidden, statistics, bias=False)  # U, M
        self.direct = nn.Linear(context + inputs, statistics)  # V_3
        self.direct_first = nn.Linear(context + inputs, statistics)  # V_4
        self.filter_gru = ResetGRU(inputs, self.hidden)
        self.filter_hidden = nn.Linear(self.hidden, self.hidden)
        self.filter_head = nn.Linear(2 * self.hidden + inputs, statistics)
        self.filter_first = nn.Linear(2 * self.hidden + inputs, statistics)
        self.memory_size = self.hidden + (dynamics.state_size if dynamics.deterministic_size else 0)
        return self

    def infer(
        self, dynamics: LatentDynamics, features: Tensor, action: Tensor, is_init: Tensor, noise: Tensor | None
    ) -> Inferred:
        begins = torch.cat([torch.ones_like(is_init[:, :1]), is_init[:, 1:]], 1)  # [B, L, 1]
        action = action.masked_fill(begins, 0.0)
        x = torch.cat([features, action], -1)  # [B, L, F + A]
        context = self._context(x, begins)
        gate, inner = self.from_context(context).chunk(2, -1)  # [B, L, hidden] each
        gate = gate.sigmoid()
        seen = torch.cat([context, x], -1)
        direct = torch.where(begins, self.direct_first(seen), self.direct(seen))  # [B, L, Q]
        before = dynamics.initial(x[:, 0])
        state = before  # [B, S]
        states, hiddens, posteriors = [], [], []
        each = zip(begins.unbind(1), action.unbind(1), gate.unbind(1), inner.unbind(1), direct.unbind(1), strict=True)
        for t, (begin, a, k, i, d) in enumerate(each):
            last = torch.where(begin, before, state)
            if dynamics.deterministic_size:
                hidden = dynamics.advance(last[None], a[None], None)[0]
                hiddens.append(hidden)
                known = torch.cat([last, dynamics.deterministic(hidden)], -1)
            else:
                hidden = known = last  # there is no h in it, so that nobody looks at it
            linear, bent = self.from_state(known).chunk(2, -1)
            raw = self.joined(torch.cat([k * linear, torch.tanh(bent + i)], -1)) + d
            posterior = dynamics.latent.read(raw)
            state = dynamics.state(hidden, posterior, None if noise is None else noise[:, t])
            states.append(state)
            posteriors.append(posterior)
        found, posterior = torch.stack(states, 1), torch.stack(posteriors, 1)
        losses = {"filter": self._filter_loss(dynamics, posterior, x.detach(), begins)}
        return Inferred(found, posterior, self._prior(dynamics, found, action, begins, hiddens), losses)

    def filter(
        self,
        dynamics: LatentDynamics,
        memory: Tensor,
        action: Tensor,
        features: Tensor,
        is_init: Tensor,
        noise: Tensor | None = None,
    ) -> Filtered:
        action = action.masked_fill(is_init, 0.0)
        memory = memory.masked_fill(is_init, 0.0)
        x = torch.cat([features, action], -1)[:, None]  # [B, 1, F + A]
        remembered = self.filter_gru(x, is_init[:, None], memory[:, : self.hidden])
        statistics = self._filtered(dynamics, remembered, x, is_init[:, None])[:, 0]
        if not dynamics.deterministic_size:
            state = dynamics.state(statistics, statistics, noise)
            return Filtered(state, statistics, remembered[:, 0])
        last = torch.where(is_init, dynamics.initial(features), memory[:, self.hidden :])
        state = dynamics.state(dynamics.advance(last[None], action[None], None)[0], statistics, noise)
        return Filtered(state, statistics, torch.cat([remembered[:, 0], state], -1))

    # ------------------------------------------------------------------ the parts of both

    def _context(self, x: Tensor, begins: Tensor) -> Tensor:
        """What each frame is told of the frames from it on, and with two directions of those before it, too."""
        nothing = x.new_zeros(len(x), self.hidden)
        ends = torch.cat([begins[:, 1:], torch.ones_like(begins[:, :1])], 1)
        context = self.backward_gru(x.flip(1), ends.flip(1), nothing).flip(1)
        if self.forward_gru is None:
            return context
        return torch.cat([context, self.forward_gru(x, begins, nothing)], -1)

    def _prior(
        self, dynamics: LatentDynamics, states: Tensor, action: Tensor, begins: Tensor, hiddens: list[Tensor]
    ) -> Tensor:
        """The statistics of all frames' priors in one call, `[B, L, Q]`, or `[E, B, L, Q]`."""
        if hiddens:
            prior = dynamics.prior(torch.stack(hiddens, 1)[None], None)
        else:
            before = torch.cat([states[:, :1], states[:, :-1]], 1)
            prior = dynamics.prior(dynamics.advance(before[None], action[None], None), None)
            prior = torch.where(begins, dynamics.first(states), prior)
        return prior[0] if len(prior) == 1 else prior

    def _filtered(self, dynamics: LatentDynamics, remembered: Tensor, x: Tensor, begins: Tensor) -> Tensor:
        """The filter's statistics `[B, L, Q]`."""
        inner = torch.tanh(self.filter_hidden(remembered))
        seen = torch.cat([inner, remembered, x], -1)
        return dynamics.latent.read(torch.where(begins, self.filter_first(seen), self.filter_head(seen)))

    def _filter_loss(self, dynamics: LatentDynamics, posterior: Tensor, x: Tensor, begins: Tensor) -> Tensor:
        """Of each frame, `[B, L]`; it trains the filter alone."""
        remembered = self.filter_gru(x, begins, x.new_zeros(len(x), self.hidden))
        return dynamics.latent.kl(posterior.detach(), self._filtered(dynamics, remembered, x, begins)).sum(-1)
