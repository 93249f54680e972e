"""Tabular Dyna in the book's mazes: its figures 8.2, 8.4 and 8.5 and its example 8.4 again, and a picture of them.

python -m benchmarks dyna_maze

Dyna-Q with n planning steps in the Dyna maze (alpha 0.1, gamma 0.95, epsilon 0.1): steps of an episode, means over 30
runs, held against an independent measurement of the same (`KNOWN`), with which the book agrees. Dyna-Q+ against Dyna-Q
where walls move: rewards that were collected. Prioritised sweeping against Dyna-Q in mazes of which every cell is
divided: updates of the table until the greedy path is at most 1.2 times as long as the shortest. A planning step is
timed on its own.
"""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fulgurite.agents.dyna_q import DynaQ
from fulgurite.agents.dyna_q_plus import DynaQPlus
from fulgurite.agents.prioritized_sweeping import PrioritizedSweeping
from fulgurite.agents.tabular import Tabular
from fulgurite.data.maze import Maze
from fulgurite.equations.maze import moved, steps_to_goal
from fulgurite.runs.figures import COLOURS, GREY, figure, legend, plain

from .table import machine
from .timing import use_threads

RUNS, EPISODES = 30, 50
PLANNING = (0, 5, 50)
SHOWN = (1, 2, 3, 5, 10, 20)  # episodes
KNOWN = {0: (28, 4707), 5: (6, 1831), 50: (3, 1646)}  # n: first episode at 20 steps or less, steps of all episodes
RESOLUTIONS, SWEEPS, MOST_UPDATES = (1, 2, 3, 4), 10, 3_000_000
SLACK = 1.2  # times the shortest path; whether the very shortest is found is a matter of exploring, not of planning
PICTURE = Path("docs/images/dyna_maze.png")


class Changing(NamedTuple):
    """A maze whose walls move, and the book's settings for it."""

    layout: str
    changes_at: int
    steps: int
    planning_steps: int
    kappa: float


CHANGING = (Changing("blocking", 1000, 3000, 10, 1e-4), Changing("shortcut", 3000, 6000, 50, 1e-3))
SURE = 1.0  # alpha where walls move: nothing happens by chance, so what happened last is the truth


def lived(agent: Tabular, maze: Maze, seed: int) -> Iterator[tuple[float, bool]]:
    """The rewards of an agent that learns in a maze, step by step and episode by episode, and where these end."""
    agent.generator.manual_seed(seed)
    while True:
        state = int(maze.reset(seed=seed)[0])
        ends = False
        while not ends:
            action = agent.act(state, agent.quantiles(1, 2)[0])
            after, reward, ends, _, _ = maze.step(action)
            agent.learn(state, action, reward, int(after), ends)
            state = int(after)
            yield reward, ends


def sized(maze: Maze) -> tuple[int, int, bool, bool]:
    """What an agent has to know of a maze."""
    return int(maze.observation_space.n), int(maze.action_space.n), True, True  # type: ignore[attr-defined]


def steps_per_episode(planning_steps: int, seed: int) -> list[int]:
    """Of the first episodes of one run in the Dyna maze."""
    maze = Maze()
    lengths, steps = [], 0
    for _, ends in lived(DynaQ(*sized(maze), planning_steps), maze, seed):
        steps += 1
        if ends:
            lengths.append(steps)
            steps = 0
        if len(lengths) == EPISODES:
            return lengths
    raise AssertionError("a life has no end")


def first_of_three(means: NDArray[np.floating], limit: float = 20.0) -> int | None:
    """The first of three consecutive episodes, from 1, whose means are all at the limit or below."""
    below = means <= limit
    three = below[:-2] & below[1:-1] & below[2:]
    return int(three.argmax()) + 1 if three.any() else None


def cumulative_reward(agent: Callable[[Maze], Tabular], task: Changing, seed: int) -> NDArray[np.floating]:
    """After every time step of one run, `[steps]`."""
    maze = Maze(task.layout, task.changes_at)  # type: ignore[arg-type]
    life = lived(agent(maze), maze, seed)
    return np.cumsum([next(life)[0] for _ in range(task.steps)])


def greedy_steps(agent: Tabular, rows: tuple[str, ...], limit: int) -> int:
    """Steps to the goal along the first best actions; the limit where that is not reached within it."""
    best = agent.values.q.numpy().argmax(1)
    marks = "".join(rows)
    cell = marks.index("S")
    for steps in range(limit):
        if marks[cell] == "G":
            return steps
        cell = moved(rows, cell, int(best[cell]))
    return limit


