"""Links that a run finds likely, each with a confidence fitted on validation facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import RunError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import ensure_split
from kgplatform.models import LinkModel
from kgplatform.training.artifacts import Run, load_model, load_vocabulary
from kgplatform.training.calibrate import Calibration, Curve, fit_calibration
from kgplatform.training.known import KnownAnswers, answers_of_snapshot, answers_of_triples
from kgplatform.training.loop import check_snapshot
from kgplatform.training.ranks import SCORES_AT_ONCE
from kgplatform.training.support import Support, SupportFinder

KEPT_A_QUERY = 100
"""Best candidates of a query that calibration looks at: bounds memory on wide ranges."""

MOST_SUPPORTED = 1_000
"""Of more links than that, only the surest are given what speaks for them."""

MOST_QUERIES = 10_000
"""Calibration takes at most so many queries with a validation fact, and so many without."""

NEGATIVES = "closed world among typed candidates"
"""What calibration counts as false: every candidate that no split has as a fact, of heads and tails
that the relation has in training."""

SYMMETRIC_FROM = 0.5
"""A relation is symmetric if at least this share of its training edges has its mirror there.

Far below 1, because the mirror of a training edge may stand in valid, test or nowhere."""


@dataclass(frozen=True)
class PredictedLink:
    """A link that the graph does not have.

    Attributes:
        head: entity_id.
        relation: Name.
        tail: entity_id.
        score: The model's own score; comparable within one run only.
        confidence: See :func:`predict`.
        rank: Its place among the candidates of its query (head, relation, ?), from 1.
        support: A path in the training facts that speaks for it; None if there is none.
    """

    head: str
    relation: str
    tail: str
    score: float
    confidence: float
    rank: int = 1
    support: Support | None = None


@dataclass(frozen=True)
class Prediction:
    """Links, and how far their confidence holds.

    Attributes:
        links: By falling confidence.
        calibration: How confidence was fitted, and its error on held-out queries.
        negatives: What counted as false when it was.
    """

    links: list[PredictedLink]
    calibration: Calibration
    negatives: str = NEGATIVES


@dataclass(frozen=True)
class Scored:
    """Candidates of some queries: tensors of one length, a row a candidate."""

    head: Tensor
    relation: Tensor
    tail: Tensor
    score: Tensor
    log_share: Tensor
    rank: Tensor

    def __getitem__(self, rows: Tensor) -> Scored:
        return Scored(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def predict_links(
    run: Run,
    snapshot: KGSnapshot,
    *,
    relation: str | None = None,
    head: str | None = None,
    top_k: int = 100,
) -> list[PredictedLink]:
    """The links of :func:`predict`, whose arguments and errors it has."""
    return predict(run, snapshot, relation=relation, head=head, top_k=top_k).links


def predict(
    run: Run,
    snapshot: KGSnapshot,
    *,
    relation: str | None = None,
    head: str | None = None,
    top_k: int = 100,
) -> Prediction:
    """The ``top_k`` links that the graph lacks and the run is most confident of.

    Asked are the queries (h, r, ?) whose head has r in training, and as answers only tails
    that have r in training: so both ends are of a plausible kind. A link that is known in any
    split is never returned, nor a self loop unless r has one in training, nor both directions
    of a relation that is symmetric in training.

    The confidence is the probability that the link is a *known* fact, as a curve estimates it
    from validation facts (:func:`kgplatform.training.calibrate.fit_calibration`): they were
    hidden from training as missing facts are, and compete with the same candidates. That
    counts every other candidate as false, though some are true and only unknown: confidence is
    a lower bound of the probability that the link is true, and the looser, the more facts the
    graph lacks (docs/benchmarks.md, "Calibration"). It orders links and can be compared across
    relations.

    Args:
        run: A complete run.
        snapshot: The snapshot it was trained on.
        relation: Only links of this relation.
        head: Only links of this entity_id.
        top_k: Most links to return, at least 1.

    Returns:
        Links by falling confidence, and the error of it.

    Raises:
        UnknownNameError: The run knows no such relation or entity.
        RunError: The snapshot is another one, or has no validation facts to calibrate on.
        UsageError: ``top_k`` is below 1.
    """
    if top_k < 1:
        raise UsageError(f"top_k cannot be {top_k}", hint="ask for at least one link")
    entities, relations = load_vocabulary(run)
    asked = range(len(relations))
    if relation is not None:
        asked = range(at := _index("relation", relation, relations), at + 1)
    only = None if head is None else _index("entity", head, entities)
    ready = prepare(run, snapshot)
    curve = ready.calibration.curve
    with torch.no_grad():
        best = _best(ready.model, ready.graph, curve, asked, only, top_k)
    return Prediction(_named(best, curve, ready.graph, entities, relations), ready.calibration)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run that is ready to predict.

    Attributes:
        model: With its weights.
        graph: What it was trained on.
        calibration: How confidence was fitted.
        entities: entity_ids by entity_index.
        relations: Names by relation index.
    """

    model: LinkModel
    graph: LinkGraph
    calibration: Calibration
    entities: tuple[str, ...]
    relations: tuple[str, ...]


