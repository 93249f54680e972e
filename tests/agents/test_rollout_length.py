import pytest

from fulgurite.agents.rollout_length import RolloutLength


def test_the_paper_s_schedule_for_the_hopper():
    length = RolloutLength(1, 15, 20_000, 150_000)  # [20, 150, 1, 15] in epochs of 1000 steps
    assert [length.at(e) for e in (0, 20_000, 85_000, 149_999, 150_000, 10**6)] == [1, 1, 8, 14, 15, 15]
    assert all(length.at(e) <= length.at(e + 1000) for e in range(0, 200_000, 1000))


def test_it_may_shrink_and_jump_and_stay():
    assert [RolloutLength(5, 1, 0, 8).at(e) for e in (0, 4, 8)] == [5, 3, 1]
    assert [RolloutLength(1, 3, 10, 10).at(e) for e in (9, 10)] == [1, 3]
    assert RolloutLength().at(123) == 1


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="need first and last >= 1, got 0 and 3"):
        RolloutLength(0, 3)
    with pytest.raises(ValueError, match="need 0 <= from_env_steps <= to_env_steps, got 5 and 4"):
        RolloutLength(1, 3, 5, 4)
