"""Questions about a graph: read from files, tied to the graph, split without leaks.

A question names an entity, its *topic*; its answers are entities. The way from topic to answers
is a list of relations, a ``^`` before one that is walked from tail to head (as in SPARQL).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from kgplatform.errors import InputError, UsageError
from kgplatform.sources.json_lines import LIST_SEPARATOR, JsonTable, json_rows
from kgplatform.sources.parquet import ParquetTable, parquet_rows
from kgplatform.sources.table_files import SPLIT_NAMES, open_any
from kgplatform.sources.tables import Fault, Row, Table, rows
from kgplatform.triples import SPLITS, Mention, Split

SplitBy = Literal["auto", "given", "pair", "path", "random"]
"""How questions are split: as the file says; all of one topic and path (or answers) on one side;
all of one path on one side; each for itself. ``auto`` is ``given``, else ``pair``."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "question": ("question", "text", "query"),
    "answer": ("answers", "answer", "label"),
    "topic": ("topic", "topic_entity", "subject"),
    "path": ("path", "relations"),
    "split": ("split",),
}
NEEDED = ("question", "answer")
INVERSE = "^"

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Question:
    """A question as a file has it.

    Attributes:
        text: The question.
        answers: Ids or names of entities.
        topic: Id or name of the entity it is about; None if the text must tell.
        path: Relations from topic to answers, if known.
        split: Which split the file puts it in.
        line: Where it stands in the file, or among the rows of a query.
    """

    text: str
    answers: tuple[str, ...]
    topic: str | None = None
    path: tuple[str, ...] | None = None
    split: Split | None = None
    line: int = 0


@dataclass(frozen=True)
class Linked:
    """A question tied to a graph.

    Attributes:
        question: As it was read.
        topic: entity_index of its topic.
        answers: entity_index of each answer, sorted.
        words: The question's words in lower case, :data:`TOPIC` where it names its topic.
    """

    question: Question
    topic: int
    answers: tuple[int, ...]
    words: tuple[str, ...]


TOPIC = "<topic>"

THE_TOPIC = "it"
"""What an encoder that reads a question whole is given in the place of its topic."""


def read_questions(path: Path, columns: Mapping[str, str] | None = None) -> list[Question]:
    """Questions of a table: TSV, CSV, JSON Lines or Parquet, with a header.

    Several answers, and the relations of a path, are a list or stand between ``|``.

    Args:
        path: The file.
        columns: Names of columns by what they hold (keys of :data:`COLUMNS`), where they are not
            the usual ones.

    Raises:
        InputError: The file or a row cannot be read; with the line.
        UsageError: It has no such column.
    """
    header, body = _header_and_body(open_any(path))

    def sound() -> Iterator[tuple[int, Sequence[Any]]]:
        for line, _, fields in body:
            if isinstance(fields, Fault):
                raise InputError(f"{path}, line {line}: {fields.reason}", hint="correct the row")
            if len(fields) != len(header):
                raise InputError(
                    f"{path}, line {line}: {len(fields)} columns where {len(header)} belong",
                    hint="a row has as many fields as the header",
                )
            yield line, fields

    return questions_of(header, sound(), str(path), columns)


def questions_of(
    header: Sequence[str],
    body: Iterable[tuple[int, Sequence[Any]]],
    where: str,
    columns: Mapping[str, str] | None = None,
    *,
    row: str = "line",
) -> list[Question]:
    """Questions of rows.

    Args:
        header: Names of the columns.
        body: Number and fields of each row; lists of answers or relations as they are, or as a
            text with ``|`` between them.
        where: What the rows are called in messages.
        columns: As in :func:`read_questions`.
        row: What one of them is called.

    Raises:
        InputError: There are no rows, or one cannot be read; with its number.
        UsageError: There is no such column.
    """
    places = _places(where, header, columns or {})
    found = [
        _question(f"{where}, {row} {at}", at, {name: fields[i] for name, i in places.items()})
        for at, fields in body
    ]
    if not found:
        raise InputError(f"{where} holds no questions", hint="a row a question")
    return found


