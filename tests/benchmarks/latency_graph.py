"""The graph of the latency benchmark: WordNet with its glosses, and readers who like synsets.

117,659 synsets (`apt-get install wordnet-base`) and 5,000 readers made by a seed: each likes eight
hyponyms of each of three synsets that have many. What they like is not what is measured; that so
many do, in a graph of this size, is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import graphs
import numpy as np

from kgplatform.triples import Entity, Scalar, Triple

READERS = 5_000
TOPICS_EACH = 3
LIKED_OF_A_TOPIC = 8
FEWEST_HYPONYMS = 12
PARTS = {"noun": "Noun", "verb": "Verb", "adj": "Adjective", "adv": "Adverb"}


def synsets(folder: Path) -> Iterator[Entity]:
    """Synsets by their first word, with their gloss.

    As in graphs.wordnet, an adverb has the letter of adjectives: 21 have the number of one, too.
    """
    for part, label in PARTS.items():
        with (folder / f"data.{part}").open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("  "):
                    continue
                data, gloss = line.rstrip("\n").split(" | ", 1)
                fields = data.split()
                written = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
                words: list[Scalar] = [word.replace("_", " ") for word in written]
                yield Entity(
                    f"{fields[0]}-{part[0]}",
                    str(words[0]).partition("(")[0],
                    gloss.strip(),
                    (label,),
                    {"aliases": words},
                )


def facts(folder: Path) -> list[Triple]:
    """WordNet's pointers, their names as Neo4j's types usually are."""
    graphs.WORDNET = folder
    return [Triple(each.head, each.relation.upper(), each.tail) for each in graphs.wordnet()]


def readers(pointers: list[Triple], seed: int) -> tuple[list[Entity], list[Triple]]:
    """Readers, and what they like."""
    rng = np.random.default_rng(seed)
    hyponyms = defaultdict(list)
    for each in pointers:
        if each.relation == "HYPONYM":
            hyponyms[each.head].append(each.tail)
    topics = [each for each in hyponyms.values() if len(each) >= FEWEST_HYPONYMS]
    people, likes = [], []
    for number in range(READERS):
        key = f"reader-{number:04d}"
        people.append(Entity(key, f"Reader {number}", types=("Reader",)))
        for topic in rng.choice(len(topics), TOPICS_EACH, replace=False):
            liked = rng.choice(topics[topic], LIKED_OF_A_TOPIC, replace=False)
            likes += [Triple(key, "LIKES", str(each)) for each in liked]
    return people, likes
