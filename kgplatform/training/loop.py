"""The training loop: epochs, early stopping, checkpoints, and the run folder around them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kgplatform.errors import RunError, TrainingError
from kgplatform.graph.features import matrix
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import ensure_split
from kgplatform.models import VECTORS_ONLY, Edges
from kgplatform.models.vector_table import refuse_scores
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import (
    CARD_FILE,
    METRICS_FILE,
    WEIGHTS_FILE,
    Run,
    build_model,
    git_commit,
    load_model,
    load_run,
    save_run,
    versions,
    write_atomically,
)
from kgplatform.training.card import model_card
from kgplatform.training.checkpoint import (
    CHECKPOINT_FILE,
    Counters,
    checkpoint_of,
    load_checkpoint,
)
from kgplatform.training.config import TrainingConfig, resolve_device
from kgplatform.training.distributed import ALONE, Group
from kgplatform.training.diverged import Losses
from kgplatform.training.evaluate import EVALUATED, evaluate_splits, ranks_of
from kgplatform.training.known import Known, known_of_snapshot
from kgplatform.training.metrics import Metrics, metrics_of
from kgplatform.training.negatives import training_facts
from kgplatform.training.optimizers import OPTIMIZERS
from kgplatform.training.plots import LEARNING_CURVE, plot_learning_curve
from kgplatform.training.ranks import Ranks, rank_triples
from kgplatform.training.record import Record
from kgplatform.training.rejected import REJECTED_FILE, Fact, known_rejected, read_rejected
from kgplatform.training.schedule import set_rate
from kgplatform.training.sharded import ShardScorer, shard_table
from kgplatform.training.step import Trainer, epoch_steps
from kgplatform.training.watch import Pace, Watch, unwatched
from kgplatform.triples import SPLITS, Split

SECONDS_BETWEEN_CHECKPOINTS = 30.0
"""A checkpoint is written at each evaluation, and after an epoch that ends this much later."""


@dataclass
class _State:
    """A training as it runs.

    ``snapshot`` has each edge in a split; ``known`` is None where nothing is validated;
    ``usual`` is the loss of the epoch before, None in the first one of this process.
    """

    trainer: Trainer
    snapshot: KGSnapshot
    valid: Tensor
    known: Known | None
    counters: Counters
    usual: float | None = field(default=None)


def train(
    snapshot: KGSnapshot,
    config: TrainingConfig,
    folder: Path,
    *,
    source: Mapping[str, object],
    splits: tuple[Split, ...] = EVALUATED,
    progress: Progress = silent,
    watch: Watch = unwatched,
    group: Group = ALONE,
    rejected: Sequence[Fact] = (),
) -> Run:
    """Train a model into a new run folder, named by the run's id.

    Edges without a split are split first (:func:`kgplatform.graph.split.ensure_split`). An
    interruption, even a kill, leaves a folder that :func:`resume` continues.

    Args:
        snapshot: The graph.
        config: From :func:`kgplatform.training.config.resolve_config`.
        folder: The run's folder; its name becomes the run's id.
        source: Where the triples came from, JSON-able; kept for writing back.
        splits: Which splits the best weights are evaluated on in the end.
        progress: Told of epochs, and of triples while the best weights are evaluated.
        watch: Told of loss and pace; what it raises ends the training, resumably.
        group: The processes that train it together, each calling this with the same arguments
            (:func:`kgplatform.training.distributed.launched_group`).
        rejected: Facts (head, relation, tail) that people have rejected: hard negatives.

    Returns:
        The complete run with its metrics; in other processes than the first, which does not
        wait for them, the run without.

    Raises:
        TrainingError: The graph cannot be trained on, the device is not there, the loss or
            scores are not numbers, or another process of the group is gone.
        RunError: The folder holds a run already.
    """
    if config.task != "links":
        raise TrainingError(
            "the setting task=classify is not one of links", hint="kgp train MODEL takes it"
        )
    if (folder / "run.json").exists():
        raise RunError(
            f"{folder} holds a run already", hint="resume it, or train into another folder"
        )
    run = Run(
        id=folder.name,
        folder=folder,
        config=config,
        source=dict(source),
        snapshot_digest=snapshot.digest,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        versions=versions(),
        commit=git_commit(),
    )
    # Nobody writes before all have looked into the folder.
    group.require_same("settings or a snapshot", (config.to_json(), snapshot.digest, folder.name))
    state = _start(snapshot, config, group, rejected)
    record = Record(folder, group, state.trainer.shard)
    record.begin(snapshot, rejected)
    _save_checkpoint(record, state)
    # Last: a folder with a run.json can be resumed.
    record.run(run)
    _epochs(record, state, progress, watch)
    return _finish(run, state, splits, progress)


def resume(
    folder: Path,
    snapshot: KGSnapshot,
    progress: Progress = silent,
    *,
    splits: tuple[Split, ...] = EVALUATED,
    watch: Watch = unwatched,
    group: Group = ALONE,
) -> Run:
    """Continue an interrupted training from its last checkpoint, on CPU bit for bit.

    A group of processes may be another one than before; all of them must see the folder.

    Raises:
        RunError: The run is complete, has no checkpoint, or is of another snapshot.
        TrainingError: As in :func:`train`.
    """
    run = load_run(folder, allow_incomplete=True)
    if run.complete:
        raise RunError(
            f"run {run.id} is complete; there is nothing to resume", hint="train a new one"
        )
    check_snapshot(run, snapshot)
    kept = folder / REJECTED_FILE
    rejected = read_rejected(kept) if kept.exists() else []
    state = _start(snapshot, run.config, group, rejected)
    trainer = state.trainer
    state.counters = load_checkpoint(
        folder, trainer.model, trainer.optimizer, trainer.generator, trainer.shard
    )
    # Nobody writes before all have read.
    group.require_same("a checkpoint", (run.id, vars(state.counters)))
    record = Record(folder, group, trainer.shard)
    record.forget_after(state.counters.epoch)
    _epochs(record, state, progress, watch)
    return _finish(run, state, splits, progress)


def check_snapshot(run: Run, snapshot: KGSnapshot) -> None:
    """Refuse a snapshot that is not the one that a run was trained on.

    Raises:
        RunError: The digests differ, or the run has no model that could score it.
    """
    if run.config.model in VECTORS_ONLY:
        refuse_scores()
    if run.snapshot_digest != snapshot.digest:
        raise RunError(
            f"the graph has changed since run {run.id} was trained on it "
            f"(snapshot {snapshot.digest[:12]}, the run's is {run.snapshot_digest[:12]})",
            hint="train again on the graph as it is now",
        )


def _start(
    snapshot: KGSnapshot, config: TrainingConfig, group: Group, rejected: Sequence[Fact]
) -> _State:
    """A training at epoch 0, or the reason why there can be none."""
    snapshot = ensure_split(
        snapshot,
        seed=config.seed,
        valid_share=config.valid_share,
        test_share=config.test_share,
        by=config.split,
    )
    rows, valid = snapshot.rows("train"), snapshot.triples("valid")
    if not len(rows):
        raise TrainingError(
            f"there is nothing to train on: none of {snapshot.num_edges} triples is in train",
            hint="check the graph's name and the projection, or mark some triples as train",
        )
    if snapshot.num_entities < 2:
        raise TrainingError(
            "a graph with one entity cannot be trained on", hint="load more triples"
        )
    device = resolve_device(group.device(config.device))
    model = build_model(
        config,
        snapshot.num_entities,
        snapshot.num_relations,
        edges=train_edges(snapshot) if config.encoder is not None else None,
        features=entity_features(snapshot) if config.inputs != "table" else None,
    )
    shard = shard_table(model, group, device) if config.shard_entities and group.size > 1 else None
    model = model.to(device)
    parameters = model.parameters() if shard is None else shard.trained(model)
    rows = rows.to(device)
    trainer = Trainer(
        config=config,
        model=model,
        optimizer=OPTIMIZERS[config.optimizer](parameters, config.learning_rate),
        train=rows,
        facts=training_facts(
            rows,
            snapshot.num_entities,
            snapshot.num_relations,
            config,
            known_rejected(rejected, snapshot, config, device),
        ),
        generator=torch.Generator(device).manual_seed(config.seed),
        group=group,
        shard=shard,
    )
    return _State(
        trainer=trainer,
        snapshot=snapshot,
        valid=valid.to(device),
        known=known_of_snapshot(snapshot, device) if len(valid) else None,
        counters=Counters(),
    )


def train_edges(snapshot: KGSnapshot) -> Edges:
    """The training edges, for messages to pass over."""
    train = snapshot.split == SPLITS.index("train")
    return Edges(snapshot.edge_index[:, train], snapshot.edge_type[train])


def entity_features(snapshot: KGSnapshot) -> Tensor:
    """What a projection knows of entities, each column standardised, float32 [N, F].

    Raises:
        TrainingError: It knows nothing that is a number, a truth value or a category.
    """
    values = matrix(snapshot.features, snapshot.num_entities)
    if not values.shape[1]:
        raise TrainingError(
            "the entities have no features, which the setting inputs asks for",
            hint="train on a projection with `--features`, or set inputs=table",
        )
    spread = values.std(0, correction=0)
    return (values - values.mean(0)) / torch.where(spread > 0, spread, 1)


def _finish(run: Run, state: _State, splits: tuple[Split, ...], progress: Progress) -> Run:
    """Evaluate the best weights and complete the folder, in the first process."""
    if not state.trainer.group.first:
        return run
    # A table in shards may be too large for one device; here it is whole.
    device = state.trainer.model.device if state.trainer.shard is None else torch.device("cpu")
    model = load_model(run).to(device)
    run = dataclasses.replace(
        run,
        metrics=evaluate_splits(model, state.snapshot, splits=splits, progress=progress),
        best_epoch=state.counters.best_epoch,
        epochs=state.counters.epoch,
        seconds=round(state.counters.seconds, 3),
        complete=True,
    )
    plot_learning_curve(run.folder / METRICS_FILE, run.folder / LEARNING_CURVE)
    write_atomically(run.folder / CARD_FILE, model_card(run, state.snapshot))
    save_run(run)
    return run


def _epochs(record: Record, state: _State, progress: Progress, watch: Watch) -> None:
    """Train until the last epoch or until validation stops improving."""
    trainer, counters = state.trainer, state.counters
    config = trainer.config
    saved = time.monotonic()
    pace = Pace(counters.epoch, config.epochs, trainer.rows_an_epoch)
    progress("training", counters.epoch, config.epochs)
    while counters.epoch < config.epochs and not _exhausted(state):
        started = time.monotonic()
        loss = _one_epoch(state, pace, watch)
        learning_rate = trainer.optimizer.param_groups[0]["lr"]
        counters.epoch += 1
        moment = pace.moment(loss, trainer.rows_an_epoch)
        line: dict[str, Any] = {
            "epoch": counters.epoch,
            "loss": loss,
            "learning_rate": learning_rate,
        }
        last = counters.epoch == config.epochs
        evaluated = last or counters.epoch % config.evaluate_every == 0
        if evaluated:
            line |= _validate(record, state)
        seconds = time.monotonic() - started
        counters.seconds += seconds
        line |= {"seconds": round(seconds, 4), "triples_per_second": round(moment.rate, 1)}
        record.line(line)
        if evaluated or record.group.told(time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS):
            _save_checkpoint(record, state)
            saved = time.monotonic()
        progress("training", counters.epoch, config.epochs)
        pace.epoch = counters.epoch
        watch(dataclasses.replace(moment, epoch=counters.epoch, line=line))
    progress("training", counters.epoch, counters.epoch)


def _save_checkpoint(record: Record, state: _State) -> None:
    trainer = state.trainer
    record.tensors(
        CHECKPOINT_FILE,
        *checkpoint_of(trainer.model, trainer.optimizer, trainer.generator, state.counters),
    )


def _exhausted(state: _State) -> bool:
    return 0 < state.trainer.config.patience <= state.counters.waited


def _one_epoch(state: _State, pace: Pace, watch: Watch) -> float:
    """One round over the training edges; the mean loss of a triple.

    Raises:
        TrainingError: The loss of a batch is NaN, infinite, or leaps.
    """
    trainer, done = state.trainer, state.counters.epoch
    trainer.model.train()
    pace.begin_epoch()
    losses = Losses(
        trainer.model, state.snapshot, done + 1, state.usual, blames=trainer.shard is None
    )
    for loss, batch in epoch_steps(trainer):
        set_rate(trainer.optimizer, trainer.config, done + losses.count / trainer.rows_an_epoch)
        losses.add(loss, batch)
        if pace.due():
            watch(pace.moment(losses.mean(), losses.count))
    # Statistics of batch normalisation, which each process has of its part of the batches.
    trainer.group.average(trainer.statistics())
    state.usual = losses.mean()
    return state.usual


def _validate(record: Record, state: _State) -> dict[str, float]:
    """Evaluate, keep the weights if they are the best yet, else lower the learning rate.

    Without a validation split there is nothing to choose by: the latest weights are kept.
    """
    counters = state.counters
    values: dict[str, float] = {}
    improved = True
    if state.known is not None:
        metrics = _metrics(state.trainer, state.valid, state.known)
        names = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")
        values = {f"valid_{name}": getattr(metrics, name) for name in names}
        improved = metrics.mrr > counters.best_mrr
    if improved:
        counters.best_mrr = values.get("valid_mrr", counters.best_mrr)
        counters.best_epoch = counters.epoch
        counters.waited = 0
        record.tensors(WEIGHTS_FILE, state.trainer.model.state_dict(), {})
    else:
        counters.waited += 1
    if not improved and state.trainer.config.schedule == "plateau":
        for group in state.trainer.optimizer.param_groups:
            group["lr"] *= state.trainer.config.learning_rate_decay
    return values


def _metrics(trainer: Trainer, triples: Tensor, known: Known) -> Metrics:
    """Rank triples [n, 3]; each process ranks a part, or all where the table is in shards."""
    if trainer.shard is not None:
        trainer.model.eval()
        return metrics_of(rank_triples(ShardScorer(trainer.model, trainer.shard), triples, known))
    part = trainer.group.part(len(triples))
    ranks = ranks_of(trainer.model, triples[part.rows], known)
    joined = (trainer.group.joined(of, part, triples.device) for of in (ranks.head, ranks.tail))
    return metrics_of(Ranks(*joined))
