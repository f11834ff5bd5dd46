"""Why an item is recommended: ways to it, and its place without each thing that is liked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kgplatform.answer.explain import cite
from kgplatform.answer.explain_answer import explain_entity
from kgplatform.answer.explanation import Counterfactual, Explanation
from kgplatform.answer.recommend import Recommender, paths_to, recommend
from kgplatform.answer.records import AnswerEntity
from kgplatform.errors import InputError
from kgplatform.store.recommendation import liked_by
from kgplatform.store.search import find_entity, name_of
from kgplatform.store.statements import Statement

LOOKED_AT = 200
"""Places of a list in which an item is looked for."""


def explain_recommendation(
    recommender: Recommender, entity: str, item: str, *, limit: int = 5
) -> Explanation:
    """Why an item is among what an entity may like.

    What it hangs on is found by folding in: the mean vector of all that is liked stands for the
    entity, then that of all but one. So "before" is not the list's own confidence where the run
    learnt of the entity itself.

    Args:
        recommender: An open run.
        entity: The id or the name of who gets it.
        item: The id or the name of what is recommended.
        limit: Most paths, and most liked things that are taken away.

    Raises:
        InputError: There is no such entity or item, or it is not among the first 200 places.
    """
    store, graph, trained = recommender.store, recommender.graph, recommender.trained
    user, wanted = find_entity(store, graph, entity), find_entity(store, graph, item)
    listed = recommend(recommender, user, top_k=LOOKED_AT, paths=0)
    if all(each.id != wanted for each in listed):
        listed = recommend(recommender, user, top_k=LOOKED_AT, include_known=True, paths=0)
    found = next((each for each in listed if each.id == wanted), None)
    if found is None:
        raise InputError(
            f"{item!r} is not among the first {LOOKED_AT} recommendations for {entity!r}",
            hint="kgp recommend lists them",
        )
    liked = [each for each in liked_by(store, graph, user, trained.relation) if each != wanted]
    rows = [recommender.item_row[each] for each in liked if each in recommender.item_row]
    paths = paths_to(recommender, user, rows, [wanted], limit)[wanted] if rows else []
    place = next(at for at, each in enumerate(listed, 1) if each.id == wanted)
    answer = AnswerEntity(
        wanted,
        found.name,
        found.confidence or 0.0,
        "predicted",
        tuple(path for path, _ in paths),
    )
    subject = f"{found.name} is recommended to {name_of(store, graph, user)} (place {place:,})"
    notes = (
        [] if found.confidence is not None else ["how probable it is, validation could not tell"]
    )
    if found.known:
        notes.append("the graph says already that they like it")
    explained = explain_entity(answer, "recommendation", subject, limit=limit)
    return replace(
        explained,
        confidence=found.confidence,
        rules=(),
        counterfactuals=_without_each(recommender, user, wanted, rows, limit),
        notes=(*explained.notes, *notes),
        head=user,
    )


def _without_each(
    recommender: Recommender, user: str, item: str, liked: list[int], limit: int
) -> tuple[Counterfactual, ...]:
    """Place and probability of an item without the liked things that are nearest to it."""
    import torch

    if len(liked) < 2:
        return ()
    trained, row = recommender.trained, recommender.item_row[item]
    every = torch.tensor(liked)
    near = trained.ranker.nearness(row, every).topk(min(limit, len(liked))).indices
    before = _place(recommender, every, row)
    facts = [(user, trained.relation, trained.items[liked[at]]) for at in near.tolist()]
    cited = cite(recommender.store, recommender.graph, facts)
    changes = []
    for at, fact in zip(near.tolist(), facts, strict=True):
        kept = torch.tensor([each for place, each in enumerate(liked) if place != at])
        changes.append(_change(cited[fact], before, _place(recommender, kept, row)))
    return tuple(sorted(changes, key=lambda each: (each.after, -(each.rank_after or 0))))


def _place(recommender: Recommender, liked: object, row: int) -> tuple[int, float]:
    """Place and probability of an item for whoever likes some, these left out."""
    import torch

    from kgplatform.recommend.confidence import standardised

    assert isinstance(liked, torch.Tensor)
    scores = recommender.trained.ranker.fold_in(liked).clone()
    scores[liked] = -torch.inf
    rank = 1 + int((scores > scores[row]).sum())
    confidence = recommender.trained.confidence.get("fold_in")
    if confidence is None:
        return rank, 1 / rank
    far = standardised(scores)[row].item()
    return rank, float(confidence.of(np.array([rank]), np.array([far]))[0])


def _change(
    without: Statement, before: tuple[int, float], after: tuple[int, float]
) -> Counterfactual:
    return Counterfactual(without, False, "model", before[1], after[1], before[0], after[0])
