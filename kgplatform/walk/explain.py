"""Answers of a walker with the ways that lead to them, and what they hang on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from kgplatform.walk.beam import Beams, beam_search
from kgplatform.walk.env import Asked, Walks
from kgplatform.walk.graph import action_table
from kgplatform.walk.run import Walker


@dataclass(frozen=True)
class Move:
    """A step of a way, by index.

    Attributes:
        start: Entity.
        relation: Directed relation: q + R is q from tail to head.
        end: Entity.
    """

    start: int
    relation: int
    end: int


@dataclass(frozen=True)
class Way:
    """How an answer was reached.

    Attributes:
        moves: The steps, without those that stay; none if the answer is the start itself.
        probability: Of all walks that make these moves.
    """

    moves: tuple[Move, ...]
    probability: float


@dataclass(frozen=True)
class WalkedAnswer:
    """An entity at which walks end.

    Attributes:
        entity: entity_index.
        probability: Of all walks of the beam that end here, together.
        rank: Its place among the answers, from 1.
        ways: The likeliest ways, the best first.
    """

    entity: int
    probability: float
    rank: int
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Without:
    """What becomes of an answer when a fact of its best way is deleted.

    Attributes:
        move: The deleted step; its fact goes in both directions.
        probability: Of the answer then; 0 if no walk ends there any more.
        rank: Its place then; None if no walk ends there.
        best: The first answer then; None if there is none.
    """

    move: Move
    probability: float
    rank: int | None
    best: int | None


def answers_of(
    walker: Walker,
    asked: Asked,
    *,
    most: int,
    ways: int,
    only: int | None = None,
    walks: Walks | None = None,
) -> tuple[WalkedAnswer, ...]:
    """The likeliest answers to one question.

    Args:
        walker: What walks.
        asked: One question.
        most: Most answers.
        ways: Most ways of each.
        only: This entity alone, with its place among all.
        walks: Another graph than the walker's own.
    """
    ground = walks or walker.walks
    beams = beam_search(walker, ground, asked, walker.settings.beam_size, to=only)
    logs = beams.ends[0]
    # Ends at what is hidden happen only where a walk was stuck: they are no answers.
    reached = torch.isfinite(logs) & ~asked.hidden[0]
    start = int(asked.start[0])
    order = torch.argsort(-logs, stable=True)
    order = order[reached[order]]
    places = list(enumerate(order.tolist(), start=1))
    chosen = [each for each in places if each[1] == only] if only is not None else places[:most]
    return tuple(
        WalkedAnswer(
            entity,
            float(logs[entity].exp()),
            place,
            ways_to(beams, start, entity, walker.walks.table.stay)[:ways],
        )
        for place, entity in chosen
    )


def ways_to(beams: Beams, start: int, entity: int, stay: int) -> tuple[Way, ...]:
    """The ways of one question's beams that end at an entity, the likeliest first.

    Walks that differ only in when they stay are one way.
    """
    total: dict[tuple[Move, ...], float] = {}
    rows = ((beams.end[0] == entity) & torch.isfinite(beams.log_prob[0])).nonzero().squeeze(1)
    for row in rows.tolist():
        at, moves = start, []
        steps = zip(beams.relation[0, row].tolist(), beams.entity[0, row].tolist(), strict=True)
        for relation, end in steps:
            if relation != stay:
                moves.append(Move(at, relation, end))
            at = end
        key = tuple(moves)
        total[key] = total.get(key, 0.0) + float(beams.log_prob[0, row].exp())
    ordered = sorted(total.items(), key=lambda item: -item[1])
    return tuple(Way(moves, probability) for moves, probability in ordered)


def counterfactuals(walker: Walker, asked: Asked, answer: WalkedAnswer) -> tuple[Without, ...]:
    """What becomes of an answer when a fact of its best way is deleted, for each in turn."""
    moves = answer.ways[0].moves if answer.ways else ()
    found = []
    for move in moves:
        ground = without_fact(walker, move)
        same = answers_of(walker, asked, most=1, ways=0, only=answer.entity, walks=ground)
        best = answers_of(walker, asked, most=1, ways=0, walks=ground)
        found.append(
            Without(
                move,
                same[0].probability if same else 0.0,
                same[0].rank if same else None,
                best[0].entity if best else None,
            )
        )
    return tuple(found)


def without_fact(walker: Walker, move: Move) -> Walks:
    """The walker's graph without the fact of a step; what the cap left out may come in."""
    head, relation, tail = fact_of(move, walker.snapshot.num_relations)
    facts = walker.snapshot.triples("train")
    same = (facts == torch.tensor([head, relation, tail])).all(1)
    table = action_table(
        facts[~same],
        walker.snapshot.num_entities,
        walker.snapshot.num_relations,
        walker.settings.max_actions,
    )
    return dataclasses.replace(walker.walks, table=table)


def fact_of(move: Move, num_relations: int) -> tuple[int, int, int]:
    """The fact that a step goes along, as (head, relation, tail)."""
    if move.relation < num_relations:
        return move.start, move.relation, move.end
    return move.end, move.relation - num_relations, move.start


def body_of(way: Way) -> list[int] | None:
    """A way's relations as the body of a rule; None if it passes an entity twice."""
    entities = [move.start for move in way.moves] + [move.end for move in way.moves[-1:]]
    if not way.moves or len(set(entities)) < len(entities):
        return None
    return [move.relation for move in way.moves]
