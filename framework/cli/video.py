"""Draw a run's agent: an episode, and what its model imagines of it.

Writes videos/<checkpoint>.gif and, where there is a model, videos/imagined-<checkpoint>.gif into the run folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..recipe_files import runs_below
from .evaluate import chosen
from .output import Usage, complain, say, say_json, trusting
from .run_folder import no_links_out


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument("--checkpoint", metavar="NAME", help="best, or one such as step-2000; else the newest")
    parser.add_argument("--start", type=int, default=0, metavar="K", help="of the evaluation's starts, the K-th from 0")
    parser.add_argument("--context", type=int, default=5, metavar="C", help="frames that the model sees first")
    parser.add_argument("--horizon", type=int, default=45, metavar="H", help="steps that it then imagines")
    parser.add_argument("--width", type=int, default=480, metavar="PIXELS", help="of the videos")
    trusting(parser)
    parser.add_argument("--json", action="store_true", help="the paths, machine-readable")


def run(given: argparse.Namespace) -> int:
    """Plays one episode with the agent of a checkpoint, and draws it."""
    folder: Path = given.run_folder
    if not folder.is_dir():
        raise Usage(f"RUN: expected the folder of a run, got {folder}{runs_below(str(folder))}")
    no_links_out(folder)
    for name, least in (("start", 0), ("context", 1), ("horizon", 1), ("width", 60)):
        if getattr(given, name) < least:
            raise Usage(f"--{name}: expected at least {least}, got {getattr(given, name)}")
    from ..recipe import check, compose

    composed = compose(str(folder), ["callbacks=null", "logger=null"], trust=given.trust)
    check(composed)
    if not given.json:
        say("loading torch ...")
    from ..data.episodes import EnvironmentFault
    from ..recipe import build
    from ..runs.checkpoint_content import WrongCheckpoint
    from ..runs.evaluation import NothingPlayed

    checkpoint = chosen(folder, given.checkpoint)
    experiment = build(composed)
    try:
        episode = experiment.play_one(checkpoint, given.start)
    except WrongCheckpoint as error:
        raise Usage(str(error)) from error
    except (EnvironmentFault, NothingPlayed) as error:
        complain(str(error))
        return 1
    from ..runs.dream import dream
    from ..runs.dream_film import dream_film
    from ..runs.film import curves, film
    from ..runs.footage import render
    from ..runs.gif import write_gif

    paths = []
    agent = experiment.agent
    if experiment.environment.renders:
        paths.append(folder / "videos" / f"{checkpoint.name}.gif")
        footage = render(experiment.environment, episode)
        images, seconds = film(footage, episode, curves(agent, episode), given.width, max_frames=150, max_seconds=12.0)
        write_gif(paths[-1], images, seconds)
    else:
        complain(f"environment {experiment.environment.id}: draws no frames, so there is no video of the episode")
    if agent.world_model is not None:
        paths.append(folder / "videos" / f"imagined-{checkpoint.name}.gif")
        dreams = dream(agent.world_model, episode.transitions, given.context, given.horizon, particles=40)
        write_gif(paths[-1], dream_film(dreams, given.width), 1 / 8)
    if given.json:
        say_json({"checkpoint": checkpoint, "return": episode.return_, "videos": paths})
    else:
        say(f"{checkpoint.name}: an episode of {len(episode)} steps, return {episode.return_:.1f}")
        for path in paths:
            say(str(path))
    return 0
