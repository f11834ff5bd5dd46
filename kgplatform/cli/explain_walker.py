"""Answers of a walker with their ways, rules and what they hang on: ``kgp explain`` of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kgplatform.errors import InputError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from kgplatform.rules.matrices import RelationMatrices
    from kgplatform.settings import Settings
    from kgplatform.training.artifacts import Run
    from kgplatform.walk.env import Asked
    from kgplatform.walk.explain import WalkedAnswer, Way
    from kgplatform.walk.run import Walker

WAYS = 3
ASKED = ("question", "head", "relation")


def walker_answers(
    settings: Settings,
    run: Run,
    ends: tuple[str | None, str | None, str | None],
    question: str | None,
    top_k: int,
    counterfactual: bool,
) -> dict[str, Any]:
    """The answers of a walker's run, as plain values.

    Args:
        settings: For the encoder's cache.
        run: Of a walker.
        ends: Head, relation and tail; the tail may be None.
        question: Instead of them.
        top_k: Most answers.
        counterfactual: Whether each fact of the best way is deleted in turn.

    Raises:
        UnknownNameError: The run knows no such relation.
        InputError: It knows no such entity.
    """
    from kgplatform.rules.evaluate import train_matrices
    from kgplatform.walk.run import load_walker
    from kgplatform.walk.settings import NOBODY

    walker = load_walker(run)
    head, relation, tail = ends
    if question is not None:
        asked = _asked_in_words(walker, question, settings)
        data: dict[str, Any] = {"run": run.id, "question": question}
    else:
        assert head is not None
        assert relation is not None
        asked = _asked(walker, head, relation, tail)
        data = {"run": run.id, "head": head, "relation": relation}
    found = _found(walker, asked, tail, top_k)
    matrices = train_matrices(walker.snapshot)
    data["answers"] = [answer_data(walker, matrices, asked, each, counterfactual) for each in found]
    if tail is not None and not found:
        data["tail"] = tail
    if question is not None and found and walker.settings.writer != NOBODY:
        data["text"] = _said(walker, question, asked, found[0])
    return data


def _asked(walker: Walker, head: str, relation: str, tail: str | None) -> Asked:
    """A question by relation; a fact that is there is masked: it does not explain itself."""
    import torch

    from kgplatform.walk.env import NOTHING
    from kgplatform.walk.queries import asked_of, fact_queries

    snapshot = walker.snapshot
    if relation not in snapshot.relations:
        raise UnknownNameError("relation", relation, snapshot.relations)
    start = entity_of(walker, head)
    end = NOTHING if tail is None else entity_of(walker, tail)
    fact = torch.tensor([[start, snapshot.relations.index(relation), max(end, 0)]])
    queries = fact_queries(fact, snapshot.num_relations, both=False)
    if tail is None:
        queries = _without_answers(queries)
    return asked_of(queries, walker.known, training=tail is not None)


def _said(walker: Walker, question: str, asked: Asked, answer: WalkedAnswer) -> str:
    """The best answer by its best way, as the run's writer says it."""
    from kgplatform.walk.task import Wording
    from kgplatform.walk.text_rewards import Told
    from kgplatform.walk.written import steps_of, writer_of

    snapshot, names = walker.snapshot, walker.said["names"]
    called = tuple(names.get(entity, entity) for entity in snapshot.entities)
    wording = Wording((question,), called, tuple(snapshot.relations))
    start, moves = int(asked.start[0]), answer.ways[0].moves
    steps = steps_of(
        wording,
        snapshot.num_relations,
        start,
        [move.relation for move in moves],
        [move.end for move in moves],
    )
    told = Told(question, (called[answer.entity],), steps)
    return writer_of(walker.settings)([told], [called[start]])[0]


def _without_answers(queries: Any) -> Any:
    import dataclasses

    return dataclasses.replace(queries, count=queries.count * 0)


