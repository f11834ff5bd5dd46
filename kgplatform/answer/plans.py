"""The plans by which a question can be answered: which query, with which relations.

Which relations can follow one another is read from the labels of their ends, so that a graph whose
nodes have types has few plans, and one without types has all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kgplatform import queries
from kgplatform.answer.question_words import readings
from kgplatform.store.ask import Step
from kgplatform.store.client import Store
from kgplatform.store.observed_schema import schema_of_graph
from kgplatform.text.words import relation_words

Form = Literal["follow", "both", "check", "rank"]
"""Steps from one entity; a step from each of two to the same; whether a step joins two; from which
entity a step leads to most."""

MOST_CHAINS = 800
MOST_PAIRS = 400
"""Plans of two steps and of two entities; in graphs with more, those of the commonest relations."""

LabelSet = frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question is answered.

    Attributes:
        form: Which query.
        steps: Its relations; those of ``both`` begin in the first and in the second entity.
        count: Whether how many there are is asked.
    """

    form: Form
    steps: tuple[Step, ...]
    count: bool = False

    @property
    def entities(self) -> int:
        """How many entities it begins in."""
        return {"follow": 1, "both": 2, "check": 2, "rank": 0}[self.form]

    def __str__(self) -> str:
        """As people read it in messages and as examples give it."""
        between = " & " if self.form == "both" else " "
        name = "count" if self.count else self.form
        return f"{name}: {between.join(map(str, self.steps))}"


@dataclass(frozen=True)
class GraphShape:
    """Which labels the relations of a graph join.

    Attributes:
        starts: How many facts each step begins in, by the labels of the entity.
        ends: The same of what it leads to.
        symmetric: Relations that hold both ways.
    """

    starts: Mapping[Step, Counter[LabelSet]]
    ends: Mapping[Step, Counter[LabelSet]]
    symmetric: frozenset[str]

    def steps(self) -> list[Step]:
        """All steps that differ, those of the commonest relations first."""
        differing = [s for s in self.starts if not (s.inverse and s.relation in self.symmetric)]
        return sorted(differing, key=lambda step: (-self.facts(step), str(step)))

    def facts(self, step: Step) -> int:
        """How many facts a step could go over."""
        return self.starts[step].total()

    def can_begin(self, step: Step, labels: LabelSet) -> bool:
        """Whether an entity of such labels may have such facts."""
        return step in self.starts and labels in self.starts[step]

    def joins(self, first: Step, second: Step) -> bool:
        """Whether the second step can follow the first."""
        return not self.ends[first].keys().isdisjoint(self.starts[second])

    def start_word(self, step: Step) -> str:
        """What is at a step's beginning, in a word."""
        return _word(self.starts[step])

    def end_word(self, step: Step) -> str:
        """What a step leads to, in a word."""
        return _word(self.ends[step])

    def roles(self, step: Step) -> list[str]:
        """What else those may be called that a step leads to: capitals, where all cities are."""
        nouns = {
            reading.word
            for other, ends in self.ends.items()
            if not other.inverse and other != step and ends.keys() == self.ends[step].keys()
            for reading in readings(other.relation)
            if reading.kind == "noun" and reading.word not in (step.relation, self.end_word(step))
        }
        return sorted(nouns) if len(nouns) == 1 and self.end_word(step) != "thing" else []


def shape_of(store: Store, graph: str) -> GraphShape:
    """The shape of a graph.

    Raises:
        InputError: There is no such graph.
    """
    schema = schema_of_graph(store, graph)
    rows = store.rows(queries.get("read/count_edge_types"), graph=graph)
    symmetric = frozenset(name for name, kind in schema.relations.items() if kind.symmetric)
    return shape_of_rows(rows, symmetric)


def shape_of_rows(rows: list[dict[str, Any]], symmetric: frozenset[str]) -> GraphShape:
    """The shape of what ``read/count_edge_types`` returns."""
    starts: dict[Step, Counter[LabelSet]] = {}
    ends: dict[Step, Counter[LabelSet]] = {}
    for row in rows:
        heads, tails = (frozenset(row[side]) - {"Entity"} for side in ("heads", "tails"))
        for inverse, begin, end in ((False, heads, tails), (True, tails, heads)):
            step = Step(row["relation"], inverse)
            starts.setdefault(step, Counter())[begin] += row["facts"]
            ends.setdefault(step, Counter())[end] += row["facts"]
    return GraphShape(starts, ends, symmetric)


def plans_of(shape: GraphShape) -> list[Plan]:
    """The plans of at most two steps that a graph allows."""
    steps = shape.steps()
    plans: list[Plan] = []
    for step in steps:
        one = Plan("follow", (step,))
        plans += [one, replace(one, count=True), Plan("check", (step,)), Plan("rank", (step,))]
    plans += [Plan("follow", each) for each in _first(_chains(shape, steps), MOST_CHAINS)]
    for each in _first(_pairs(shape, steps), MOST_PAIRS):
        plans += [Plan("both", each), Plan("both", each, count=True)]
    return plans


def _chains(shape: GraphShape, steps: list[Step]) -> Iterator[tuple[Step, Step]]:
    """Steps one after the other, the commonest first; not forth and back by a relation."""
    for at in range(len(steps)):
        for one, other in _around(steps, at):
            turned = one.relation == other.relation and one.inverse != other.inverse
            if not turned and shape.joins(one, other):
                yield one, other


def _pairs(shape: GraphShape, steps: list[Step]) -> Iterator[tuple[Step, Step]]:
    """Steps that lead to the same kind of thing, the commonest first."""
    for at in range(len(steps)):
        for one, other in _around(steps, at):
            if not shape.ends[one].keys().isdisjoint(shape.ends[other]):
                yield one, other


def _around(steps: list[Step], at: int) -> Iterator[tuple[Step, Step]]:
    """Pairs of a step with those before it, so that common ones come first."""
    yield steps[at], steps[at]
    for before in steps[:at]:
        yield steps[at], before
        yield before, steps[at]


def _first(found: Iterator[tuple[Step, Step]], most: int) -> Iterator[tuple[Step, Step]]:
    for _, each in zip(range(most), found, strict=False):
        yield each


def _word(labels: Counter[LabelSet]) -> str:
    counts: Counter[str] = Counter()
    for names, facts in labels.items():
        counts.update(dict.fromkeys(names, facts))
    if not counts:
        return "thing"
    return relation_words(max(counts, key=lambda name: (counts[name], name)))
