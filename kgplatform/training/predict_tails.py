"""One query (head, relation, ?) at a time, of a run whose confidence was fitted once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kgplatform.errors import UnknownNameError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.artifacts import Run
from kgplatform.training.predict import PredictedLink, Prepared, candidates, prepare


@dataclass(frozen=True, eq=False)
class TailPredictor:
    """A run that is ready to be asked.

    Attributes:
        run: Its id.
        prepared: Its model, its graph and how confidence was fitted.
        entities: entity_index of each entity_id.
        relations: The same of relations.
    """

    run: str
    prepared: Prepared
    entities: dict[str, int]
    relations: dict[str, int]


def open_tails(run: Run, snapshot: KGSnapshot) -> TailPredictor:
    """Load a run and fit its confidence.

    Raises:
        RunError: As :func:`kgplatform.training.predict.predict`.
    """
    ready = prepare(run, snapshot)
    return TailPredictor(
        run.id,
        ready,
        {name: at for at, name in enumerate(ready.entities)},
        {name: at for at, name in enumerate(ready.relations)},
    )


def likely_tails(
    predictor: TailPredictor, head: str, relation: str, *, top_k: int = 10
) -> list[PredictedLink]:
    """The likeliest tails that no fact gives, also for a head that has none of the relation yet.

    Raises:
        UnknownNameError: The run knows no such relation or entity.
    """
    if relation not in predictor.relations:
        raise UnknownNameError("relation", relation, predictor.relations)
    if head not in predictor.entities:
        raise UnknownNameError("entity", head, predictor.entities)
    ready = predictor.prepared
    asked = torch.tensor([predictor.entities[head]])
    at = predictor.relations[relation]
    links = []
    with torch.no_grad():
        for rows in candidates(ready.model, ready.graph, at, asked, ready.graph.known, top_k):
            sure = ready.calibration.curve.confidence(rows.score.numpy(), rows.log_share.numpy())
            for tail, score, confidence, rank in zip(
                rows.tail.tolist(), rows.score.tolist(), sure.tolist(), rows.rank.tolist(),
                strict=True,
            ):  # fmt: skip
                name = ready.entities[tail]
                links.append(PredictedLink(head, relation, name, score, confidence, rank))
    return sorted(links, key=lambda link: (-link.confidence, link.rank))