def _asked_in_words(walker: Walker, question: str, settings: Settings) -> Asked:
    """A question in words; the policy gets its vector as the only one that it knows."""
    import torch

    from kgplatform.errors import RunError
    from kgplatform.joint.qa_questions import Names, words_read
    from kgplatform.text.encode import load_encoder
    from kgplatform.text.vector_cache import cached_text_vectors
    from kgplatform.walk.queries import asked_of, text_queries

    said, snapshot = walker.said, walker.snapshot
    if "encoder" not in said:
        raise UsageError(
            "the run was not trained on questions in words", hint="give HEAD RELATION [TAIL]"
        )
    reader = load_encoder(said["encoder"])
    if reader.digest != said["encoder_digest"]:
        raise RunError(
            f"the encoder {reader.name!r} here is not the one that the run was trained with",
            hint="use the encoder that it was trained with, or train again",
        )
    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    names = Names(snapshot.entities, said["names"], degree)
    topic, words = names.words(question, None)
    if topic is None:
        raise InputError("the question names no entity of the graph", hint="write it as there")
    vector = cached_text_vectors(reader, [words_read(words)], settings.text_cache)
    walker.policy.texts = torch.from_numpy(vector)
    return asked_of(text_queries([topic], [[]], 0), walker.known, training=False)


def entity_of(walker: Walker, name: str) -> int:
    """The index of an entity.

    Raises:
        InputError: The run knows none of that name.
    """
    from difflib import get_close_matches

    try:
        return list(walker.snapshot.entities).index(name)
    except ValueError:
        meant = get_close_matches(name, walker.snapshot.entities, n=3)
        hint = f"did you mean: {', '.join(meant)}" if meant else "entities are named by their ids"
        raise InputError(f"the run knows no entity {name!r}", hint=hint) from None


def _found(walker: Walker, asked: Asked, tail: str | None, top_k: int) -> list[WalkedAnswer]:
    """The best answers; where one is asked about, that one with its rank, if it is reached."""
    from kgplatform.walk.explain import answers_of

    only = None if tail is None else entity_of(walker, tail)
    return list(answers_of(walker, asked, most=top_k, ways=WAYS, only=only))


def answer_data(
    walker: Walker,
    matrices: RelationMatrices,
    asked: Asked,
    answer: WalkedAnswer,
    counterfactual: bool,
) -> dict[str, Any]:
    """An answer by names, with its ways and what it hangs on."""
    from kgplatform.walk.explain import counterfactuals

    names = walker.snapshot.entities
    data: dict[str, Any] = {
        "id": names[answer.entity],
        "probability": answer.probability,
        "rank": answer.rank,
        "paths": [_way_data(walker, matrices, asked, way) for way in answer.ways],
    }
    if counterfactual:
        data["counterfactual"] = [
            {
                "without": fact_names(walker, each.move),
                "probability": each.probability,
                "rank": each.rank,
                "best": None if each.best is None else names[each.best],
            }
            for each in counterfactuals(walker, asked, answer)
        ]
    return data


def fact_names(walker: Walker, move: Any) -> list[str]:
    """The fact of a step, as names of head, relation and tail."""
    from kgplatform.walk.explain import fact_of

    snapshot = walker.snapshot
    head, relation, tail = fact_of(move, snapshot.num_relations)
    return [snapshot.entities[head], snapshot.relations[relation], snapshot.entities[tail]]


def _way_data(walker: Walker, matrices: RelationMatrices, asked: Asked, way: Way) -> dict[str, Any]:
    """A way by names: its entities, its facts, and the rule that it is an instance of."""
    from kgplatform.rules.count import count_rule
    from kgplatform.walk.explain import body_of

    snapshot = walker.snapshot
    starts = [int(asked.start[0]), *(move.end for move in way.moves)]
    data: dict[str, Any] = {
        "probability": way.probability,
        "entities": [snapshot.entities[entity] for entity in starts],
        "facts": [fact_names(walker, move) for move in way.moves],
        "rule": None,
    }
    head, body = int(asked.relation[0]), body_of(way)
    if head < 0 or body is None:
        return data
    counted = count_rule(matrices, head, body, snapshot.relations)
    if counted is not None:
        data["rule"] = {
            "rule": counted.rule,
            "support": counted.support,
            "body": counted.body_size,
            "precision": counted.precision,
            "confidence": counted.confidence,
        }
    return data


