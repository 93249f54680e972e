"""The panels of a W&B project in the order in which a run is best looked at, saved there as a view.

Learning, the model, the planner, the policy, time, pictures: what a run does not log leaves its panel empty. Charts are
against environment steps, and runs that differ in nothing but the seed are put together, by their group.
"""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

log = logging.getLogger(__name__)
NAME = "Fulgurite"
PATIENCE = 10  # seconds for an answer of the server
HORIZONS = r"_h\d+$"


class Panel(NamedTuple):
    """One chart.

    Attributes:
        title: above it.
        names: of metrics, or of media.
        every: a regular expression in place of names; empty where there are names.
        log: whether its scale is logarithmic.
    """

    title: str
    names: tuple[str, ...] = ()
    every: str = ""
    log: bool = False


SECTIONS: Mapping[str, tuple[Panel, ...]] = {
    "1 Does it learn?": (
        Panel("Return of evaluations", ("eval/return_mean",)),
        Panel("Return while it gathers data", ("train/return",)),
        Panel("Worst and best start", ("eval/return_min", "eval/return_max")),
        Panel("Steps of an episode", ("eval/length_mean", "train/length")),
        Panel("Losses", every="^loss/"),
        Panel("On held-out data", every="^validation/"),
    ),
    "2 Can its model be trusted?": (
        Panel("Error after k steps", every=f"^model/error.*{HORIZONS}", log=True),
        Panel("Error if nothing changed", every=f"^model/persistence.*{HORIZONS}", log=True),
        Panel("80 % intervals hold", every="^model/coverage_80"),
        Panel("Error of the distribution (CRPS)", every="^model/crps"),
        Panel("Negative log-likelihood", ("model/nll",)),
        Panel("Does it know where it errs?", every="^model/(disagreement_correlation$|spread_correlation)"),
    ),
    "3 What do plans get?": (
        Panel("Promised and realised return", ("plan/promised_return", "plan/realised_return")),
        Panel("Exploitation gap", ("plan/exploitation_gap",)),
        Panel("Seconds a plan", ("plan/seconds",)),
        Panel("Share of plans without a finite return", ("plan/nonfinite_share",)),
    ),
    "4 The policy": (
        Panel("Value promised and realised", ("value/promised", "value/realised")),
        Panel("Entropy, temperature, epsilon", ("policy/entropy", "policy/temperature", "policy/epsilon")),
        Panel("Norm of its gradient by horizon", every=f"^policy/gradient_norm{HORIZONS}", log=True),
    ),
    "5 Where does time go?": (
        Panel("Shares of time", every="^speed/share_"),
        Panel("Steps a second", ("speed/env_steps_per_second", "speed/gradient_steps_per_second")),
        Panel("Faults survived", ("train/skipped_updates", "train/environment_faults")),
    ),
}
MEDIA = (
    "6 Pictures",
    (
        Panel("An episode", ("video/evaluation",)),
        Panel("What the model imagines", ("video/imagined",)),
        Panel("Coverage and calibration", ("plots/coverage", "plots/calibration")),
        Panel("Error by horizon", ("plots/model_error",)),
        Panel("Promises of plans", ("plots/promises",)),
        Panel("Returns", ("plots/returns",)),
    ),
)


def workspace(entity: str, project: str) -> Any:
    """The view, not yet saved: a `wandb_workspaces.workspaces.Workspace`.

    Raises:
        ImportError: where W&B, or its package for views, is not installed.
    """
    import wandb_workspaces.reports.v2 as charts
    import wandb_workspaces.workspaces as views
    from wandb_workspaces.expr import Metric

    def chart(panel: Panel) -> Any:
        chosen: dict[str, Any] = {"metric_regex": panel.every} if panel.every else {"y": list(panel.names)}
        return charts.LinePlot(title=panel.title, x="env_steps", log_y=panel.log or None, **chosen)

    title, media = MEDIA
    pictures: list[Any] = [charts.MediaBrowser(title=panel.title, media_keys=list(panel.names)) for panel in media]
    sections = [
        views.Section(name=name, panels=[chart(panel) for panel in panels], is_open=True)
        for name, panels in SECTIONS.items()
    ]
    return views.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[*sections, views.Section(name=title, panels=pictures, is_open=True)],
        settings=views.WorkspaceSettings(x_axis="env_steps"),
        runset_settings=views.RunsetSettings(groupby=[Metric("Group")]),
        auto_generate_panels=False,
    )


def save(entity: str, project: str) -> str:
    """Saves the view in a project and returns its address. Each call saves one more.

    Raises:
        ImportError: where W&B, or its package for views, is not installed.
        Exception: whatever W&B raises without a key, a network, rights, or such a project.
    """
    return workspace(entity, project).save().url


def saved_for_the_first(entity: str, project: str) -> str | None:
    """The address of a view saved in a project that has no run but the one that asks.

    None where there are others, or where it fails, for want of rights perhaps: no run is the worse for that.
    """
    try:
        import wandb

        runs = wandb.Api(timeout=PATIENCE).runs(f"{entity}/{project}", per_page=1)
        return save(entity, project) if len(runs) <= 1 else None
    except Exception as error:
        log.info("W&B's panels are not arranged (%s: %s)", type(error).__name__, error)
        return None


def projects(folders: Iterable[Path]) -> list[tuple[str, str]]:
    """Entity and project in W&B of each run that is there, by its recipe, each once.

    Raises:
        Exception: what W&B raises where it has to say whose projects are meant, and there is no key.
    """
    found = []
    for folder in folders:
        recipe = yaml.safe_load((folder / "recipe.yaml").read_text()) or {}
        loggers = recipe.get("logger") or {}
        for logger in loggers.values() if isinstance(loggers, dict) else ():
            if isinstance(logger, dict) and str(logger.get("_target_")).rpartition(".")[2] == "Wandb":
                found.append((logger.get("entity") or "", logger.get("project") or "fulgurite"))
    return list(dict.fromkeys((entity or own_entity(), project) for entity, project in dict.fromkeys(found)))


def own_entity() -> str:
    """Whose projects are meant where a recipe does not say."""
    import wandb

    return str(wandb.Api(timeout=PATIENCE).default_entity)
