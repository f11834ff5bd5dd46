"""Mined rules as what supports predicted links."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.settings import Settings
    from kgplatform.training.predict import PredictedLink


def supported(
    settings: Settings, snapshot: KGSnapshot, links: list[PredictedLink]
) -> tuple[list[PredictedLink], str | None]:
    """Links supported by the newest rules that were mined from this very graph, and their id.

    A link that no rule gives keeps the path that it has, as all do where no rules were mined.
    """
    import dataclasses

    from kgplatform.rules.files import list_rules, load_rules

    mined = [each for each in list_rules(settings.kgp_rules) if each.digest == snapshot.digest]
    if not mined or not links:
        return links, None
    from kgplatform.rules.evaluate import all_in_splits, train_matrices
    from kgplatform.rules.predict import RulePredictor
    from kgplatform.training.support import Support

    facts = all_in_splits(snapshot)
    predictor = RulePredictor(facts, train_matrices(facts), load_rules(mined[-1], snapshot))
    entity = {name: index for index, name in enumerate(snapshot.entities)}
    relation = {name: index for index, name in enumerate(snapshot.relations)}
    found = []
    for link in links:
        reason = predictor.reason(relation[link.relation], entity[link.head], entity[link.tail])
        if reason is not None:
            support = Support(reason.rule, reason.confidence, reason.body_size, reason.facts)
            link = dataclasses.replace(link, support=support)
        found.append(link)
    return found, mined[-1].id
