"""What a trained model's opinion of a link hangs on: similar training facts, and facts without
which it would think otherwise.

Nothing is trained again as a whole. Of a model with tables, the vectors of the link's two entities
are fitted anew for a few steps, once to all training facts around them and once to all but one, the
rest frozen; the difference is what the fact is taken to be worth. That is a local stand-in for
retraining, as influence functions are (Koh and Liang 2017; Pezeshkpour et al. 2019, "Investigating
Robustness and Interpretability of Link Prediction via Adversarial Modifications", solve the same
for one vector in closed form); it has not been shown to agree with retraining (docs/benchmarks.md).
Of a model with an encoder, the fact is taken out of the messages, with the weights as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgplatform.models import Edges, LinkModel
from kgplatform.models.base import Vectors

STEPS = 40
RATE = 0.02
"""Of a step, as a share of the root mean square of the entity table."""

NEAR = 0.1
"""How strongly the vectors are held where training left them."""

MOST_FACTS = 200
"""Training facts around the link's entities that are fitted to; of more, the first."""

MOST_RIVALS = 2_000
"""Entities that answers compete with; of more, a sample."""

Fact = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model thinks of a link.

    Attributes:
        probability: Of the tail among all entities that are not known to answer, for (h, r, ?).
        rank: Its place among them, from 1.
    """

    probability: float
    rank: int


@dataclass(frozen=True, slots=True)
class Influence:
    """What a model would think without a fact.

    Attributes:
        fact: By index.
        mirrored: Whether the same relation from tail to head was taken out with it.
        before: With it.
        after: Without.
    """

    fact: Fact
    mirrored: bool
    before: Opinion
    after: Opinion


@dataclass(frozen=True, slots=True)
class Similar:
    """A training fact and how near its ends are to a link's: the mean of two cosines."""

    fact: Fact
    similarity: float


def opinion(model: LinkModel, link: Fact, known: Tensor) -> Opinion:
    """What a model thinks of a link, the facts in ``known`` [n, 3] left out of the competition."""
    with torch.no_grad():
        return _opinion(model, model.vectors(), link, known)


def similar_facts(vectors: Tensor, facts: Tensor, link: Fact, most: int) -> list[Similar]:
    """Training facts of the link's relation whose ends are most like its own.

    Args:
        vectors: Of entities, float32 [N, d].
        facts: int64 [E, 3].
        link: Head, relation, tail.
        most: How many.
    """
    head, relation, tail = link
    same = facts[(facts[:, 1] == relation)]
    same = same[(same != torch.tensor(link)).any(1) & (same != torch.tensor(_mirror(link))).any(1)]
    units = torch.nn.functional.normalize(vectors, dim=1)
    alike = (units[same[:, 0]] @ units[head] + units[same[:, 2]] @ units[tail]) / 2
    best = torch.argsort(alike, descending=True, stable=True)[:most]
    return [
        Similar((h, r, t), value)
        for (h, r, t), value in zip(same[best].tolist(), alike[best].tolist(), strict=True)
    ]


def influences(
    model: LinkModel,
    facts: Tensor,
    link: Fact,
    *,
    known: Tensor | None = None,
    of: Sequence[Fact] = (),
    most: int = 5,
) -> list[Influence]:
    """What becomes of a link without each of some training facts, the weightiest first.

    Args:
        model: Trained, on the CPU.
        facts: What it was trained on, int64 [E, 3].
        link: Head, relation, tail.
        known: Facts that do not compete with it, int64 [n, 3]; None for ``facts``.
        of: Facts that are tried in any case; those that touch neither end are passed over where
            the model has no encoder, as nothing changes.
        most: How many of the others, the likeliest by their gradients.
    """
    around = _around(facts, link)
    if not len(around):
        return []
    known = facts if known is None else known
    if model.encoder is not None:
        return _by_messages(model, known, around, link, of, most)
    refit = _Refit(model, around, link)
    given = [fact for fact in of if fact[0] in refit.rows or fact[2] in refit.rows]
    before = refit.opinion_without(None, known)
    every = set(map(_as_fact, around))
    found: list[Influence] = []
    seen: set[Fact] = set()
    for fact in (*given, *(refit.ranked() if most else ())):
        if fact in seen or len(found) >= most + len(given):
            continue
        seen |= {fact, _mirror(fact)}
        mirrored = _mirror(fact) in every
        found.append(Influence(fact, mirrored, before, refit.opinion_without(fact, known)))
    return _weightiest(found)


