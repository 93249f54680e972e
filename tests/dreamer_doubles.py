"""Small Dreamers of the first and the third kind, and sequences to learn from."""

import torch
from tensordict import TensorDict

from fulgurite.agents.dreamer import Dreamer
from fulgurite.agents.dreamer_actor import ActorLoss, Pathwise, Reinforce
from fulgurite.agents.dreamer_critic import CriticLoss
from fulgurite.models.block_gru_cell import BlockGRUCell
from fulgurite.models.divergence import Divergence
from fulgurite.models.filtering import Filtering
from fulgurite.models.gru_cell import GRUCell
from fulgurite.models.latent import CategoricalLatent, GaussianLatent
from fulgurite.models.latent_heads import LatentReward, LatentTermination, TwoHotReward
from fulgurite.models.latent_world_model import LatentWorldModel
from fulgurite.models.likelihood import GaussianLikelihood, SymlogLikelihood
from fulgurite.models.observation import ObservationModel
from fulgurite.models.rssm import RSSM
from fulgurite.models.sequence_objective import SequenceELBO
from fulgurite.models.value_head import TwoHot
from fulgurite.models.vector_observation import MLPDecoder, MLPEncoder
from fulgurite.policies.bounded_normal import BoundedNormalPolicy
from fulgurite.policies.categorical import CategoricalPolicy
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue

B, L, O, A, D = 3, 5, 2, 2, 6
HORIZON = 4


def shaken(agent: Dreamer) -> Dreamer:
    """In double precision, with no parameter at a special value, and a slow copy that is behind."""
    agent = agent.double()
    generator = torch.Generator().manual_seed(7)
    for parameter in agent.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return agent


def first_dreamer(termination: bool = True, actor_loss: ActorLoss | None = None, entropy: float = 0.0) -> Dreamer:
    """Of 2020: Gaussian states, gradients through the model, squared errors."""
    torch.manual_seed(0)
    model = LatentWorldModel(
        A,
        ObservationModel((O,), MLPEncoder((O,), [5], symlog=False), MLPDecoder((O,), GaussianLikelihood(), [5])),
        Filtering(4),
        RSSM(A, GaussianLatent(3), GRUCell(5), D, [5]),
        LatentReward(hidden=[5], scale=1.0),
        LatentTermination(hidden=[5]) if termination else None,
        SequenceELBO(Divergence(free_nats=3.0)),
    )
    policy = SquashedGaussianPolicy([6], "elu", min_log_std=-3.0, max_log_std=0.0)
    actor_loss = Pathwise(entropy) if actor_loss is None else actor_loss
    return shaken(
        Dreamer(
            model, policy, StateValue(hidden=[6], activation="elu"), (O,), A, False, actor_loss,
            CriticLoss(slow=0.0, replay=0.0), HORIZON, discount=0.9, action_noise=0.3,
        )
    )  # fmt: skip


def third_dreamer(discrete: bool = False, burn_in: int = 0, starts: int | None = None) -> Dreamer:
    """Of 2023: categorical states, likelihood ratios, two-hot regression."""
    torch.manual_seed(0)
    model = LatentWorldModel(
        A,
        ObservationModel((O,), MLPEncoder((O,), [5]), MLPDecoder((O,), SymlogLikelihood(), [5])),
        Filtering(4, "silu", normalize=True),
        RSSM(A, CategoricalLatent(2, 3), BlockGRUCell(4, 2), D, [5], "silu", normalize=True),
        TwoHotReward([5], head=TwoHot(11, 4.0)),
        LatentTermination(hidden=[5]),
        SequenceELBO(Divergence(1.0, 0.1, free_nats=1.0)),
        burn_in,
    )
    policy = CategoricalPolicy([6]) if discrete else BoundedNormalPolicy([6])
    value = StateValue([6], normalize=True, head=TwoHot(11, 4.0), target_rate=0.02)
    return shaken(
        Dreamer(
            model, policy, value, (O,), A, discrete, Reinforce(entropy=0.01), CriticLoss(), HORIZON, starts, 0.9
        )
    )  # fmt: skip


def sequences(seed: int = 1) -> TensorDict:
    """Frames with episodes that begin within sequences, and that end by termination and by a time limit."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    is_init, terminated = (torch.zeros(B, L, 1, dtype=torch.bool) for _ in range(2))
    is_init[0, 0] = is_init[0, 3] = is_init[1, 2] = True
    terminated[0, 2] = terminated[2, -1] = True  # that of the second sequence ends by a time limit
    return TensorDict(
        {
            "observation": 3 * normal(B, L, O),
            "previous_action": normal(B, L, A).tanh().masked_fill(is_init, 0.0),
            "reward": 5 * normal(B, L, 1).masked_fill(is_init, 0.0),
            "terminated": terminated,
            "is_init": is_init,
        },
        [B],
    )


def calls() -> TensorDict:
    """Sequences `[C, K, B]` of 4 calls of 2 updates; episodes begin at the same frames in both halves of B."""
    found = [torch.stack([torch.cat([sequences(10 * c + k), sequences(100 + c)]) for k in (1, 2)]) for c in range(4)]
    return torch.stack(found)
