"""Graphs of real shape for benchmarks, from Debian's packages, and random ones.

wordnet    the pointers of WordNet 3.0: apt-get install wordnet-base
debian     what each package of the index depends on: apt-get update
random     20 relations between any two of the entities
"""

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgplatform.triples import Triple

WORDNET = Path("/usr/share/wordnet")
POINTERS = {
    "!": "antonym",
    "@": "hypernym",
    "@i": "instance_hypernym",
    "~": "hyponym",
    "~i": "instance_hyponym",
    "#m": "member_holonym",
    "#s": "substance_holonym",
    "#p": "part_holonym",
    "%m": "member_meronym",
    "%s": "substance_meronym",
    "%p": "part_meronym",
    "=": "attribute",
    "+": "derivationally_related",
    ";c": "domain_topic",
    "-c": "member_of_topic",
    ";r": "domain_region",
    "-r": "member_of_region",
    ";u": "domain_usage",
    "-u": "member_of_usage",
    "*": "entailment",
    ">": "cause",
    "^": "also_see",
    "$": "verb_group",
    "&": "similar_to",
    "<": "participle",
    "\\": "pertainym",
}
DEPENDENCIES = ("Depends", "Pre-Depends", "Recommends", "Suggests", "Conflicts", "Breaks")


def triples(name: str, given: argparse.Namespace) -> Iterator[Triple]:
    """The triples of a graph; ``given`` has ``facts``, ``entities``, ``relations``, ``seed``."""
    if name == "wordnet":
        return wordnet()
    if name == "debian":
        return debian()
    return random(given.facts, given.entities, given.relations, given.seed)


def wordnet() -> Iterator[Triple]:
    """Synsets and the pointers between them (wndb(5WN) describes the files)."""
    for part in ("noun", "verb", "adj", "adv"):
        with (WORDNET / f"data.{part}").open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("  "):
                    continue
                fields = line.split(" | ", 1)[0].split()
                words = int(fields[3], 16)
                at = 4 + 2 * words
                head = f"{fields[0]}-{part[0]}"
                pointers = fields[at + 1 : at + 1 + 4 * int(fields[at])]
                for symbol, offset, kind, _ in zip(*[iter(pointers)] * 4, strict=True):
                    kind = "a" if kind == "s" else kind
                    yield Triple(head, POINTERS[symbol], f"{offset}-{kind}")


def debian() -> Iterator[Triple]:
    """Packages and what they depend on; alternatives are all taken."""
    text = subprocess.run(
        ["apt-cache", "dumpavail"], capture_output=True, text=True, check=True
    ).stdout
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        head = fields.get("Package")
        for field in DEPENDENCIES:
            for other in re.split(r"[,|]", fields.get(field, "")):
                if (tail := other.strip().split(" ")[0].split(":")[0]) and head:
                    yield Triple(head, field.upper().replace("-", "_"), tail)


def random(facts: int, entities: int, relations: int, seed: int) -> Iterator[Triple]:
    """Facts between any two entities, each in the split ``train``."""
    rng = np.random.default_rng(seed)
    for done in range(0, facts, 100_000):
        size = min(100_000, facts - done)
        heads, tails = rng.integers(0, entities, (2, size))
        types = rng.integers(0, relations, size)
        for head, relation, tail in zip(
            heads.tolist(), types.tolist(), tails.tolist(), strict=True
        ):
            yield Triple(f"entity_{head}", f"RELATION_{relation}", f"entity_{tail}", "train")
