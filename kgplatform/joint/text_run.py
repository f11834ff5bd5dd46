"""A run of links by text: kept with all that it takes to read entities that came later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from kgplatform.errors import RunError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.text_link import TextLink
from kgplatform.joint.text_neighbours import neighbours_of
from kgplatform.joint.text_settings import TextLinkSettings
from kgplatform.parsed import parsed_json
from kgplatform.text.encode import TextEncoder, text_vectors
from kgplatform.training.artifacts import (
    TRAIN_AGAIN,
    Run,
    load_vocabulary,
    save_tensors,
    write_atomically,
)
from kgplatform.training.embed_new import NewVectors
from kgplatform.training.vector_run import save_vector_run
from kgplatform.triples import SPLITS, Triple

SETTINGS_FILE = "joint.json"
TENSORS_FILE = "joint.safetensors"
KIND = "text-link"


@dataclass(frozen=True, eq=False)
class TextLinkRun:
    """A trained model and what its numbers stand for.

    Attributes:
        model: Over ``entities``.
        entities: entity_ids, [N].
        relations: Names, [R].
        facts: Training facts, int64 [E, 3].
        encoder: Name of the text encoder.
        digest: Of the encoder (``TextEncoder.digest``).
        said: What else the run's file says.
    """

    model: TextLink
    entities: tuple[str, ...]
    relations: tuple[str, ...]
    facts: Tensor
    encoder: str
    digest: str
    said: Mapping[str, Any]


def save_text_link(
    folder: Path,
    trained: TextLinkRun,
    snapshot: KGSnapshot,
    source: Mapping[str, Any],
    metrics: Mapping[str, Any],
    seconds: float,
) -> Run:
    """Keep a model as a run, whose vectors are those of the entities as answers."""
    model = trained.model.eval()
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "kind": KIND,
        "settings": asdict(model.settings),
        "relations": list(trained.relations),
        "encoder": trained.encoder,
        "encoder_digest": trained.digest,
        **trained.said,
    }
    write_atomically(folder / SETTINGS_FILE, json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {"texts": model.texts, "facts": trained.facts.to(torch.int32)}
    save_tensors(folder / TENSORS_FILE, tensors)
    return save_vector_run(
        folder,
        "joint",
        trained.entities,
        model.all_answers().numpy(),
        {**source, "task": KIND},
        snapshot_digest=snapshot.digest,
        metrics=metrics,
        seconds=seconds,
    )


def load_text_link(run: Run) -> TextLinkRun:
    """What :func:`save_text_link` kept.

    Raises:
        RunError: It is another kind of run, or its files are damaged.
    """
    path = run.folder / SETTINGS_FILE
    if run.source.get("task") != KIND:
        raise RunError(
            f"run {run.id} holds no links by text",
            hint="name a run of `kgp train text-link`",
        )
    try:
        said = parsed_json(path.read_text(encoding="utf-8"))
        tensors = load_file(run.folder / TENSORS_FILE)
        settings = TextLinkSettings(**said.pop("settings"))
        facts = tensors.pop("facts").long()
        texts = tensors.pop("texts")
        relations = tuple(said.pop("relations"))
        model = TextLink(texts, neighbours_of(facts, len(texts), len(relations)), settings)
        model.load_state_dict({n.removeprefix("model."): v for n, v in tensors.items()})
        encoder, digest = said.pop("encoder"), said.pop("encoder_digest")
    except (OSError, ValueError, TypeError, KeyError, SafetensorError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:300]
        raise RunError(f"{run.folder} cannot be read: {detail}", hint=TRAIN_AGAIN) from None
    entities, _ = load_vocabulary(run)
    return TextLinkRun(model.eval(), entities, relations, facts, encoder, digest, said)


def with_new_entities(
    trained: TextLinkRun,
    encoder: TextEncoder,
    texts: Mapping[str, str],
    facts: Sequence[Triple] = (),
) -> TextLinkRun:
    """The same model over more entities, which are read by their texts; nothing is trained.

    Args:
        trained: A run.
        encoder: The one that the run was trained with.
        texts: Texts of the new entities by id.
        facts: What is known of them beside; those with an entity or relation that is neither known
            nor new are passed over.

    Returns:
        A run whose ``entities`` end with the new ones, so that they are scored and found too.

    Raises:
        UsageError: The encoder is another one, or an entity is known already.
    """
    if encoder.digest != trained.digest:
        raise UsageError(
            f"the run was trained with the encoder {trained.encoder!r}, not {encoder.name!r}",
            hint=f"load {trained.encoder!r} as it was then",
        )
    if known := sorted(set(texts) & set(trained.entities)):
        raise UsageError(
            f"the run knows {known[0]!r} already", hint="give texts of new entities only"
        )
    entities = (*trained.entities, *texts)
    index = {name: i for i, name in enumerate(entities)}
    kinds = {name: i for i, name in enumerate(trained.relations)}
    rows = [
        (index[fact.head], kinds[fact.relation], index[fact.tail])
        for fact in facts
        if fact.head in index and fact.tail in index and fact.relation in kinds
    ]
    more = torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)
    every = torch.unique(torch.cat((trained.facts, more)), dim=0)
    vectors = torch.from_numpy(text_vectors(encoder, list(texts.values())))
    model = with_texts(
        trained.model,
        torch.cat((trained.model.texts, vectors)),
        every,
    )
    return TextLinkRun(
        model, entities, trained.relations, every, trained.encoder, trained.digest, trained.said
    )


def embed_new_texts(
    run: Run, snapshot: KGSnapshot, texts: Mapping[str, str], encoder: TextEncoder
) -> NewVectors:
    """Vectors for the entities of a graph that a run of links by text was not trained on.

    Facts of the splits valid and test are not looked at.

    Args:
        run: Of ``kgp train text-link``.
        snapshot: The graph as it is now.
        texts: Of its entities; those of new ones are read.
        encoder: The one that the run was trained with.

    Raises:
        RunError: It is another kind of run, or its files are damaged.
        UsageError: The encoder is another one.
    """
    trained = load_text_link(run)
    known = set(trained.entities)
    new = [name for name in snapshot.entities if name not in known]
    read = {name: texts[name] for name in new if texts.get(name)}
    seen = (snapshot.split != SPLITS.index("valid")) & (snapshot.split != SPLITS.index("test"))
    facts = [
        Triple(snapshot.entities[head], snapshot.relations[relation], snapshot.entities[tail])
        for head, relation, tail in snapshot.triples()[seen].tolist()
        if snapshot.entities[head] in read or snapshot.entities[tail] in read
    ]
    more = with_new_entities(trained, encoder, read, facts)
    without = tuple(name for name in new if name not in read)
    return NewVectors(tuple(read), vectors_of(more, list(read)), "text", without)


def with_texts(model: TextLink, texts: Tensor, facts: Tensor) -> TextLink:
    """The same weights over other texts [N', D] and facts [E', 3]."""
    relations = model.neighbours.num_relations // 2
    other = TextLink(texts, neighbours_of(facts, len(texts), relations), model.settings)
    other.load_state_dict(model.state_dict())
    return other.eval()


def vectors_of(trained: TextLinkRun, entities: Sequence[str]) -> np.ndarray:
    """Vectors of some entities as answers, as the run writes them, float32 [M, D]."""
    index = {name: i for i, name in enumerate(trained.entities)}
    rows = torch.tensor([index[name] for name in entities], dtype=torch.int64)
    return np.asarray(trained.model.all_answers()[rows].numpy())
