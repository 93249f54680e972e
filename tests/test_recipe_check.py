"""Checking: every wrong key, value, name and reference has its one clear line; what is right passes."""

from pathlib import Path

import pytest
from recipe_desk import Desk, cases


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.chdir(desk.home)
    return desk


WRONG = """
agent.planner.candidate=3
    agent.planner.candidate: CEM takes no 'candidate'; did you mean 'candidates'?
planner=cem
    planner: Experiment takes no 'planner'; did you mean 'agent.planner'?
agent.elites=3
    agent.elites: Agent takes no 'elites'; did you mean 'agent.planner.elites'?
environment.colour=3
    environment.colour: Environment takes no 'colour'; it takes id, options, sizes
agent.model.cache=3
    agent.model.cache: Model takes no 'cache'; did you mean 'scale'?
agent.model.kind=x
    agent.model.kind: Model takes no 'kind'; it takes activation, file, observation_size, optimizer, options,
    reward, scale, size
agent.planner._args_=[3]
    agent.planner._args_: CEM takes no '_args_'; it takes alpha, candidates, elites, horizon
agent.planner.candidates=lots
    agent.planner.candidates: expected int, got 'lots'
agent.planner.candidates=0.5
    agent.planner.candidates: expected int, got 0.5
agent.planner.candidates=true
    agent.planner.candidates: expected int, got true
agent.planner.candidates=null
    agent.planner.candidates: expected int, got null
agent.planner.candidates=1:30
    agent.planner.candidates: expected int, got '1:30'
agent.planner.alpha=[1]
    agent.planner.alpha: expected float, got a list of 1
flag=1
    flag: expected bool, got 1
flag=yess
    flag: expected bool, got 'yess'
seed=0..4
    seed: expected int, got '0..4'
note={a: 1}
    note: expected text or null, got a mapping with 'a'
agent.model.activation=silo
    agent.model.activation: expected one of silu, tanh, got 'silo'; did you mean 'silu'?
agent.model.size=[a]
    agent.model.size.0: expected int, got 'a'
callbacks.more={_target_: Video, name: 7}
    callbacks.more.name: expected text, got 7; put it in quotes
environment.id=???
    environment.id: this must be given: text
agent.planner=cemm
    agent.planner: no Planner 'cemm'; did you mean 'CEM'?
agent.planner._target_=Planner
    agent.planner._target_: Planner is abstract (without plan); there are CEM, RandomShooting, Still
agent.planner._target_=Video
    agent.planner._target_: expected a Planner, got the class Video, which is not one; there are CEM,
    RandomShooting, Still
agent.planner._target_=no_reward
    agent.planner._target_: expected a Planner, got the function no_reward; there are CEM, RandomShooting, Still
agent.planner._target_=3
    agent.planner._target_: expected the name of a Planner, got 3
agent.planner._target_='a b'
    agent.planner._target_: expected the name of a Planner, got 'a b'
agent.planner={candidates: 3, _target_: nowhere.Own}
    agent.planner._target_: no module 'nowhere' in the recipe's folder, the working folder or what is installed
agent.planner=recipe_double.planners.Cemm
    agent.planner: recipe_double.planners has no 'Cemm'; did you mean 'CEM'?
agent.planner=recipe_double.planners
    agent.planner: expected a Planner, got the module 'recipe_double.planners'; it has CEM, Planner,
    RandomShooting, Still
agent.planner=3
    agent.planner: expected a Planner, got 3
agent.planner=null
    agent.planner: expected a Planner, got null
agent.planner=[cem]
    agent.planner: expected a Planner, got a list of 1
agent.spare={horizon: 3}
    agent.spare: expected a Planner, got no _target_; there are CEM, RandomShooting, Still
callbacks.more={}
    callbacks.more: expected a Watcher, got no _target_; there are Video
callbacks.video._target_=CEM
    callbacks.video._target_: expected a Watcher, got the class CEM, which is not one; there are Video
agent.planner._partial_=true
    agent.planner._partial_: _partial_ is for slots of open classes; this one takes a Planner
agent.model.optimizer={_target_: Momentum, _partial_: false}
    agent.model.optimizer._partial_: _partial_ is always true here
_target_=Agent
    _target_: a recipe's top level is always Experiment
agent.model.reward=helper
    agent.model.reward: expected a Reward or a function of (state, action, next_state), got helper, a function
    of (path)
agent.model.reward.state=3
    agent.model.reward.state: no_reward takes no 'state'
agent.model.reward={_target_: scaled_reward, factor: x}
    agent.model.reward.factor: expected float, got 'x'
note=${environment.ids}
    note: ${environment.ids} names nothing; did you mean 'environment.id'?
note=${id}
    note: ${id} names nothing; did you mean 'environment.id'?
note=${note}
    note: ${note} leads back to itself
note=${environment}
    note: expected text or null, got ${environment}, which is Environment
note=at ${environment}
    note: ${environment} is a mapping with 'id', which cannot stand inside a text
note=${oc.env:HOME}
    note: ${oc.env:HOME}: a recipe does not read the variable HOME; expected one of CUDA_VISIBLE_DEVICES, HOSTNAME,
    LOGNAME, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_JOB_ID, SLURM_JOB_NAME, USER or FULGURITE_...
agent.planner=${environment}
    agent.planner: expected a Planner, got ${environment}, which is Environment
experience.agent=${environment}
    experience.agent: expected an Acts, got ${environment}, which is Environment
agent.model.options={x: '${agent}'}
    agent.model.options.x: ${agent} contains this key itself
environment.options={x: {_target_: Video}}
    environment.options.x: expected a plain value, got an object (_target_: Video)
"""


