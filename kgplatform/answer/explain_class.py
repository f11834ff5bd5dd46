"""Why an entity's texts have their class, by a run of ``kgp train joint-classify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgplatform.answer.explanation import Example, Explanation, ModalityWeight
from kgplatform.errors import InputError
from kgplatform.settings import Settings

if TYPE_CHECKING:
    from kgplatform.joint.reasons import Reasons
    from kgplatform.training.artifacts import Run

TEXT, GRAPH = "text", "graph"
LONGEST = 80


def explain_class(
    settings: Settings, run: Run | str, what: str, *, limit: int = 5
) -> list[Explanation]:
    """What text and graph are worth to the class of each text that names an entity.

    Args:
        settings: Where runs are.
        run: Of ``kgp train joint-classify``, or its id.
        what: An entity_id, or the number of a text, from 0.
        limit: Most texts, and most similar ones of each.

    Raises:
        UnknownNameError: There is no such run.
        RunError: It keeps no reasons.
        InputError: No text of it names such an entity (the hint suggests some).
    """
    from kgplatform.joint.reasons import load_reasons
    from kgplatform.training.artifacts import find_run, load_run

    if isinstance(run, str):
        run = load_run(find_run(settings.kgp_runs, run))
    every = load_reasons(run.folder)
    chosen = [each for each in every if what in each.entities]
    if not chosen and what.isdecimal() and int(what) < len(every):
        chosen = [every[int(what)]]
    if not chosen:
        raise InputError(f"no text of run {run.id} names {what!r}", hint=_hint(what, every))
    return [_explanation(each, every, limit) for each in chosen[:limit]]


def _hint(what: str, every: list[Reasons]) -> str:
    from difflib import get_close_matches

    known = {entity for each in every for entity in each.entities}
    meant = get_close_matches(what, known, n=3)
    return f"did you mean: {', '.join(meant)}" if meant else "give an entity_id or a text's number"


def _explanation(each: Reasons, every: list[Reasons], limit: int) -> Explanation:
    weights = {TEXT: each.weight_text, GRAPH: each.weight_graph}
    known = f", in truth {each.label}" if each.label and each.label != each.told else ""
    notes = []
    if not each.entities:
        notes.append("the text names no entity, so that the graph says nothing of it")
    return Explanation(
        "classification",
        f"“{_short(each.text)}” is {each.told}{known}",
        confidence=each.probability,
        examples=tuple(
            Example(_short(every[row].text), cosine, label=every[row].label)
            for row, cosine in each.nearest[:limit]
        ),
        modalities=tuple(
            ModalityWeight(
                worth.modality,
                # A part of the graph's side may be called as a whole is; the first is the whole.
                weights.pop(worth.modality, None),
                each.probability,
                worth.without,
                worth.label,
            )
            for worth in each.worth
        ),
        notes=tuple(notes),
        head=each.entities[0] if each.entities else None,
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
