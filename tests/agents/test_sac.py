"""Soft actor-critic: losses by hand and against TorchRL's, gradients that stay in their parts, and what is refused."""

import warnings

import pytest
import torch
from soft_doubles import A, S, batch, sac, world
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn

from fulgurite.agents.soft_actor_critic import pack, unpack
from fulgurite.agents.value_expansion import ValueExpansion
from fulgurite.policies.categorical import CategoricalPolicy
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.policies.temperature import Temperature


def by_hand(agent, given):
    """The three losses, in plain torch, with the draws that the agent makes after the same seed."""
    state, following = given["observation"], given["next", "observation"]
    reward, ended = given["next", "reward"][:, 0], given["next", "terminated"][:, 0].float()
    alpha = agent.temperature.log_alpha.exp().item()
    drawn = agent.policy(following).sample()
    q = agent.values.target(following, drawn.action)
    y = (reward + agent.discount * (1 - ended) * (torch.minimum(q[0], q[1]) - alpha * drawn.log_prob)).detach()
    drawn = agent.policy(state).sample()
    q = agent.values(state, drawn.action)
    actor = (alpha * drawn.log_prob - torch.minimum(q[0], q[1])).mean()
    found = agent.values(state, given["action"])
    critic = 0.5 * ((found[0] - y) ** 2).mean() + 0.5 * ((found[1] - y) ** 2).mean()
    entropy = -drawn.log_prob.detach()
    return {"critic": critic, "actor": actor, "temperature": agent.temperature.log_alpha * (entropy.mean() + A)}


