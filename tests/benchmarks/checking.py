"""How often the check of generated texts (kgplatform.answer.check) is right, on sentences whose
truth is known: facts of the demo's graph in five wordings each, and the same with another entity.

From the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/checking.py --entities 30

The wordings were written before the first run and not changed after it. A false sentence names an
entity of the same label that the graph does not join to the subject by this relation, drawn by the
seed. Each sentence stands alone and names its subject.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter

from own_server import own_server

from kgplatform.answer.check import Checker, Claim, check, open_checker
from kgplatform.answer.readings import Named
from kgplatform.sources.countries import countries
from kgplatform.store.load import load
from kgplatform.triples import Triple

GRAPH = "countries"
SEED = 0
VERDICTS = ("supported", "contradicted", "absent", "unread", "silent")
WORDINGS = {
    "BORDERS": (
        "{h} shares a border with {t}.",
        "{h} is bordered by {t}.",
        "{t} is one of the neighbours of {h}.",
        "To the east, {h} meets {t}.",
        "{h} is next to {t}.",
    ),
    "HAS_CAPITAL": (
        "The capital of {h} is {t}.",
        "{t} is the capital of {h}.",
        "{h}, whose capital is {t}, is a country.",
        "{h} is governed from {t}.",
        "The seat of government of {h} is {t}.",
    ),
    "SPEAKS": (
        "People in {h} speak {t}.",
        "{t} is spoken in {h}.",
        "In {h}, one hears {t}.",
        "{t} is among the languages of {h}.",
        "Many in {h} talk in {t}.",
    ),
    "HAS_OFFICIAL_LANGUAGE": (
        "The official language of {h} is {t}.",
        "{t} is an official language of {h}.",
        "{h} recognises {t} as its official language.",
        "{t} has official status in {h}.",
        "The laws of {h} are drawn up in {t}.",
    ),
    "USES_CURRENCY": (
        "The currency of {h} is the {t}.",
        "{h} uses the {t}.",
        "In {h}, one pays in {t}.",
        "The {t} is the currency of {h}.",
        "{h} adopted the {t} as its currency.",
    ),
    "IN_REGION": (
        "{h} is in {t}.",
        "{h} is a country in {t}.",
        "{h} lies in {t}.",
        "{h} belongs to the region of {t}.",
        "{h} is part of {t}.",
    ),
}


def verdict(claims: tuple[Claim, ...]) -> str:
    """The best that is said of a sentence."""
    said = {claim.verdict for claim in claims}
    return next((each for each in VERDICTS if each in said), "silent")


def verdicts(checker: Checker, key: str, name: str, sentences: list[str]) -> list[str]:
    """Of each sentence by itself."""
    topic = Named(-1, -1, (key,), name)
    return [verdict(check(checker, [sentence], topic)[0]) for sentence in sentences]


def main() -> None:
    """Print shares of verdicts on true and false sentences, by relation and wording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=30)
    given = parser.parse_args()
    draw = random.Random(SEED)
    entities, triples = countries()
    names = {each.entity_id: each.name or each.entity_id for each in entities}
    tails: dict[str, list[str]] = {}
    facts: dict[tuple[str, str], list[Triple]] = {}
    for each in triples:
        tails.setdefault(each.relation, []).append(each.tail)
        facts.setdefault((each.head, each.relation), []).append(each)
    joined = {(each.head, each.relation, each.tail) for each in triples}
    ids = sorted(
        each.entity_id
        for each in entities
        if "Country" in each.types and all((each.entity_id, r) in facts for r in WORDINGS)
    )
    counts: Counter[tuple[str, int, bool, str]] = Counter()
    with own_server() as (store, _):
        load(store, GRAPH, entities, triples, source="countryinfo")
        checker = open_checker(store, GRAPH)
        for head in draw.sample(ids, given.entities):
            for relation, wordings in WORDINGS.items():
                true = draw.choice(facts[head, relation]).tail
                others = sorted({t for t in tails[relation] if t != head})
                false = draw.choice([t for t in others if (head, relation, t) not in joined])
                for tail, truth in ((true, True), (false, False)):
                    said = [w.format(h=names[head], t=names[tail]) for w in wordings]
                    for at, told in enumerate(verdicts(checker, head, names[head], said)):
                        counts[relation, at, truth, told] += 1
    for truth in (True, False):
        print("true sentences" if truth else "false sentences")
        rows: list[tuple[str, str | None, int | None]] = [("all", None, None)]
        rows += [(relation, relation, None) for relation in WORDINGS]
        rows += [(w, r, at) for r, several in WORDINGS.items() for at, w in enumerate(several)]
        for label, relation_of, place in rows:
            chosen = {
                each: sum(
                    count
                    for (r, at, t, v), count in counts.items()
                    if t is truth and v == each and relation_of in (None, r) and place in (None, at)
                )
                for each in VERDICTS
            }
            total = sum(chosen.values())
            shares = "\t".join(f"{chosen[each] / total:.2f}" for each in VERDICTS)
            print(f"{label}\t{total}\t{shares}")


if __name__ == "__main__":
    main()
