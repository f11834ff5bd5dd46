"""What answers are made of: the same for the command line, the service and assistants."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from kgplatform.store.statements import Kind, Passage, Statement


@dataclass(frozen=True, slots=True)
class Path:
    """Facts that lead from one entity to another.

    Attributes:
        statements: In the order in which they are walked, whatever their direction.
        confidence: The product of theirs, or what a model says of the path.
        rule: The rule that it is an instance of, where one is known.
    """

    statements: tuple[Statement, ...]
    confidence: float
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerEntity:
    """An entity that answers.

    Attributes:
        id: Its entity_id.
        name: What it is called.
        confidence: That it is right, from 0 to 1.
        kind: ``asserted`` where facts of the graph say it, ``predicted`` where a model does.
        paths: Why, the surest first.
        evidence: What texts say for it.
    """

    id: str
    name: str
    confidence: float
    kind: Kind
    paths: tuple[Path, ...] = ()
    evidence: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    Attributes:
        question: As it was asked.
        text: The answer in words; says so where there is none.
        answers: The entities, the surest first; empty where the answer is not known.
        strategy: How it was found; ``none`` where it was not.
        confidence: That the answer is right, from 0 to 1.
        cypher: The query that was run, where one was.
        params: Its parameters.
    """

    question: str
    text: str
    answers: tuple[AnswerEntity, ...]
    strategy: str
    confidence: float
    cypher: str | None = None
    params: dict[str, Any] | None = None


def data_of(record: Any) -> dict[str, Any]:
    """A record of this package as JSON has it, the same wherever it is shown."""
    data: dict[str, Any] = asdict(record)
    return data
