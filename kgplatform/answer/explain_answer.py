"""Why an answer is given: its paths, and what is left of it without each of their facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kgplatform.answer.explanation import Counterfactual, Explained, Explanation, RuleReason
from kgplatform.answer.records import Answer, AnswerEntity, Path
from kgplatform.store.statements import Statement


def explain_answer(answer: Answer, *, limit: int = 5) -> list[Explanation]:
    """Why each entity answers a question, the surest first; of no answer, why not.

    What is left without a fact is the surest of the paths that do not take it: exact for answers
    that their paths prove, a bound from below where a model found them in another way.

    Args:
        answer: With its paths.
        limit: Most entities, and most paths of each.
    """
    if not answer.answers:
        return [Explanation("answer", answer.text, confidence=answer.confidence)]
    return [
        explain_entity(each, "answer", f"{answer.question} {each.name}", limit=limit)
        for each in answer.answers[:limit]
    ]


def explain_entity(
    entity: AnswerEntity, kind: Explained, subject: str, *, limit: int = 5
) -> Explanation:
    """Why an entity answers, or is recommended.

    Args:
        entity: With its paths.
        kind: What it is.
        subject: It in words.
        limit: Most paths.
    """
    paths = tuple(path for path in entity.paths[:limit] if path.statements)
    notes = () if paths else ("no path says why: a model found it",)
    return Explanation(
        kind,
        subject,
        confidence=entity.confidence,
        paths=paths,
        rules=_rules(paths),
        counterfactuals=without_each(paths),
        notes=notes,
        head=_other_end(paths, entity.id),
        tail=entity.id,
    )


def without_each(paths: Sequence[Path]) -> tuple[Counterfactual, ...]:
    """How sure the surest path is that does not take a fact, for each fact of the surest."""
    if not paths:
        return ()
    best = max(paths, key=lambda path: path.confidence)
    bare = Counterfactual(best.statements[0], False, "path", best.confidence, 0.0)
    return tuple(
        replace(
            bare,
            without=each,
            after=max((p.confidence for p in paths if not _takes(p, each)), default=0.0),
        )
        for each in best.statements
    )


def _takes(path: Path, statement: Statement) -> bool:
    mirror = statement.tail, statement.relation, statement.head
    return any(
        each.id == statement.id or (each.head, each.relation, each.tail) == mirror
        for each in path.statements
    )


def _rules(paths: Sequence[Path]) -> tuple[RuleReason, ...]:
    """Rules that the paths are known to be instances of; how often they hold is not."""
    return tuple(
        RuleReason(path.rule, path.confidence, 0, 0, path.statements)
        for path in paths
        if path.rule is not None
    )


def _other_end(paths: Sequence[Path], end: str) -> str | None:
    """Where the first path starts, if it ends at the entity."""
    from kgplatform.answer.explanation import passed

    if not paths:
        return None
    ids = [key for key, _ in passed(paths[0])]
    return ids[0] if ids[-1] == end else ids[-1]
