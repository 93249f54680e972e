"""`python -m benchmarks [NAME ...]`: measures, prints markdown tables, writes JSON.

planner        CEM against TorchRL's planner and a loop written by hand
planner_latency  a planning step of each planner for 1, 8, 32 states; MPPI against TorchRL's and pytorch-mppi
planners_true  every planner on Pendulum's true dynamics, beside the optimum (ten minutes)
training_step  an update under Lightning against a bare loop and mbrl-lib
pets_plan      a PETS planning step against mbrl-lib and the machine's matmul rate
cartpole_race  processor time until cart-pole is solved, against mbrl-lib
learning       the recipes' results (hours of processor time)
search         tree search on CartPole, FrozenLake and Acrobot (half an hour)
tree_search    a batched tree search's time
tictactoe      tree search at noughts and crosses, by simulations (an hour of processor time)
ladder         open loop, refitted, replanned: returns and a picture of where plans leave the data (an hour)
ddp            one run on one process and on two: speed, and where the time goes (minutes)
dyna_maze      tabular Dyna in the book's mazes: steps, rewards and updates, and a picture (minutes)
cliff          falls with the mean prediction and with uncertainty (minutes)
wandb_faults   what W&B costs a run when its server or its disk fails (minutes)
collectors     steps a second by each way of collecting (minutes)
frames         a small picture of a task against the environment's own frame (a minute)
rssm           a recurrent state-space model against a loop by hand and TorchRL's (minutes)
dreamer_update  an update of DreamerV3 against TorchRL's, and the shares of its parts (minutes)
posteriors     smoothing, filtering and single-step posteriors against the exact ones (minutes)
hidden_velocity  what single-step, filtering and smoothing posteriors recover and return (half an hour)
pixels         PlaNet and latent MPC on Pendulum-v1 seen by a camera (two hours)
policies       policies that learn in the model, a planner and SAC on Pendulum-v1 (two hours)
guided         a policy, a search and both with one model on Pendulum-v1 (half an hour)
dyna_cartpole  deep Dyna-Q against DQN at equal steps, PPO beside them (an hour)
gradient_variance  policy gradients in a smooth and a chaotic model, by estimator and horizon (minutes)
moving_picture  the moving picture of the README (five minutes)
policy_rollout  a policy's rollout in the model, forward and backward, against a bare loop (seconds)
sac_update     an update of soft actor-critic against TorchRL's (minutes)
mbpo_loop      rollouts, buffer and updates of MBPO against mbrl-lib and TorchRL (minutes)
uncertainty    return and calibration of families of models with little data (half an hour)

Without a name, the three that take minutes: planner, training_step, pets_plan. `python -m benchmarks peer-setup FOLDER`
installs mbrl-lib in a virtual environment of its own.
"""

import argparse
import importlib
import logging
import os
import sys
import warnings
from pathlib import Path

from . import peer
from .results import put

QUICK = ("planner", "training_step", "pets_plan")
PLANNING = ("planner_latency", "planners_true")
NAMES = (
    *QUICK,
    *PLANNING,
    "cartpole_race",
    "learning",
    "ladder",
    "dyna_maze",
    "cliff",
    "ddp",
    "uncertainty",
    "search",
    "tree_search",
    "tictactoe",
    "wandb_faults",
    "collectors",
    "frames",
    "rssm",
    "dreamer_update",
    "posteriors",
    "hidden_velocity",
    "pixels",
    "policies",
    "guided",
    "dyna_cartpole",
    "gradient_variance",
    "policy_rollout",
    "sac_update",
    "mbpo_loop",
    "moving_picture",
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    raw = argparse.RawTextHelpFormatter
    found = argparse.ArgumentParser("python -m benchmarks", description=__doc__, formatter_class=raw)
    found.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; or: peer-setup FOLDER")
    found.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="of torch; every table is made for each")
    found.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="where the JSON files go")
    found.add_argument("--page", type=Path, help="where the tables go too, between comments: see results.py")
    found.add_argument("--mbrl-python", help=f"the Python that peer-setup made (or set {peer.VARIABLE})")
    found.add_argument(
        "--tasks",
        nargs="+",
        default=["pendulum", "cartpole"],
        help="of learning: pendulum, cartpole, ...; of policies: svg, sac, ...",
    )
    found.add_argument("--seeds", type=int, default=3, help="of learning and cartpole_race: 0, 1, ...")
    found.add_argument("--jobs", type=int, default=1, help="of learning: processes side by side")
    found.add_argument(
        "--budgets", nargs="+", type=int, default=[200, 500, 1000, 2000], help="of uncertainty: environment steps"
    )
    found.add_argument("--steps", type=int, default=10_000, help="of dyna_cartpole: environment steps")
    found.add_argument("--families", nargs="+", help="of uncertainty: some of its models; all by default")
    return found


def main(arguments: list[str]) -> int:
    """Runs the benchmarks; exit code 2 for a name that is none."""
    if arguments[:1] == ["peer-setup"] and len(arguments) == 2:
        print(f"export {peer.VARIABLE}={peer.setup(Path(arguments[1]).resolve())}")
        return 0
    options = parser().parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    if options.mbrl_python:
        os.environ[peer.VARIABLE] = options.mbrl_python
    warnings.filterwarnings("ignore")
    os.environ.setdefault("RL_LOGGING_LEVEL", "ERROR")
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for name in options.names or QUICK:
        module = importlib.import_module(f".{name}", __package__)
        table = module.run(options)
        print(f"\n## {name}\n\n{table}", flush=True)
        if options.page:
            put(options.page, name, table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
