"""Weights & Biases as a mirror of the metrics file: every chart against environment steps, and never in the run's way.

No key or no network means offline, decided beforehand (`wandb_mode.py`): no prompt, no long wait. Whatever fails inside
W&B afterwards costs the mirror, not the run, and nothing is waited for (`wandb_aside.py`). An offline run is uploaded
later with `wandb sync`.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import DummyExperiment, Logger, rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from fulgurite.reports import wandb_panels
from fulgurite.runs.rows import horizons

from .wandb_about import describe, recipe
from .wandb_aside import Aside
from .wandb_mode import Decision, Mode, decide, problem, wandb
from .wandb_service import let_go, quieten

log = logging.getLogger(__name__)
START_PATIENCE = 8.0  # seconds for the server to answer the first call
UNANSWERED = "it stopped answering"
FINISH_PATIENCE = 10.0  # seconds for the last upload; what is left can be synced
LINES = 20  # of the chart of model errors, at most


class Wandb(WandbLogger):
    """Lightning's logger, started once the run folder is known; rows that come earlier wait for it.

    Args:
        project: in W&B.
        mode: `auto` is online where there is a key and a network, else offline; `WANDB_MODE` is heeded.
        entity: whose project; None for the key's own.
        name: of the run; None for the run folder's.
        group: of runs to average; None for the run folder's name without its seed, so that seeds share one.
        tags: of the run, besides those that its recipe tells: agent, planner and environment.
        job_type: of the run.
        panels: whether the first run of a project saves a view there, in which the panels are arranged.
    """

    def __init__(
        self,
        project: str = "fulgurite",
        mode: Literal["auto", "online", "offline", "disabled"] = "auto",
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        job_type: str = "train",
        panels: bool = True,
    ) -> None:
        Logger.__init__(self)  # WandbLogger's own refuses where W&B is absent; what it prepares is not used
        self._project, self._save_dir, self._log_model = project, None, False
        self._mode: Literal["auto"] | Mode = mode
        self._about: dict[str, Any] = {
            "entity": entity,
            "name": name,
            "group": group,
            "tags": list(tags),
            "job_type": job_type,
        }
        self._panels = panels
        self._run: Any = DummyExperiment()
        self._aside: Aside | None = None  # while there is a W&B run
        self._folder = Path()  # of the W&B run
        self._broken = False
        self._behind = False
        self._waiting: list[Mapping[str, Any]] | None = []
        self._errors: list[tuple[str, list[int], list[float]]] = []
        self._decision = Decision("disabled", "never started")

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run; one that ignores everything before the start, after the end and off rank zero."""
        return self._run

    @property
    def version(self) -> str | None:
        return self._about.get("id")

    @rank_zero_only
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Starts the W&B run: here Lightning shows every logger the module, hence the run folder, as a fit begins."""
        if self._waiting is None:
            return
        waiting, self._waiting = self._waiting, None
        self._guarded(lambda: self._start(Path(model.trainer.default_root_dir).resolve()))
        for row in waiting:
            self.log_metrics(row)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """One row; W&B completes it by the last known `env_steps`. `step` would be gradient steps and is not used."""
        if self._waiting is not None:
            self._waiting.append(metrics)
            return
        row = dict(metrics)
        self._soon(lambda run: run.log({**row, **self._error_panel(row)}))

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """The recipe is the configuration; Lightning's hyperparameters are not used."""

    @rank_zero_only
    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        self._soon(lambda run: run.log({key: [wandb.Image(image, **kwargs) for image in images]}))

    @rank_zero_only
    def log_video(self, key: str, videos: list[Any], step: int | None = None, **kwargs: Any) -> None:
        self._soon(lambda run: run.log({key: [wandb.Video(video, **kwargs) for video in videos]}))

    @property
    def running(self) -> bool:
        """Whether there is a W&B run."""
        return self._aside is not None

    @rank_zero_only
    def alert(self, title: str, text: str) -> None:
        """Has W&B write to whoever wants to be written to, at most every five minutes for one title."""
        self._soon(lambda run: run.alert(title, text, level=wandb.AlertLevel.WARN, wait_duration=300))

    @rank_zero_only
    def log_model(self, folder: Path, name: str, alias: str, about: Mapping[str, Any]) -> None:
        """An exported agent as a model artifact that this run has made."""

        def give(run: Any) -> None:
            artifact = wandb.Artifact(
                name, type="model", metadata=dict(about), description=f"{about['agent']}, {alias}"
            )
            artifact.add_dir(str(folder))
            run.log_artifact(artifact, aliases=["latest", alias])

        self._soon(give)

    @rank_zero_only
    def use_model(self, name: str) -> None:
        """Says that this run uses another one's model artifact. Offline it cannot be said; unknown ones are left."""

        def take(run: Any) -> None:
            try:
                run.use_artifact(f"{name}:latest", type="model")
            except Exception as error:
                log.info("%s is not noted as used: %s", name, error)

        if self._decision.mode == "online":
            self._soon(take)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._aside is None:
            return
        run, code = self._run, 0 if status == "success" else 1
        if not self._aside.end(lambda: self._guarded(lambda: run.finish(exit_code=code)), FINISH_PATIENCE + 2.0):
            self._decision = Decision("offline", UNANSWERED)
        self._aside, self._run = None, DummyExperiment()
        if self._decision.mode == "offline":
            say(f"W&B was offline ({self._decision.reason}); upload this run with: wandb sync {self._folder}")
        if self._broken or self._decision.reason == UNANSWERED:
            let_go()

    def _start(self, folder: Path) -> None:
        if wandb is None:
            say(f"W&B is left out ({problem}); metrics.jsonl has every number")
            return
        quieten()
        self._decision = decide(self._mode)
        if self._decision.mode == "disabled":
            return
        self._about = describe(self._about, folder)
        try:
            self._run = self._init(folder, self._decision.mode)
        except Exception as error:
            if self._decision.mode == "offline":
                raise
            let_go()
            quieten()
            self._decision = Decision("offline", f"no online start: {' '.join(str(error).split())[:80]}")
            self._run = self._init(folder, "offline")
        self._folder, self._aside = Path(self._run.settings.sync_dir), Aside()
        self._run.define_metric("env_steps")
        self._run.define_metric("*", step_metric="env_steps", step_sync=True)
        if self._decision.mode == "online":
            say(f"W&B: {self._run.url}")
            if self._panels:  # in a thread of its own: rows must not wait for the server's answer
                where = (self._run.entity, self._run.project)
                threading.Thread(target=arrange, args=where, daemon=True, name="panels").start()

    def _init(self, folder: Path, mode: Mode) -> Any:
        return wandb.init(
            project=self.name,
            dir=folder,
            mode=mode,
            config=recipe(folder),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                silent=True,
                console="off",
                save_code=False,
                init_timeout=START_PATIENCE,
                finish_timeout=FINISH_PATIENCE,
                finish_timeout_raises=True,
                x_disable_stats=mode == "offline",
                x_disable_meta=True,  # it holds the command line, and with that whatever was given on it
            ),
            **self._about,
        )

    def _error_panel(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A chart of the model's error by horizon, whenever there is a new one: one line a measurement.

        Of more than `LINES` it has some that are spread over the run, the first and the newest among them.
        """
        k, error = horizons(row, "model/error")
        if not k:
            return {}
        self._errors.append((f"{row.get('env_steps')} steps", k, error))
        last = len(self._errors) - 1
        lines = dict.fromkeys(round(number * last / (LINES - 1)) for number in range(LINES))
        names, ks, values = zip(*(self._errors[line] for line in lines), strict=True)
        title = "Open-loop error by horizon"
        chart = wandb.plot.line_series(xs=list(ks), ys=list(values), keys=list(names), title=title, xname="steps ahead")
        return {"charts/model_error_by_horizon": chart}

    def _soon(self, action: Callable[[Any], Any]) -> None:
        """Does something with the W&B run, aside; where that is far behind, it is left out."""
        run = self._run
        if self._aside is None or self._aside.do(lambda: self._guarded(lambda: action(run))) or self._behind:
            return
        self._behind = True
        log.warning("W&B does not keep up: what comes now is left out of it; metrics.jsonl has every number")

    def _guarded(self, action: Callable[[], Any]) -> None:
        """W&B must not stop a run: after one failure, said once, everything to it is ignored."""
        if self._broken:
            return
        try:
            action()
        except TimeoutError:  # of `finish`
            self._decision = Decision("offline", UNANSWERED)
        except Exception as error:
            self._broken = True
            reason = " ".join(str(error).split())[:200]
            self._decision = Decision("offline", "it failed")
            log.warning("W&B failed and is left out from here on (%s: %s)", type(error).__name__, reason)


def arrange(entity: str, project: str) -> None:
    """Saves a view of a project that is new, and says where."""
    if (address := wandb_panels.saved_for_the_first(entity, project)) is not None:
        say(f"W&B, with its panels arranged: {address}")


def say(line: str) -> None:
    """One line to the user, unbroken so that it can be copied."""
    Console(stderr=True).print(line, soft_wrap=True, highlight=False, markup=False)
