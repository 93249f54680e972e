"""A search tree as arrays: B trees at once, every simulation the same few operations on tensors of fixed shape.

Where the next simulation through a node will end depends on nothing but the statistics below that node. So each node
keeps a pointer to that end, and a simulation has only to follow the root's pointer; afterwards the pointers change
along its path alone, and there all at once: a node whose best action stays on the path takes over the pointer of the
first node further down whose best action does not. Nothing loops over depth, and nothing waits for a device.

With R_i and Gamma_i the reward and the discount gathered from the root to node i, the return from a node on the path to
the end of the simulation, which had return v there, is

    G_i = (R_leaf + Gamma_leaf v - R_i) / Gamma_i

Nodes are numbered through all trees; one more, the last, takes what paths shorter than the longest would write.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .tree_search_solver import Proof

WORST = -1e6  # the reward of an outcome that is not finite: a diverged model never wins


class Statistics(NamedTuple):
    """What scores are made of, at nodes `[...]` with actions `[..., A]`; returns are the mover's.

    `visits`, `q` (mean return, 0 where never tried) and `logits` `[..., A]`; `noise` `[..., A]` is standard Gumbel and
    stays the same for a node; `raw` `[...]` is the node's value as it was evaluated, `value` `[...]` the mean of that
    and of all returns since; `allowed` `[..., A]` are the actions worth trying: the legal ones that are not settled.
    """

    visits: Tensor
    q: Tensor
    logits: Tensor
    noise: Tensor
    raw: Tensor
    value: Tensor
    allowed: Tensor


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
        nodes = 1 + simulations * outcomes  # of one tree
        self.nowhere = B * nodes
        self.actions, self.max_depth, self.outcomes = actions, max_depth, outcomes
        size, index = self.nowhere + 1, {"dtype": torch.long, "device": root.device}
        self.roots = torch.arange(B, **index) * nodes  # [B]
        self.draws = torch.arange(outcomes, **index)  # [W]
        self.position = torch.arange(max_depth, **index)  # [D]
        # of actions
        self.visits, self.returns, self.logits = (root.new_zeros(size, actions) for _ in range(3))
        self.legal = torch.ones(size, actions, dtype=torch.bool, device=root.device)
        uniform = torch.rand(size, actions, generator=generator, device=root.device, dtype=root.dtype)
        self.noise = -(-uniform.clamp(1e-20, 1 - 1e-7).log()).log()
        self.first_child = torch.full((size, actions), -1, **index)  # of W; -1 is nowhere
        # of nodes
        self.state = root.new_zeros(size, S)
        self.raw, self.total, self.reward, self.discount = (root.new_zeros(size) for _ in range(4))
        self.gathered, self.player, self.weight, self.count = (root.new_ones(size) for _ in range(4))
        self.depth = torch.zeros(size, **index)
        self.is_end = torch.ones(size, dtype=torch.bool, device=root.device)
        self.edges = torch.full((size, max_depth), self.nowhere * actions, **index)  # node * A + action, from the root
        self.pointer = torch.full((size, 3), -1, **index)  # node, action, and the end that is visited again or -1
        self.state[self.roots] = root
        self.proof = None if bounds is None else Proof(size, actions, bounds, root)

    def plant(self, legal: Tensor, logits: Tensor, value: Tensor, player: Tensor) -> None:
        """What is known of the roots, `[B, A]` and `[B]`."""
        self._describe(self.roots, legal, logits, value, player)
        self.is_end[self.roots] = False

    def statistics(self, nodes: Tensor) -> Statistics:
        """Of nodes `[...]`."""
        visits, sums, player = self.visits[nodes], self.returns[nodes], self.player[nodes]
        raw, legal = self.raw[nodes], self.legal[nodes]
        q = sums / visits.clamp_min(1) * player[..., None]
        value = (raw + sums.sum(-1)) / (1 + visits.sum(-1)) * player
        if self.proof is not None:
            legal, q = self.proof.narrowed(nodes, legal, player, q)
        return Statistics(visits, q, self.logits[nodes], self.noise[nodes], raw * player, value, legal)

    def follow(self, node: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Where a simulation ends that takes this action in this node: a pointer `[..., 3]`; and by which child."""
        child = self.first_child[node, action]
        if self.outcomes > 1:  # the one that lags most behind its weight
            each = child[..., None] + self.draws  # [..., W]
            lagging = (self.count[each] / self.weight[each]).argmin(-1)
            child = torch.where(child < 0, child, child + lagging)
        here = torch.stack([node, action, child], -1)
        return torch.where(self.is_end[child][..., None], here, self.pointer[child]), child

    def outset(self, leaf: Tensor) -> tuple[Tensor, Tensor]:
        """States `[W, B, S]` and one-hot actions `[W, B, A]` to simulate for ends `[B, 3]`."""
        state = self.state[leaf[:, 0]]
        action = one_hot(leaf[:, 1], self.actions).to(state.dtype)
        return state.expand(self.outcomes, -1, -1), action.expand(self.outcomes, -1, -1)

    def expand(
        self,
        leaf: Tensor,
        simulation: int,
        state: Tensor,
        reward: Tensor,
        discount: Tensor,
        legal: Tensor,
        logits: Tensor,
        value: Tensor,
        player: Tensor,
    ) -> Tensor:
        """Writes the outcomes `[W, B, ...]` as new nodes `[W, B]`; an end that is visited again keeps its own."""
        node, action, again = leaf.unbind(-1)  # [B]
        new = self.roots + (1 + simulation * self.outcomes) + self.draws[:, None]  # [W, B]
        sound = state.isfinite().all(-1) & reward.isfinite() & value.isfinite()
        state = torch.where(sound[..., None], state, 0.0)
        reward, value = torch.where(sound, reward, WORST), torch.where(sound, value, 0.0)
        discount = torch.where(sound, discount, 0.0)
        self.state[new], self.reward[new], self.discount[new] = state, reward, discount
        self.total[new] = self.total[node] + self.gathered[node] * reward
        self.gathered[new] = self.gathered[node] * discount
        depth, edge = self.depth[node], node * self.actions + action
        self.depth[new] = depth + 1
        self.is_end[new] = (discount <= 0) | (depth + 1 >= self.max_depth)
        self.edges[new] = torch.where(self.position == depth[:, None], edge[:, None], self.edges[node])
        if self.outcomes > 1:
            self.weight[new] = shares(torch.cat([state, reward[..., None], discount[..., None]], -1))
        self.first_child[node, action] = torch.where(again < 0, new[0], self.first_child[node, action])
        self._describe(new, legal, logits, value, player)
        return new

    def back_up(self, leaf: Tensor, new: Tensor) -> Tensor:
        """Adds the simulation's return along its path; the nodes `[B, D + W]` whose statistics are new."""
        node, _, again = leaf.unbind(-1)
        edges = self.edges[new[0]]  # [B, D]
        nodes = edges // self.actions
        fresh = (self.reward[new] + self.discount[new] * self.raw[new]).mean(0)  # [B]
        value = torch.where(again < 0, fresh, self.reward[again] + self.discount[again] * self.raw[again])
        reached = self.total[node] + self.gathered[node] * value
        returns = (reached[:, None] - self.total[nodes]) / self.gathered[nodes]  # [B, D]
        flat = edges.flatten()
        self.visits.view(-1).index_add_(0, flat, torch.ones_like(returns).flatten())
        self.returns.view(-1).index_add_(0, flat, returns.flatten())
        if self.outcomes > 1:
            passed = torch.cat([nodes, again[:, None] % (self.nowhere + 1)], 1).flatten()  # -1 is the last
            self.count.index_add_(0, passed, torch.ones_like(passed, dtype=self.count.dtype))
        if self.proof is not None:
            last = torch.where(again < 0, new[0], again)
            self.proof.back_up(edges, nodes, self.depth[node], last, self)
        return torch.cat([nodes, new.T], 1)

    def point(self, touched: Tensor, action: Tensor) -> None:
        """Renews the pointers of the nodes that `back_up` named, whose best actions `[B, D + W]` these are."""
        path, new = touched[:, : self.max_depth], touched[:, self.max_depth :]
        self.pointer[new] = torch.stack([new, action[:, self.max_depth :], torch.full_like(new, -1)], -1)
        end, child = self.follow(path, action[:, : self.max_depth])  # [B, D, 3], [B, D]
        stays = child == torch.cat([path[:, 1:], torch.full_like(path[:, :1], -2)], 1)
        turns = torch.where(stays, self.max_depth, self.position)
        turn = turns.flip(1).cummin(1).values.flip(1)  # [B, D], the first turn from here on
        self.pointer[path] = end.gather(1, turn[..., None].expand(-1, -1, 3))

    def decide(self, action: Tensor) -> Tensor:
        """The action `[B]` to play: that of the search, unless a proven one is as good."""
        if self.proof is None:
            return action
        statistics = self.statistics(self.roots)
        return self.proof.decide(self.roots, self.legal[self.roots], self.player[self.roots], statistics.q, action)

    def _describe(self, nodes: Tensor, legal: Tensor, logits: Tensor, value: Tensor, player: Tensor) -> None:
        self.legal[nodes] = legal
        self.logits[nodes] = torch.where(legal, logits, -torch.inf)
        self.raw[nodes] = value
        self.player[nodes] = player.to(value.dtype)


def shares(outcome: Tensor) -> Tensor:
    """The weight `[W, B]` of draws `[W, B, X]`: the first of equal ones takes the weight of all, the others none."""
    equal = (outcome[:, None] == outcome[None]).all(-1)  # [W, W, B]
    first = equal.to(torch.uint8).argmax(1) == torch.arange(len(outcome), device=outcome.device)[:, None]
    return torch.where(first, equal.sum(1) / len(outcome), 0.0).to(outcome.dtype)
