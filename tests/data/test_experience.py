"""What comes into the buffer, what comes out, and what never does."""

import gymnasium
import numpy as np
import pytest
import torch
from tensordict import TensorDict
from tiny import tiny_agent, tiny_experience

from fulgurite.agents.random import RandomAgent
from fulgurite.data.buffer import Dataset
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.experience import Experience
from fulgurite.data.play import Episode, play


class Ticking(gymnasium.Env):
    """Observes how often it was stepped, ends after `length` steps, and fails as told."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, length: int = 7, nan_at: int = -1, wrong_shape_at: int = -1) -> None:
        self.length, self.nan_at, self.wrong_shape_at = length, nan_at, wrong_shape_at
        self.steps, self.total = 0, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        self.total += 1
        reward = float("nan") if self.total == self.nan_at else float(self.steps)
        shape = 2 if self.total == self.wrong_shape_at else 1
        return np.full(shape, self.steps, np.float32), reward, self.steps == self.length, False, {}


gymnasium.register("tests/Ticking-v0", Ticking)


def random_experience(environment: Environment, **changes) -> Experience:
    agent = RandomAgent(1)
    return Experience(environment, agent, **{"warmup_env_steps": 0, "capacity": 1000, **changes})


def test_rows_episodes_and_returns():
    experience = random_experience(Environment("tests/Ticking-v0", num_envs=2), env_steps_per_collection=40)
    rows = experience.collect()
    assert len(rows) == 40 == experience.env_steps
    first = rows[:20]  # of the first environment, in order
    assert first["next", "observation"][:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7] * 2 + [1, 2, 3, 4, 5, 6]
    assert first["observation"][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6] * 2 + [0, 1, 2, 3, 4, 5]
    assert first["next", "terminated"][:, 0].nonzero()[:, 0].tolist() == [6, 13]
    assert not rows["next", "truncated"].any()
    assert len(rows["trajectory"].unique()) == 6
    assert experience.training_returns == [28.0] * 4
    experience.collect()  # episodes go on where they were
    assert experience.dataset.buffer[:]["observation"][40, 0] == 6
    assert len(experience.dataset.buffer[:]["trajectory"].unique()) == 12


def test_action_repeat_counts_in_environment_steps():
    experience = random_experience(Environment("tests/Ticking-v0", action_repeat=2), env_steps_per_collection=20)
    rows = experience.collect()
    assert len(rows) == 10
    assert experience.env_steps == 20
    assert rows["next", "reward"][:4, 0].tolist() == [3, 7, 11, 7]  # 1 + 2, 3 + 4, 5 + 6, 7


def test_whole_trajectories_are_held_out_and_never_trained_on():
    experience = random_experience(
        Environment("tests/Ticking-v0"), env_steps_per_collection=70, held_out_share=0.2, batch_size=500
    )
    experience.collect()
    held_out = experience.held_out()
    assert [len(trajectory) for trajectory in held_out] == [7, 7]
    numbers = {int(trajectory["trajectory"][0]) for trajectory in held_out}
    assert numbers == {4, 9}
    (batch,) = experience.dataset.sample(1, 500, experience.generator)
    assert set(batch["trajectory"].unique().tolist()) == set(range(10)) - numbers
    assert len(experience.dataset.held_out(100)) == 14


def test_each_member_has_a_bootstrap_resample():
    dataset = Dataset(1000, members=3)
    experience = random_experience(Environment("tests/Ticking-v0"), env_steps_per_collection=700, held_out_share=0.0)
    rows = experience.collect()
    rows["observation"] = torch.arange(700.0)[:, None]
    dataset.extend(rows, torch.zeros(700, dtype=torch.bool), torch.Generator().manual_seed(0))
    (batch,) = dataset.sample(1, 20_000, torch.Generator().manual_seed(0))
    assert batch.batch_size == (3, 20_000)
    shares = [len(batch["observation"][e].unique()) / 700 for e in range(3)]
    assert shares == pytest.approx([1 - np.exp(-1)] * 3, abs=0.06)  # a resample holds 63 % of the rows
    assert not torch.equal(batch["observation"][0].unique(), batch["observation"][1].unique())


def test_minibatches():
    environment = Environment("fulgurite/CartPoleBalance-v0", num_envs=2)
    experience = tiny_experience(environment, tiny_agent())
    experience.collect()
    assert experience.env_steps == 40  # the warm-up
    batches = list(experience.train_dataloader())
    assert len(batches) == len(experience.train_dataloader()) == 4
    assert batches[0].stacked.batch_size == (5, 2, 8)
    assert not experience.collection_due
    for _ in range(4):
        assert not experience.collection_due  # never within an epoch
        experience.updated(5)
    assert experience.collection_due


@pytest.mark.parametrize(("fault", "message"), [({"nan_at": 12}, "reward"), ({"wrong_shape_at": 12}, "observation")])
def test_nonsense_never_enters_the_buffer(fault, message):
    experience = random_experience(
        Environment("tests/Ticking-v0", options=fault, max_faults=0), env_steps_per_collection=10, seed=3
    )
    experience.collect()
    with pytest.raises(EnvironmentFault, match=message) as caught:
        experience.collect()
    assert "step 5" in str(caught.value)  # of its second episode: 7 + 5 = 12
    assert "seed" in str(caught.value)
    assert len(experience.dataset) == experience.env_steps == 10
    assert experience.dataset.buffer[:]["next", "reward"].isfinite().all()


def test_state_goes_on_in_the_middle_of_an_episode():
    """What a restored experience collects next is what the first one collects next, bit by bit."""

    def fresh():
        torch.manual_seed(0)
        environment = Environment("fulgurite/CartPoleBalance-v0", num_envs=2)
        return tiny_experience(environment, tiny_agent(), seed=5)

    one = fresh()
    one.collect()
    state, chance = one.state_dict(), one.agent.generator.get_state()
    expected = one.collect()
    other = fresh()
    other.load_state_dict(state)
    other.agent.load_state_dict(one.agent.state_dict())
    other.agent.generator.set_state(chance)
    found = other.collect()
    assert (found == expected).all()
    assert (other.dataset.buffer[:] == one.dataset.buffer[:]).all()
    assert other.env_steps == one.env_steps == 60


def test_only_the_rows_in_use_are_saved(tmp_path):
    experience = random_experience(Environment("tests/Ticking-v0"), env_steps_per_collection=10, capacity=100_000)
    experience.collect()
    torch.save(experience.state_dict(), tmp_path / "state.pt")
    assert (tmp_path / "state.pt").stat().st_size < 50_000
    torch.load(tmp_path / "state.pt", weights_only=True)


def test_play_steps_only_what_still_runs():
    agent = RandomAgent(1)
    environments = {length: Environment("tests/Ticking-v0", options={"length": length}) for length in (3, 5)}
    for length, environment in environments.items():
        episodes = play(environment, agent, [4, 5])
        assert [len(episode) for episode in episodes] == [length, length]
        assert [episode.seed for episode in episodes] == [4, 5]
        assert episodes[0].return_ == sum(range(length + 1))


def test_an_episode_survives_a_safe_checkpoint(tmp_path):
    seen = {"eye": torch.arange(3 * 4).reshape(3, 4).byte(), "joint": torch.rand(3, 2)}
    then = {name: torch.cat([frames[1:], frames[:1]]) for name, frames in seen.items()}
    plan = {"plan": torch.rand(3, 5, 1), "action": torch.rand(3, 1)}
    for observation, following in ((seen["joint"], then["joint"]), (seen, then)):
        rows = {"observation": observation, **plan, "next": {"observation": following, "reward": torch.rand(3, 1)}}
        episode = Episode(7, TensorDict(rows).auto_batch_size_(1))
        torch.save(episode.state(), tmp_path / "state.pt")
        again = Episode.restored(torch.load(tmp_path / "state.pt", weights_only=True))
        assert again.seed == 7
        assert again.transitions.batch_size == episode.transitions.batch_size == (3,)
        assert (again.transitions == episode.transitions).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env_steps_per_collection": 15}, "env_steps_per_collection: need a positive multiple of 2, got 15"),
        ({"updates_per_call": 7}, "updates_per_epoch: need a positive multiple of 7, got 100"),
        ({"held_out_share": 1.0}, r"held_out_share: need a number in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_sizes(arguments, message):
    with pytest.raises(ValueError, match=message):
        random_experience(Environment("tests/Ticking-v0", num_envs=2), **arguments)


@pytest.mark.parametrize(("bootstrap", "shape"), [(True, (2, 8)), (False, (8,))])
def test_members_train_on_their_own_resamples_unless_told_otherwise(bootstrap, shape):
    environment = Environment("fulgurite/CartPoleBalance-v0", num_envs=2)
    experience = tiny_experience(environment, tiny_agent(), bootstrap=bootstrap)
    experience.collect()
    (batch,) = experience.dataset.sample(1, 8, experience.generator)
    assert batch.batch_size == shape


gymnasium.register("tests/Chancy-v0", Ticking, nondeterministic=True)


@pytest.mark.parametrize("id", ["tests/Ticking-v0", "tests/Chancy-v0"])
def test_a_resume_that_cannot_be_exact_says_so(id, caplog):
    experience = random_experience(Environment(id), env_steps_per_collection=10)
    experience.collect()
    random_experience(Environment(id), env_steps_per_collection=10).load_state_dict(experience.state_dict())
    said = "resumed, but not exactly: a simulator cannot be put back bit by bit" in caplog.text
    assert said == (id == "tests/Chancy-v0")
