"""A run folder of question answering: everything to answer from it, the graph included.

``joint.json`` has settings, names and texts; ``joint.safetensors`` the weights and the facts that
answers are walked over. The vectors in ``weights.safetensors`` are entities' vectors, to be written
and searched as those of any run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from kgplatform.errors import RunError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.qa_answer import Answer, Answerer, answer_with, answerer
from kgplatform.joint.qa_embedding import QuestionAsRelation
from kgplatform.joint.qa_gnn import GraphReader
from kgplatform.joint.qa_reader import Phrases
from kgplatform.joint.qa_settings import QASettings, settings_of
from kgplatform.joint.qa_solver import Solver
from kgplatform.joint.qa_train import Trained, graph_reader
from kgplatform.joint.qa_walks import Walks
from kgplatform.parsed import parsed_json
from kgplatform.text.encode import TextEncoder, load_encoder
from kgplatform.training.artifacts import (
    TRAIN_AGAIN,
    Run,
    build_model,
    load_vocabulary,
    save_tensors,
    write_atomically,
)
from kgplatform.training.config import config_from_json
from kgplatform.training.vector_run import save_vector_run

QA_FILE = "joint.json"
QA_WEIGHTS = "joint.safetensors"
TASK = "joint-qa"
NETWORK, EDGES, TYPES = "network.", "edge_index", "edge_type"


def save_answers(
    folder: Path,
    trained: Trained,
    snapshot: KGSnapshot,
    settings: QASettings,
    names: Mapping[str, str],
    source: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> Run:
    """Make a folder a run of question answering.

    Args:
        folder: The run's folder.
        trained: What came out.
        snapshot: The graph.
        settings: What was done.
        names: What entities are called beside their ids.
        source: Where the graph came from.
        metrics: By split.
    """
    network, encoder = trained.solver.network, trained.solver.phrases.encoder
    tensors = {NETWORK + name: value for name, value in network.state_dict().items()}
    tensors |= {EDGES: snapshot.edge_index, TYPES: snapshot.edge_type}
    save_tensors(folder / QA_WEIGHTS, tensors)
    config = trained.graph_config
    values = {
        "task": TASK,
        "settings": asdict(settings),
        "encoder": encoder.name,
        "encoder_digest": encoder.digest,
        "relations": list(snapshot.relations),
        "names": {key: name for key, name in names.items() if name != key},
        "graph_config": None if config is None else config.to_json(),
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
    }
    write_atomically(folder / QA_FILE, json.dumps(values, ensure_ascii=False, indent=2) + "\n")
    return save_vector_run(
        folder,
        "joint",
        snapshot.entities,
        vectors_of_entities(trained.solver),
        {**source, "task": TASK},
        snapshot_digest=snapshot.digest,
        metrics=metrics,
        seconds=round(trained.seconds, 3),
    )


@torch.no_grad()
def vectors_of_entities(solver: Solver) -> np.ndarray:
    """A vector an entity, float32 [N, d].

    With ``embedding`` those that are scored. With ``gnn``, which has none, the mean of what it
    learned of the relations that lead away from the entity: two are near of which the same can be
    asked.
    """
    network = solver.network
    if isinstance(network, QuestionAsRelation):
        return network.graph.entity_vectors().float().numpy()
    source, way = solver.walks.source_and_way()
    table = network.vectors_of_ways()
    total = torch.zeros(solver.walks.num_entities, table.shape[1])
    total.index_add_(0, torch.from_numpy(source), table[torch.from_numpy(way)])
    return torch.nn.functional.normalize(total, dim=1).numpy()


def load_answerer(run: Run, encoder: TextEncoder | None = None) -> Answerer:
    """A run, ready for questions.

    Args:
        run: Of question answering.
        encoder: The one that it was trained with, if it is at hand.

    Raises:
        RunError: It is another kind of run, its files are damaged, or the encoder is another one.
    """
    path = run.folder / QA_FILE
    try:
        values = parsed_json(path.read_text("utf-8"))
        if values["task"] != TASK:
            raise RunError(f"run {run.id} does not answer questions", hint=_TRAIN)
        settings = settings_of(values["settings"])
        tensors = load_file(run.folder / QA_WEIGHTS)
        entities, _ = load_vocabulary(run)
        read = _encoder_of(run, values, encoder)
        solver = _solver(values, settings, tensors, entities, read)
    except FileNotFoundError:
        raise RunError(f"run {run.id} does not answer questions", hint=_TRAIN) from None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
        detail = " ".join(str(error).split())
        raise RunError(f"{path} cannot be read: {detail}", hint=TRAIN_AGAIN) from None
    except UsageError as error:
        raise RunError(f"{path} cannot be read: {error}", hint=TRAIN_AGAIN) from None
    return answerer(solver, entities, values["names"])


_TRAIN = "kgp train joint-qa makes one that does"


def answer(
    run: Run, question: str, *, topic: str | None = None, top_k: int = 10
) -> tuple[Answer, ...]:
    """Answers of a run to one question, the likeliest first.

    Whoever has several questions loads the run once: :func:`load_answerer`, then
    :func:`kgplatform.joint.qa_answer.answer_with`.

    Args:
        run: Of question answering.
        question: In words.
        topic: Id or name of the entity it is about; if None, the longest name in it.
        top_k: Most answers.

    Raises:
        InputError: The question names no entity.
        RunError: As in :func:`load_answerer`.
    """
    return answer_with(load_answerer(run), question, topic=topic, top_k=top_k)


def _encoder_of(run: Run, values: Mapping[str, Any], encoder: TextEncoder | None) -> TextEncoder:
    found = load_encoder(values["encoder"]) if encoder is None else encoder
    if found.digest != values["encoder_digest"]:
        raise RunError(
            f"run {run.id} reads with encoder {values['encoder']!r} "
            f"({values['encoder_digest'][:12]}), and {found.name!r} here is another one "
            f"({found.digest[:12]})",
            hint="use the encoder that it was trained with, or train again",
        )
    return found


def _solver(
    values: Mapping[str, Any],
    settings: QASettings,
    tensors: Mapping[str, torch.Tensor],
    entities: tuple[str, ...],
    encoder: TextEncoder,
) -> Solver:
    weights = {
        name.removeprefix(NETWORK): value
        for name, value in tensors.items()
        if name.startswith(NETWORK)
    }
    relations = tuple(values["relations"])
    network: GraphReader | QuestionAsRelation
    if settings.strategy == "gnn":
        network = graph_reader(settings, encoder.dimension, weights["relations"])
    else:
        config = config_from_json(values["graph_config"])
        graph = build_model(config, len(entities), len(relations), edges=None, features=None)
        network = QuestionAsRelation(encoder.dimension, settings.hidden, settings.dropout, graph)
    network.load_state_dict(weights)
    network.eval()
    types = tensors[TYPES]
    split = torch.zeros(types.numel(), dtype=torch.int8)
    snapshot = KGSnapshot(entities, relations, tensors[EDGES], types, split)
    return Solver(network, Phrases(encoder), Walks(snapshot, settings.hops), relations)
