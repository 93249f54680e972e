from fulgurite.data.schedule import Schedule


def test_updates_follow_environment_steps_exactly():
    """2.5 updates a step over 10 collections of 10 steps, in epochs of 10: 250 after the first updates."""
    schedule = Schedule(updates_per_env_step=2.5, first_updates=40)
    done = []
    for _ in range(11):
        schedule.collected(10)
        epochs = 0
        while schedule.due(10):
            schedule.updated(10)
            epochs += 1
        done.append(10 * epochs)
    assert done[0] == 40
    assert sum(done[1:]) == 250
    assert set(done[1:]) == {20, 30}


def test_patience_drops_the_rest():
    schedule = Schedule(first_updates=1000, patience=2, improvement=0.1)
    schedule.collected(1)
    for score in (1.0, 0.8, 0.79):
        schedule.validated(score)
        assert schedule.due(100)
    schedule.validated(0.75)  # less than 10 % better than 0.8, for the second time
    assert not schedule.due(100)
    schedule.collected(100)  # new data, new patience
    assert schedule.due(100)


def test_negative_scores_improve_downwards():
    schedule = Schedule(first_updates=1000, patience=1, improvement=0.1)
    schedule.collected(1)
    for score in (-1.0, -2.0, -3.0):
        schedule.validated(score)
        assert schedule.due(100)
    schedule.validated(-3.1)
    assert not schedule.due(100)


def test_state():
    schedule, other = Schedule(1.0, 100, patience=3), Schedule(1.0, 100, patience=3)
    schedule.collected(1)
    schedule.updated(30)
    schedule.validated(0.5)
    other.load_state_dict(schedule.state_dict())
    assert other.state_dict() == schedule.state_dict()
