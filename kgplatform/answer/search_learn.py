"""Weights of the channels of a search, learned from texts with what is to be found for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgplatform.answer.fuse import USUAL, Ranking, Weights, fuse, learn, reciprocal_rank
from kgplatform.answer.search import Searcher, candidates
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.find import Key
from kgplatform.store.search import find_entity

PARTS = 5
"""Examples are learned from in turn but for one part, on which it is measured."""

FEWEST = 2 * PARTS
STAGE = "searching"


@dataclass(frozen=True)
class Example:
    """A text, and the id or name of what is to be found for it."""

    text: str
    entity: str


@dataclass(frozen=True)
class Learned:
    """Weights, and the mean reciprocal ranks of examples that they were not learned from.

    Attributes:
        weights: Learned from all examples; with both figures among ``learned``.
        mrr: With weights learned from the other parts.
        mrr_usual: With the usual weights of reciprocal rank fusion.
    """

    weights: Weights
    mrr: float
    mrr_usual: float


def read_examples(path: Path) -> list[Example]:
    """Examples of a file with a text, a tab, and an id or name a line.

    Raises:
        InputError: It cannot be read, a line has not both, or there are too few.
    """
    hint = "a line is a text, a tab, and the id or name of what is to be found"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"examples {path} cannot be read: {error}", hint=hint) from None
    examples = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        text, _, entity = (part.strip() for part in line.partition("\t"))
        if not text or not entity:
            raise InputError(f"{path}, line {number}: {line[:80]!r}", hint=hint)
        examples.append(Example(text, entity))
    if len(examples) < FEWEST:
        raise InputError(
            f"{path} has {len(examples)} examples", hint=f"give {FEWEST} at least, better 100"
        )
    return examples


def learn_weights(
    searcher: Searcher, examples: Sequence[Example], progress: Progress = silent
) -> Learned:
    """Search for each example by each channel, and learn what these count for.

    Raises:
        InputError: An entity is not in the graph, or nothing can be learned.
    """
    found: list[tuple[Mapping[str, Ranking], Key]] = []
    for count, example in enumerate(examples, 1):
        right = Key(find_entity(searcher.store, searcher.graph, example.entity), False)
        found.append((candidates(searcher, example.text).rankings, right))
        progress(STAGE, count, len(examples))
    return learn_from(found, searcher.graph)


def learn_from(found: Sequence[tuple[Mapping[str, Ranking], Key]], graph: str) -> Learned:
    """Weights from what the channels found for examples, and what they gain on others."""
    ranks = []
    for part in range(PARTS):
        weights = learn([each for at, each in enumerate(found) if at % PARTS != part])
        ranks += [
            reciprocal_rank(fuse(rankings, weights), right)
            for rankings, right in found[part::PARTS]
        ]
    alone = [reciprocal_rank(fuse(rankings, USUAL), right) for rankings, right in found]
    mrr, mrr_usual = sum(ranks) / len(ranks), sum(alone) / len(alone)
    whole = learn(found, {"graph": graph, "mrr": mrr, "mrr_usual": mrr_usual})
    return Learned(whole, mrr, mrr_usual)
