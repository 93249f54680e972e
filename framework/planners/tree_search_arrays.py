"""A search tree as arrays: B trees at once, every simulation the same few operations on tensors of fixed shape.

Where the next simulation through a node will end depends on nothing but the statistics below that node. So each node
keeps a pointer to that end, and a simulation has only to follow the root's pointer; afterwards the pointers change
along its path alone, and there all at once: a node whose best action stays on the path takes over the pointer of the
first node further down whose best action does not. Nothing loops over depth, and nothing waits for a device.

With R_i and Gamma_i the reward and the discount gathered from the root to node i, the return from a node on the path to
the end of the simulation, which had return v there, is

    G_i = (R_end + Gamma_end v - R_i) / Gamma_i

Nodes are numbered through all trees. One more, the last, is nowhere: it stands for what there is not, and takes what
paths shorter than the longest would write. What is read together is stored together: with few and small trees, the
number of operations is what a search costs.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .tree_search_outcome import DISCOUNT, GATHERED, PLAYER, REWARD, TOTAL, VALUE, Outcome
from .tree_search_solver import Proof


class Statistics(NamedTuple):
    """What scores are made of, at nodes `[...]` with actions `[..., A]`; returns are the mover's.

    `visits`, `q` (mean return, 0 where never tried) and `logits` (log-prior) `[..., A]`; `noise` `[..., A]` is standard
    Gumbel and stays the same for a node; `raw` `[...]` is the node's value as it was evaluated, `value` `[...]` the
    mean of that and of all returns since; `allowed` `[..., A]` are the actions worth trying: the legal ones that are
    not settled.
    """

    visits: Tensor
    q: Tensor
    logits: Tensor
    noise: Tensor
    raw: Tensor
    value: Tensor
    allowed: Tensor


class Growth(NamedTuple):
    """What a simulation changed: the nodes on its path and its W outcomes `[B, D + W]`, and which outcomes are ends."""

    nodes: Tensor
    ends: Tensor  # [B, W]


class Tree:
    """B trees with roots `[B, S]`; see `TreeSearch` for the other arguments."""

    def __init__(
        self,
        root: Tensor,
        actions: int,
        simulations: int,
        max_depth: int,
        outcomes: int,
        bounds: tuple[float, float] | None,
        generator: torch.Generator | None,
    ) -> None:
        B, S = root.shape
        self.shape = (B, 1 + simulations * outcomes)
        self.actions, self.max_depth, self.outcomes = actions, max_depth, outcomes
        self.nowhere = self.shape[0] * self.shape[1]
        size = self.nowhere + 1
        index: dict[str, Any] = {"dtype": torch.long, "device": root.device}
        self.roots = torch.arange(B, **index) * self.shape[1]  # [B]
        self.draws = torch.arange(outcomes, **index)  # [W]
        self.position = torch.arange(max_depth, **index)  # [D]
        self.state = root.new_zeros(size, S)
        self.node = root.new_zeros(size, 6)
        self.node[-1, GATHERED] = 1
        self.weight, self.count = root.new_ones(size), root.new_ones(size)  # of an outcome: share, simulations
        self.path = torch.full((size, max_depth + 1), self.nowhere * actions, **index)  # actions from the root; depth
        self.path[:, -1] = 0
        self.pointer = torch.full((size, 3), self.nowhere, **index)  # node, action, child; nowhere for an end
        self.action = root.new_zeros(size * actions, 4)  # of action a of node i, i A + a: visits, sum, log-prior, noise
        uniform = torch.rand(size * actions, generator=generator, device=root.device, dtype=root.dtype)
        self.action[:, 3] = -(-uniform.clamp(1e-20, 1 - 1e-7).log()).log()
        self.child = torch.full((size * actions,), self.nowhere, **index)  # the first outcome
        self.proof = None if bounds is None else Proof(size, actions, bounds, root)

    def plant(self, root: Outcome, *, noise: bool) -> None:
        """What is known of the roots, `[1, B, ...]`; they may do without noise."""
        if not noise:
            self.action.view(-1, self.actions, 4)[self.roots, :, 3] = 0
        if self.proof is not None:
            root = self.proof.look_ahead(self.roots, root)
        zero, one = torch.zeros_like(root.value), torch.ones_like(root.value)
        self._write(self.roots[:, None], root, torch.stack([root.value, zero, one, zero, one, root.player], -1))

    def statistics(self, nodes: Tensor) -> Statistics:
        """Of nodes `[...]`."""
        rows = take(self.node, nodes)
        actions = take(self.action.view(-1, self.actions, 4), nodes)  # [..., A, 4]
        visits, returns, logits, noise = actions.unbind(-1)
        raw, player = rows[..., VALUE], rows[..., PLAYER]
        value = (raw + returns.sum(-1)) / (1 + visits.sum(-1)) * player
        q = returns / visits.clamp_min(1) * player[..., None]
        allowed = logits > -torch.inf
        if self.proof is not None:
            allowed, q = self.proof.narrowed(nodes, allowed, player, q)
        return Statistics(visits, q, logits, noise, raw * player, value, allowed)

    def follow(self, node: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Where a simulation ends that takes this action in this node: a pointer `[..., 3]`; and by which child."""
        child = take(self.child, node * self.actions + action)
        if self.outcomes > 1:  # the one that lags most behind its weight
            each = (child[..., None] + self.draws).clamp(max=self.nowhere)  # [..., W]
            lagging = (take(self.count, each) / take(self.weight, each)).argmin(-1)
            child = torch.where(child < self.nowhere, child + lagging, child)
        further = take(self.pointer, child)
        ends = further[..., :1] == self.nowhere
        return torch.where(ends, torch.stack([node, action, child], -1), further), child

    def outset(self, end: Tensor) -> tuple[Tensor, Tensor]:
        """States `[W, B, S]` and one-hot actions `[W, B, A]` to simulate at ends `[B, 3]`."""
        state = take(self.state, end[:, 0])
        action = one_hot(end[:, 1], self.actions).to(state.dtype)
        return state.expand(self.outcomes, -1, -1), action.expand(self.outcomes, -1, -1)

    def grow(self, end: Tensor, simulation: Tensor, outcome: Outcome) -> Growth:
        """Adds the outcomes `[W, B, ...]` of a simulation, number `[1]`, that ended at `[B, 3]`; backs up their return.

        An end that is visited again keeps the outcomes it had.
        """
        node, action, again = end.unbind(-1)  # [B]
        edge, known = node * self.actions + action, again < self.nowhere
        total, gathered = take(self.node, node)[:, TOTAL : GATHERED + 1].unbind(-1)
        new = self.roots[:, None] + 1 + simulation * self.outcomes + self.draws  # [B, W]
        if self.proof is not None:
            outcome = self.proof.look_ahead(new[:, 0], outcome)
        value, reward, discount = outcome.value, outcome.reward, outcome.discount  # [W, B]
        path = take(self.path, node)  # [B, D + 1]
        depth = path[:, -1:]
        actions = torch.where(self.position == depth, edge[:, None], path[:, :-1])
        columns = [value, total + gathered * reward, gathered * discount, reward, discount, outcome.player]
        self._write(new, outcome, torch.stack(columns, -1))
        self._put(self.path, new, torch.cat([actions, depth + 1], 1)[:, None].expand(-1, self.outcomes, -1))
        if self.outcomes > 1:
            self._put(self.weight, new, outcome.shares().T)
        first = torch.where(known, take(self.child, edge), new[:, 0])
        self.child.index_copy_(0, edge, first)

        before = take(self.node, again)  # [B, 6]
        found = (reward + discount * value).mean(0)  # [B]
        found = torch.where(known, before[:, REWARD] + before[:, DISCOUNT] * before[:, VALUE], found)
        if self.proof is None:
            returns = self._returns(actions, total + gathered * found)
        else:
            returns = self.proof.back_up(actions, depth, torch.where(known, again, new[:, 0]), self)
        self._back_up(actions, returns, again)
        ends = (discount <= 0).T | (depth + 1 >= self.max_depth)
        return Growth(torch.cat([actions // self.actions, new], 1), ends)

    def point(self, growth: Growth, action: Tensor) -> None:
        """Renews the pointers of the nodes `[B, D + W]` that changed, whose best actions these are."""
        D = growth.nodes.shape[1] - self.outcomes
        path, new = growth.nodes[:, :D], growth.nodes[:, D:]
        fresh = torch.stack([new, action[:, D:], torch.full_like(new, self.nowhere)], -1)
        self._put(self.pointer, new, torch.where(growth.ends[..., None], self.nowhere, fresh))
        end, child = self.follow(path, action[:, :D])  # [B, D, 3], [B, D]
        further = torch.cat([path[:, 1:], torch.full_like(path[:, :1], self.nowhere)], 1)
        stays = (child == further) & (child < self.nowhere)
        turns = torch.where(stays, D, self.position[:D])
        turn = turns.flip(1).cummin(1).values.flip(1)  # [B, D], the first turn from here on
        self._put(self.pointer, path, end.gather(1, turn[..., None].expand(-1, -1, 3)))
        self.pointer[-1] = self.nowhere

    def decide(self, action: Tensor, statistics: Statistics) -> Tensor:
        """The action `[B]` to play: that of the search, unless a proven one is as good."""
        if self.proof is None:
            return action
        player = take(self.node, self.roots)[:, PLAYER]
        return self.proof.decide(self.roots, statistics.logits > -torch.inf, player, statistics.q, action)

    def _returns(self, actions: Tensor, reached: Tensor) -> Tensor:
        """The returns `[B, D]` of the actions on a path that gathered `[B]` from the root on."""
        total, gathered = take(self.node, actions // self.actions)[..., TOTAL : GATHERED + 1].unbind(-1)
        return (reached[:, None] - total) / gathered

    def _back_up(self, actions: Tensor, returns: Tensor, again: Tensor) -> None:
        """Adds returns to the actions `[B, D]` of a path; with chance nodes, counts the outcomes passed."""
        returns = returns.flatten()
        one, zero = torch.ones_like(returns), torch.zeros_like(returns)
        self.action.index_add_(0, actions.flatten(), torch.stack([one, returns, zero, zero], -1))
        if self.outcomes > 1:
            passed = torch.cat([actions // self.actions, again[:, None]], 1).flatten()
            self.count.index_add_(0, passed, torch.ones_like(passed, dtype=self.count.dtype))

    def _write(self, new: Tensor, outcome: Outcome, columns: Tensor) -> None:
        """States, columns `[W, B, 6]` and priors of new nodes `[B, W]`."""
        self._put(self.state, new, outcome.state.transpose(0, 1))
        self._put(self.node, new, columns.transpose(0, 1))
        self._put(self.action.view(-1, self.actions, 4)[..., 2], new, outcome.log_prior().transpose(0, 1))

    def _put(self, entries: Tensor, index: Tensor, rows: Tensor) -> None:
        entries.index_copy_(0, index.flatten(), rows.flatten(0, 1))


def take(entries: Tensor, index: Tensor) -> Tensor:
    """`entries[index]` for an index `[...]`, in half the time."""
    return entries.index_select(0, index.flatten()).view(*index.shape, *entries.shape[1:])