@pytest.mark.parametrize(("override", "line"), cases(WRONG))
def test_a_wrong_override_has_one_clear_line(desk: Desk, override: str, line: str) -> None:
    assert desk.problems("a/small", override) == [f"command line: {line}"]


@pytest.mark.parametrize(
    "override",
    [
        "agent.planner.candidates=1e3",
        "agent.planner.candidates='300'",
        "agent.planner.alpha=1",
        "agent.planner.alpha='1e-3'",
        "agent.model.scale=2",
        "agent.model.size=[3, 4]",
        "agent.model.file=model.pt",
        "agent.model.file=3.5",
        "agent.model.reward={_target_: Reward, hidden: [3]}",
        "agent.model.reward=Reward",
        "agent.model.reward=scaled_reward",
        "agent.model.optimizer=momentum",
        "agent.model.optimizer={_target_: Momentum, _partial_: true, momentum: 0.5}",
        "agent.model=null",
        "agent.spare=${agent.planner}",
        "environment.options={a: [1, {b: null}], c: '${seed}'}",
        "note=${environment.id}-${seed}",
        "note=${seed}",
        "note=7",
    ],
)
def test_a_right_override_passes(desk: Desk, override: str) -> None:
    assert desk.problems("a/small", override) == []


def test_all_problems_are_told_at_once_each_with_its_file(desk: Desk) -> None:
    desk.ship("low", "environment: {id: 3}")
    path = desk.write("mine.yaml", "defaults: [low]\nagent: {planer: cem}")
    assert desk.problems(path, "seed=x") == [
        "low.yaml: environment.id: expected text, got 3; put it in quotes",
        "mine.yaml: agent: Agent needs 'planner' (a Planner)",
        "command line: seed: expected int, got 'x'",
        "mine.yaml: agent.planer: Agent takes no 'planer'; did you mean 'planner'?",
    ]


def test_keys_of_a_base_constructor_are_known(desk: Desk) -> None:
    line = "RandomShooting takes no 'horizn'; did you mean 'horizon'?"
    swap = "agent.planner=random_shooting"
    assert desk.problems("a/small", swap, "agent.planner.horizon=3") == []
    assert desk.problems("a/small", swap, "agent.planner.horizn=3") == [f"command line: agent.planner.horizn: {line}"]


