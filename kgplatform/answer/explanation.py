"""What an explanation is made of: the same for commands, pictures, Browser and the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kgplatform.answer.records import Path
from kgplatform.store.statements import Statement

Explained = Literal["link", "answer", "recommendation", "classification"]
Basis = Literal["path", "rule", "model", "answer"]


@dataclass(frozen=True, slots=True)
class RuleReason:
    """A rule that gives a link.

    Attributes:
        rule: The rule.
        confidence: How often it is right where its body holds.
        support: How often it is right.
        body_size: How often its body holds.
        statements: Facts of the graph that fulfil its body here.
    """

    rule: str
    confidence: float
    support: int
    body_size: int
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A training example that is like what is explained.

    Attributes:
        text: It in words.
        similarity: The mean cosine of its ends' vectors with the link's; of a text, of the fused
            vectors.
        statement: The fact; None for a text.
        label: The text's class; None for a fact.
    """

    text: str
    similarity: float
    statement: Statement | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What changes when a fact is taken away.

    Attributes:
        without: The fact.
        mirrored: Whether the same fact from tail to head is taken away with it.
        of: What changes: the surest ``path``'s confidence, the best ``rule``'s confidence, the
            probability that a ``model`` gives, or an ``answer``'s confidence.
        before: With the fact.
        after: Without it; 0 where nothing is left.
        rank_before: The link's place among the answers of a model; None for the others.
        rank_after: Likewise, without the fact.
    """

    without: Statement
    mirrored: bool
    of: Basis
    before: float
    after: float
    rank_before: int | None = None
    rank_after: int | None = None


@dataclass(frozen=True, slots=True)
class ModelView:
    """What a run's model thinks of a link.

    Attributes:
        run: The run.
        model: Its model.
        probability: Of the tail among all entities that are not known to answer; not calibrated.
        rank: Its place among them, from 1.
        entities: How many there are.
    """

    run: str
    model: str
    probability: float
    rank: int
    entities: int


@dataclass(frozen=True, slots=True)
class ModalityWeight:
    """What a modality is worth to a classification.

    Attributes:
        modality: ``text``, ``graph``, or one of what the graph's side is made of.
        weight: Its share in the fused vector, from 0 to 1; None for parts of the graph's side.
        probability: Of the class with everything.
        without: Of the class with the modality taken away.
        label_without: The class that would be told then.
    """

    modality: str
    weight: float | None
    probability: float
    without: float
    label_without: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something is said.

    Attributes:
        kind: What is explained.
        subject: It in words.
        statement: The link, where it is in the graph: asserted or predicted, and by whom.
        confidence: That it is right, where the graph or the answer says so.
        paths: Facts that lead from one end to the other, the surest first.
        rules: Rules that give it, the surest first.
        examples: Training examples that are most like it.
        counterfactuals: What changes without a fact.
        model: What a model thinks of it, where a run was named.
        modalities: Of a classification.
        notes: What could not be looked at, and why.
        head: entity_id of where it starts; None where it starts nowhere.
        tail: entity_id of where it ends.
    """

    kind: Explained
    subject: str
    statement: Statement | None = None
    confidence: float | None = None
    paths: tuple[Path, ...] = ()
    rules: tuple[RuleReason, ...] = ()
    examples: tuple[Example, ...] = ()
    counterfactuals: tuple[Counterfactual, ...] = ()
    model: ModelView | None = None
    modalities: tuple[ModalityWeight, ...] = ()
    notes: tuple[str, ...] = ()
    head: str | None = None
    tail: str | None = None


def passed(path: Path, start: str | None = None) -> list[tuple[str, str]]:
    """The entities that a path passes in order, as id and name.

    Args:
        path: With at least one fact.
        start: Where it begins; without, where its first fact is left by no other.
    """
    names: dict[str, str] = {}
    for each in path.statements:
        names |= {each.head: each.head_name, each.tail: each.tail_name}
    first = path.statements[0]
    at = first.head
    if len(path.statements) > 1:
        second = path.statements[1]
        at = first.tail if first.head in (second.head, second.tail) else first.head
    elif start in (first.head, first.tail):
        at = str(start)
    found = [at]
    for each in path.statements:
        at = each.tail if at == each.head else each.head
        found.append(at)
    return [(key, names[key]) for key in found]