class _Refit:
    """Two entities' vectors, fitted to the facts around them.

    Args:
        model: A model with a table.
        around: Facts around them, int64 [E', 3].
        link: Of the two entities.
    """

    def __init__(self, model: LinkModel, around: Tensor, link: Fact) -> None:
        self._model, self._around, self._link = model, around, link
        self.rows = sorted({link[0], link[2]})
        self._at = torch.tensor(self.rows)
        self._rivals = _rivals(model.num_entities, around, self.rows)
        with torch.no_grad():
            trained = model.vectors()
        self._entity, self._relation = trained.entity.detach(), trained.relation.detach()
        self._scale = float(self._entity.pow(2).mean().sqrt())

    def ranked(self) -> list[Fact]:
        """The facts around, those whose fit moves the link most first (Pruthi et al. 2020)."""
        wanted = self._gradient(torch.tensor([self._link]))
        pulls = [float((self._gradient(fact.unsqueeze(0)) * wanted).sum()) for fact in self._around]
        order = sorted(range(len(pulls)), key=lambda at: -abs(pulls[at]))
        return [_as_fact(self._around[at]) for at in order]

    def opinion_without(self, fact: Fact | None, known: Tensor) -> Opinion:
        """What the model thinks of the link without a fact; None for the model as it is.

        Fitting goes on where training stopped, and moves the vectors even with all facts: what is
        added to them is how much farther or nearer they move without this one.
        """
        shift = torch.zeros(len(self.rows), self._entity.shape[1])
        if fact is not None:
            shift = self._fitted(_without(self._around, fact)) - self._all
        with torch.no_grad():
            return _opinion(self._model, self._vectors(shift), self._link, known)

    @cached_property
    def _all(self) -> Tensor:
        return self._fitted(self._around)

    def _fitted(self, facts: Tensor) -> Tensor:
        """How far the vectors move when they are fitted to some facts, [2, d]."""
        delta = torch.zeros(len(self.rows), self._entity.shape[1], requires_grad=True)
        optimizer = torch.optim.Adam([delta], lr=RATE * self._scale)
        for _ in range(STEPS if len(facts) else 0):
            loss = self._loss(delta, facts) + NEAR * (delta / self._scale).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return delta.detach()

    def _vectors(self, delta: Tensor) -> Vectors:
        return Vectors(self._entity.index_add(0, self._at, delta), self._relation)

    def _loss(self, delta: Tensor, facts: Tensor) -> Tensor:
        vectors = self._vectors(delta)
        head, relation, tail = facts.unbind(1)
        among = vectors.entity[self._rivals]
        place = torch.full((len(self._entity),), -1)
        place[self._rivals] = torch.arange(len(self._rivals))
        tails = self._model.match(self._model.tail_queries(vectors, head, relation), among)
        heads = self._model.match(self._model.head_queries(vectors, relation, tail), among)
        return (
            cross_entropy(tails, place[tail], reduction="sum")
            + cross_entropy(heads, place[head], reduction="sum")
        ) / len(self._around)

    def _gradient(self, facts: Tensor) -> Tensor:
        delta = torch.zeros(len(self.rows), self._entity.shape[1], requires_grad=True)
        (gradient,) = torch.autograd.grad(self._loss(delta, facts), delta)
        return gradient


def _by_messages(
    model: LinkModel,
    known: Tensor,
    around: Tensor,
    link: Fact,
    of: Sequence[Fact],
    most: int,
) -> list[Influence]:
    """Of a model with an encoder: messages pass over all facts but one."""
    assert model.encoder is not None
    before = opinion(model, link, known)
    facts_around = [_as_fact(fact) for fact in around][: 4 * most]
    found = []
    seen: set[Fact] = set()
    for fact in (*of, *facts_around):
        if fact in seen:
            continue
        seen |= {fact, _mirror(fact)}
        edges = Edges(model.edge_index, model.edge_type)
        out = _is(edges.index[0], edges.type, edges.index[1], fact)
        mirror = _is(edges.index[0], edges.type, edges.index[1], _mirror(fact))
        kept = ~(out | mirror)
        if bool(kept.all()):
            continue
        left = Edges(edges.index[:, kept], edges.type[kept])
        with torch.no_grad():
            vectors = Vectors(*model.encoder(model.inputs(), model.relation, left))
            after = _opinion(model, vectors, link, known)
        found.append(Influence(fact, bool(mirror.any()), before, after))
    return _weightiest(found)[: most + len(of)]


def _opinion(model: LinkModel, vectors: Vectors, link: Fact, known: Tensor) -> Opinion:
    head, relation, tail = link
    query = model.tail_queries(vectors, torch.tensor([head]), torch.tensor([relation]))
    scores = model.match(query, vectors.entity)[0]
    answers = known[(known[:, 0] == head) & (known[:, 1] == relation), 2]
    hidden = torch.zeros_like(scores, dtype=torch.bool)
    hidden[answers] = True
    hidden[tail] = False
    scores = scores.masked_fill(hidden, float("-inf"))
    better = int((scores > scores[tail]).sum())
    ties = int((scores == scores[tail]).sum()) - 1
    return Opinion(float(scores.softmax(0)[tail]), 1 + better + ties // 2)


def _around(facts: Tensor, link: Fact) -> Tensor:
    """Facts that touch an end of the link, those that touch both first, [E', 3]."""
    ends = torch.tensor([link[0], link[2]])
    one, other = torch.isin(facts[:, 0], ends), torch.isin(facts[:, 2], ends)
    both = (one & other).nonzero().squeeze(1)
    single = (one ^ other).nonzero().squeeze(1)
    return facts[torch.cat((both, single))[:MOST_FACTS]]


def _rivals(num_entities: int, around: Tensor, rows: Sequence[int]) -> Tensor:
    """Entities that compete: all, or a sample with all that the facts name."""
    if num_entities <= MOST_RIVALS:
        return torch.arange(num_entities)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randperm(num_entities, generator=generator)[:MOST_RIVALS]
    named = torch.cat((around[:, 0], around[:, 2], torch.tensor(rows)))
    every: Tensor = torch.cat((drawn, named)).unique()  # type: ignore[no-untyped-call]
    return every


def _without(facts: Tensor, fact: Fact) -> Tensor:
    """Facts without one and its mirror."""
    out = _is(facts[:, 0], facts[:, 1], facts[:, 2], fact)
    return facts[~(out | _is(facts[:, 0], facts[:, 1], facts[:, 2], _mirror(fact)))]


def _is(head: Tensor, relation: Tensor, tail: Tensor, fact: Fact) -> Tensor:
    return (head == fact[0]) & (relation == fact[1]) & (tail == fact[2])


def _mirror(fact: Fact) -> Fact:
    head, relation, tail = fact
    return tail, relation, head


def _as_fact(row: Tensor) -> Fact:
    head, relation, tail = row.tolist()
    return head, relation, tail


def _weightiest(found: list[Influence]) -> list[Influence]:
    return sorted(found, key=lambda each: -abs(each.after.probability - each.before.probability))