def prepare(run: Run, snapshot: KGSnapshot) -> Prepared:
    """Load a run and fit its confidence; the errors are those of :func:`predict`."""
    check_snapshot(run, snapshot)
    entities, relations = load_vocabulary(run)
    graph = LinkGraph(
        ensure_split(
            snapshot,
            seed=run.config.seed,
            valid_share=run.config.valid_share,
            test_share=run.config.test_share,
            by=run.config.split,
        )
    )
    if not len(graph.valid):
        raise RunError(
            f"run {run.id} has no validation facts to calibrate confidence on",
            hint="train with a validation split (--set valid_share=0.1)",
        )
    with torch.no_grad():
        model = load_model(run)
        if not bool(torch.isfinite(model.entity_vectors()).all()):
            raise RunError(f"run {run.id} has vectors that are NaN or infinite", hint="train again")
        return Prepared(
            model, graph, _calibrate(model, graph, run.config.seed), entities, relations
        )


def _named(
    best: Scored,
    curve: Curve,
    graph: LinkGraph,
    entities: tuple[str, ...],
    relations: tuple[str, ...],
) -> list[PredictedLink]:
    """Links by their names, each with what speaks for it."""
    confidence = curve.confidence(best.score.numpy(), best.log_share.numpy())
    links = torch.stack((best.head, best.relation, best.tail), dim=1)
    support = SupportFinder(graph.snapshot, graph.trained).find(links[:MOST_SUPPORTED])
    reasons: list[Support | None] = [*support, *[None] * (len(links) - len(support))]
    return [
        PredictedLink(entities[h], relations[r], entities[t], score, sure, rank, reason)
        for (h, r, t), score, sure, rank, reason in zip(
            links.tolist(),
            best.score.tolist(),
            confidence.tolist(),
            best.rank.tolist(),
            reasons,
            strict=True,
        )
    ]