def test_a_loop_of_shared_nodes_is_found(desk: Desk) -> None:
    head = "from recipe_double.planners import Planner\nclass Own(Planner):\n    "
    desk.write("own.py", head + "def __init__(self, inner: Planner): ...\n    def plan(self): ...\n")
    one, two = "agent.planner={_target_: own.Own, inner: '${agent.spare}'}", "agent.spare={_target_: own.Own}"
    assert desk.problems("a/small", one, two, "agent.spare.inner=${agent.planner}") == [
        "command line: agent.planner: ${agent.planner} leads back into itself"
    ]


OWN = {
    "__init__.py": "from .planners import Own as Own\nfrom .planners import *\n",
    "planners.py": '''
import typing as t
import recipe_double.planners as base
try:
    from recipe_double.planners import CEM as Mother
except ImportError:
    Mother = None
if t.TYPE_CHECKING:
    from pathlib import Path

Alias = Mother
Size = t.Union["int", None]

class Own(Alias):
    """Takes `depth`, and by **kwargs what its base takes, but not what it gives to the base itself."""
    def __init__(self, depth: Size = None, *, where: "t.Optional[Path]" = None, **kwargs: t.Any):
        super().__init__(horizon=5, **kwargs)

class Tailless(base.Planner):
    def __init__(self, only, /, depth: int = 1, **anything: object): ...
    def plan(self): ...

class Half(base.Planner): ...
''',
}


NODES = """
{_target_: own.Own, depth: 3, where: here, candidates: 7}
{_target_: own.planners.Own, depth: null}
{_target_: own.Own, depth: x}
    .depth: expected int or null, got 'x'
{_target_: own.Own, horizon: 3}
    .horizon: Own takes no 'horizon'; it takes alpha, candidates, depth, elites, where
{_target_: own.Own, where: [1]}
    .where: expected a path or null, got a list of 1
{_target_: own.Tailless, what: ever, depth: 2}
{_target_: own.Half}
    ._target_: Half is abstract (without plan); there are CEM, RandomShooting, Still
{_target_: own.Owl}
    ._target_: own has no 'Owl'; did you mean 'Own'?
{_target_: own.planners.Owl}
    ._target_: own.planners has no 'Owl'; did you mean 'Own'?
{_target_: own.planners.Own.plan}
    ._target_: 'own.planners.Own.plan' is not at the top level of its module
{_target_: own.planners.Size}
    ._target_: expected a Planner, got own.planners.Size, which is neither a class nor a function
"""


@pytest.mark.parametrize(("node", "line"), cases(NODES))
def test_classes_of_the_users_own(desk: Desk, node: str, line: str) -> None:
    for name, text in OWN.items():
        desk.write(f"own/{name}", text)
    path = desk.write("mine.yaml", f"defaults: [a/small]\nagent: {{planner: {node}}}")
    assert desk.problems(path) == ([f"mine.yaml: agent.planner{line}"] if line else [])


def test_a_module_that_python_cannot_read(desk: Desk) -> None:
    path = desk.write("own.py", "class Own(:\n")
    assert desk.problems("a/small", "agent.planner=own.Own") == [
        f"{path}: line 1: python cannot read it: invalid syntax"
    ]


def test_a_class_may_have_the_name_of_its_base(desk: Desk) -> None:
    desk.write("own.py", "from recipe_double.planners import CEM\nclass CEM(CEM): ...\n")
    assert desk.problems("a/small", "agent.planner={_target_: own.CEM, alpha: 0.3}") == []
    (line,) = desk.problems("a/small", "agent.planner={_target_: own.CEM, alfa: 0.3}")
    assert line == "command line: agent.planner.alfa: CEM takes no 'alfa'; did you mean 'alpha'?"


def test_classes_that_derive_from_each_other_do_not_hang_the_check(desk: Desk) -> None:
    desk.write("own.py", "class One(Two): ...\nclass Two(One): ...\nclass Self(Self): ...\n")
    for name in ("One", "Self"):
        (line,) = desk.problems("a/small", f"agent.planner=own.{name}")
        assert line.startswith(
            f"command line: agent.planner: expected a Planner, got the class own.{name}, which is not one"
        )
