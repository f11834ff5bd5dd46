"""Training of question answering: from questions and a graph to a strategy that answers."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.qa_embedding import QuestionAsRelation
from kgplatform.joint.qa_gnn import GraphReader
from kgplatform.joint.qa_questions import Linked
from kgplatform.joint.qa_reader import Phrases, phrase_texts, relation_text
from kgplatform.joint.qa_settings import QASettings
from kgplatform.joint.qa_solver import Judged, Solver, batches, judge, trainable
from kgplatform.joint.qa_walks import Walks
from kgplatform.models import LinkModel
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import load_model
from kgplatform.training.config import TrainingConfig, resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import Split

LONGEST_GRADIENT = 1.0
STAGE = "learning to answer"


@dataclass(frozen=True, eq=False)
class Trained:
    """A training's end.

    Attributes:
        solver: With the weights that were best on validation.
        judged: How questions were answered, by split.
        epochs: How many there were.
        best_epoch: The one whose weights they are, from 1.
        seconds: Of the processor.
        graph_config: How entities' vectors were trained, with the strategy embedding.
    """

    solver: Solver
    judged: Mapping[Split, Judged]
    epochs: int
    best_epoch: int
    seconds: float
    graph_config: TrainingConfig | None = None


def train_answers(
    snapshot: KGSnapshot,
    questions: Mapping[Split, Sequence[Linked]],
    phrases: Phrases,
    settings: QASettings,
    progress: Progress = silent,
    *,
    relation_texts: Sequence[str] | None = None,
) -> Trained:
    """Train a strategy on questions and answers.

    Args:
        snapshot: The graph.
        questions: By split; those of test are only answered, once, at the end.
        phrases: Of a frozen encoder; what it has read already is not read again.
        settings: What to do.
        progress: Told of texts and epochs.
        relation_texts: What to read for relations, if not their names.

    Raises:
        TrainingError: There is nothing to walk, or no answer can be reached.
    """
    if not snapshot.num_edges:
        raise TrainingError("the graph has no facts", hint="check its name, or load it first")
    started = time.process_time()
    torch.manual_seed(settings.seed)
    texts = [text for part in questions.values() for q in part for text in phrase_texts(q.words)]
    phrases.add(texts, progress)
    width = phrases.encoder.dimension
    walks = Walks(snapshot, settings.hops)
    names = relation_texts or [relation_text(name) for name in snapshot.relations]
    network: GraphReader | QuestionAsRelation
    config = None
    if settings.strategy == "gnn":
        network = graph_reader(settings, width, torch.from_numpy(phrases(names)))
    else:
        graph, config = entity_vectors(snapshot, settings, progress)
        network = QuestionAsRelation(width, settings.hidden, settings.dropout, graph)
    solver = Solver(network, phrases, walks, snapshot.relations)
    epochs, best_epoch = _fit(solver, questions["train"], questions["valid"], settings, progress)
    judged = {
        name: judge(solver, part, settings.batch_size) for name, part in questions.items() if part
    }
    return Trained(solver, judged, epochs, best_epoch, time.process_time() - started, config)


def graph_reader(settings: QASettings, width: int, relations: torch.Tensor) -> GraphReader:
    """The network of the strategy gnn, with new weights.

    Args:
        settings: Its sizes.
        width: Length of the encoder's vectors, D.
        relations: Text vectors of relations, [R, D].
    """
    return GraphReader(
        width,
        settings.hops,
        1 + 2 * settings.hops if settings.distances else 0,
        settings.hidden,
        settings.dropout,
        relations,
    )


def entity_vectors(
    snapshot: KGSnapshot, settings: QASettings, progress: Progress
) -> tuple[LinkModel, TrainingConfig]:
    """Vectors of entities and their score function, trained on the graph's links.

    Some facts validate, none test: it is questions that are tested.
    """
    overrides = {
        "embedding_dim": settings.graph_dim,
        "epochs": settings.graph_epochs,
        "seed": settings.seed,
        "split": "random",
        "valid_share": 0.05,
        "test_share": 0.0,
        "device": "cpu",
    }
    config = resolve_config(settings.model, snapshot, overrides)
    with tempfile.TemporaryDirectory() as folder:
        run = train(
            snapshot, config, Path(folder) / "graph", source={}, splits=(), progress=progress
        )
        return load_model(run), config


def _fit(
    solver: Solver,
    train_part: Sequence[Linked],
    valid: Sequence[Linked],
    settings: QASettings,
    progress: Progress,
) -> tuple[int, int]:
    """Train; leave the weights that were best on validation. Epochs, and the best one."""
    network = solver.network
    shuffler = np.random.default_rng(settings.seed)
    optimizer = torch.optim.AdamW(
        trainable(network), settings.learning_rate, weight_decay=settings.weight_decay
    )
    best, best_epoch, kept = -1.0, 0, copy.deepcopy(network.state_dict())
    epoch = 0
    while epoch < settings.epochs and epoch - best_epoch < settings.patience:
        epoch += 1
        network.train()
        order = [train_part[at] for at in shuffler.permutation(len(train_part))]
        for some in batches(order, settings.batch_size):
            loss = solver.loss(some, settings.paths)
            if not loss.requires_grad:
                continue
            if not torch.isfinite(loss):
                raise TrainingError("the loss is not a number", hint="lower learning_rate")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trainable(network), LONGEST_GRADIENT)
            optimizer.step()
        reached = float(judge(solver, valid, settings.batch_size).hits.mean())
        if reached > best:
            best, best_epoch, kept = reached, epoch, copy.deepcopy(network.state_dict())
        progress(STAGE, epoch, settings.epochs)
    progress(STAGE, epoch, epoch)
    network.load_state_dict(kept)
    network.eval()
    return epoch, best_epoch
