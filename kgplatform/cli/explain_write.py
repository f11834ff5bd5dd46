"""Explanations in the graph, as a subgraph that Browser draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgplatform.answer.explanation import Explanation
    from kgplatform.settings import Settings
    from kgplatform.training.artifacts import Run

EXPLAINED = "explanation"
"""The model that a run's node names where an explanation is nobody's run."""


def write_explanation(
    settings: Settings, found: Explanation, graph: str, run: Run | None, dry_run: bool
) -> dict[str, Any]:
    """Write the paths and rules of an explanation as an answer with its ways; or say what would be.

    Where no run is explained, the explanation gets a run of its own, for ``kgp undo``.
    """
    from kgplatform import queries
    from kgplatform.answer.explanation import passed
    from kgplatform.cli.connection import target_of_source
    from kgplatform.cli.explain_text import fact_line, path_line
    from kgplatform.cli.write import run_properties
    from kgplatform.connection import open_store
    from kgplatform.store.answers import Answer, write_answers
    from kgplatform.training.artifacts import new_run_id
    from kgplatform.triples import fact_id

    if dry_run:
        statement = queries.get("write/replace_answer")
        return {"dry_run": True, "would_write": 1, "statements": [statement]}
    target = target_of_source({"graph": graph}, None, None, None)
    own = run.id if run is not None else new_run_id("explain", settings.kgp_runs)
    properties = {"model": EXPLAINED, "graph": graph}
    if run is not None:
        properties = run_properties(run, target)
    relation = found.statement.relation if found.statement else found.subject
    answer = Answer(
        fact_id(own, found.head or "", relation, found.tail or ""),
        {
            "graph": graph,
            "kind": found.kind,
            "name": found.subject,
            "answer": found.tail or found.head or "",
            "probability": _probability(found),
            "rank": 1 if found.model is None else found.model.rank,
            "paths": [path_line(path, found.head) for path in found.paths],
            "rules": [f"{each.rule} ({each.confidence:.3f})" for each in found.rules],
            "hangs_on": [
                f"{fact_line(each.without)}: {each.before:.3f} to {each.after:.3f}"
                for each in found.counterfactuals
            ],
        },
        tuple(
            dict.fromkeys(
                way
                for way in (
                    *(tuple(key for key, _ in passed(path, found.head)) for path in found.paths),
                    *(
                        tuple(dict.fromkeys(e for s in rule.statements for e in (s.head, s.tail)))
                        for rule in found.rules
                    ),
                )
            )
        ),
    )
    with open_store(settings) as store:
        written = write_answers(store, own, properties, target, [answer])
    return {"run": own, "written": written}


def answers_drawn(run: str) -> str:
    """The query that draws a run's answers in Browser, to be read and typed."""
    return f"MATCH p = (:Answer {{run: '{run}'}})-[:STEP]->() RETURN p"


def written_text(data: dict[str, Any]) -> str:
    """What was written, or would be."""
    if data.get("dry_run"):
        return f"\n{data['statements'][0]}\nwould write 1 answer; nothing was written"
    written = data["written"]
    return (
        f"an answer with {written['steps']:,} steps is in the graph: "
        f"{answers_drawn(data['run'])}\n"
        f"kgp undo {data['run']} takes it out"
    )


def _probability(found: Explanation) -> float:
    if found.confidence is not None:
        return found.confidence
    if found.model is not None:
        return found.model.probability
    return max((each.confidence for each in found.rules), default=0.0)
