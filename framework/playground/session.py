"""A session: one environment, one agent, and what the agent's model imagines, as a page asks for them.

It depends on nothing but the start and the actions: who goes back and does the same again sees the same. From a start
of the evaluation, an agent that acts alone plays the episode that `fulgurite evaluate` plays from it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from ..agents.agent import Agent
from ..data.episodes import EnvironmentFault
from ..data.observation_space import Observation
from ..data.observation_tensors import stacked, tensors
from ..data.play import following, started
from ..runs.evaluation import Evaluation
from .entries import Entries
from .foresight import HORIZON
from .imagined import Imagined
from .pictures import observed_png, png
from .thought import Mind, Thought, with_action
from .timeline import Moment, Stage

LARGEST_SEED = 2**31 - 1
WAYS = ("agent", "held", "done")
MOST_DONE = 50  # steps


class Refused(ValueError):
    """What was asked for cannot be had; the session is as before."""


class Session:
    """Plays one episode at a time.

    Attributes:
        moments: of the episode, from its start to where it is.
        unable: why the environment cannot draw, where it should.

    Args:
        evaluation: whose environment and fixed starts they are.
        agent: which from now on belongs to the session.

    Raises:
        EnvironmentFault: where the first reset fails.
    """

    def __init__(self, evaluation: Evaluation, agent: Agent) -> None:
        environment = evaluation.environment
        self.evaluation, self.environment = evaluation, environment
        self.mind = Mind(agent)
        self.entries = Entries(environment)
        self.imagined = Imagined(self.mind, self.entries, environment)
        self.stage = Stage(environment, environment.renders)
        self.moments: list[Moment] = []
        self.seed = evaluation.seed
        self.unable = ""
        try:
            self.reset(evaluation.seed)
        except EnvironmentFault:
            raise
        except Exception as error:  # a renderer that is not there, most likely: numbers can be had without
            if not self.stage.draw:
                raise
            self.stage.draw, self.unable = False, f"{type(error).__name__}: {error}"
            self.reset(evaluation.seed)

    # ------------------------------------------------------------------ what a person does

    def reset(self, seed: int) -> None:
        """Begins the episode of a seed.

        Raises:
            Refused: for one that is no seed.
            EnvironmentFault: where the environment fails; the episode before can go on.
        """
        if not 0 <= seed <= LARGEST_SEED:
            raise Refused(f"seed: expected 0 to {LARGEST_SEED}, got {seed}")
        before = self.stage.seed
        try:
            observation = self.stage.reset(seed)
        except Exception:
            self.stage.close()
            self.stage.seed = before
            raise
        self.seed = seed
        found = started(self.mind.agent, 1)
        self.moments = [self._moment(observation, found, self.mind.chance(seed))]

    def step(self, at: int, given: Sequence[float] | None) -> Moment:
        """Takes an action at a step of the episode, and forgets what came after it before.

        Args:
            at: the step, from 0 to the last one.
            given: the action `[A]`; None for the agent's own.

        Raises:
            Refused: for a step that is not there, an episode that is over, and an action that is none.
            EnvironmentFault: where the environment fails; the episode can go on from any of its steps.
        """
        moment = self.at(at)
        if moment.terminated or moment.truncated:
            raise Refused(f"step {at}: the episode has ended here; go back or begin another one")
        action = None if given is None else self.action(given)
        self.stage.be_at(self.moments[: at + 1])
        td, chance = self._decided(moment, action)
        taken: NDArray[np.float32] = td["action"][0].cpu().numpy()
        observation, reward, terminated, truncated = self.stage.step(taken)
        moment.action, moment.by_agent = taken, action is None
        after = self._moment(observation, following(td, self.mind.agent), chance)
        after.reward, after.return_ = reward, moment.return_ + reward
        after.terminated, after.truncated = terminated, truncated
        self.moments = [*self.moments[: at + 1], after]
        return after

    def imagine(
        self, at: int, way: str = "agent", given: Sequence[float] | None = None, entry: int = 0
    ) -> dict[str, Any]:
        """What the model imagines from a step on.

        Args:
            at: the step.
            way: `agent`, as the agent would go on; `held`, if an action is held; `done`, under the actions that were
                taken from there on.
            given: the action `[A]` that is held.
            entry: of the action, which candidate plans are drawn by.

        Raises:
            Refused: for a step, a way or an entry that is not there, and an action that is none.
        """
        if way not in WAYS:
            raise Refused(f"way: expected one of {', '.join(WAYS)}, got {way!r}")
        moment = self.at(at)
        if not 0 <= entry < self.environment.action_size:
            raise Refused(f"entry: expected 0 to {self.environment.action_size - 1}, got {entry}")
        if moment.terminated:
            return {"at": at, "way": way, "said": "The task has ended here: there is nothing ahead."}
        if way == "held":
            action = self.action([] if given is None else given)
            actions = np.repeat(action[None], HORIZON, 0)
            return {"at": at, "way": way, **self.imagined.by_actions(moment, actions, "my action is held")}
        if way == "done":
            taken = [one.action for one in self.moments[at : at + MOST_DONE] if one.action is not None]
            if at == len(self.moments) - 1:
                return {"at": at, "way": way, "said": "Nothing has been done from here on: go on, or look back."}
            return {"at": at, "way": way, **self.imagined.by_actions(moment, np.stack(taken), "what was done is done")}
        return {"at": at, "way": way, **self.imagined.of_agent(moment, self.thought(moment), entry)}

    # ------------------------------------------------------------------ what is looked at

    def at(self, step: int) -> Moment:
        """The episode after so many steps."""
        if not 0 <= step < len(self.moments):
            raise Refused(f"step: expected 0 to {len(self.moments) - 1}, got {step}")
        return self.moments[step]

    def action(self, given: Sequence[float]) -> NDArray[np.float32]:
        """An action `[A]` that a person gives: in [-1, 1], or one-hot."""
        size = self.environment.action_size
        action = np.asarray(given, dtype=np.float64)
        kind = f"one 1 and {size - 1} zeros" if self.environment.discrete_actions else f"{size} numbers in [-1, 1]"
        fits = action.shape == (size,) and bool(np.isfinite(action).all()) and float(np.abs(action).max()) <= 1
        if fits and self.environment.discrete_actions:
            fits = sorted(action.tolist()) == [0.0] * (size - 1) + [1.0]
        if not fits:
            raise Refused(f"action: expected {kind}, got {list(given)}")
        return action.astype(np.float32)

    def thought(self, moment: Moment) -> Thought:
        """What the agent makes of a moment; it is asked once."""
        if moment.thought is None:
            moment.thought = self.mind.think(moment.found, moment.chance)
        return moment.thought

    def told(self, step: int) -> dict[str, Any]:
        """A moment in plain numbers."""
        moment = self.at(step)
        return {
            "step": step,
            "reward": moment.reward,
            "return": moment.return_,
            "terminated": moment.terminated,
            "truncated": moment.truncated,
            "numbers": self.entries.numbers(tensors(moment.observation)).tolist(),
            "action": None if moment.action is None else moment.action.tolist(),
            "by_agent": moment.by_agent,
            "differs": self.stage.differs,
        }

    def picture(self, step: int) -> bytes:
        """What the simulator draws there."""
        return self.at(step).picture

    def sight(self, step: int, number: int) -> bytes:
        """The image of this number among what the agent sees there."""
        if not 0 <= number < len(self.entries.pictures):
            raise Refused(f"image: expected 0 to {len(self.entries.pictures) - 1}, got {number}")
        observation, name = self.at(step).observation, self.entries.pictures[number]
        image = observation[name] if isinstance(observation, Mapping) else observation
        return observed_png(torch.from_numpy(image))

    def close(self) -> None:
        """Ends the simulator."""
        self.stage.close()

    # ------------------------------------------------------------------ inside

    def _moment(self, observation: Observation, found: TensorDict, chance: torch.Tensor) -> Moment:
        found["observation"] = stacked([observation]).to(self.mind.agent.device)
        drawn = self.stage.drawn()
        return Moment(observation, b"" if drawn is None else png(drawn), found, chance)

    def _decided(self, moment: Moment, action: NDArray[np.float32] | None) -> tuple[Any, torch.Tensor]:
        """What the agent wrote, with the person's action where there is one, and its chance afterwards."""
        if action is None:
            thought = self.thought(moment)
            return thought.td.clone(), thought.chance
        given = torch.from_numpy(action)[None].to(self.mind.agent.device)
        if self.mind.can_watch:
            return self.mind.watch(moment.found, given), moment.chance
        thought = self.thought(moment)
        return with_action(thought.td.clone(), given), thought.chance
