"""The losses of Dreamer once more, from the papers' equations: number by number, with loops over starts and steps.

Of ours only the networks and one step of the dynamics are used; distributions are torch's, returns are sums over n.
"""

import torch
from torch import Tensor
from torch.distributions import Categorical, Normal, OneHotCategorical, TransformedDistribution, kl_divergence
from torch.distributions.transforms import TanhTransform

from fulgurite.agents.dreamer import Dreamer
from fulgurite.agents.dreamer_actor import Reinforce
from fulgurite.models.latent import CategoricalLatent
from fulgurite.models.latent_heads import TwoHotReward
from fulgurite.policies.bounded_normal import BoundedNormalPolicy
from fulgurite.policies.categorical import CategoricalPolicy


def symlog(x: Tensor) -> Tensor:
    return x.sign() * (1 + x.abs()).log()


def bins(count: int, largest: float) -> list[float]:
    steps = torch.linspace(-largest, largest, count, dtype=torch.float64)
    return (steps.sign() * (steps.abs().exp() - 1)).tolist()


def nats_of_two_hot(logits: Tensor, x: float, edges: list[float]) -> Tensor:
    """- log p, weighed over the two bins beside a number."""
    log_p = logits - logits.logsumexp(0)
    x = min(max(x, edges[0]), edges[-1])
    i = max(k for k in range(len(edges) - 1) if edges[k] <= x)
    share = (x - edges[i]) / (edges[i + 1] - edges[i])
    return -((1 - share) * log_p[i] + share * log_p[i + 1])