def moved(agent):
    """Slow copies and a temperature that are not what they began as."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in [*agent.values.slow.parameters(), agent.temperature.log_alpha]:
            parameter += 0.3 * torch.randn_like(parameter)
    return agent


def test_three_transitions_by_hand():
    agent, given = moved(sac()), batch(3)
    torch.manual_seed(2)
    expected = by_hand(agent, given)
    torch.manual_seed(2)
    torch.testing.assert_close(agent.loss(given.clone()), expected)


def test_one_backward_gives_each_part_the_gradient_of_its_own_loss():
    agent, given = moved(sac()), batch(5)
    torch.manual_seed(2)
    expected = by_hand(agent, given)
    wanted = {
        "policy": torch.autograd.grad(expected["actor"], list(agent.policy.parameters()), retain_graph=True),
        "values": torch.autograd.grad(expected["critic"], list(agent.values.network.parameters()), retain_graph=True),
        "temperature": torch.autograd.grad(expected["temperature"], [agent.temperature.log_alpha]),
    }
    torch.manual_seed(2)
    sum(agent.loss(given.clone()).values()).backward()
    for name, gradients in wanted.items():
        own = agent.parts()[name].own_parameters()
        torch.testing.assert_close([p.grad for p in own], list(gradients))
    assert all(p.grad is None for p in agent.values.slow.parameters())


def test_a_time_limit_is_no_end():
    agent, given = sac(), batch(12)
    torch.manual_seed(0)
    before = agent.loss(given.clone())
    changed = given.clone()
    changed["next", "truncated"] = ~changed["next", "truncated"]
    torch.manual_seed(0)
    torch.testing.assert_close(agent.loss(changed), before)
    ended = given.clone()
    ended["next", "terminated"] = ~ended["next", "terminated"]
    torch.manual_seed(0)
    assert (agent.loss(ended)["critic"] - before["critic"]).abs() > 1e-3


def test_what_is_prepared_for_a_whole_call_changes_nothing():
    agent, given = sac(), batch(4, 6)
    rows = given.clone()
    agent.prepare(rows)
    torch.manual_seed(0)
    found = agent.loss(rows[2])
    torch.manual_seed(0)
    torch.testing.assert_close(found, agent.loss(given[2].clone()))


def test_packing_and_unpacking():
    given = batch(2, 4)
    agent = sac()
    rows = pack(agent.states(given))
    state, action, reward, terminated, following = unpack(rows, S, A)
    assert torch.equal(state, given["observation"])
    assert torch.equal(action, given["action"])
    assert torch.equal(reward, given["next", "reward"][..., 0])
    assert torch.equal(terminated.bool(), given["next", "terminated"][..., 0])
    assert torch.equal(following, given["next", "observation"])


def torchrl_loss(agent):
    """TorchRL's loss with our networks' numbers."""
    from torchrl.modules import ProbabilisticActor, TanhNormal, ValueOperator
    from torchrl.objectives import SACLoss

    class Read(nn.Module):
        def forward(self, observation):
            found = agent.policy(observation)
            return found.mean, found.log_std.exp()

    class Value(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(S + A, 8), nn.ReLU(), nn.Linear(8, 1))

        def forward(self, observation, action):
            return self.layers(torch.cat([observation, action], -1))

    actor = ProbabilisticActor(
        TensorDictModule(Read(), in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"], distribution_class=TanhNormal, return_log_prob=True,
        distribution_kwargs={"tanh_loc": False, "safe_tanh": False},
    )  # fmt: skip
    value = ValueOperator(Value(), in_keys=["observation", "action"])
    loss = SACLoss(actor, value, num_qvalue_nets=2, loss_function="l2", target_entropy=-float(A), alpha_init=0.3)
    loss.make_value_estimator(gamma=agent.discount)
    for name, network in (
        ("qvalue_network_params", agent.values.network),
        ("target_qvalue_network_params", agent.values.slow),
    ):
        held = getattr(loss, name)
        for layer, place in enumerate((0, 2)):
            held["module", "layers", str(place), "weight"].data.copy_(network.weights[layer])
            held["module", "layers", str(place), "bias"].data.copy_(network.biases[layer][:, 0])
    return loss


def test_torchrl_finds_the_same_losses(monkeypatch):
    """With the same noise in every draw, since the two draw in another order."""
    agent = moved(sac())
    agent.temperature = Temperature(0.3).build(A)
    given = batch(64)
    noise = torch.randn(64, A)
    monkeypatch.setattr("torch.distributions.normal._standard_normal", lambda *_, **__: noise)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: noise)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torchrl_loss(agent)(given.clone())
    ours = agent.loss(given.clone())
    torch.testing.assert_close(ours["critic"], 0.5 * theirs["loss_qvalue"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours["actor"], theirs["loss_actor"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours["temperature"], theirs["loss_alpha"], rtol=1e-4, atol=1e-5)


def test_what_a_state_is_worth():
    agent = sac()
    state = torch.randn(4, 5, S)
    q = agent.values(state, agent.policy(state).mode())
    torch.testing.assert_close(agent.value(state), torch.minimum(q[0], q[1]))


def test_it_acts_by_chance_in_training_and_by_the_mode_in_evaluations():
    agent = sac()
    td = TensorDict({"observation": torch.zeros(1, S).expand(500, S), "is_init": torch.zeros(500, 1).bool()}, [500])
    assert agent.train()(td.clone())["action"].std(0).min() > 0.1
    assert torch.equal(agent.eval()(td.clone())["action"], agent.policy(td["observation"]).mode())


def test_a_model_beside_it_learns_as_often_as_it_shall():
    agent = sac(world_model=world(), model_every=3, model_first=2)
    given, seen = batch(8), []
    for _ in range(8):
        seen.append((set(agent.loss(given.clone())), set(agent.resting())))
        agent.follow()
    policy, model = {"critic", "actor", "temperature"}, {"dynamics"}
    assert [names for names, _ in seen] == [model] * 2 + [
        policy,
        policy | model,
        policy,
        policy,
        policy | model,
        policy,
    ]
    of_policy = {agent.policy, agent.values, agent.temperature}
    assert seen[0][1] == of_policy
    assert seen[2][1] == {agent.world_model}
    assert seen[3][1] == set()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"need actions that are real numbers.*got a DeterministicPolicy"):
        sac(policy=DeterministicPolicy(hidden=(8,)))
    with pytest.raises(ValueError, match=r"need actions that are real numbers.*got one-hot ones"):
        sac(policy=CategoricalPolicy(hidden=(8,)), discrete_actions=True)
    with pytest.raises(ValueError, match="target: ValueExpansion needs a world_model, got none"):
        sac(target=ValueExpansion())
    with pytest.raises(ValueError, match=r"discount: need a number in \[0, 1\], got 1.5"):
        sac(discount=1.5)
    with pytest.raises(ValueError, match="need model_every >= 1 and model_first >= 0, got 0 and 0"):
        sac(model_every=0)
    with pytest.raises(ValueError, match="initial: need more than 0, got 0"):
        Temperature(0)
