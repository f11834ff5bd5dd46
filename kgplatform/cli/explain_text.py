"""Explanations for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgplatform.answer.explanation import passed
from kgplatform.cli.output import table

if TYPE_CHECKING:
    from kgplatform.answer.explanation import Counterfactual, Explanation
    from kgplatform.answer.records import Path
    from kgplatform.store.statements import Statement

BASES = {
    "path": "the surest path",
    "rule": "the best rule left",
    "model": "the model's probability",
    "answer": "the answer",
}


def explanation_text(found: Explanation) -> str:
    """What is explained, and all that speaks for it."""
    parts = [_heading(found)]
    if found.model is not None:
        view = found.model
        parts.append(
            f"{view.model} ({view.run}) has it on place {view.rank:,} of {view.entities:,}, "
            f"probability {view.probability:.3f}"
        )
    if found.modalities:
        parts.append(_modalities(found))
    if found.paths:
        parts.append(
            "paths:\n" + "\n".join(f"  {path_line(path, found.head)}" for path in found.paths)
        )
    if found.rules:
        parts.append("rules:\n" + _rules(found))
    if found.examples:
        rows = [[f"{each.similarity:.2f}", each.text, each.label or ""] for each in found.examples]
        parts.append("most alike in training:\n" + table(["cosine", "", "class"], rows))
    if found.counterfactuals:
        lines = [f"  {_change(each)}" for each in found.counterfactuals]
        parts.append("without a fact:\n" + "\n".join(lines))
    parts += [f"note: {each}" for each in found.notes]
    return "\n\n".join(parts)


def path_line(path: Path, start: str | None = None) -> str:
    """A path with its facts' directions, and how sure it is."""
    entities = passed(path, start)
    parts = [entities[0][1]]
    for each, (at, _), (_, name) in zip(path.statements, entities, entities[1:], strict=False):
        label = each.relation if each.kind == "asserted" else f"{each.relation}, predicted"
        parts += [f"-[{label}]->" if each.head == at else f"<-[{label}]-", name]
    return f"{path.confidence:.3f}  {' '.join(parts)}"


def fact_line(statement: Statement) -> str:
    """A fact by its names."""
    return f"{statement.head_name} -[{statement.relation}]-> {statement.tail_name}"


def _heading(found: Explanation) -> str:
    statement = found.statement
    if found.kind != "link":
        sure = "" if found.confidence is None else f"  {found.confidence:.3f}"
        return found.subject + sure
    if statement is None:
        return f"{found.subject}\n  the graph does not say so"
    where = ", ".join(statement.sources) or statement.run or "nobody named"
    return f"{found.subject}\n  {statement.kind}, confidence {statement.confidence:.2f}, by {where}"


def _rules(found: Explanation) -> str:
    lines = []
    for each in found.rules:
        counted = f": right {each.support:,} times in {each.body_size:,}" if each.body_size else ""
        lines.append(f"  {each.confidence:.3f}  {each.rule}{counted}")
        lines.append(f"         here {'; '.join(map(fact_line, each.statements))}")
    return "\n".join(lines)


def _change(each: Counterfactual) -> str:
    mirror = " and back" if each.mirrored else ""
    ranks = ""
    if each.rank_before is not None:
        ranks = f", place {each.rank_before:,} → {each.rank_after:,}"
    return (
        f"{fact_line(each.without)}{mirror}: {BASES[each.of]} {each.before:.3f} → "
        f"{each.after:.3f}{ranks}"
    )


def _modalities(found: Explanation) -> str:
    rows = [
        [
            each.modality,
            "" if each.weight is None else f"{each.weight:.2f}",
            f"{each.without:.3f}",
            each.label_without,
        ]
        for each in found.modalities
    ]
    return table(["modality", "share of the vector", "probability without", "class then"], rows)
