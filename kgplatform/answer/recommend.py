"""What somebody may like next, how probable that is, and by which ways the graph leads there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kgplatform.answer.records import Path
from kgplatform.errors import InputError, RunError, UnknownNameError
from kgplatform.store.client import Store
from kgplatform.store.recommendation import Way, liked_by, ways_to
from kgplatform.store.search import find_entity, names_of

if TYPE_CHECKING:
    import torch

    from kgplatform.recommend.run import Trained
    from kgplatform.settings import Settings

By = Literal["run", "fold_in", "popularity"]

PATHS = 3
"""Paths of a recommendation."""

LIKED_LOOKED_AT = 5
"""Of what a user likes, those nearest to the item, over which paths are looked for."""

WAYS_OF_A_PAIR = 1
"""By one relation, over one thing that the user likes."""


@dataclass(frozen=True)
class Recommended:
    """An item for somebody.

    Attributes:
        id: entity_id.
        name: What it is called.
        score: The model's, on a scale of its own: only for order.
        known: Whether the graph says already that they like it.
        paths: Ways from them over what they like to it, the likeliest first.
        kind: Always ``predicted``.
        confidence: That they like it, from 0 to 1, as validation told; None where it could not.
        by: ``run``: the run learned of them; ``fold_in``: they came later, and the mean vector of
            what they like stands for them; ``popularity``: nothing that they like is known.
        chances: Of each path, that a walk from them at random goes it, times its confidence.
        run: Which says so.
    """

    id: str
    name: str
    score: float
    known: bool
    paths: tuple[Path, ...] = ()
    kind: Literal["predicted"] = "predicted"
    confidence: float | None = None
    by: By = "run"
    chances: tuple[float, ...] = ()
    run: str = ""


@dataclass(frozen=True, eq=False)
class Recommender:
    """A run and the graph that it is of, opened once.

    Attributes:
        store: The database.
        graph: Where its users and items are.
        run: The run's id.
        trained: Ranker, rows, probabilities.
        user_row: Rows of users by entity_id.
        item_row: Rows of items by entity_id.
    """

    store: Store
    graph: str
    run: str
    trained: Trained
    user_row: Mapping[str, int]
    item_row: Mapping[str, int]


def open_recommender(store: Store, settings: Settings, run: str) -> Recommender:
    """Open a run of ``kgp train recommend`` for many requests.

    Args:
        store: The database.
        settings: Where runs are.
        run: Its id, the start of one, or ``latest``.

    Raises:
        UnknownNameError: There is no such run.
        RunError: It recommends nothing, is damaged, or its users are in no graph of kgplatform's.
    """
    from kgplatform.recommend.run import load_recommender
    from kgplatform.training.artifacts import find_run, load_run

    found = load_run(find_run(settings.kgp_runs, run))
    trained = load_recommender(found)
    graph = found.source.get("graph")
    if graph is None:
        raise RunError(
            f"run {found.id} was trained on nodes that are in no graph of kgplatform's",
            hint="train with --graph, or load the data with kgp load",
        )
    return Recommender(
        store,
        graph,
        found.id,
        trained,
        {name: row for row, name in enumerate(trained.users)},
        {name: row for row, name in enumerate(trained.items)},
    )


def find_recommender(settings: Settings, graph: str | None, relation: str | None) -> str:
    """The newest run that recommends, of a graph and a relation where these are given.

    Raises:
        RunError: There is none.
        UnknownNameError: There are, but of other relations.
    """
    from kgplatform.recommend.run import TASK
    from kgplatform.training.artifacts import list_runs

    runs = [
        run
        for run in list_runs(settings.kgp_runs)
        if run.complete
        and run.source.get("task") == TASK
        and graph in (None, run.source.get("graph"))
    ]
    if not runs:
        where = "" if graph is None else f" of graph {graph!r}"
        named = relation or "RELATION"
        raise RunError(
            f"no run{where} recommends yet",
            hint=f"kgp train recommend --graph {graph or 'G'} --relation {named}",
        )
    fitting = [run for run in runs if relation in (None, run.source["relation"])]
    if not fitting:
        raise UnknownNameError(
            "relation with a recommender", str(relation), {run.source["relation"] for run in runs}
        )
    return fitting[-1].id


def recommend(
    recommender: Recommender,
    entity: str,
    *,
    top_k: int = 10,
    include_known: bool = False,
    paths: int = PATHS,
) -> list[Recommended]:
    """Items for an entity, the best first.

    Args:
        recommender: An open run.
        entity: The id or the name of who is to get them.
        top_k: How many.
        include_known: Whether items that the graph says they like already are among them.
        paths: Most paths of each.

    Raises:
        InputError: The graph has no such entity, or it is none that likes anything.
    """
    import torch

    trained, graph = recommender.trained, recommender.graph
    user = find_entity(recommender.store, graph, entity)
    liked = liked_by(recommender.store, graph, user, trained.relation)
    rows = [recommender.item_row[each] for each in liked if each in recommender.item_row]
    if user not in recommender.user_row and user in recommender.item_row and not liked:
        raise InputError(
            f"{entity!r} is liked by others, and likes nothing by {trained.relation} itself",
            hint=f"name one who does, such as {trained.users[0]!r}",
        )
    scores, by = _scores(recommender, user, torch.tensor(rows, dtype=torch.int64))
    if not include_known:
        scores[rows] = -torch.inf
    if user in recommender.item_row:
        # Where users like one another: nobody is recommended to themselves.
        scores[recommender.item_row[user]] = -torch.inf
    best = _best(recommender, scores, by, top_k)
    names = names_of(recommender.store, graph, [each.id for each in best])
    best = [
        replace(each, name=names[each.id], known=each.id in liked, run=recommender.run)
        for each in best
        # What has been removed since is nothing to recommend.
        if each.id in names
    ]
    if not paths or not rows:
        return best
    found = paths_to(recommender, user, rows, [each.id for each in best], paths)
    return [
        replace(
            each,
            paths=tuple(path for path, _ in found.get(each.id, ())),
            chances=tuple(chance for _, chance in found.get(each.id, ())),
        )
        for each in best
    ]


def _scores(recommender: Recommender, user: str, liked: torch.Tensor) -> tuple[torch.Tensor, By]:
    """Scores of all items [I], and how they came about."""
    import torch

    trained = recommender.trained
    if user in recommender.user_row:
        row = torch.tensor([recommender.user_row[user]])
        return trained.ranker.scores(row)[0].clone(), "run"
    if len(liked):
        return trained.ranker.fold_in(liked).clone(), "fold_in"
    return trained.popularity.liked.clone(), "popularity"


def _best(recommender: Recommender, scores: torch.Tensor, by: By, top_k: int) -> list[Recommended]:
    """The first items of a list, with the probability of each; names are yet to be read."""
    import numpy as np
    import torch

    from kgplatform.recommend.confidence import standardised

    count = min(top_k, int(torch.isfinite(scores).sum()))
    chosen = scores.topk(count)
    confidence = recommender.trained.confidence.get(by)
    told: Sequence[float | None] = [None] * count
    if confidence is not None and count:
        far = standardised(scores)[chosen.indices].numpy()
        told = confidence.of(np.arange(1, count + 1), far).tolist()
    items = recommender.trained.items
    return [
        Recommended(items[row], items[row], score, False, confidence=sure, by=by)
        for row, score, sure in zip(
            chosen.indices.tolist(), chosen.values.tolist(), told, strict=True
        )
    ]


def paths_to(
    recommender: Recommender, user: str, liked: list[int], items: list[str], most: int
) -> dict[str, list[tuple[Path, float]]]:
    """Ways to items over what is nearest to them of what the user likes."""
    import torch

    ranker, names = recommender.trained.ranker, recommender.trained.items
    others = torch.tensor(liked)
    pairs = []
    for item in items:
        row = recommender.item_row[item]
        among = others[others != row]
        near = ranker.nearness(row, among).topk(min(LIKED_LOOKED_AT, len(among))).indices
        pairs += [(names[each], item) for each in among[near].tolist()]
    found: dict[str, list[tuple[Path, float]]] = {item: [] for item in items}
    ways = ways_to(
        recommender.store,
        recommender.graph,
        user,
        recommender.trained.relation,
        pairs,
        WAYS_OF_A_PAIR,
    )
    for way in ways:
        path = _path(way, user)
        found[way.item].append((path, way.chance * path.confidence))
    return {item: _choice(each, most) for item, each in found.items()}


def _choice(found: list[tuple[Path, float]], most: int) -> list[tuple[Path, float]]:
    """The likeliest path of each pattern before a second one of any, in the order of chance."""
    ordered = sorted(found, key=lambda one: -one[1])
    first: dict[str | None, tuple[Path, float]] = {}
    for each in ordered:
        first.setdefault(each[0].rule, each)
    others = [each for each in ordered if first[each[0].rule] is not each]
    return sorted([*first.values(), *others][:most], key=lambda one: -one[1])


def _path(way: Way, user: str) -> Path:
    """A way as a path, with the pattern that it is of."""
    pattern, at = [], user
    for fact in way.statements:
        forward = fact.head == at
        pattern.append(f"-{fact.relation}->" if forward else f"<-{fact.relation}-")
        at = fact.tail if forward else fact.head
    sure = math.prod(each.confidence for each in way.statements)
    return Path(way.statements, sure, " ".join(pattern))
