"""The model card: what an exported agent is, how well it acts, how to load it, what it cannot do; for people first.

The form is the Hugging Face hub's: a README.md that begins with metadata in YAML, which the hub's search and its table
of results read (huggingface.co/docs/hub/model-cards).
"""

import json
import re
from typing import Any

import yaml

LIBRARY = "fulgurite"


def card(about: dict[str, Any], recipe: str, where: str) -> str:
    """The card's text.

    Args:
        about: what `agent.json` says.
        recipe: the text of the shared recipe.
        where: what `load` is given in the example.
    """
    environment, training = about["environment"], about["training"]
    lines = [
        "---",
        yaml.safe_dump(metadata(about), sort_keys=False, allow_unicode=True).rstrip(),
        "---",
        "",
        f"# {about['name']}",
        "",
        f"An agent of Fulgurite for `{environment['id']}`: {summary(recipe, about)}",
        "",
        "## How well it acts",
        "",
        judged(about),
        "",
        "## Use it",
        "",
        "```python",
        "from fulgurite import load",
        "",
        f'policy = load("{where}"{trust(about)})',
        "environment = policy.environment()",
        "observation, _ = environment.reset(seed=0)",
        "action = policy(observation)  # in the environment's own units; policy.reset() before another episode",
        "```",
        "",
        f"- observations: {words(about['spaces']['observation'])}",
        f"- actions: {words(about['spaces']['action'])}",
        f"- one action lasts {environment['action_repeat']} simulator steps"
        if environment["action_repeat"] > 1
        else "- one action lasts one simulator step",
        "",
        "## How it was trained",
        "",
        f"{count(training['env_steps'])} environment steps and {count(training['gradient_steps'])} gradient steps,"
        f" seed {training['seed']}, status {training['status']}. The recipe is `recipe.yaml`:",
        "`fulgurite show .` here prints it, and `fulgurite train .` trains another agent by it.",
        "",
        left_out(about),
        "",
        "## Limits",
        "",
        "It was trained for this one environment, in simulation, and judged from the starts above only: expect less",
        "elsewhere. What it predicts is as sure as its model is calibrated. Nothing here was made for safety.",
        "",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in about["versions"].items()) + ".",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def metadata(about: dict[str, Any]) -> dict[str, Any]:
    """What the hub reads."""
    environment = about["environment"]["id"]
    found: dict[str, Any] = {
        "library_name": LIBRARY,
        "tags": ["reinforcement-learning", "model-based-reinforcement-learning", LIBRARY, about["agent"], environment],
    }
    if about["license"]:
        found = {"license": about["license"], **found}
    if evaluation := about["evaluation"]:
        value = f"{evaluation['return_mean']:.2f} +/- {evaluation['return_std']:.2f}"
        result = {
            "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
            "dataset": {"name": environment, "type": environment},
            "metrics": [{"type": "mean_reward", "name": "mean_reward", "value": value, "verified": False}],
        }
        found["model-index"] = [{"name": about["name"], "results": [result]}]
    return found


def judged(about: dict[str, Any]) -> str:
    """The returns with the number of starts and their spread."""
    evaluation = about["evaluation"]
    if not evaluation:
        return "It was not evaluated: `fulgurite evaluate` says how it acts."
    number, first = evaluation["episodes"], evaluation["first_seed"]
    starts = "" if first is None else f" (reset seeds {first} to {first + number - 1})"
    lines = [
        "| return | standard deviation over starts | least | most | mean length | starts |",
        "|---|---|---|---|---|---|",
        "| " + " | ".join(f"{evaluation[name]:.1f}" for name in RETURNS) + f" | {number}{starts} |",
        "",
        "The undiscounted sum of rewards. This is one training seed: others may differ by more than the starts do.",
    ]
    if number == 1:
        lines.append("One start says nothing of others.")
    elif number < 10:
        lines.append(f"{number} starts are few: the standard error of the mean is {error(evaluation):.2g}.")
    return "\n".join(lines)


RETURNS = ("return_mean", "return_std", "return_min", "return_max", "length_mean")


def error(evaluation: dict[str, Any]) -> float:
    """The standard error of the mean return."""
    return evaluation["return_std"] / (evaluation["episodes"] - 1) ** 0.5


def summary(recipe: str, about: dict[str, Any]) -> str:
    """The parts by their classes."""
    classes = re.findall(
        r"^\s*_target_: ([\w.]+)$", recipe.partition("\nagent:")[2].partition("\nevaluation:")[0], re.M
    )
    parts = [f"`{name.rpartition('.')[2]}`" for name in dict.fromkeys(classes)]
    return (", ".join(parts) or f"`{about['agent']}`") + "."


def left_out(about: dict[str, Any]) -> str:
    """What the recipe does not say."""
    if not about["left_out"]:
        return "The recipe is complete."
    return f"Left out of it, since it was the trainer's own: {', '.join(f'`{key}`' for key in about['left_out'])}."


def count(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"


def trust(about: dict[str, Any]) -> str:
    return ", trust=True" if about["own_classes"] else ""


def words(space: dict[str, Any]) -> str:
    return f"`{json.dumps(space)}`" if len(json.dumps(space)) < 200 else f"a `{space['kind']}`, see `agent.json`"
