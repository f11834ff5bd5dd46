"""PathQuestion for tests/benchmarks/generation.py: names as people write them, and paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joint_qa_data import DATA, path_question

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.qa_answer import answer_with, answerer
from kgplatform.joint.qa_questions import Linked, Names, link, split_questions
from kgplatform.joint.qa_reader import Phrases
from kgplatform.joint.qa_settings import QASettings
from kgplatform.joint.qa_train import train_answers
from kgplatform.joint.qa_walks import Walks
from kgplatform.text.encode import load_encoder
from kgplatform.triples import SPLITS, Split
from kgplatform.walk.generate import Entities, Step
from kgplatform.walk.text_rewards import Told

COMMON = ("profession", "gender", "cause_of_death")
"""Relations whose tails are no proper names."""

SMALL = frozenset(
    ("of", "the", "and", "de", "von", "van", "du", "di", "la", "le", "zu", "der", "da")
)
_NUMBER = re.compile(r"[ivx]+")


@dataclass(frozen=True)
class Questions:
    """Questions whose answer is not what they name, by split, with gold paths.

    Attributes:
        asked: By split; steps are the gold path.
        linked: The same, as ``kgp train joint-qa`` reads them.
        left_out: How many name their own answer.
        entities: All names.
        names: Name by entity_id.
        snapshot: The graph.
    """

    asked: Mapping[Split, Sequence[Told]]
    linked: Mapping[Split, Sequence[Linked]]
    left_out: int
    entities: Entities
    names: Mapping[str, str]
    snapshot: KGSnapshot


def questions_of(hops: int, seed: int) -> Questions:
    """PathQuestion, all questions of one subject and path in one split."""
    snapshot, questions = path_question(hops)
    known = Names(snapshot.entities, {}, Walks(snapshot, 1).degree.tolist())
    linked, _ = link(questions, known)
    parts = split_questions(linked, "pair", valid=0.1, test=0.1, seed=seed)
    names = _names(snapshot)
    paths = _gold_paths(hops, names)
    kept = {split: [q for q in parts[split] if q.topic not in q.answers] for split in SPLITS}
    asked = {
        split: [
            Told(
                _read(q.question.text, names),
                tuple(names[snapshot.entities[answer]] for answer in q.answers),
                paths[q.question.line],
            )
            for q in part
        ]
        for split, part in kept.items()
    }
    left_out = sum(map(len, parts.values())) - sum(map(len, kept.values()))
    return Questions(asked, kept, left_out, Entities(names.values()), names, snapshot)


def found_paths(data: Questions, split: Split, seed: int) -> list[tuple[Step, ...]]:
    """The path of the likeliest answer of joint-qa, trained on the training questions' answers."""
    phrases = Phrases(load_encoder())
    linked = data.linked
    trained = train_answers(data.snapshot, linked, phrases, QASettings(seed=seed))
    asking = answerer(trained.solver, data.snapshot.entities, {})
    found = []
    for question in linked[split]:
        topic = data.snapshot.entities[question.topic]
        answers = answer_with(asking, question.question.text, topic=topic, top_k=1)
        steps = answers[0].steps if answers else ()
        names = data.names
        found.append(
            tuple(Step(names[s.head], s.relation, names[s.tail], s.inverse) for s in steps)
        )
    return found


def _gold_paths(hops: int, names: Mapping[str, str]) -> dict[int, tuple[Step, ...]]:
    """By line: subject, relation, entity, relation, entity …, as the file has it."""
    lines = (DATA / "pathquestion" / f"PQ-{hops}H.txt").read_text("utf-8").splitlines()
    found = {}
    for number, line in enumerate(lines, start=1):
        parts = line.split("\t")[2].split("#")
        parts = parts[: parts.index("<end>")]
        found[number] = tuple(
            Step(names[parts[at]], parts[at + 1], names[parts[at + 2]])
            for at in range(0, len(parts) - 2, 2)
        )
    return found


def _names(snapshot: KGSnapshot) -> dict[str, str]:
    common = set()
    for head, relation, tail in snapshot.triples().tolist():
        del head
        if snapshot.relations[relation] in COMMON:
            common.add(tail)
    return {
        entity: entity.replace("_", " ") if at in common else _proper(entity)
        for at, entity in enumerate(snapshot.entities)
    }


def _proper(entity: str) -> str:
    words = entity.split("_")
    return " ".join(
        word if at and word in SMALL else _capital(word) for at, word in enumerate(words)
    )


def _capital(word: str) -> str:
    if _NUMBER.fullmatch(word):
        return word.upper()
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def _read(text: str, names: Mapping[str, str]) -> str:
    """A question with names as people write them."""
    words = " ".join(names.get(word, word) for word in text.split())
    words = words.replace(" 's", "'s").replace(" ?", "?")
    return words[:1].upper() + words[1:]
