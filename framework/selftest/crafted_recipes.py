"""Recipes that somebody wrote to take a machine over: what they name, and how they disguise it.

`MODULE` and a target are formatted with the module `planners` in which a class `CEM` is.
"""

RUNS = "import pathlib\npathlib.Path('canary').write_text('ran')\n"  # what a module does when it is imported

TARGETS = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "runpy.run_path",
    "pickle.loads",
    "shutil.rmtree",
    "torch.load",
    "torch.hub.load",
    "torch.utils.cpp_extension.load_inline",
    "numpy.testing._private.utils.runstring",
    "canary.run",
    "canary.Thing",
    "canary",
    "fulgurite.cli.main",
    "__main__.x",
    "..canary.Thing",
    "/canary.Thing",
]

DISGUISES = (
    "own.Renamed",  # an alias of a library's function
    "own.Meta",  # a class whose metaclass says that it is any class's heir
    "own.Late",  # a name that is bound to another thing once it is imported
    "own.Made",  # made by a call
    "own.CEM.__init__",
    "own.CEM.plan.__globals__",
    "\uff4fwn.CEM",  # a full-width o, which Python itself would read as `own`
    "{planners}.\uff23EM",
    "own.CEM()",
    "own .CEM",
    "own.__builtins__.eval",
)
MODULE = """
from os import system as Renamed
from {planners} import CEM
class Any(type):
    def __subclasscheck__(cls, other): return True
    def __instancecheck__(cls, other): return True
class Meta(metaclass=Any):
    def __init__(self, command="ls"): ...
class Late: ...
globals()["Late"] = CEM
Made = type("Made", (CEM,), {{}})
"""

RESOLVERS = ("${oc.env:HOME}", "${oc.decode:x}", "${eval:1}", "x ${oc.env:HOME}", "${:}", "${}", "${a b}")
UNENDING = ("9" * 5000, "1e999", ".nan", "-.inf")  # numbers
NESTED = ("[" * 10_000 + "]" * 10_000, "{a: " * 5_000 + "1" + "}" * 5_000)
FOREIGN = (  # of a recipe from elsewhere, which may name nothing of this machine
    "agent: {planner: {_target_: at_home.Own}}",
    "environment: {id: 'at_home:World-v0'}",
    "environment: {options: {xml_file: ../a.xml}}",
    "environment: {options: {x: ['~/a.xml']}}",
    "callbacks: {x: {_target_: pytorch_lightning.callbacks.ModelCheckpoint}}",
    "logger: {wandb: {entity: me}}",
    "experience: {on_disk: /home}",
    "experience: {collector: {_target_: RayWorkers, address: '203.0.113.7:6379'}}",
    "trainer: {strategy: deepspeed}",
    "trainer: {model_registry: somebody/model}",
    "seed: '${oc.env:HOME}'",
    "defaults: [pets/cartpole, ../x]",
    "defaults: [own]",
    "defaults: [/etc/passwd]",
    "defaults: ['http://127.0.0.1/b.yaml']",
)
RUN = {  # recipes of a run, whose folder `gift` has a module `packed`; `way` is a link to it, `beside` came with it
    "a module by its folder's name": "agent: {planner: {_target_: gift.packed.Own}}",
    "a module by a link": "agent: {planner: {_target_: way.packed.Own}}",
    "a linked module": "agent: {planner: {_target_: linked.Own}}",
    "an environment": "environment: {id: 'gift.packed:CartPole-v1'}",
    "an environment by a link": "environment: {id: 'linked:CartPole-v1'}",
    "a folder beside it": "agent: {planner: {_target_: other.Own}}",
}


def alias_bomb() -> str:
    """Ten times ten times ten ... of one text."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    return "\n".join(lines)
