"""What a model imagines of an episode, as numbers and as pictures."""

import pytest
import torch
from latent_doubles import A, O, model
from tensordict import TensorDict
from worlds import Counter

from fulgurite.data.windows import windows
from fulgurite.imagination import TSInfinity
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.dream import Dream, dream
from fulgurite.runs.dream_film import dream_film
from fulgurite.runs.open_loop import OpenLoop, predictions
from fulgurite.runs.prediction_error import prediction_error


def episode(T: int = 12, size: int = O) -> TensorDict:
    torch.manual_seed(3)
    seen = torch.randn(T + 1, size)
    return TensorDict(
        {
            "observation": seen[:-1],
            "action": 2 * torch.rand(T, A) - 1,
            "next": {
                "observation": seen[1:],
                "reward": torch.randn(T, 1),
                "terminated": torch.zeros(T, 1, dtype=torch.bool),
            },
        },
        [T],
    )


def by_hand(world, steps: TensorDict, t: int, k: int) -> torch.Tensor:
    """The observation that the first member imagines k steps after frame t, without noise."""
    state = world.posterior.statistics(world.observation.features(steps["observation"][t]))[: world.state_size]
    theta = world.sample_parameters(1, torch.Generator().manual_seed(0))
    for i in range(k):
        state = world.dynamics.step(state[None], steps["action"][t + i][None], theta, None)[0]
    return world.decode(state[None])[0]


class Means(TSInfinity):
    """One member's mean."""

    def bind(self, world_model, state, particles, horizon, generator):
        theta = world_model.sample_parameters(1, torch.Generator().manual_seed(0))
        return lambda state, action, t: world_model.dynamics.step(state, action, theta, None)


def test_predictions_are_what_the_model_decodes_of_the_states_that_it_steps_to() -> None:
    world, steps = model(members=1), episode()
    recorded = windows([steps], 3, 1, torch.Generator().manual_seed(0), context=4)
    t = int((steps["observation"] == recorded.observation).all(-1).nonzero())
    (found,) = predictions(world, recorded, OpenLoop((1, 3), 1, Means(), 4), torch.Generator())
    with torch.no_grad():
        for i, k in enumerate((1, 3)):
            if found.counts[0, i]:
                torch.testing.assert_close(found.particles[0, 0, i], by_hand(world, steps, t, k))
                torch.testing.assert_close(found.truth[0, i], steps["next", "observation"][t + k - 1])


def test_errors_of_several_observations_by_name() -> None:
    class Two(type(model())):  # type: ignore[misc]
        def decode(self, state):
            decoded = super().decode(state)
            return TensorDict({"left": decoded, "right": 2 * decoded}, state.shape[:-1])

    world = model(members=1)
    world.__class__ = Two
    steps = episode()
    recorded = windows([steps], 2, 6, torch.Generator().manual_seed(0), context=2)
    single = model(members=1)
    setting, std = OpenLoop((1, 2), 1, Means(), 2), torch.ones(O)
    expected = prediction_error(single, recorded, std, setting)
    doubled = recorded._replace(
        observation=TensorDict({"left": recorded.observation, "right": 2 * recorded.observation}, [6]),
        targets=TensorDict({"left": recorded.targets, "right": 2 * recorded.targets}, [6]),
    )
    found = prediction_error(world, doubled, TensorDict({"left": std, "right": 2 * std}, []), setting)
    for k in (1, 2):
        for name in ("", "_left", "_right"):
            assert found[f"model/error{name}_h{k}"] == pytest.approx(expected[f"model/error_h{k}"], rel=1e-5)


def test_a_dream_sees_some_frames_and_imagines_the_rest() -> None:
    world, steps = model(), episode()
    (one,) = dream(world, steps, context=3, horizon=5, particles=4).values()
    assert (one.truth.shape, one.seen.shape, one.imagined.shape) == ((8, O), (3, O), (4, 5, O))
    torch.testing.assert_close(one.truth[:7], steps["observation"][:7])
    torch.testing.assert_close(one.truth[7], steps["next", "observation"][6])
    with torch.no_grad():
        torch.testing.assert_close(one.seen[2], by_hand(world, steps, 2, 0))
    short = dream(world, steps[:4], context=3, horizon=50, particles=1)[""]
    assert len(short.truth) == 5
    assert short.imagined.shape[1] == 2


def test_where_the_state_is_observed_it_is_its_own_picture() -> None:
    world = WorldModel(Counter(), lambda state, action, next_state: state[..., 0])
    steps = episode()
    one = dream(world, steps, context=2, horizon=3, particles=2)[""]
    torch.testing.assert_close(one.seen, steps["observation"][:2])
    expected = steps["observation"][1] + steps["action"][1:4].cumsum(0)
    torch.testing.assert_close(one.imagined[0], expected)


def test_pictures_have_a_row_for_each_observation_and_a_frame_for_each_step() -> None:
    image = torch.randint(0, 256, (6, 9, 8, 8)).float()
    dreams = {
        "camera": Dream(image, image[:2], image[None, 2:]),
        "joints": Dream(torch.randn(6, 3), torch.randn(2, 3), torch.randn(5, 4, 3)),
    }
    pictures = dream_film(dreams, width=240)
    assert len(pictures) == 6
    assert {picture.size for picture in pictures} == {pictures[0].size}
    assert pictures[0].width == 240
    camera = dream_film({"": dreams["camera"]}, width=240)[3]
    truth, imagination, error = (camera.crop((80 * i + 10, 50, 80 * i + 70, 110)) for i in range(3))
    assert truth.tobytes() == imagination.tobytes()
    assert error.getextrema() == ((0, 0),) * 3
