"""Why a link holds, or is predicted: paths, rules, similar facts, and what it hangs on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from kgplatform.answer.counterfactuals import Changes, reasons_for
from kgplatform.answer.explainer import (
    Explainer,
    Triple,
    facts_of,
    indexes_of,
    names_of,
    open_explainer,
)
from kgplatform.answer.explanation import (
    Counterfactual,
    Example,
    Explanation,
    ModelView,
    RuleReason,
)
from kgplatform.answer.records import Path
from kgplatform.errors import UnknownNameError
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.paths import FoundPath, shortest_paths, surest_path
from kgplatform.store.search import find_entity, name_of
from kgplatform.store.statements import Statement, statements_between
from kgplatform.text.wording import sentence_of
from kgplatform.triples import fact_id

if TYPE_CHECKING:
    from kgplatform.rules.predict import Reason
    from kgplatform.training.artifacts import Run

HOPS = 4


def explain_link(
    store: Store,
    settings: Settings,
    graph: str,
    head: str,
    relation: str,
    tail: str,
    *,
    run: Run | str | None = None,
    max_hops: int = HOPS,
    limit: int = 5,
    counterfactuals: bool = True,
    explainer: Explainer | None = None,
) -> Explanation:
    """Why a link holds or may hold. A fact that is there does not explain itself.

    Args:
        store: The database.
        settings: Where runs and rules are.
        graph: The graph.
        head: An entity's id or name.
        relation: Its name.
        tail: Another entity's id or name.
        run: A run whose model is asked, too, or its id.
        max_hops: Most facts of a path.
        limit: Most paths, rules, similar facts, and facts that are taken away of each kind.
        counterfactuals: Whether facts are taken away in turn.
        explainer: Of the graph and run, if one is open; without, one is opened.

    Raises:
        InputError: There is no such entity (the hint suggests some).
        UnknownNameError: The graph has no such relation, or there is no such run.
    """
    ends = find_entity(store, graph, head), find_entity(store, graph, tail)
    used = explainer or open_explainer(store, settings, graph, run=run)
    if relation not in used.snapshot.relations:
        raise UnknownNameError("relation", relation, used.snapshot.relations)
    link: Triple = (ends[0], relation, ends[1])
    between = statements_between(store, graph, [ends]).get(ends, [])
    statement = next((each for each in between if _triple(each) == link), None)
    notes: list[str] = []
    found = _paths(store, graph, link, max_hops, limit)
    reasons = _reasons(used, link, limit, notes)
    changes = Changes(store, used, link, max_hops, limit)
    without: list[tuple[Triple, Counterfactual]] = []
    if counterfactuals:
        without = [*changes.of_path(found), *changes.of_rules(reasons)]
    view: ModelView | None = None
    similar: list[tuple[Triple, float]] = []
    if used.model is not None:
        view, similar = _asked(used, link, limit, notes)
        if counterfactuals and view is not None:
            without += changes.of_model(found, reasons)
    cited = cite(
        store,
        graph,
        [
            *(fact for path in found for fact in facts_of(path)),
            *(fact for reason in reasons for fact in reason.facts),
            *(fact for fact, _ in (*similar, *without)),
        ],
    )
    return Explanation(
        "link",
        _subject(store, graph, link, statement),
        statement,
        None if statement is None else statement.confidence,
        tuple(
            Path(tuple(cited[fact] for fact in facts_of(path)), path.confidence) for path in found
        ),
        tuple(
            RuleReason(
                reason.rule,
                reason.confidence,
                reason.support,
                reason.body_size,
                tuple(cited[fact] for fact in reason.facts),
            )
            for reason in reasons
        ),
        tuple(Example(_said(cited[fact]), value, cited[fact]) for fact, value in similar),
        tuple(replace(change, without=cited[fact]) for fact, change in without),
        view,
        notes=tuple(notes),
        head=ends[0],
        tail=ends[1],
    )


def cite(store: Store, graph: str, facts: Iterable[Triple]) -> dict[Triple, Statement]:
    """Facts as statements; those that the graph has no more are asserted by nobody."""
    wanted = list(dict.fromkeys(facts))
    pairs = statements_between(store, graph, [(head, tail) for head, _, tail in wanted])
    found = {}
    for fact in wanted:
        head, relation, tail = fact
        same = [each for each in pairs.get((head, tail), ()) if _triple(each) == fact]
        bare = Statement(
            fact_id(graph, head, relation, tail), head, head, relation, tail, tail, "asserted", 1.0
        )
        found[fact] = same[0] if same else bare
    return found


def _paths(store: Store, graph: str, link: Triple, max_hops: int, limit: int) -> list[FoundPath]:
    """Paths without the link and its mirror: single facts, then longer ones, the surest too."""
    head, relation, tail = link
    out = {link, (tail, relation, head)}

    def shortest() -> list[FoundPath]:
        return shortest_paths(
            store,
            graph,
            head,
            tail,
            max_hops=max_hops,
            predicted=True,
            limit=4 * limit,
            without=out,
        )

    if head == tail:
        return []
    found = shortest()
    if found and len(found[0].facts) == 1:
        out |= {fact for path in found for fact in facts_of(path)}
        found += shortest()
    surest = surest_path(store, graph, head, tail, max_hops=max_hops, predicted=True, without=out)
    if surest is not None and surest not in found:
        found.append(surest)
    # Of equals, a shorter one says more; a relation in both directions is one way.
    found.sort(key=lambda path: (-path.confidence, len(path.facts), path.ids))
    ways = {(path.ids, tuple(fact.relation for fact in path.facts)): path for path in found[::-1]}
    return list(ways.values())[::-1][:limit]


def _reasons(used: Explainer, link: Triple, limit: int, notes: list[str]) -> list[Reason]:
    """The surest rules that give a link; counted for it alone where none were mined."""
    from kgplatform.rules.predict import Reason
    from kgplatform.training.known import answers_of_triples
    from kgplatform.training.support import SupportFinder

    indexes = indexes_of(used.snapshot, link)
    if indexes is None:
        notes.append("an end has no facts, so that no rule can give the link")
        return []
    mirror = (link[2], link[1], link[0])
    if used.rules is not None:
        return reasons_for(used.rules, indexes, mirror)[:limit]
    notes.append(
        "no rules were mined from this graph as it is (`kgp rules mine`): the pattern of the best "
        "path was counted for this link alone"
    )
    import torch

    train = used.snapshot.triples("train")
    finder = SupportFinder(
        used.snapshot, answers_of_triples(train, used.snapshot.num_entities, "tail")
    )
    (best,) = finder.find(torch.tensor([indexes]))
    if best is None or not {link, mirror}.isdisjoint(best.facts):
        return []
    right = round(best.confidence * best.pairs)
    return [Reason(best.rule, best.confidence, right, best.pairs, best.facts)]


def _asked(
    used: Explainer, link: Triple, limit: int, notes: list[str]
) -> tuple[ModelView | None, list[tuple[Triple, float]]]:
    """What the model thinks of a link, and the training facts that are most like it."""
    from kgplatform.training.influence import opinion, similar_facts

    assert used.model is not None
    assert used.run is not None
    indexes = indexes_of(used.snapshot, link)
    if indexes is None:
        notes.append(f"run {used.run.id} knows an end of the link not")
        return None, []
    thought = opinion(used.model, indexes, used.snapshot.triples())
    view = ModelView(
        used.run.id,
        used.run.config.model,
        thought.probability,
        thought.rank,
        used.snapshot.num_entities,
    )
    similar = similar_facts(
        used.model.entity_vectors().detach(), used.snapshot.triples("train"), indexes, limit
    )
    return view, [(names_of(used.snapshot, each.fact), each.similarity) for each in similar]


def _triple(statement: Statement) -> Triple:
    return statement.head, statement.relation, statement.tail


def _said(statement: Statement) -> str:
    return sentence_of(statement.relation, [statement.head_name], [statement.tail_name])


def _subject(store: Store, graph: str, link: Triple, statement: Statement | None) -> str:
    """The link in words."""
    if statement is not None:
        return _said(statement)
    head, relation, tail = link
    return sentence_of(relation, [name_of(store, graph, head)], [name_of(store, graph, tail)])
