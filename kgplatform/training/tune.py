"""Searching settings by validation MRR: a resumable study that never ranks a test fact."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kgplatform.errors import RunError, TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.parsed import parsed_json
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import load_run, write_atomically
from kgplatform.training.config import resolve_config
from kgplatform.training.extras import missing
from kgplatform.training.loop import resume, train
from kgplatform.training.search_space import Range, Space, space_from_json, space_to_json, suggested
from kgplatform.training.watch import Moment, Watch, unwatched

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

STUDY_FILE = "study.json"
JOURNAL_FILE = "study.journal"
BEST_FILE = "best.yaml"
TRIALS = "trials"

TRIALS_BEFORE_PRUNING = 4
"""So many trials run to their end before one is compared with their median."""


@dataclass(frozen=True)
class Plan:
    """What a study searches; ``study.json`` has it, so that it can be resumed.

    Attributes:
        model: Name of the model.
        space: What each setting may be.
        fixed: Settings that are the same in all trials, as given.
        source: Where the triples come from.
        snapshot_digest: Of the graph; a study on another one would compare what cannot be.
        seed: Of the sampler.
    """

    model: str
    space: Space
    fixed: Mapping[str, Any]
    source: Mapping[str, Any]
    snapshot_digest: str
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a study has found so far.

    Attributes:
        folder: The study's.
        best: Number of the best trial.
        mrr: Its validation MRR.
        settings: Its settings: those searched, and those fixed.
        complete: Trials that ran to their end.
        pruned: Trials that were given up, as others were ahead at the same epoch.
        failed: Trials whose settings could not be trained with.
    """

    folder: Path
    best: int
    mrr: float
    settings: Mapping[str, Any]
    complete: int
    pruned: int
    failed: int