def _header_and_body(table: Table | JsonTable | ParquetTable) -> tuple[list[str], Iterable[Row]]:
    if isinstance(table, JsonTable):
        return list(table.names), json_rows(table)
    if isinstance(table, ParquetTable):
        return list(table.names), parquet_rows(table)
    body = rows(table)
    _, _, first = next(body)
    return ([] if isinstance(first, Fault) else first), body


def _places(where: str, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    lowered = [name.strip().lower() for name in header]
    places = {}
    for name, usual in COLUMNS.items():
        if name in columns:
            if columns[name] not in header:
                raise UsageError(
                    f"{where} has no column {columns[name]!r}", hint=f"it has {', '.join(header)}"
                )
            places[name] = list(header).index(columns[name])
        elif at := [lowered.index(known) for known in usual if known in lowered]:
            places[name] = at[0]
    for name in NEEDED:
        if name not in places:
            raise InputError(
                f"{where} has no column {name} (it has {', '.join(header)})",
                hint=f"name it: --{name}-column NAME",
            )
    return places


def _question(where: str, number: int, fields: Mapping[str, Any]) -> Question:
    def wrong(what: str, hint: str) -> InputError:
        return InputError(f"{where}: {what}", hint=hint)

    text, answers = _field(fields["question"]), _items(fields["answer"])
    if not text:
        raise wrong("the question is empty", "write one, or leave the row out")
    if not answers:
        raise wrong("the question has no answer", "a question to learn from has an answer")
    split = _field(fields.get("split")).lower()
    if split and split not in SPLIT_NAMES:
        raise wrong(f"there is no split {split!r}", "it is train, valid or test")
    return Question(
        text,
        answers,
        topic=_field(fields.get("topic")) or None,
        path=_items(fields.get("path")) or None,
        split=SPLIT_NAMES[split] if split else None,
        line=number,
    )


def _field(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _items(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else _field(value).split(LIST_SEPARATOR)
    return tuple(dict.fromkeys(filter(None, map(_field, values))))


def words_of(text: str) -> list[str]:
    """Words in lower case; an underscore parts words as a space does."""
    return [word.lower() for word in _WORD.findall(text)]


def words_read(words: Sequence[str]) -> str:
    """A question as an encoder reads it whole: without the name of what it is about."""
    return " ".join(THE_TOPIC if word == TOPIC else word for word in words)


class Names:
    """Entities by what they are called, for names that a question has word for word.

    Args:
        entities: entity_ids by entity_index.
        names: What entities are called beside their ids, by entity_id.
        degree: Facts of each entity; of several with one name, the one with most is meant.
    """

    def __init__(
        self, entities: Sequence[str], names: Mapping[str, str], degree: Sequence[int]
    ) -> None:
        self.entities = entities
        self._ids = {name: index for index, name in enumerate(entities)}
        self._by_words: dict[tuple[str, ...], int] = {}
        self._longest = 1
        for index in sorted(range(len(entities)), key=lambda index: (-degree[index], index)):
            # A name that is one only by its number of letters (an id such as 17) counts as well.
            for name in {entities[index], names.get(entities[index], "")}:
                if key := tuple(words_of(name)):
                    self._by_words.setdefault(key, index)
                    self._longest = max(self._longest, len(key))

    def index(self, name: str) -> int | None:
        """The entity that an id, or else a name, stands for."""
        if name in self._ids:
            return self._ids[name]
        return self._by_words.get(tuple(words_of(name)))

    def mention(self, text: str) -> Mention | None:
        """The longest name in a text, the first of several; None if it has none."""
        spans = [(match.start(), match.end()) for match in _WORD.finditer(text)]
        words = [text[start:end].lower() for start, end in spans]
        for size in range(min(self._longest, len(words)), 0, -1):
            for at in range(len(words) - size + 1):
                index = self._by_words.get(tuple(words[at : at + size]))
                if index is not None:
                    return Mention(spans[at][0], spans[at + size - 1][1], self.entities[index], 1.0)
        return None

    def words(self, text: str, topic: int | None) -> tuple[int | None, tuple[str, ...]]:
        """A question's topic, and its words with :data:`TOPIC` in the place of the topic's name.

        Args:
            text: The question.
            topic: Its topic, where that is known already.
        """
        words = words_of(text)
        if topic is None:
            mention = self.mention(text)
            if mention is None or mention.entity_id is None:
                return None, tuple(words)
            before, after = text[: mention.start], text[mention.end :]
            return self._ids[mention.entity_id], (*words_of(before), TOPIC, *words_of(after))
        for name in [key for key, index in self._by_words.items() if index == topic]:
            for at in range(len(words) - len(name) + 1):
                if tuple(words[at : at + len(name)]) == name:
                    return topic, (*words[:at], TOPIC, *words[at + len(name) :])
        return topic, tuple(words)


def link(questions: Iterable[Question], names: Names) -> tuple[list[Linked], dict[str, list[int]]]:
    """Tie questions to a graph.

    Returns:
        Those that could be tied, and the lines of the others by the reason.
    """
    linked: list[Linked] = []
    left: dict[str, list[int]] = {}
    for question in questions:
        known = None if question.topic is None else names.index(question.topic)
        if question.topic is not None and known is None:
            left.setdefault("their topic is not in the graph", []).append(question.line)
            continue
        topic, words = names.words(question.text, known)
        answers = {names.index(answer) for answer in question.answers} - {None}
        if topic is None:
            left.setdefault("they name no entity of the graph", []).append(question.line)
        elif not answers:
            left.setdefault("none of their answers is in the graph", []).append(question.line)
        else:
            inside = sorted(index for index in answers if index is not None)
            linked.append(Linked(question, topic, tuple(inside), words))
    return linked, left


def split_questions(
    questions: Sequence[Linked], by: SplitBy, *, valid: float, test: float, seed: int
) -> dict[Split, list[Linked]]:
    """Put questions into splits, whole groups of them.

    Paraphrases of one question have the same topic and path, so ``pair`` keeps them on one side;
    ``path`` tests ways that training never saw (Lake and Baroni 2018 on why that is harder).

    Raises:
        UsageError: There is no such way, or the questions have not what it needs.
        InputError: A split that is needed is empty.
    """
    if by not in get_args(SplitBy):
        raise UsageError(f"no split of questions by {by!r}", hint=", ".join(get_args(SplitBy)))
    if by == "auto":
        by = "given" if all(q.question.split for q in questions) else "pair"
    missing = {
        "given": any(q.question.split is None for q in questions),
        "path": any(q.question.path is None for q in questions),
    }
    if missing.get(by):
        name = "split" if by == "given" else "path"
        raise UsageError(
            f"questions without a {name} cannot be split by it", hint=f"add a column {name}"
        )
    parts: dict[Split, list[Linked]] = {name: [] for name in SPLITS}
    if by == "given":
        for question in questions:
            assert question.question.split is not None
            parts[question.question.split].append(question)
    else:
        chosen = _drawn([_group(q, by, at) for at, q in enumerate(questions)], valid, test, seed)
        for question, name in zip(questions, chosen, strict=True):
            parts[name].append(question)
    for name in SPLITS[:2]:
        if not parts[name]:
            raise InputError(
                f"no question is in {name}", hint="give more questions, or another split"
            )
    return parts


def _group(question: Linked, by: SplitBy, at: int) -> Hashable:
    if by == "random":
        return at
    way: Hashable = question.question.path
    return way if by == "path" else (question.topic, way or question.answers)


def _drawn(groups: Sequence[Hashable], valid: float, test: float, seed: int) -> list[Split]:
    """A split for each group, so that about the wished share of questions is in each."""
    order = list(dict.fromkeys(groups))
    order = [order[at] for at in np.random.default_rng(seed).permutation(len(order))]
    sizes = dict.fromkeys(order, 0)
    for group in groups:
        sizes[group] += 1
    place: dict[Hashable, Split] = {}
    counts: dict[Split, float] = {"test": test * len(groups), "valid": valid * len(groups)}
    for group in order:
        # The first split that has room for most of the group.
        room = [name for name, left in counts.items() if left >= sizes[group] / 2]
        name = room[0] if room else SPLITS[0]
        place[group] = name
        if name in counts:
            counts[name] -= sizes[group]
    return [place[group] for group in groups]


def without_paths(questions: Iterable[Linked]) -> list[Linked]:
    """The same questions as if nobody knew the way to their answers."""
    return [
        dataclasses.replace(q, question=dataclasses.replace(q.question, path=None))
        for q in questions
    ]
