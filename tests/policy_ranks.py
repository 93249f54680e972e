"""Policies that learn in the model, by two processes from halves of each batch; run by the test of it."""

import sys

import torch
from fixed import batches, fit
from rank_fits import Shared

from fulgurite.agents.dream import Dream
from fulgurite.agents.imagined_policy_gradient import ImaginedPolicyGradient
from fulgurite.agents.likelihood_ratio import LikelihoodRatio
from fulgurite.agents.pathwise import Pathwise
from fulgurite.agents.proximal import Proximal
from fulgurite.agents.total_propagation import TotalPropagation
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import pendulum_reward
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue
from fulgurite.runs.ranks import rank

ESTIMATORS = {
    "pathwise": Pathwise(),
    "likelihood ratio": LikelihoodRatio(),
    "proximal": Proximal(),
    "total propagation": TotalPropagation(),
}


def learned(estimator, folder):
    """The weights before and after ten updates, and what this process logged."""
    torch.manual_seed(0)
    model = WorldModel(GaussianDynamics(3, 1, members=2, hidden=(8,)), pendulum_reward)
    policy, value = SquashedGaussianPolicy(hidden=(8,), gradient_clip=1.0), StateValue(hidden=(8,))
    agent = ImaginedPolicyGradient(
        model, policy, value, (3,), 1, estimator=estimator, dream=Dream(3), entropy_weight=0.1
    )
    told = {}
    agent.log_dict = told.update
    start = {name: weight.clone() for name, weight in agent.state_dict().items()}
    fit(agent, Shared(batches(2, 5, 2, 8), 2), folder, strategy="ddp", devices=2)
    return {"start": start, "weights": agent.state_dict(), "told": told}


if __name__ == "__main__":
    found = {name: learned(one, sys.argv[1]) for name, one in ESTIMATORS.items()}
    torch.save(found, f"{sys.argv[1]}/rank{rank()}.pt")
