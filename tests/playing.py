"""Sessions of the playground from a few lines of a recipe, with agents of first weights; and served ones."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fulgurite.playground.desk import Desk
from fulgurite.playground.requests import Requests
from fulgurite.playground.server import Server
from fulgurite.playground.session import Session
from fulgurite.recipe import build, check, compose
from fulgurite.runs.experiment import Experiment

TRUE_PENDULUM = """
defaults: [pets/pendulum]
environment: {max_episode_steps: 12}
agent:
  world_model: {dynamics: {_target_: PendulumPhysics}}
  planner: {candidates: 20, elites: 4, iterations: 2, horizon: 6}
  objective: {particles: 2}
evaluation: {episodes: 3}
"""
POLICY = """
defaults: [svg/pendulum]
environment: {max_episode_steps: 8}
evaluation: {episodes: 2}
"""
MODEL_FREE = """
defaults: [dqn/cartpole]
environment: {max_episode_steps: 8}
evaluation: {episodes: 2}
"""
MAZE = """
defaults: [dyna/maze]
evaluation: {environment: {_target_: Environment, id: fulgurite/DynaMaze-v0, max_episode_steps: 20}, episodes: 1}
"""
FAULTY = """
defaults: [baselines/random]
environment:
  id: fulgurite.selftest.faulty_environment:selftest/Faulty-v0
  options: {way: raise, at: 3, during: broken}
"""


def experiment(folder: Path, text: str) -> Experiment:
    """Built from a recipe that is written into the folder."""
    source = folder / "played.yaml"
    source.write_text(text)
    composed = compose(str(source), ["callbacks=null", "logger=null"])
    check(composed)
    return build(composed)


def session(folder: Path, text: str) -> Session:
    """A session with its untrained agent."""
    made = experiment(folder, text)
    return Session(made.evaluation, made.agent)


@contextmanager
def serving(played: Session) -> Iterator[Server]:
    """Its server, in a thread of this process."""
    desk = Desk()
    server = Server(
        0,
        "a <run>",
        Requests(played, {"run": "runs/a", "checkpoint": "step-1", "agent": "MPC", "environment": "Pendulum-v1"}),
        desk,
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        assert desk.close(played.close, 10)
