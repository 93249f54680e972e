"""What an agent knows of the state while it acts: the observation itself, or what a latent model filters from the past.

    s_t = o_t        or        s_t ~ q(s_t | o_1:t, a_1:t-1), its mean or mode

What the filter needs at the next step travels in the tensordict, so the agent keeps nothing of an episode.
"""

from tensordict import TensorDictBase
from torchrl.data import Composite, Unbounded

from ..keys import FILTER_MEMORY, PREVIOUS_ACTION, STATE
from ..models.latent_world_model import LatentWorldModel
from ..models.world_model import WorldModel


def carried(world_model: WorldModel | None, action_size: int) -> Composite:
    """What must be remembered from step to step to know the state, without batch dimensions."""
    if not isinstance(world_model, LatentWorldModel):
        return Composite()
    return Composite(
        {
            STATE: Unbounded((world_model.state_size,)),
            FILTER_MEMORY: Unbounded((world_model.memory_size,)),
            PREVIOUS_ACTION: Unbounded((action_size,)),
        }
    )


def know(world_model: WorldModel | None, td: TensorDictBase) -> None:
    """Writes the state `[B, S]`, and what the next step needs to know its own but the action."""
    if not isinstance(world_model, LatentWorldModel):
        td[STATE] = td["observation"] if world_model is None else world_model.encode(td["observation"])
        return
    now = world_model.filter(td[FILTER_MEMORY], td[PREVIOUS_ACTION], td["observation"], td["is_init"])
    td[STATE] = td["next", STATE] = now.state
    td["next", FILTER_MEMORY] = now.memory


def remember(world_model: WorldModel | None, td: TensorDictBase) -> None:
    """Writes the action that was chosen for the next step's filter."""
    if isinstance(world_model, LatentWorldModel):
        td["next", PREVIOUS_ACTION] = td["action"]