class Plain:
    """The losses of an agent on a batch, drawn with a seed."""

    def __init__(self, agent: Dreamer, batch, seed: int) -> None:
        self.agent, self.model, self.batch = agent, agent.world_model, batch
        torch.manual_seed(seed)
        self.inferred = self.model.infer_sequences(batch)
        frames = batch["is_init"].shape[1]
        first = self.model.burn_in if agent.starts is None else frames - agent.starts
        self.frames = [(b, t) for b in range(len(batch)) for t in range(first, frames)]
        starts = torch.stack([self.inferred.state[b, t] for b, t in self.frames]).detach()  # [N, S]
        H = agent.horizon
        self.dynamics_noise = torch.randn(H, len(starts), self.model.dynamics.latent.size, dtype=torch.float64)
        draw = torch.empty_like if isinstance(agent.policy, CategoricalPolicy) else torch.randn_like
        like = starts.new_zeros(len(starts), agent.action_size)
        self.policy_noise = [draw(like) for _ in range(H)]
        if isinstance(agent.policy, CategoricalPolicy):
            self.policy_noise = [noise.exponential_() for noise in self.policy_noise]
        self.paths = [self.path(i, start) for i, start in enumerate(starts)]

    # ------------------------------------------------------------------ imagination

    def law(self, state: Tensor):
        """mean and std, or the probabilities, of the policy at a state."""
        output, policy = self.agent.policy.network(state), self.agent.policy
        if isinstance(policy, CategoricalPolicy):
            return 0.99 * output.softmax(0) + 0.01 / len(output)
        half = len(output) // 2
        mean, raw = output[:half], output[half:]
        if isinstance(policy, BoundedNormalPolicy):
            return mean.tanh(), 0.1 + 0.9 * (raw + 2).sigmoid()
        return mean, (1.5 * raw.tanh() - 1.5).exp()

    def drawn(self, state: Tensor, noise: Tensor) -> Tensor:
        law = self.law(state)
        if isinstance(self.agent.policy, CategoricalPolicy):
            return torch.nn.functional.one_hot((law / noise).argmax(), len(law)).double()
        u = law[0] + law[1] * noise
        return u.clamp(-1, 1) if isinstance(self.agent.policy, BoundedNormalPolicy) else u.tanh()

    def log_prob(self, state: Tensor, action: Tensor) -> Tensor:
        law = self.law(state)
        if isinstance(self.agent.policy, CategoricalPolicy):
            return OneHotCategorical(law).log_prob(action)
        if not isinstance(self.agent.policy, BoundedNormalPolicy):
            return TransformedDistribution(Normal(*law), [TanhTransform()]).log_prob(action).sum()
        total = torch.zeros((), dtype=torch.float64)
        for mean, std, a in zip(*law, action, strict=True):
            if a >= 1:
                total = total + (1 - Normal(mean, std).cdf(a)).log()
            elif a <= -1:
                total = total + Normal(mean, std).cdf(a).log()
            else:
                total = total + Normal(mean, std).log_prob(a)
        return total

    def entropy(self, state: Tensor) -> Tensor:
        law = self.law(state)
        return Categorical(law).entropy() if isinstance(law, Tensor) else Normal(*law).entropy().sum()

    def read(self, output: Tensor) -> Tensor:
        """A value or a reward."""
        return output[0] if len(output) == 1 else output.softmax(0) @ output.new_tensor(bins(len(output), 4.0))

    def path(self, i: int, start: Tensor) -> dict[str, list[Tensor]]:
        """What happens from a start."""
        states, actions, rewards, going_on = [start], [], [], []
        for t in range(self.agent.horizon):
            actions.append(self.drawn(states[t], self.policy_noise[t][i]))
            noise = self.dynamics_noise[t, i]
            states.append(self.model.dynamics.step(states[t][None], actions[t][None], None, noise[None])[0])
            reward = self.model.reward(states[t][None], actions[t][None], states[t + 1][None])[0]
            rewards.append(reward)
            ends = 0.0 if self.model.termination is None else self.model.termination(states[t + 1][None])[0]
            going_on.append(1 - ends)
        return {"state": states, "action": actions, "reward": rewards, "going_on": going_on}

    def returns(self, path) -> list[Tensor]:
        """G_t as the mixture of n-step returns (Sutton and Barto, equations 12.2 and 12.3)."""
        H, gamma, lam = self.agent.horizon, self.agent.discount, self.agent.lambda_
        values = [self.read(self.agent.critic.network(state)) for state in path["state"]]

        def n_step(t: int, n: int) -> Tensor:
            total, weight = 0.0, 1.0
            for k in range(n):
                total = total + weight * path["reward"][t + k]
                weight = weight * gamma * path["going_on"][t + k]
            return total + weight * values[t + n]

        return [
            (1 - lam) * sum(lam ** (n - 1) * n_step(t, n) for n in range(1, H - t))
            + lam ** (H - t - 1) * n_step(t, H - t)
            for t in range(H)
        ]

    def weights(self, i: int, path) -> list[Tensor]:
        b, t = self.frames[i]
        weight = self.inferred.state.new_tensor(float(not self.batch["terminated"][b, t, 0]))
        found = []
        for going_on in path["going_on"]:
            found.append(weight)
            weight = weight * self.agent.discount * torch.as_tensor(going_on, dtype=weight.dtype).detach()
        return found

    def actor(self) -> Tensor:
        every = [self.returns(path) for path in self.paths]
        loss = self.agent.actor_loss
        scale = 1.0
        if isinstance(loss, Reinforce):
            flat = torch.stack([g for returns in every for g in returns]).detach().sort().values
            low, high = (percentile(flat, share) for share in (0.05, 0.95))
            scale = max(1.0, (high - low).item())
        terms = []
        for i, (path, returns) in enumerate(zip(self.paths, every, strict=True)):
            for t, weight in enumerate(self.weights(i, path)):
                state, action = path["state"][t].detach(), path["action"][t].detach()
                if isinstance(loss, Reinforce):
                    advantage = (returns[t] - self.read(self.agent.critic.network(state))).detach() / scale
                    gain = self.log_prob(state, action) * advantage
                else:
                    gain = returns[t]
                terms.append(-weight * (gain + (loss.entropy * self.entropy(state) if loss.entropy else 0.0)))
        return torch.stack(terms).mean()

    def critic_at(self, state: Tensor, target: Tensor) -> Tensor:
        critic, slow = self.agent.critic, self.agent.critic_loss.slow
        output = critic.network(state.detach())
        targets = [(1.0, target.detach()), (slow, self.read(critic.slow(state.detach())).detach())]
        if len(output) == 1:
            return sum(w * 0.5 * (output[0] - y) ** 2 for w, y in targets)
        return sum(w * nats_of_two_hot(output, y.item(), bins(len(output), 4.0)) for w, y in targets)

    def value(self) -> Tensor:
        terms = []
        for i, path in enumerate(self.paths):
            for t, (weight, target) in enumerate(zip(self.weights(i, path), self.returns(path), strict=True)):
                terms.append(weight * self.critic_at(path["state"][t], target))
        return torch.stack(terms).mean()

    def replay_value(self) -> Tensor:
        """Backwards through each sequence; a new episode starts from what is imagined."""
        gamma, lam = self.agent.discount, self.agent.lambda_
        imagined = {frame: self.returns(path)[0].detach() for frame, path in zip(self.frames, self.paths, strict=True)}
        batch, terms = self.batch, []
        for b in range(len(batch)):
            times = [t for c, t in self.frames if c == b]
            following = imagined[b, times[-1]]
            for t in reversed(times[:-1]):
                if batch["is_init"][b, t + 1, 0]:
                    following = imagined[b, t]
                    terms.append(torch.zeros((), dtype=torch.float64))
                    continue
                going_on = float(not batch["terminated"][b, t + 1, 0])
                mixed = (1 - lam) * imagined[b, t + 1] + lam * following
                following = batch["reward"][b, t + 1, 0] + gamma * going_on * mixed
                terms.append(self.critic_at(self.inferred.state[b, t], following))
        return self.agent.critic_loss.replay * torch.stack(terms).mean()

    # ------------------------------------------------------------------ the world model

    def model_losses(self) -> dict[str, Tensor]:
        """Reconstruction, divergence, reward and termination: means over frames, or over steps within episodes."""
        model, batch, state = self.model, self.batch, self.inferred.state
        third = isinstance(model.dynamics.latent, CategoricalLatent)
        nats, kl, reward, ends = [], [], [], []
        begun = batch["is_init"][..., 0].cumsum(1) > 0
        for b in range(state.shape[0]):
            for t in range(state.shape[1]):
                if t < model.burn_in and not begun[b, t]:
                    continue
                decoded = model.observation.decoder(state[b, t][None])[0, 0]
                seen = symlog(batch["observation"][b, t]) if third else batch["observation"][b, t]
                nats.append(-Normal(decoded, 1.0).log_prob(seen).sum())
                q, p = self.inferred.posterior[b, t], self.inferred.prior[b, t]
                if third:
                    kl.append(
                        self.divergence(q.detach(), p).clamp_min(1) + 0.1 * self.divergence(q, p.detach()).clamp_min(1)
                    )
                else:
                    kl.append(self.gaussian(q.detach(), p).clamp_min(3) + self.gaussian(q, p.detach()).clamp_min(3))
                if t == 0 or batch["is_init"][b, t, 0]:
                    continue
                r = batch["reward"][b, t, 0]
                if isinstance(model.reward, TwoHotReward):
                    reward.append(nats_of_two_hot(model.reward.network(state[b, t]), r.item(), bins(11, 4.0)))
                else:
                    reward.append(0.5 * (model.reward(state[b, t], None, state[b, t]) - r) ** 2)
                if model.termination is not None:
                    p_end = model.termination(state[b, t][None])[0]
                    ends.append(-(p_end if batch["terminated"][b, t, 0] else 1 - p_end).log())
        named = {"nats_observation": nats, "kl": kl, "reward": reward, "termination": ends}
        return {name: torch.stack(terms).mean() for name, terms in named.items() if terms}

    def divergence(self, q: Tensor, p: Tensor) -> Tensor:
        latent = self.model.dynamics.latent
        shape = (latent.variables, latent.classes)
        return kl_divergence(OneHotCategorical(logits=q.view(shape)), OneHotCategorical(logits=p.view(shape))).sum()

    def gaussian(self, q: Tensor, p: Tensor) -> Tensor:
        return kl_divergence(Normal(*q.chunk(2)), Normal(*p.chunk(2))).sum()

    def losses(self) -> dict[str, Tensor]:
        found = {**self.model_losses(), "actor": self.actor(), "value": self.value()}
        return {**found, "replay_value": self.replay_value()} if self.agent.critic_loss.replay else found


def percentile(ordered: Tensor, share: float) -> Tensor:
    """By linear interpolation."""
    place = share * (len(ordered) - 1)
    below = int(place)
    return ordered[below] + (place - below) * (ordered[min(below + 1, len(ordered) - 1)] - ordered[below])