def save_plan(folder: Path, plan: Plan) -> None:
    """Write ``study.json`` of a new study.

    Raises:
        RunError: The folder holds one already.
    """
    if (folder / STUDY_FILE).exists():
        raise RunError(f"{folder} holds a study already", hint="resume it with --resume")
    values = dataclasses.asdict(plan) | {"space": space_to_json(plan.space)}
    write_atomically(folder / STUDY_FILE, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def find_study(runs_folder: Path, name: str) -> Path:
    """The folder of a study by its name, or a prefix that only one has.

    Raises:
        UnknownNameError: No study or more than one has that name.
    """
    names = sorted(file.parent.name for file in runs_folder.glob(f"*/{STUDY_FILE}"))
    matching = [name] if name in names else [known for known in names if known.startswith(name)]
    if len(matching) != 1 or not name:
        raise UnknownNameError("study", name, matching or names)
    return runs_folder / matching[0]


def load_plan(folder: Path) -> Plan:
    """Read ``study.json``.

    Raises:
        RunError: There is no study, or it cannot be read.
    """
    path = folder / STUDY_FILE
    try:
        values = parsed_json(path.read_text(encoding="utf-8"))
        return Plan(**values | {"space": space_from_json(values["space"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{folder} is no study that can be resumed: {' '.join(str(error).split())}",
            hint="name the folder of a study below the runs, or begin a new one",
        ) from None


def tune(
    folder: Path,
    plan: Plan,
    snapshot: KGSnapshot,
    trials: int,
    *,
    progress: Progress = silent,
    watch: Watch = unwatched,
) -> Outcome:
    """Run trials until a study has ``trials`` of them that are finished, pruned or failed.

    Each trial is a run in ``trials/``, evaluated on validation alone. One that is behind the
    median of the others at the same epoch is given up (Golovin et al. 2017, "Google Vizier",
    §3.3); settings are drawn by a tree of Parzen estimators (Bergstra et al. 2011, "Algorithms
    for Hyper-Parameter Optimization"). A trial that was interrupted goes on from its checkpoint
    when the study is resumed.

    Args:
        folder: The study's, with its plan saved.
        plan: What to search.
        snapshot: The graph.
        trials: How many trials the study should have in the end.
        progress: Told of trials.
        watch: Told of each trial's moments.

    Returns:
        The outcome; ``best.yaml`` has its settings for ``kgp train --config``.

    Raises:
        UsageError: Optuna is not installed.
        RunError: The snapshot is not the study's.
        TrainingError: There is no validation split, or no trial could be trained.
    """
    if plan.snapshot_digest != snapshot.digest:
        raise RunError(
            "the graph has changed since the study began", hint="begin a new study on it"
        )
    study = _study(folder, plan, epochs=check_plan(plan, snapshot))
    unfinished = _unfinished(study)
    progress("trials", _done(study), trials)
    while _done(study) < trials:
        trial = unfinished.pop() if unfinished else study.ask()
        _run_trial(folder, plan, snapshot, study, trial, watch)
        _save_best(folder, plan, study)
        progress("trials", _done(study), trials)
    return outcome(folder, plan)


def check_plan(plan: Plan, snapshot: KGSnapshot) -> int:
    """Make sure that a study's settings exist and may be what they are searched in.

    Returns:
        The epochs that a trial has at most, by the settings that are fixed.

    Raises:
        UnknownNameError: There is no such model or setting.
        UsageError: A value is out of range, or a setting is both searched and fixed.
    """
    both = plan.space.keys() & plan.fixed.keys()
    if both:
        raise UsageError(
            f"setting {sorted(both)[0]} is both searched and fixed",
            hint="leave it out of --set, or out of --search",
        )
    for name, among in plan.space.items():
        ends = (among.low, among.high) if isinstance(among, Range) else among
        for value in ends:
            resolve_config(plan.model, snapshot, {**plan.fixed, name: value})
    return resolve_config(plan.model, snapshot, plan.fixed).epochs


def outcome(folder: Path, plan: Plan) -> Outcome:
    """What the study in a folder has found so far.

    Raises:
        TrainingError: No trial ran to its end.
    """
    study = _study(folder, plan)
    states = [trial.state.name for trial in study.trials]
    if "COMPLETE" not in states:
        reasons = {trial.user_attrs.get("error") for trial in study.trials} - {None}
        raise TrainingError(
            f"no trial of {folder.name} could be trained"
            + "".join(f"; {reason}" for reason in sorted(map(str, reasons))[:1]),
            hint="check the settings that are fixed and the range of those that are searched",
        )
    return Outcome(
        folder=folder,
        best=study.best_trial.number,
        mrr=float(study.best_value),
        settings={**plan.fixed, **study.best_trial.user_attrs["settings"]},
        complete=states.count("COMPLETE"),
        pruned=states.count("PRUNED"),
        failed=states.count("FAIL"),
    )


def trial_rows(folder: Path, plan: Plan) -> list[dict[str, Any]]:
    """Every trial: ``number``, ``state``, ``mrr`` (the best it had) and its ``settings``."""
    return [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "mrr": max(trial.intermediate_values.values(), default=None),
            "epochs": max(trial.intermediate_values, default=0),
            "settings": trial.user_attrs.get("settings", {}),
        }
        for trial in _study(folder, plan).trials
    ]


def _run_trial(
    folder: Path, plan: Plan, snapshot: KGSnapshot, study: Study, trial: Trial, watch: Watch
) -> None:
    """Train a trial to its end, or until it is pruned; an interruption leaves it running."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    run_folder = folder / TRIALS / f"trial-{trial.number:04}"
    settings = suggested(trial, plan.space)
    trial.set_user_attr("settings", settings)

    # A trial that goes on from its checkpoint comes by some epochs again.
    known = study.get_trials()[trial.number].intermediate_values

    def reported(moment: Moment) -> None:
        watch(moment)
        if moment.line is None or "valid_mrr" not in moment.line or moment.epoch in known:
            return
        trial.report(moment.line["valid_mrr"], moment.epoch)
        # The last epoch is behind it: there is nothing to save any more.
        if moment.epoch < moment.epochs and trial.should_prune():
            raise TrialPruned

    try:
        config = resolve_config(plan.model, snapshot, {**plan.fixed, **settings})
        if (run_folder / "run.json").exists():
            run = load_run(run_folder, allow_incomplete=True)
            if not run.complete:
                run = resume(run_folder, snapshot, splits=("valid",), watch=reported)
        else:
            run = train(
                snapshot,
                config,
                run_folder,
                source=plan.source,
                splits=("valid",),
                watch=reported,
            )
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        # Its curve is in the study; its weights are of no use to anybody.
        shutil.rmtree(run_folder)
    except (TrainingError, UsageError) as error:
        log.warning("trial %d failed: %s", trial.number, error)
        trial.set_user_attr("error", str(error))
        study.tell(trial, state=TrialState.FAIL)
    else:
        if "valid" not in run.metrics:
            raise TrainingError(
                "there are no validation facts to choose settings by",
                hint="mark some facts as valid (`kgp split`), or leave the setting valid_share",
            )
        study.tell(trial, run.metrics["valid"]["mrr"])


def _study(folder: Path, plan: Plan, epochs: int = 0) -> Study:
    """The study in a folder, begun if there is none; no trial is pruned in a tenth of ``epochs``.

    Raises:
        UsageError: Optuna is not installed.
    """
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise missing("tune", "kgp tune") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL_FILE)))
    known = optuna.get_all_study_names(storage)
    done = len(optuna.load_study(study_name=known[0], storage=storage).trials) if known else 0
    return optuna.create_study(
        study_name=folder.name if not known else known[0],
        storage=storage,
        load_if_exists=True,
        direction="maximize",
        # A resumed sampler must not draw again what it drew at first.
        sampler=optuna.samplers.TPESampler(seed=plan.seed + done),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=TRIALS_BEFORE_PRUNING, n_warmup_steps=epochs // 10
        ),
    )


def _unfinished(study: Study) -> list[Trial]:
    """Trials that an interruption left; the settings that they had are drawn again from them."""
    from optuna import Trial
    from optuna.trial import TrialState

    left = study.get_trials(states=(TrialState.RUNNING,))
    return [Trial(study, trial._trial_id) for trial in reversed(left)]


def _done(study: Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _save_best(folder: Path, plan: Plan, study: Study) -> None:
    complete: list[FrozenTrial] = [t for t in study.trials if t.state.name == "COMPLETE"]
    if not complete:
        return
    best = study.best_trial
    text = (
        f"# {plan.model}: the best of {len(study.trials)} trials, number {best.number}, "
        f"validation MRR {best.value:.4f}\n"
        f"# kgp train {plan.model} --config {folder / BEST_FILE} …\n"
    )
    settings = {**plan.fixed, **best.user_attrs["settings"]}
    write_atomically(folder / BEST_FILE, text + yaml.safe_dump(settings, sort_keys=False))