class LinkGraph:
    """The training part of a snapshot by relation, and what is known at all.

    Args:
        snapshot: With its split.
    """

    def __init__(self, snapshot: KGSnapshot) -> None:
        train = snapshot.triples("train")
        everything = snapshot.triples()
        self.snapshot = snapshot
        self.num_entities = snapshot.num_entities
        self.valid = snapshot.triples("valid")
        self.trained = answers_of_triples(train, snapshot.num_entities, "tail")
        self.known = answers_of_snapshot(snapshot, "tail", everything.device)
        self.known_codes = torch.sort(self.codes(*everything.unbind(1))).values
        self.valid_codes = torch.sort(self.codes(*self.valid.unbind(1))).values
        self.domain, self.range = [], []
        self.has_loops, self.is_symmetric = [], []
        by_relation = train[torch.argsort(train[:, 1], stable=True)]
        counts = torch.bincount(train[:, 1], minlength=snapshot.num_relations).tolist()
        for rows in torch.split(by_relation, counts):
            head, _, tail = rows.unbind(1)
            loops = head == tail
            self.domain.append(_unique(head))
            self.range.append(_unique(tail))
            self.has_loops.append(bool(loops.any()))
            forth = (head * self.num_entities + tail)[~loops]
            back = (tail * self.num_entities + head)[~loops]
            mirrored = torch.isin(forth, back).double().mean() if len(forth) else torch.zeros(())
            self.is_symmetric.append(float(mirrored) >= SYMMETRIC_FROM)

    def codes(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """One integer a triple. R N² < 2⁶³ holds up to tens of millions of entities."""
        return (relation * self.num_entities + head) * self.num_entities + tail


def candidates(
    model: LinkModel,
    graph: LinkGraph,
    relation: int,
    heads: Tensor,
    hide: KnownAnswers,
    keep: int,
) -> Iterator[Scored]:
    """The ``keep`` best candidates of each query (head, relation, ?), in chunks of queries.

    Facts in ``hide`` are no candidates. ``rank`` is the place among the others, 1 for the best.
    ``log_share`` is the logarithm of p(t | h, r) · (1 + n), p the softmax over all entities that
    training fitted and n the query's answers in train: the softmax divides its mass among all
    answers, so that without the factor a sure answer of a query with twenty looks like a
    doubtful one of a query with one.
    """
    tails = graph.range[relation]
    if not len(tails):
        return
    position = torch.full((graph.num_entities,), -1)
    position[tails] = torch.arange(len(tails))
    for part in torch.split(heads, max(1, SCORES_AT_ONCE // graph.num_entities)):
        relations = torch.full_like(part, relation)
        scores = model.score_tails(part, relations)
        answers = torch.bincount(
            graph.trained.of(part, relations)[0], minlength=len(part)
        ).unsqueeze(1)
        shares = (scores.log_softmax(1) + answers.add(1).log())[:, tails]
        scores = scores[:, tails]
        hidden = torch.zeros_like(scores, dtype=torch.bool)
        row, answer = hide.of(part, relations)
        # An answer outside the range, known from valid or test alone, is no candidate anyway.
        row, answer = row[position[answer] >= 0], answer[position[answer] >= 0]
        hidden[row, position[answer]] = True
        if not graph.has_loops[relation]:
            hidden |= part.unsqueeze(1) == tails
        best = shares.masked_fill(hidden, float("-inf")).topk(min(keep, len(tails)), dim=1)
        chosen = best.indices
        visible = ~hidden.gather(1, chosen)
        places = torch.arange(1, chosen.shape[1] + 1).expand_as(chosen)
        yield Scored(
            head=part.unsqueeze(1).expand_as(chosen)[visible],
            relation=relations.unsqueeze(1).expand_as(chosen)[visible],
            tail=tails[chosen][visible],
            score=scores.gather(1, chosen)[visible],
            log_share=best.values[visible],
            rank=places[visible],
        )


def _calibrate(model: LinkModel, graph: LinkGraph, seed: int) -> Calibration:
    """Fit confidence on queries with a validation fact and a sample of those without."""
    generator = torch.Generator().manual_seed(seed)
    answered = _unique(graph.valid[:, 1] * graph.num_entities + graph.valid[:, 0])
    queries = torch.cat([r * graph.num_entities + heads for r, heads in enumerate(graph.domain)])
    positive = torch.isin(queries, answered)
    scores, shares, labels, weights, asked = [], [], [], [], []
    for group in (queries[positive], queries[~positive]):
        chosen = group[torch.randperm(len(group), generator=generator)[:MOST_QUERIES]]
        for relation in _unique(chosen // graph.num_entities).tolist():
            heads = chosen[chosen // graph.num_entities == relation] % graph.num_entities
            for rows in candidates(model, graph, relation, heads, graph.trained, KEPT_A_QUERY):
                codes = graph.codes(rows.head, rows.relation, rows.tail)
                is_valid = torch.isin(codes, graph.valid_codes)
                # Test facts are neither: they are true, and not what is being predicted.
                used = is_valid | ~torch.isin(codes, graph.known_codes)
                scores.append(rows.score[used].numpy())
                shares.append(rows.log_share[used].numpy())
                labels.append(is_valid[used].numpy())
                # A sampled query stands for those of its group that were not drawn.
                weights.append(np.full(int(used.sum()), len(group) / len(chosen)))
                asked.append((rows.relation * graph.num_entities + rows.head)[used].numpy())
    if not scores or not np.concatenate(labels).any():
        raise RunError(
            "no validation fact is among the candidates, so confidence cannot be calibrated",
            hint="train on a larger graph or with a larger valid_share",
        )
    parts = (scores, shares, labels, weights, asked)
    return fit_calibration(*(np.concatenate(part) for part in parts))


def _best(
    model: LinkModel,
    graph: LinkGraph,
    curve: Curve,
    relations: range,
    head: int | None,
    top_k: int,
) -> Scored:
    """The ``top_k`` unknown candidates of all queries, by falling confidence."""
    empty = torch.empty(0, dtype=torch.int64)
    best = Scored(empty, empty, empty, torch.empty(0), torch.empty(0), empty)
    for relation in relations:
        heads = graph.domain[relation]
        if head is not None:
            heads = heads[heads == head]
        for rows in candidates(model, graph, relation, heads, graph.known, top_k):
            both = zip(_fields(best), _fields(rows), strict=True)
            best = Scored(*(torch.cat(pair) for pair in both))
            best = best[torch.argsort(_value(curve, best), descending=True, stable=True)]
            if graph.is_symmetric[relation]:
                best = best[_first_of_mirrors(best, graph.num_entities, relation)]
            best = best[torch.arange(min(top_k, len(best.head)))]
    return best


def _fields(rows: Scored) -> tuple[Tensor, ...]:
    return rows.head, rows.relation, rows.tail, rows.score, rows.log_share, rows.rank


def _value(curve: Curve, rows: Scored) -> Tensor:
    """What confidence rises with; finer than confidence, which has steps or saturates."""
    return rows.score if curve.feature == "score" else rows.log_share


def _first_of_mirrors(rows: Scored, num_entities: int, relation: int) -> Tensor:
    """Rows without the second of each pair (a, r, b), (b, r, a) of one relation, in order."""
    low, high = torch.minimum(rows.head, rows.tail), torch.maximum(rows.head, rows.tail)
    pairs = low * num_entities + high
    # Rows of other relations are no mirrors of anything: each a pair of its own.
    other = rows.relation != relation
    pairs[other] = -1 - torch.arange(int(other.sum()))
    _, first = np.unique(pairs.numpy(), return_index=True)
    return torch.from_numpy(np.sort(first))


def _unique(values: Tensor) -> Tensor:
    unique: Tensor = values.unique()  # type: ignore[no-untyped-call]
    return unique


def _index(kind: str, name: str, names: tuple[str, ...]) -> int:
    try:
        return names.index(name)
    except ValueError:
        raise UnknownNameError(kind, name, names) from None