def updates_until_good(agent: type[DynaQ | PrioritizedSweeping], resolution: int, seed: int) -> int:
    """Updates of the table until the greedy path from the start is good, looked at after every ten steps."""
    maze = Maze(resolution=resolution)
    least = steps_to_goal(maze.rows)["".join(maze.rows).index("S")]
    assert least is not None
    enough = int(SLACK * least)
    learner = agent(*sized(maze), planning_steps=5, step_size=0.5)
    for step, _ in enumerate(lived(learner, maze, seed), start=1):
        if step % 10 == 0:
            updates = int(learner.values.updates)
            if updates > MOST_UPDATES or greedy_steps(learner, maze.rows, enough + 1) <= enough:
                return updates
    raise AssertionError("a life has no end")


def planning_time() -> float:
    """Seconds of processor time that one planning step takes, in a maze that is known."""
    maze = Maze()
    agent = DynaQ(*sized(maze), 5)
    life = lived(agent, maze, 0)
    for _ in range(3000):
        next(life)
    taken = {}
    for agent.planning_steps in (0, 10_000):
        began = process_time()
        for _ in range(20):
            agent.learn(0, 1, 0.0, 1, False)
        taken[agent.planning_steps] = process_time() - began
    return (taken[10_000] - taken[0]) / 200_000


