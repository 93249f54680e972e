"""Windows for open-loop prediction: what follows a start, and what was seen up to it."""

import pytest
import torch
from recorded import KINDS, action, observation, read, reward, rows
from tensordict import TensorDict

from fulgurite.data.windows import spread, windows
from fulgurite.keys import SEQUENCE

LENGTHS = (3, 6)
CHANCE = torch.Generator().manual_seed(0)


def trajectories(kind):
    return [rows(kind, [(e, t) for t in range(length)], {e: (length, True)}) for e, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("context", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_and_what_was_seen(kind, context):
    found = windows(trajectories(kind), 4, 100, CHANCE, context)
    episode, time = read(found.observation)
    assert sorted(zip(episode.tolist(), time.tolist(), strict=True)) == [
        (e, t) for e, length in enumerate(LENGTHS) for t in range(length)
    ]
    left = torch.tensor(LENGTHS)[episode] - time
    counts = torch.arange(4) < left[:, None]
    assert torch.equal(found.counts, counts)
    later = time[:, None] + 1 + torch.arange(4)  # [B, H]
    there = counts.long()
    for is_read, expected in zip(read(found.targets), (episode[:, None].expand(-1, 4), later), strict=True):
        assert torch.equal(is_read, expected * there)
    assert torch.equal(found.actions, action(episode[:, None].expand(-1, 4), later) * there[..., None])

    seen = found.context
    assert set(seen.keys()) == set(SEQUENCE)
    assert seen.batch_size == (9,)
    which, when = read(seen["observation"])  # [B, C]
    assert torch.equal(which, episode[:, None].expand(-1, context))
    past = time[:, None] - context + 1 + torch.arange(context)
    assert torch.equal(when, past.clamp_min(0))  # the first frame stands in for those before it
    begins = (past <= 0)[..., None]
    assert torch.equal(seen["is_init"], begins)
    assert torch.equal(seen["previous_action"], torch.where(begins, 0.0, action(which, when)))
    assert torch.equal(seen["reward"], torch.where(begins, 0.0, reward(which, when)))
    assert not seen["terminated"].any()


def test_filtering_from_the_context_is_filtering_from_the_beginning():
    """A filter that adds up what it sees, and starts afresh at `is_init`, does not see the frames that stand in."""

    def filtered(batch):
        total = torch.zeros(len(batch), 1)
        for t in range(batch["is_init"].shape[1]):
            total = total.masked_fill(batch["is_init"][:, t], 0.0)
            total = total + batch["observation"][:, t, 1:] + 10 * batch["previous_action"][:, t, :1]
        return total

    found = windows(trajectories("vector"), 1, 100, CHANCE, context=20)
    expected = [
        sum(t + (10 * (e + 0.5) if t else 0) for t in range(time + 1))
        for e, time in found.observation.long().tolist()
    ]  # fmt: skip
    assert filtered(found.context)[:, 0].tolist() == pytest.approx(expected)


def test_without_a_frame_of_context():
    with pytest.raises(ValueError, match="context: need at least 1 frame, got 0"):
        windows(trajectories("vector"), 1, 1, CHANCE, context=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_spread_of_every_number(kind, monkeypatch):
    monkeypatch.setattr("fulgurite.data.windows.AT_ONCE", 2)
    found = spread(trajectories(kind))
    frames = [(e, t + 1) for e, length in enumerate(LENGTHS) for t in range(length)]
    whole = observation(kind, *torch.tensor(frames).unbind(-1))
    whole = whole if isinstance(whole, TensorDict) else {"alone": whole}
    found = found if isinstance(found, TensorDict) else {"alone": found}
    for name, values in whole.items():
        torch.testing.assert_close(found[name], values.double().std(0, correction=0).float())


def test_what_never_changes_has_unit_spread():
    still = rows("image", [(3, 1)], {})
    assert (spread([still]) == 1).all()
