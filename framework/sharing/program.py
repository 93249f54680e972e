"""A policy as one program of PyTorch (torch.export): for a robot that has PyTorch and no Fulgurite.

    action, memory = program(observation [B, ...], is_init [B, 1], memory)        in the environment's own units

`memory` is the tuple of the agent's `memory_spec` entries, zeros before the first step; of most agents `()`. Only
an agent that is a pure function of these can be such a program: a policy. A planner searches at every step, with chance
of its own, and is loaded with `load` instead.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from tensordict import TensorDict
from torch import Tensor, nn

from ..agents.planning_agent import PlanningAgent
from ..agents.random import RandomAgent
from ..agents.tree_search import MCTS
from ..data.observation_space import channels_first, is_image
from .loaded import LoadedPolicy

PROGRAM = "policy.pt2"
Memory = tuple[Tensor, ...]
TRIES = 16  # observations that the program is checked on


class Step(nn.Module):
    """One step of a loaded policy, on plain tensors.

    Raises:
        ValueError: for observations that are no array, and no Dict of arrays.
    """

    low: Tensor
    half_width: Tensor

    def __init__(self, policy: LoadedPolicy) -> None:
        super().__init__()
        self.agent = policy.agent
        self.keys = list(policy.agent.memory_spec.keys(True, True))
        self.space, self.action_space = policy.observation_space, policy.action_space
        entries = self.space.spaces.values() if isinstance(self.space, spaces.Dict) else [self.space]
        if not all(isinstance(one, spaces.Box) for one in entries):
            raise ValueError(f"observation: need a Box or a Dict of them, got {self.space}")
        if isinstance(self.action_space, spaces.Box):
            low, high = self.action_space.low, self.action_space.high
            for name, value in (("low", low), ("half_width", (high - low) / 2)):
                self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32, device=self.agent.device))

    def forward(self, observation: Any, is_init: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        named = dict(zip(self.keys, memory, strict=True))
        td = TensorDict({"is_init": is_init, **named}, [is_init.shape[0]], device=is_init.device)
        td["observation"] = self.read(observation)
        td = self.agent(td)
        return self.own(td["action"]), tuple(td["next", key] for key in self.keys)

    def read(self, observation: Any) -> Any:
        """The framework's form."""
        if isinstance(self.space, spaces.Dict):
            dictionary = any(map(is_image, self.space.spaces.values()))
            parts = {name: read_array(observation[name], inner) for name, inner in self.space.spaces.items()}
            return parts if dictionary else torch.cat(list(parts.values()), -1)
        return read_array(observation, self.space)

    def own(self, action: Tensor) -> Tensor:
        """The environment's units: `[B, *shape]`, or numbers `[B]`."""
        if isinstance(self.action_space, spaces.Discrete):
            return int(self.action_space.start) + action.argmax(-1)
        return (self.low + self.half_width) + self.half_width * action.clamp(-1, 1).unflatten(-1, self.low.shape)


def read_array(given: Tensor, space: spaces.Space) -> Tensor:
    """An array `[B, *shape]` as a vector `[B, O]`, or as an image `[B, C, H, W]`."""
    if not is_image(space):
        return given.float().flatten(1)
    assert space.shape is not None
    image = given.unsqueeze(-1) if len(space.shape) == 2 else given
    moved = channels_first(np.empty(space.shape, np.uint8)).shape != tuple(space.shape) or len(space.shape) == 2
    return image.permute(0, 3, 1, 2) if moved else image


def program(policy: LoadedPolicy) -> torch.export.ExportedProgram:
    """The program of a loaded policy, for any number of observations at once.

    Raises:
        ValueError: for a planner, in one line, and for what PyTorch cannot export or what then acts differently.
    """
    agent = policy.agent
    name = type(agent).__name__
    if isinstance(agent, PlanningAgent | MCTS | RandomAgent):
        how = "acts by chance" if isinstance(agent, RandomAgent) else "searches at every step, by chance"
        raise ValueError(f"{name} {how}: it is no function of the observation that could be exported; use load")
    step = Step(policy).eval()
    inputs = examples(policy, TRIES)
    try:
        with torch.no_grad():
            made = torch.export.export(step, inputs, dynamic_shapes=first_dimension(inputs))
            run = made.module()
            same = all(close(run(*given), step(*given)) for given in (inputs, examples(policy, 3)))
    except Exception as error:  # whatever its tracer meets
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise ValueError(f"{name} cannot be exported: {type(error).__name__}: {said}") from error
    if not same:
        raise ValueError(f"{name} acts by chance: it is no function of the observation; use load")
    return made


def first_dimension(inputs: Any) -> Any:
    """Says of every tensor that its first dimension may be any."""
    if isinstance(inputs, tuple):
        return tuple(map(first_dimension, inputs))
    if isinstance(inputs, dict):
        return {name: first_dimension(one) for name, one in inputs.items()}
    return {0: torch.export.Dim.DYNAMIC}


def close(one: tuple[Tensor, Memory], other: tuple[Tensor, Memory]) -> bool:
    pairs = zip((one[0], *one[1]), (other[0], *other[1]), strict=True)
    return all(torch.allclose(a.float(), b.float(), atol=1e-5) for a, b in pairs)


def save_program(policy: LoadedPolicy, folder: Path) -> Path:
    """Writes `policy.pt2` into an exported folder.

    Raises:
        ValueError: see `program`.
    """
    made = program(policy)
    made._example_inputs = None  # else a pickle of them is in the file
    torch.export.save(made, folder / PROGRAM)
    return folder / PROGRAM


def examples(policy: LoadedPolicy, count: int) -> tuple[Any, ...]:
    """Inputs for `count` steps at once."""
    device = policy.agent.device
    policy.observation_space.seed(count)

    def tensors(given: Any) -> Any:
        if isinstance(given[0], dict):
            return {name: tensors([one[name] for one in given]) for name in given[0]}
        array = np.stack(given)
        return torch.as_tensor(array if array.dtype == np.uint8 else array.astype(np.float32), device=device)

    observation = tensors([policy.observation_space.sample() for _ in range(count)])
    memory = tuple(spec.zero((count,)).to(device) for spec in policy.agent.memory_spec.values(True, True))
    return observation, torch.ones(count, 1, dtype=torch.bool, device=device), memory