def command_time() -> float:
    """Seconds of the clock for the shipped recipe by the command."""
    began = perf_counter()
    words = [sys.executable, "-m", "fulgurite", "train", "dyna/maze", "logger=null", "--runs", "runs/benchmarks/dyna"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def doubt(values: list[float]) -> float:
    """The standard error of a mean."""
    return stdev(values) / len(values) ** 0.5


def dyna_q_table(lengths: dict[int, NDArray[np.int64]], seconds: dict[int, float]) -> list[str]:
    """One line for each n; `lengths [runs, episodes]`."""
    episodes = " | ".join(f"ep {number}" for number in SHOWN)
    lines = [
        f"| n | {episodes} | first at 20 or less | known | steps of 50 episodes | known | seconds, 30 runs |",
        f"|---|{'---|' * len(SHOWN)}---|---|---|---|---|",
    ]
    for n, rows in lengths.items():
        shown = " | ".join(f"{rows[:, number - 1].mean():.0f}" for number in SHOWN)
        totals = rows.sum(1).astype(float).tolist()
        first, total = KNOWN[n]
        lines.append(
            f"| {n} | {shown} | {first_of_three(rows.mean(0))} | {first} | {mean(totals):.0f} +- {doubt(totals):.0f} "
            f"| {total} | {seconds[n]:.1f} |"
        )
    return lines


def changing_table(rewards: dict[str, dict[str, NDArray[np.floating]]]) -> list[str]:
    """One line for each maze and agent; rewards `[runs, steps]`."""
    lines = ["| maze | agent | reward until walls move | reward afterwards |", "|---|---|---|---|"]
    for task in CHANGING:
        for who, rows in rewards[task.layout].items():
            before = rows[:, task.changes_at - 1]
            after = rows[:, -1] - before
            cells = [f"{part.mean():.1f} +- {doubt(part.tolist()):.1f}" for part in (before, after)]
            lines.append(f"| {task.layout}, n = {task.planning_steps} | {who} | {' | '.join(cells)} |")
    return lines


def sweeping_table(updates: dict[str, dict[int, list[int]]]) -> list[str]:
    """One line for each maze."""
    lines = ["| states | Dyna-Q, updates | prioritised sweeping, updates | ratio |", "|---|---|---|---|"]
    for resolution in RESOLUTIONS:
        parts = [[float(value) for value in updates[who][resolution]] for who in updates]
        cells = [f"{mean(part):,.0f} +- {doubt(part):,.0f}" for part in parts]
        lines.append(f"| {states(resolution)} | {' | '.join(cells)} | {mean(parts[0]) / mean(parts[1]):.1f} |")
    return lines


def states(resolution: int) -> int:
    """Cells that one can stand on."""
    return sum(mark != "W" for mark in "".join(Maze(resolution=resolution).rows))


def picture(
    lengths: dict[int, NDArray[np.int64]],
    rewards: dict[str, dict[str, NDArray[np.floating]]],
    updates: dict[str, dict[int, list[int]]],
    path: Path,
) -> None:
    """Four panels: figure 8.2, the sweep, figures 8.4 and 8.5."""
    drawing = figure(10.2, 7.4)
    panels = [drawing.add_subplot(2, 2, number) for number in range(1, 5)]
    learning_curves(panels[0], lengths)
    sweeps(panels[1], updates)
    for axes, task in zip(panels[2:], CHANGING, strict=True):
        plain(axes, "time steps")
        for (who, rows), colour in zip(rewards[task.layout].items(), COLOURS, strict=False):
            axes.plot(np.arange(1, task.steps + 1), rows.mean(0), color=colour, label=who)
        axes.axvline(task.changes_at, color=GREY, linestyle="--", linewidth=1)
        axes.set_title(f"Cumulative reward, {task.layout} maze (dashed: walls move)", loc="left", fontsize=10)
        legend(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=120)


def learning_curves(axes: Axes, lengths: dict[int, NDArray[np.int64]]) -> None:
    """Figure 8.2, from the second episode on, since the first is the same for all."""
    plain(axes, "episode")
    for (n, rows), colour in zip(lengths.items(), COLOURS, strict=False):
        axes.plot(np.arange(2, EPISODES + 1), rows.mean(0)[1:], color=colour, label=f"n = {n}")
    axes.axhline(14, color=GREY, linestyle="--", linewidth=1)
    axes.set_ylim(0, 800)
    axes.set_title("Steps of an episode, Dyna maze (dashed: the least)", loc="left", fontsize=10)
    legend(axes)


def sweeps(axes: Axes, updates: dict[str, dict[int, list[int]]]) -> None:
    """Example 8.4."""
    plain(axes, "states of the maze")
    for (who, by_size), colour in zip(updates.items(), COLOURS, strict=False):
        x = [states(resolution) for resolution in by_size]
        axes.plot(x, [mean(values) for values in by_size.values()], color=colour, marker="o", markersize=4, label=who)
        low, high = ([end(values) for values in by_size.values()] for end in (min, max))
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_yscale("log")
    axes.set_title("Updates until the greedy path is good (band: all runs)", loc="left", fontsize=10)
    legend(axes)


def run(options: Namespace) -> str:
    """Three tables, a picture, and what takes how long."""
    use_threads(1)
    lengths, seconds = {}, {}
    for n in PLANNING:
        began = process_time()
        lengths[n] = np.array([steps_per_episode(n, seed) for seed in range(RUNS)])
        seconds[n] = process_time() - began
    rewards = {
        task.layout: {
            "Dyna-Q": collected(lambda maze, n=task.planning_steps: DynaQ(*sized(maze), n, SURE), task),  # type: ignore[misc]
            "Dyna-Q+": collected(
                lambda maze, n=task.planning_steps, kappa=task.kappa: DynaQPlus(*sized(maze), n, kappa, SURE),  # type: ignore[misc]
                task,
            ),
        }
        for task in CHANGING
    }
    contestants: dict[str, type[DynaQ | PrioritizedSweeping]] = {
        "Dyna-Q": DynaQ,
        "prioritised sweeping": PrioritizedSweeping,
    }
    updates = {
        who: {
            resolution: [updates_until_good(agent, resolution, seed) for seed in range(SWEEPS)]
            for resolution in RESOLUTIONS
        }
        for who, agent in contestants.items()
    }
    picture(lengths, rewards, updates, PICTURE)
    planning, command = planning_time(), command_time()
    options.out.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "lengths": {n: rows.tolist() for n, rows in lengths.items()},
        "rewards": {maze: {who: rows[:, -1].tolist() for who, rows in of.items()} for maze, of in rewards.items()},
        "updates": updates,
        "planning_seconds": planning,
        "command_seconds": command,
    }
    (options.out / "dyna_maze.json").write_text(json.dumps(content) + "\n")
    times = (
        f"A planning step takes {planning * 1e6:.2f} us of processor time. `fulgurite train dyna/maze`, 2,000 steps "
        f"with evaluations, checkpoints, plots and a video, took {command:.0f} s by the clock."
    )
    tables = dyna_q_table(lengths, seconds), changing_table(rewards), sweeping_table(updates)
    return "\n\n".join([machine(), *("\n".join(lines) for lines in tables), times])


def collected(agent: Callable[[Maze], Tabular], task: Changing) -> NDArray[np.floating]:
    """`[runs, steps]`."""
    return np.stack([cumulative_reward(agent, task, seed) for seed in range(RUNS)])
