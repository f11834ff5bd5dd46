"""Training of a walker: from a graph and questions to a run, resumable on CPU bit for bit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kgplatform.errors import RunError, TrainingError
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import (
    METRICS_FILE,
    Run,
    load_run,
    save_run,
    save_tensors,
)
from kgplatform.training.checkpoint import (
    CHECKPOINT_FILE,
    Counters,
    checkpoint_of,
    load_checkpoint,
)
from kgplatform.training.config import resolve_device
from kgplatform.training.distributed import ALONE
from kgplatform.training.plots import LEARNING_CURVE, plot_learning_curve
from kgplatform.training.record import Record
from kgplatform.walk.card import walker_card
from kgplatform.walk.env import Asked, Walks
from kgplatform.walk.evaluate import judge, reached
from kgplatform.walk.policy import Dropout
from kgplatform.walk.q_learning import QLearning
from kgplatform.walk.queries import KnownEnds, asked_of, known_ends, shuffled_batches
from kgplatform.walk.reinforce import Reinforce
from kgplatform.walk.reward import Reward
from kgplatform.walk.rollout import follow
from kgplatform.walk.run import (
    begin_run,
    finish_run,
    load_policy,
    new_policy,
    read_settings,
    save_policy,
)
from kgplatform.walk.settings import NOBODY, WalkerSettings
from kgplatform.walk.shortest import adjacency, count_walks, draw_shortest
from kgplatform.walk.task import Task, walks_of
from kgplatform.walk.teach import reward_for
from kgplatform.walk.written import Written

LONGEST_GRADIENT = 1.0
FEWEST_BATCHES = 20
"""Of an epoch: few questions are asked several times in one."""

VALIDATED = 2_000
"""Most facts or questions of validation that are walked for after some epochs; all at the end."""

SECONDS_BETWEEN_CHECKPOINTS = 30.0
EPOCHS_APART = 1_000_003
"""Between the orders of one seed and of the next, so that no two epochs have the same."""


@dataclass(eq=False)
class _State:
    """A training as it runs."""

    task: Task
    settings: WalkerSettings
    walks: Walks
    known: KnownEnds
    matrix: Tensor
    learner: Reinforce | QLearning
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    counters: Counters


def train_walker(
    task: Task,
    settings: WalkerSettings,
    folder: Path,
    *,
    source: Mapping[str, Any],
    said: Mapping[str, Any] | None = None,
    teacher: Run | None = None,
    progress: Progress = silent,
) -> Run:
    """Train a walker into a new run folder, named by the run's id.

    Args:
        task: Graph and questions; those of test are only walked for, once, at the end.
        settings: What to do.
        folder: The run's folder; its name becomes the run's id.
        source: Where graph and questions came from, JSON-able.
        said: What else the run is to remember, such as the encoder of questions.
        teacher: The run that the setting ``teacher`` names, if it names one.
        progress: Told of epochs and of questions.

    Raises:
        TrainingError: There is nothing to train on, or the loss is not a number.
        RunError: The folder holds a run already, or the teacher is of another graph.
    """
    if (folder / "run.json").exists():
        raise RunError(
            f"{folder} holds a run already", hint="resume it, or train into another folder"
        )
    state = _start(task, settings)
    written = _written(state)
    run = begin_run(folder, task, settings, state.walks.steps, source, said or {})
    (folder / METRICS_FILE).touch()
    _save_checkpoint(folder, state)
    # Last: a folder with a run.json can be resumed.
    save_run(run)
    return _go_on(run, state, written, teacher, progress)


def resume_walker(
    folder: Path, task: Task, *, teacher: Run | None = None, progress: Progress = silent
) -> Run:
    """Continue an interrupted training from its last checkpoint, on CPU bit for bit.

    Args:
        folder: The run's.
        task: The same as before.
        teacher: The same as before.
        progress: Told of epochs and of questions.

    Raises:
        RunError: The run is complete, damaged, or of another graph.
        TrainingError: As in :func:`train_walker`.
    """
    run = load_run(folder, allow_incomplete=True)
    if run.complete:
        raise RunError(
            f"run {run.id} is complete; there is nothing to resume", hint="train a new one"
        )
    settings, _ = read_settings(run)
    if run.snapshot_digest != task.given.digest:
        raise RunError(
            f"the graph has changed since run {run.id} was trained on it",
            hint="train again on the graph as it is now",
        )
    state = _start(task, settings)
    state.counters = load_checkpoint(folder, state.learner, state.optimizer, state.generator)
    Record(folder, ALONE, None).forget_after(state.counters.epoch)
    return _go_on(run, state, _written(state), teacher, progress)


def _written(state: _State) -> Written | None:
    """Who rewards walks by their texts, if anybody does."""
    return None if state.settings.writer == NOBODY else Written(state.task, state.settings)


def _start(task: Task, settings: WalkerSettings) -> _State:
    """A training at epoch 0, or the reason why there can be none."""
    if not len(task.questions["train"]):
        raise TrainingError("there is nothing to learn from", hint="mark some facts as train")
    device = resolve_device(settings.device)
    walks = walks_of(task, settings)
    walks = Walks(walks.table.to(device), walks.steps)
    known = known_ends(task.snapshot)
    known = KnownEnds(known.keys.to(device), known.num_relations, known.num_entities)
    torch.manual_seed(settings.seed)
    policy = new_policy(settings, task).to(device)
    learner: Reinforce | QLearning
    if settings.algorithm == "dqn":
        queries = task.questions["train"]
        learner = QLearning(policy, settings, queries, known, walks.steps).to(device)
    else:
        learner = Reinforce(policy, settings).to(device)
    return _State(
        task,
        settings,
        walks,
        known,
        adjacency(walks.table),
        learner,
        torch.optim.Adam(policy.parameters(), settings.learning_rate),
        torch.Generator(device).manual_seed(settings.seed),
        Counters(),
    )


def _go_on(
    run: Run, state: _State, written: Written | None, teacher: Run | None, progress: Progress
) -> Run:
    settings, counters = state.settings, state.counters
    reward = written or reward_for(state.task, settings, run.folder, teacher, progress)
    record = Record(run.folder, ALONE, None)
    saved = time.monotonic()
    progress("training", counters.epoch, settings.epochs)
    while counters.epoch < settings.epochs and not 0 < settings.patience <= counters.waited:
        started = time.process_time()
        line = _one_epoch(state, reward)
        counters.epoch += 1
        last = counters.epoch == settings.epochs
        evaluated = last or counters.epoch % settings.evaluate_every == 0
        if evaluated:
            line |= _validate(run.folder, state)
        seconds = time.process_time() - started
        counters.seconds += seconds
        record.line({"epoch": counters.epoch, **line, "seconds": round(seconds, 4)})
        if evaluated or time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
            _save_checkpoint(run.folder, state)
            saved = time.monotonic()
        progress("training", counters.epoch, settings.epochs)
    progress("training", counters.epoch, counters.epoch)
    return _finish(run, state, written, progress)


def _one_epoch(state: _State, reward: Reward) -> dict[str, float]:
    """One round over the questions; what to log, means over its batches."""
    settings, counters = state.settings, state.counters
    cloning = counters.epoch < settings.clone_epochs
    done = (counters.epoch - settings.clone_epochs) / max(
        1, settings.epochs - settings.clone_epochs
    )
    left = 1 - (1 - settings.learning_rate_end) * counters.epoch / settings.epochs
    for group in state.optimizer.param_groups:
        group["lr"] = settings.learning_rate * left
    order = torch.Generator().manual_seed(settings.seed * EPOCHS_APART + counters.epoch)
    totals: dict[str, float] = {}
    count = 0
    questions = state.task.questions["train"]
    for queries in shuffled_batches(questions, settings.batch_size, FEWEST_BATCHES, order):
        asked = asked_of(queries, state.known, training=True)
        if cloning:
            loss, logged = _clone(state, asked)
        else:
            loss, logged = state.learner.loss(
                state.walks, asked, reward, max(0.0, done), state.generator
            )
        _step(state, loss)
        for name, value in {"loss": float(loss.detach()), **logged}.items():
            totals[name] = totals.get(name, 0.0) + value
        count += 1
    return {name: total / count for name, total in totals.items()} | reward.logged()


def _clone(state: _State, asked: Asked) -> tuple[Tensor, dict[str, float]]:
    """Imitate a shortest way of each question that has one."""
    counts = count_walks(state.walks, state.matrix, asked)
    found, paths = draw_shortest(state.walks, asked, counts, state.generator)
    drop = Dropout(state.learner.policy.dropout, state.generator)
    total = asked.start.new_zeros(len(asked), dtype=torch.float32)
    for step in follow(state.learner.policy, state.walks, asked, paths, drop):
        total = total - step.taken(state.learner.log_policy(step.scores))
    # Nothing found adds nothing, and divides nothing by zero.
    some = total[found]
    return some.sum() / max(1, len(some)), {"cloned": float(found.float().mean())}


def _step(state: _State, loss: Tensor) -> None:
    if not bool(torch.isfinite(loss)):
        raise TrainingError(
            f"the loss became {float(loss)} in epoch {state.counters.epoch + 1}",
            hint="lower learning_rate",
        )
    state.optimizer.zero_grad()
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(state.learner.policy.parameters(), LONGEST_GRADIENT)
        state.optimizer.step()
    state.learner.stepped()


def _validate(folder: Path, state: _State) -> dict[str, float]:
    """Walk for validation; keep the policy if it is the best yet.

    Without validation there is nothing to choose by: the latest weights are kept.
    """
    counters, settings = state.counters, state.settings
    values: dict[str, float] = {}
    improved = True
    if len(state.task.questions["valid"]):
        found = judge(
            state.learner,
            state.walks,
            state.known,
            state.task,
            "valid",
            settings.beam_size,
            most=VALIDATED,
        )
        values = {f"valid_{name}": found[name] for name in ("mrr", "hits_at_1", "hits_at_10")}
        improved = values["valid_mrr"] > counters.best_mrr
    if improved:
        counters.best_mrr = values.get("valid_mrr", counters.best_mrr)
        counters.best_epoch, counters.waited = counters.epoch, 0
        save_policy(folder, state.learner.policy)
    else:
        counters.waited += 1
    return values


def _finish(run: Run, state: _State, written: Written | None, progress: Progress) -> Run:
    """Walk for valid and test with the best policy, and complete the folder."""
    policy = load_policy(run.folder, state.learner.policy)
    metrics: dict[str, Any] = {}
    for split in ("valid", "test"):
        if len(state.task.questions[split]):
            found = judge(
                state.learner,
                state.walks,
                state.known,
                state.task,
                split,
                state.settings.beam_size,
                progress=progress,
            )
            metrics[split] = found | {
                "reachable": reached(state.walks, state.known, state.task, split)
            }
            if written is not None:
                metrics[split]["texts"] = written.compared(
                    state.learner,
                    state.walks,
                    state.known,
                    state.task.questions[split],
                    state.settings.beam_size,
                )
    plot_learning_curve(run.folder / METRICS_FILE, run.folder / LEARNING_CURVE)
    return finish_run(
        run,
        policy,
        lambda run: walker_card(run, state.task, state.settings),
        metrics=metrics,
        best_epoch=state.counters.best_epoch,
        epochs=state.counters.epoch,
        seconds=round(state.counters.seconds, 3),
    )


def _save_checkpoint(folder: Path, state: _State) -> None:
    save_tensors(
        folder / CHECKPOINT_FILE,
        *checkpoint_of(state.learner, state.optimizer, state.generator, state.counters),
    )
