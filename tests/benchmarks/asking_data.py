"""Questions with their answers for tests/benchmarks/asking.py.

The answers to questions about the countries are looked up here in the packages' triples, without a
database: a second implementation of what the queries do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from joint_qa_data import path_question

from kgplatform.answer.records import Answer
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.qa_questions import Linked, Names, link, split_questions
from kgplatform.sources.countries import countries
from kgplatform.triples import Split

QUESTIONS = Path(__file__).parents[1] / "data" / "countries_questions" / "questions.tsv"
Facts = Mapping[tuple[str, str], set[str]]


@dataclass(frozen=True)
class Gold:
    """A question and what answers it.

    Attributes:
        text: The question.
        sets: Sets of entity_ids, each of which is right; none for a question of another kind.
        value: A number, ``yes`` or ``no``.
    """

    text: str
    sets: tuple[frozenset[str], ...] = ()
    value: str | None = None

    @property
    def answerable(self) -> bool:
        """Whether the graph can answer it."""
        return bool(self.sets) or self.value is not None

    def is_right(self, answer: Answer) -> bool:
        """Whether an answer says exactly what is right; silence where nothing is."""
        if answer.strategy == "none" or not self.answerable:
            return not self.answerable and answer.strategy == "none"
        if self.value is not None:
            said = answer.text.replace(",", "").partition(":")[0].strip().lower()
            return said == self.value
        return frozenset(each.id for each in answer.answers) in self.sets

    def hit(self, answer: Answer) -> bool:
        """Whether the first entity is among the right ones."""
        return bool(answer.answers) and any(answer.answers[0].id in each for each in self.sets)


def country_facts() -> Facts:
    """The demo graph by (entity, relation), ``^`` before the relation towards its heads."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for fact in countries()[1]:
        found[fact.head, fact.relation].add(fact.tail)
        found[fact.tail, "^" + fact.relation].add(fact.head)
    return found


def country_questions(split: str) -> list[Gold]:
    """The questions of a split, ``dev`` or ``test``, that a person asked of the countries."""
    facts = country_facts()
    rows = [line.split("\t") for line in QUESTIONS.read_text("utf-8").splitlines()[1:]]
    return [_gold(facts, text, said) for part, text, said in rows if part == split]


def _gold(facts: Facts, text: str, said: str) -> Gold:
    if said == "none":
        return Gold(text)
    if said in ("yes", "no"):
        return Gold(text, value=said)
    word, _, rest = said.partition(" ")
    if word == "count":
        return Gold(text, value=str(len(_ends(facts, rest))))
    if word == "top":
        return Gold(text, (_top(facts, rest),))
    return Gold(text, tuple(_ends(facts, each) for each in said.split(" | ")))


def _ends(facts: Facts, said: str) -> frozenset[str]:
    """``france BORDERS & germany BORDERS``: what all ways lead to, without where they began."""
    sets = []
    for way in said.split(" & "):
        start, *steps = way.split()
        ends = {start}
        for step in steps:
            ends = set().union(*(facts.get((each, step), set()) for each in ends))
        sets.append(ends - {start})
    found = frozenset(set.intersection(*sets))
    assert found, f"nothing answers {said}"
    return found


def _top(facts: Facts, said: str) -> frozenset[str]:
    """``BORDERS region/asia``: those with most facts of a relation, in a region if one is named."""
    relation, *region = said.split()
    counts = Counter({entity: len(ends) for (entity, of), ends in facts.items() if of == relation})
    if region:
        inside = facts[region[0], "^IN_REGION"] | facts[region[0], "^IN_SUBREGION"]
        counts = Counter({entity: count for entity, count in counts.items() if entity in inside})
    most = max(counts.values())
    return frozenset(entity for entity, count in counts.items() if count == most)


def path_parts(name: str, seed: int) -> tuple[KGSnapshot, dict[Split, list[Linked]]]:
    """PathQuestion, split so that all questions of one subject and path are on one side."""
    snapshot, questions = path_question(int(name[0]))
    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    linked, _ = link(questions, Names(snapshot.entities, {}, degree))
    return snapshot, split_questions(linked, "pair", valid=0.1, test=0.1, seed=seed)


def write_examples(
    path: Path, snapshot: KGSnapshot, parts: Mapping[Split, Sequence[Linked]]
) -> None:
    """Questions as a table that ``--examples`` and ``kgp train joint-qa --texts`` take."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["question\tanswers\ttopic\tpath\tsplit"]
    for split, questions in parts.items():
        for each in questions:
            answers = "|".join(snapshot.entities[at] for at in each.answers)
            way = "|".join(each.question.path or ())
            lines.append(
                f"{each.question.text}\t{answers}\t{snapshot.entities[each.topic]}\t{way}\t{split}"
            )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