def walker_text(data: dict[str, Any]) -> str:
    """Answers for a person."""
    if not data["answers"]:
        what = data.get("tail", "any answer")
        return f"no walk of the beam ends at {what}: it is out of reach, or very unlikely"
    lines = [data["text"], ""] if "text" in data else []
    for answer in data["answers"]:
        lines.append(f"{answer['rank']}. {answer['id']}  {answer['probability']:.3f}")
        for path in answer["paths"]:
            lines.append(f"     {path['probability']:.3f}  {_path_text(path)}")
            if path["rule"] is not None:
                lines.append(f"            {_rule_text(path['rule'])}")
        for each in answer.get("counterfactual", ()):
            place = "no longer found" if each["rank"] is None else f"rank {each['rank']}"
            head, relation, tail = each["without"]
            lines.append(
                f"     without {head} -[{relation}]-> {tail}: {place}, "
                f"{each['probability']:.3f}; the best answer is {each['best']}"
            )
    return "\n".join(lines)


def _path_text(path: dict[str, Any]) -> str:
    if not path["facts"]:
        return f"{path['entities'][0]} itself"
    parts = [path["entities"][0]]
    steps = zip(path["entities"], path["entities"][1:], path["facts"], strict=False)
    for start, end, (head, relation, _) in steps:
        parts.append(f"-[{relation}]->" if head == start else f"<-[{relation}]-")
        parts.append(end)
    return " ".join(parts)


def _rule_text(rule: dict[str, Any]) -> str:
    return (
        f"{rule['rule']}: right {rule['support']:,} times in {rule['body']:,}, "
        f"confidence {rule['confidence']:.2f}"
    )


def walker_written(
    settings: Settings,
    run: Run,
    data: dict[str, Any],
    dry_run: bool,
    where: Sequence[str | None],
) -> dict[str, Any]:
    """Write the answers, or say what would be written."""
    from kgplatform import queries
    from kgplatform.cli.connection import target_of_source
    from kgplatform.cli.write import run_properties
    from kgplatform.connection import open_store
    from kgplatform.store.answers import Answer, write_answers
    from kgplatform.triples import fact_id

    target = target_of_source(run.source, *where)
    asked: dict[str, Any] = {key: data[key] for key in ASKED if key in data}
    answers = [
        Answer(
            fact_id(run.id, *_key(asked), answer["id"]),
            {
                **asked,
                "graph": target.graph,
                "answer": answer["id"],
                "name": answer["id"],
                "probability": answer["probability"],
                "rank": answer["rank"],
                "paths": [_path_text(path) for path in answer["paths"]],
                "rules": [_rule_text(p["rule"]) if p["rule"] else "" for p in answer["paths"]],
            },
            tuple(tuple(path["entities"]) for path in answer["paths"]),
        )
        for answer in data["answers"]
    ]
    if dry_run:
        statement = queries.get("write/replace_answer")
        return {"dry_run": True, "would_write": len(answers), "statements": [statement]}
    with open_store(settings) as store:
        written = write_answers(store, run.id, run_properties(run, target), target, answers)
    return {"written": written, "graph": target.graph}


def _key(asked: dict[str, Any]) -> tuple[str, str]:
    """What was asked, as two texts."""
    return asked.get("head", ""), asked.get("relation", asked.get("question", ""))


def written_text(data: dict[str, Any]) -> str:
    """What was written, or would be."""
    from kgplatform.cli.explain_write import answers_drawn

    if data.get("dry_run"):
        text = data["statements"][0]
        return f"\n{text}\nwould write {data['would_write']:,} answers; nothing was written"
    written = data["written"]
    return (
        f"{written['answers']:,} answers with {written['steps']:,} steps are in the graph: "
        f"{answers_drawn(data['run'])}\n"
        f"kgp undo {data['run']} takes them out"
    )
