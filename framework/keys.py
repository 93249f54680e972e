"""The vocabulary: every tensordict entry with its shape and unit, and the letters that shapes are written with.

    B  environments or transitions      T  recorded steps         H  imagined steps
    N  candidate plans                  K  elites                 P  particles
    E  ensemble members                 O  observation            A  action           S  state
    L  frames of a sequence             C  frames of context, or channels of an image (C, H, W)
    *B any batch shape

A sequence holds L consecutive frames, each with what led to it; its entries have L behind the dimensions of the batch:
`observation [*B, L, ...]`, `previous_action [*B, L, A]`, `reward`, `terminated`, `is_init [*B, L, 1]`.

Returns are maximised. Inside the framework continuous actions lie in [-1, 1] and discrete ones are one-hot; rewards are
in the environment's units; likelihoods and KL are in nats. Vectors are float32, images uint8.
"""

Shape = tuple[int, ...]
ObservationShape = Shape | dict[str, Shape]  # (O,) of a vector, (C, H, W) of an image, or these by name

OBSERVATION = "observation"  # [*B, O], float32, its own units; an image [*B, C, H, W], uint8; or these by name
STATE = "state"  # [*B, S], what the dynamics predicts; the observation itself where the state is observed
ACTION = "action"  # [*B, A], in [-1, 1], or one-hot
IS_INIT = "is_init"  # [*B, 1], bool: the first step of an episode, so nothing is remembered from before
NEXT_OBSERVATION = ("next", "observation")  # [*B, O]
NEXT_STATE = ("next", "state")  # [*B, S]
REWARD = ("next", "reward")  # [*B, 1], summed over the action repeat
TERMINATED = ("next", "terminated")  # [*B, 1], bool: the task ended here, nothing counts afterwards
TRUNCATED = ("next", "truncated")  # [*B, 1], bool: only the recording ended (a time limit)
DONE = ("next", "done")  # [*B, 1], bool: either of the two
FAULTY = ("next", "faulty")  # [*B, 1], bool: the environment failed, so the step is no transition and is dropped
PREVIOUS_ACTION = "previous_action"  # [*B, A]: the action that led here; zero where `is_init`
ARRIVAL_REWARD = "reward"  # [*B, 1]: received on arriving here; zero where `is_init`
ARRIVAL_TERMINATED = "terminated"  # [*B, 1], bool: the task ended here
ALIVE = "alive"  # [*B, 1], probability of not having terminated before this imagined step
TRAJECTORY = "trajectory"  # [*B, 1], int64: which episode a recorded transition belongs to
HELD_OUT = "held_out"  # [*B, 1], bool: kept for validation, never trained on
BOOTSTRAP = "bootstrap"  # [*B, E], uint8: how often a transition occurs in each member's resampled data set
PLAN_AGE = "plan_age"  # [*B, 1]: steps since the plan was made, where plans are executed for more than one step
PLAN = "plan"  # [*B, H, A]: the plan whose first action is executed; carried to the next step, shifted by one
KEPT = "kept_plans"  # [*B, M, H, A]: further plans that the next search tries again, shifted too
FILTER_MEMORY = "filter_memory"  # [*B, M]: what a posterior needs of the past to know the state now
RETURN = "return"  # [*B, 1]: what followed, as far as it was looked at, and the value of what comes then
ADVANTAGE = "advantage"  # [*B, 1]: by how much the action was better than what the policy does on average
ACTION_LOG_PROB = "action_log_prob"  # [*B, 1]: log pi(a | s) of the policy that acted
POLICY_ROWS = "policy_rows"  # [*B, S + A + 2 + S]: s, a, r, d, s' that a policy learns from, seen and imagined
SEARCH_POLICY = "search_policy"  # [*B, A]: the probabilities of actions that a tree search arrived at
SEARCH_VALUE = "search_value"  # [*B, 1]: the return that it expects, the agent's where players take turns

TRANSITION = (OBSERVATION, ACTION, NEXT_OBSERVATION, REWARD, TERMINATED, TRUNCATED, DONE)
SEQUENCE = (OBSERVATION, PREVIOUS_ACTION, ARRIVAL_REWARD, ARRIVAL_TERMINATED, IS_INIT)
