"""Finds an agent by its folder or its name on the hub, checks it, and builds it with its weights."""

from pathlib import Path
from typing import Any

from ..agents.agent import Agent
from ..recipe import Composed, build, check, compose
from ..runs import checkpoint as checkpoints
from ..runs.checkpoint_choice import chosen
from ..runs.checkpoint_content import WrongCheckpoint, load_weights
from ..runs.random_states import random_states, set_random_states
from . import folder as exported
from . import hub
from .folder import WrongExport
from .loaded import LoadedPolicy
from .spaces import space_from


def load(
    name: str | Path, *, checkpoint: str | None = None, device: str = "cpu", seed: int = 0, trust: bool = False
) -> LoadedPolicy:
    """The agent of an exported folder, of a run folder, or of `hf://owner/name[@revision]`, as a plain policy.

    Args:
        name: where it is.
        checkpoint: of a run: `best`, or one such as `step-2000`; the newest undamaged one by default.
        device: where it computes.
        seed: of its own chance: a planner draws its candidates.
        trust: whether an exported agent's recipe may name any class that is installed here, as a file of yours may.

    Raises:
        ValueError: for a place without an agent.
        RecipeError: for a recipe that is wrong, or names what it may not.
        WrongExport, WrongCheckpoint: for files that are damaged, or not of this recipe.
        MissingExtra: for a name on the hub without `huggingface_hub`.
    """
    on_hub = hub.is_name(str(name))
    place = hub.cached(str(name)) if on_hub else Path(name)
    chance = random_states()  # building draws first weights, which shall change nothing of the caller's
    try:
        if exported.is_exported(place):
            if checkpoint is not None:
                raise ValueError(f"checkpoint: need none for an exported agent, which has one only, got {checkpoint}")
            return from_export(place, device, seed, trust, links=on_hub)
        return from_run(place, checkpoint, device, seed)
    finally:
        set_random_states(chance)


def from_export(place: Path, device: str, seed: int, trust: bool, links: bool = False) -> LoadedPolicy:
    """The policy of an exported agent."""
    about = exported.read(place, links)
    composed = compose(str(place), trust=trust)
    check(composed)
    agent = built(composed, place, about)
    spaces = about["spaces"]
    try:
        observation, action = (space_from(spaces.get(which), f"spaces.{which}") for which in ("observation", "action"))
    except ValueError as error:
        raise WrongExport(f"{place / exported.AGENT}: {error}") from error
    environment = build(composed, "environment")
    return LoadedPolicy(agent.to(device), environment, observation, action, seed, about, threads_of(composed))


def built(composed: Composed, place: Path, about: dict[str, Any]) -> Agent:
    """The agent of an exported folder, with its weights, for an environment of the sizes that it was exported with."""
    agent: Agent = build(composed, "agent", sizes_of(about, place))
    try:
        load_weights(agent, {"state_dict": exported.weights(place)}, place / exported.WEIGHTS)
    except WrongCheckpoint as error:
        raise WrongExport(str(error)) from error
    return agent


def from_run(run: Path, checkpoint: str | None, device: str, seed: int) -> LoadedPolicy:
    """The policy of a run's agent."""
    found = chosen(run, checkpoint)
    composed = compose(str(run), ["callbacks=null", "logger=null"])
    check(composed)
    environment, agent = build(composed, "environment"), build(composed, "agent")
    load_weights(agent, checkpoints.load(found), found)
    native = environment.native()
    try:
        spaces = native.observation_space, native.action_space
        return LoadedPolicy(agent.to(device), environment, *spaces, seed, threads=threads_of(composed))
    finally:
        native.close()


def threads_of(composed: Composed) -> int | None:
    """The recipe's number: with two threads on busy cores a planner of small networks takes several times as long."""
    threads = composed.tree.root.get("threads")
    return threads if isinstance(threads, int) else None


def sizes_of(about: dict[str, Any], place: Path) -> dict[str, Any]:
    """What the environment would say of itself.

    Raises:
        WrongExport: for what no environment says.
    """
    said = about["sizes"]
    try:
        shape = said["observation_shape"]
        if isinstance(shape, dict):
            observed: Any = {str(name): tuple(map(int, inner)) for name, inner in shape.items()}
        else:
            observed = tuple(map(int, shape))
        sizes = {
            "observation_shape": observed,
            "action_size": int(said["action_size"]),
            "discrete_actions": bool(said["discrete_actions"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise WrongExport(
            f"{place / exported.AGENT}: sizes: need those of an environment, got {str(said)[:100]}"
        ) from error
    return {**sizes, "observation_size": observed[0]} if isinstance(observed, tuple) and len(observed) == 1 else sizes
