"""Answers by parametrised queries: a plan is run, and what it reaches is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kgplatform.answer.ask_choose import Choice
from kgplatform.answer.ask_offers import Offer
from kgplatform.answer.records import Answer, AnswerEntity, Path
from kgplatform.store.ask import End, Reached, check_fact, follow, follow_both, rank_ends
from kgplatform.store.client import Store
from kgplatform.store.search import names_of
from kgplatform.store.statements import Passage, Statement, passages
from kgplatform.text.words import relation_words

STRATEGY = "template"
TRIED = 4
"""Plans that are run until one reaches something."""

MOST_ENDS = 10_000
SHOWN = 10
"""Names in an answer's text."""


@dataclass(frozen=True)
class Tried:
    """A plan that was run.

    Attributes:
        choice: Which.
        reached: What came of it.
        predicted: Whether predicted links were walked over, too.
    """

    choice: Choice
    reached: Reached
    predicted: bool = False


def run_plan(
    store: Store, graph: str, choice: Choice, *, predicted: bool = False, limit: int = MOST_ENDS
) -> Tried:
    """Run the query of a plan."""
    plan, entities = choice.plan, choice.entities
    if plan.form == "rank":
        reached = rank_ends(store, graph, plan.steps[0], limit=limit)
    elif plan.form == "follow":
        reached = follow(store, graph, entities[0], plan.steps, predicted=predicted, limit=limit)
    elif plan.form == "check":
        both = entities[0], entities[1]
        reached = check_fact(store, graph, both, plan.steps[0], predicted=predicted)
    else:
        both, steps = (entities[0], entities[1]), (plan.steps[0], plan.steps[1])
        reached = follow_both(store, graph, both, steps, predicted=predicted, limit=limit)
    return Tried(choice, reached, predicted)


def first_that_reaches(store: Store, graph: str, found: Sequence[Choice]) -> Tried | None:
    """The likeliest plan that reaches something, by asserted facts, else by predicted ones.

    A question of yes or no is answered by nothing, too.
    """
    for choice in found[:TRIED]:
        for predicted in (False, True):
            tried = run_plan(store, graph, choice, predicted=predicted)
            if tried.reached.ends or (choice.plan.form == "check" and predicted):
                return tried
    return None


def template_answer(
    store: Store, graph: str, question: str, found: Sequence[Choice], top_k: int
) -> Offer | None:
    """The answer of the likeliest plan that reaches something; None where none does."""
    tried = first_that_reaches(store, graph, found)
    if tried is None:
        return None
    sure = tried.choice.confidence
    answers = entities_of(store, graph, tried.reached.ends, sure, top_k)
    said = Answer(
        question,
        _text(store, graph, tried, answers),
        answers,
        STRATEGY,
        # Nothing there is weaker evidence than something: the graph may lack it.
        max((each.confidence for each in answers), default=sure * 0.9),
        tried.reached.cypher,
        tried.reached.params,
    )
    meant = () if tried.choice.plan.form == "check" else tried.reached.ends
    return Offer(said, frozenset(end.id for end in meant))


def entities_of(
    store: Store, graph: str, ends: Sequence[End], sure: float, top_k: int
) -> tuple[AnswerEntity, ...]:
    """What a query reached, the surest first, each with its paths and what texts say for it.

    Args:
        store: The database.
        graph: The graph.
        ends: What was reached.
        sure: That the query is the right one.
        top_k: Most of them.
    """
    found = []
    for end in ends:
        paths = sorted(map(path_of, end.paths), key=lambda path: -path.confidence)
        best = paths[0].confidence if paths else 1.0
        asserted = all(each.kind == "asserted" for each in paths[0].statements) if paths else True
        kind = "asserted" if asserted else "predicted"
        found.append((end, sure * best, kind, tuple(paths)))
    found.sort(key=lambda each: (-each[1], each[0].name))
    kept = found[:top_k]
    ids = [chunk for _, _, _, paths in kept for chunk in _chunks(paths)]
    texts = passages(store, graph, ids) if ids else {}
    return tuple(
        AnswerEntity(end.id, end.name, sure, kind, paths, _evidence(paths, texts))  # type: ignore[arg-type]
        for end, sure, kind, paths in kept
    )


def path_of(statements: Sequence[Statement]) -> Path:
    """Facts in their order, as sure as all of them are together."""
    sure = 1.0
    for each in statements:
        sure *= each.confidence
    return Path(tuple(statements), sure)


def _chunks(paths: Sequence[Path]) -> list[str]:
    return [chunk for path in paths[:1] for each in path.statements for chunk in each.evidence]


def _evidence(paths: Sequence[Path], texts: dict[str, Passage]) -> tuple[Passage, ...]:
    return tuple(texts[chunk] for chunk in dict.fromkeys(_chunks(paths)) if chunk in texts)


def _text(store: Store, graph: str, tried: Tried, answers: Sequence[AnswerEntity]) -> str:
    plan, reached = tried.choice.plan, tried.reached
    if plan.form == "check":
        return _yes_or_no(store, graph, tried)
    names = listed(answers, reached.total)
    if plan.form == "rank":
        return f"{names}, with {reached.ends[0].facts:,}"
    if plan.count:
        return f"{reached.total:,}: {names}"
    return names


def listed(answers: Sequence[AnswerEntity], total: int) -> str:
    """Names in a sentence, and how many are left out."""
    names = ", ".join(each.name for each in answers[:SHOWN])
    left = total - min(len(answers), SHOWN)
    return f"{names} and {left:,} more" if left > 0 else names


def _yes_or_no(store: Store, graph: str, tried: Tried) -> str:
    for end in tried.reached.ends:
        for path in end.paths:
            said = [f"{s.head_name} {relation_words(s.relation)} {s.tail_name}" for s in path]
            word = "Yes" if path[0].kind == "asserted" else "Probably"
            return f"{word}: {', '.join(said)}"
    step, ids = tried.choice.plan.steps[0], list(tried.choice.entities)
    ids = ids[::-1] if step.inverse else ids
    called = names_of(store, graph, ids)
    head, tail = (called.get(each, each) for each in ids)
    return f"No: the graph does not say that {head} {relation_words(step.relation)} {tail}"
