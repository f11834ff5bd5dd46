"""Question sets for tests/benchmarks/joint_qa.py: PathQuestion, and one of our own making."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.joint.qa_questions import Linked, Question
from kgplatform.sources.countries import countries
from kgplatform.triples import Split, Triple

DATA = Path(__file__).parents[3] / "shared" / "data"


def path_question(hops: int, data: Path = DATA) -> tuple[KGSnapshot, list[Question]]:
    """PathQuestion (Zhou et al. 2018, "An Interpretable Reasoning Network"), 2 or 3 hops.

    A line is question, ``answer(answer/answer/)``, ``subject#relation#entity#…#<end>#answer``.
    The topic is not read from the path: the question names it.
    """
    folder = data / "pathquestion"
    facts = []
    for line in (folder / f"{hops}H-kb.txt").read_text("utf-8").splitlines():
        head, relation, tail = line.split("\t")
        facts.append(Triple(head, relation, tail))
    questions = []
    lines = (folder / f"PQ-{hops}H.txt").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        text, answers, path = line.split("\t")
        given = answers[answers.index("(") + 1 : -1]
        steps = path.split("#")
        questions.append(
            Question(
                text,
                tuple(filter(None, given.split("/"))),
                path=tuple(steps[1 : steps.index("<end>") : 2]),
                line=number,
            )
        )
    return from_triples(facts), questions


TEMPLATES: Mapping[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("HAS_CAPITAL",): (
        ("what is the capital of {}", "name the capital city of {}"),
        ("which city is the seat of government of {}", "{} is ruled from which capital"),
    ),
    ("USES_CURRENCY",): (
        ("what currency is used in {}", "what money do people pay with in {}"),
        ("which currency do i need in {}", "what is the legal tender of {}"),
    ),
    ("HAS_OFFICIAL_LANGUAGE",): (
        ("what is the official language of {}", "name the official languages of {}"),
        ("which language is official in {}", "what does the state of {} use as official language"),
    ),
    ("BORDERS",): (
        ("which countries border {}", "what are the neighbours of {}"),
        ("{} has a border with whom", "which countries lie next to {}"),
    ),
    ("IN_TIMEZONE",): (
        ("which time zone is {} in", "what time zones does {} have"),
        ("name the timezone of {}", "what zone do clocks in {} follow"),
    ),
    ("IN_REGION",): (
        ("in which region of the world is {}", "{} is in what region"),
        ("what world region does {} belong to", "name the region of {}"),
    ),
    ("^HAS_CAPITAL",): (
        ("{} is the capital of which country", "which country has {} as its capital"),
        ("whose capital is {}", "of what state is {} the capital city"),
    ),
    ("NEAR",): (
        ("which capitals are near {}", "what cities are close to {}"),
        ("name towns nearby {}", "what lies not far from {}"),
    ),
    ("HAS_CAPITAL", "NEAR"): (
        ("which cities are near the capital of {}", "what is close to the capital city of {}"),
        ("name towns nearby the capital of {}", "what lies not far from {} 's capital"),
    ),
    ("HAS_OFFICIAL_LANGUAGE", "WRITTEN_IN"): (
        (
            "in which script is the official language of {} written",
            "how is the official language of {} written",
        ),
        (
            "which alphabet writes the official language of {}",
            "{} 's official language is written in what letters",
        ),
    ),
    ("^HAS_CAPITAL", "USES_CURRENCY"): (
        (
            "what currency is used in the country whose capital is {}",
            "{} is the capital of a country with which money",
        ),
        (
            "which currency does the state with the capital {} have",
            "what is the legal tender where {} is capital",
        ),
    ),
    ("^HAS_CAPITAL", "BORDERS"): (
        (
            "which countries border the country whose capital is {}",
            "what are the neighbours of the country with capital {}",
        ),
        (
            "{} is the capital of a state that has a border with whom",
            "what lies next to the country that has {} as its capital",
        ),
    ),
}
"""Ways, each with phrasings to learn from and others to be tested on. Synthetic: nobody asked."""

FEWEST_FOR_VALID = 5
TEST_SHARE, VALID_SHARE = 0.2, 0.1


def country_questions(seed: int) -> tuple[KGSnapshot, dict[str, str], list[Question]]:
    """Questions on the graph of ``kgp demo``: test has other phrasings *and* other topics.

    Returns:
        The graph, names by id, and the questions with their split.
    """
    entities, facts = countries()
    names = {entity.entity_id: entity.name or entity.entity_id for entity in entities}
    along: dict[tuple[str, str], list[str]] = defaultdict(list)
    for fact in facts:
        along[fact.head, fact.relation].append(fact.tail)
        along[fact.tail, "^" + fact.relation].append(fact.head)
    draw = np.random.default_rng(seed).random(len(names))
    place = {name: draw[at] for at, name in enumerate(sorted(names))}
    questions = []
    for path, (known, held_out) in TEMPLATES.items():
        for topic in sorted(names):
            ends = {topic}
            for step in path:
                ends = {tail for end in ends for tail in along.get((end, step), ())}
            if not ends or (path[0] != "^HAS_CAPITAL" and path != ("NEAR",) and "/" in topic):
                continue
            where = place[topic]
            split: Split = "test" if where < TEST_SHARE else "train"
            if TEST_SHARE <= where < TEST_SHARE + VALID_SHARE:
                split = "valid"
            for template in held_out if split == "test" else known:
                text = template.format(names[topic])
                questions.append(Question(text, tuple(sorted(ends)), topic, None, split))
    return from_triples(facts), names, questions


def without_relation(
    questions: Sequence[Linked], relation: str, seed: int
) -> dict[Split, list[Linked]]:
    """Training never sees a relation in a path; all questions that need it are tested."""
    test = [q for q in questions if relation in (q.question.path or ())]
    others = [q for q in questions if relation not in (q.question.path or ())]
    order = np.random.default_rng(seed).permutation(len(others))
    cut = len(others) // 10
    return {
        "train": [others[at] for at in order[cut:]],
        "valid": [others[at] for at in order[:cut]],
        "test": test,
    }


def shuffled(snapshot: KGSnapshot, seed: int) -> KGSnapshot:
    """Tails permuted among the facts of each relation: all degrees of each relation are kept."""
    tails = snapshot.edge_index[1].clone()
    generator = torch.Generator().manual_seed(seed)
    for relation in range(snapshot.num_relations):
        at = torch.nonzero(snapshot.edge_type == relation).flatten()
        tails[at] = tails[at[torch.randperm(len(at), generator=generator)]]
    # Sorted anew, as a snapshot's edges are by (head, relation, tail).
    heads, types = snapshot.edge_index[0], snapshot.edge_type
    order = np.lexsort((tails.numpy(), types.numpy(), heads.numpy()))
    edges = torch.stack((heads, tails))[:, torch.from_numpy(order)]
    return dataclasses.replace(snapshot, edge_index=edges)
