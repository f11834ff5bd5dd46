"""Documents in the graph: loaded twice, changed, beside others, and of any size."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kgplatform.errors import InputError, StoreError
from kgplatform.store import documents as loading
from kgplatform.store.client import Store, Transaction
from kgplatform.store.documents import DocumentCounts, load_documents
from kgplatform.triples import Chunk, Document

Digest = Callable[..., str]


def document(name: str, *pieces: str, title: str = "Title", uri: str = "file:///x") -> Document:
    """A document whose chunks are given; a chunk's id is its document, place and text."""
    chunks = []
    start = 0
    for index, piece in enumerate(pieces):
        end = start + len(piece)
        chunks.append(Chunk(f"{name}:{start}:{piece[:20]}", piece, start, end, index))
        start = end + 1
    return Document(name, uri, title, "hash of " + " ".join(pieces)[:200], tuple(chunks))


def texts_of(store: Store, graph: str, name: str) -> list[tuple[str, int, int, int]]:
    rows = store.rows(
        "MATCH (c:Chunk {graph: $graph})-[:PART_OF]->(:Document {graph: $graph, id: $name}) "
        "RETURN c.text AS text, c.start AS start, c.end AS end, c.index AS index ORDER BY index",
        graph=graph,
        name=name,
    )
    return [(row["text"], row["start"], row["end"], row["index"]) for row in rows]


def followed(store: Store, graph: str, name: str) -> list[tuple[str, str]]:
    """Each NEXT of a document's chunks, by their texts."""
    rows = store.rows(
        "MATCH (:Document {graph: $graph, id: $name})<-[:PART_OF]-(a)-[:NEXT]->(b) "
        "RETURN a.text AS text, b.text AS following ORDER BY a.index",
        graph=graph,
        name=name,
    )
    return [(row["text"], row["following"]) for row in rows]


def one(store: Store, query: str, **params: Any) -> Any:
    (row,) = store.rows(query, **params)
    (value,) = row.values()
    return value


def mention(store: Store, graph: str, text: str) -> None:
    """What linking writes later: an entity that is mentioned in a chunk."""
    store.run(
        "MATCH (c:Chunk {graph: $graph, text: $text}) "
        "MERGE (e:Entity {graph: $graph, id: $text}) MERGE (e)-[:MENTIONED_IN]->(c)",
        graph=graph,
        text=text,
    )


def mentions(store: Store, graph: str) -> list[str]:
    rows = store.rows(
        "MATCH (e:Entity {graph: $graph})-[:MENTIONED_IN]->(c:Chunk) RETURN e.id AS id ORDER BY id",
        graph=graph,
    )
    return [row["id"] for row in rows]


def test_documents_and_chunks_are_as_the_design_says(store: Store, graph_name: str) -> None:
    given = [document("a", "One.", "Two.", "Three."), document("b", "Alone.", title="B")]
    counts = load_documents(store, graph_name, given, source="notes")
    assert counts == DocumentCounts(created=2, chunks_created=4)
    assert one(
        store, "MATCH (d:Document {graph: $g, id: 'a'}) RETURN properties(d)", g=graph_name
    ) == {
        "graph": graph_name,
        "id": "a",
        "uri": "file:///x",
        "title": "Title",
        "content_hash": "hash of One. Two. Three.",
        "sources": ["notes"],
    }
    assert texts_of(store, graph_name, "a") == [
        ("One.", 0, 4, 0),
        ("Two.", 5, 9, 1),
        ("Three.", 10, 16, 2),
    ]
    assert followed(store, graph_name, "a") == [("One.", "Two."), ("Two.", "Three.")]
    assert followed(store, graph_name, "b") == []
    assert (
        one(store, "MATCH (c:Chunk {graph: $g, text: 'Alone.'}) RETURN c.id", g=graph_name)
        == "b:0:Alone."
    )
    # The graph has its record, as one of facts has, and no entities.
    assert one(
        store,
        "MATCH (g:KnowledgeGraph {name: $g}) RETURN g {.next_nid, .version, .loading}",
        g=graph_name,
    ) == {"next_nid": 0, "version": 0, "loading": None}


def test_the_same_documents_twice_change_nothing(
    store: Store, graph_name: str, digest: Digest
) -> None:
    given = [document("a", "One.", "Two."), document("b", "Alone.")]
    load_documents(store, graph_name, given, source="notes")
    mention(store, graph_name, "Two.")
    before = digest(store)
    assert load_documents(store, graph_name, given, source="notes") == DocumentCounts(unchanged=2)
    assert load_documents(store, graph_name, given * 2, source="notes") == DocumentCounts(
        unchanged=4
    )
    assert digest(store) == before


def test_a_changed_document_replaces_just_what_has_changed_of_it(
    store: Store, graph_name: str
) -> None:
    other = document("b", "Same.", "Still.")
    first = document("a", "One.", "Two.", "Tri.", "Four.")
    load_documents(store, graph_name, [first, other], source="notes")
    for text in ("One.", "Two.", "Four.", "Same."):
        mention(store, graph_name, text)
    # `Two.` becomes `Duo.` and a fifth follows; what stands where it stood is kept.
    second = document("a", "One.", "Duo.", "Tri.", "Four.", "Five.")
    counts = load_documents(store, graph_name, [second, other], source="notes")
    assert counts == DocumentCounts(replaced=1, unchanged=1, chunks_created=2, chunks_removed=1)
    assert [text for text, *_ in texts_of(store, graph_name, "a")] == [
        "One.",
        "Duo.",
        "Tri.",
        "Four.",
        "Five.",
    ]
    assert followed(store, graph_name, "a") == [
        ("One.", "Duo."),
        ("Duo.", "Tri."),
        ("Tri.", "Four."),
        ("Four.", "Five."),
    ]
    assert mentions(store, graph_name) == ["Four.", "One.", "Same."]
    # And back to less: no link to what is gone.
    third = document("a", "One.")
    counts = load_documents(store, graph_name, [third], source="notes")
    assert counts == DocumentCounts(replaced=1, chunks_removed=4)
    assert followed(store, graph_name, "a") == []
    assert mentions(store, graph_name) == ["One.", "Same."]


def test_a_chunk_that_stays_gets_its_new_neighbours_and_place(
    store: Store, graph_name: str
) -> None:
    a, b, c = (
        Chunk(f"id-{n}", n, place, place + 1, i)
        for i, (n, place) in enumerate([("a", 0), ("b", 2), ("c", 4)])
    )
    base = Document("d", "file:///x", "D", "1", (a, replace(c, index=1)))
    load_documents(store, graph_name, [base], source="s")
    assert followed(store, graph_name, "d") == [("a", "c")]
    # Chunks of another size of the same text: the hash is the same, the chunks are not.
    counts = load_documents(store, graph_name, [replace(base, chunks=(a, b, c))], source="s")
    assert counts == DocumentCounts(replaced=1, chunks_created=1)
    assert followed(store, graph_name, "d") == [("a", "b"), ("b", "c")]
    assert [index for *_, index in texts_of(store, graph_name, "d")] == [0, 1, 2]


def test_titles_places_and_sources_are_kept_up_to_date(store: Store, graph_name: str) -> None:
    given = document("a", "One.")
    load_documents(store, graph_name, [given], source="zeta")
    moved = replace(given, uri="file:///y", title="New")
    counts = load_documents(store, graph_name, [moved], source="alpha")
    assert counts == DocumentCounts(unchanged=1)
    assert one(
        store, "MATCH (d:Document {graph: $g}) RETURN d {.uri, .title, .sources}", g=graph_name
    ) == {"uri": "file:///y", "title": "New", "sources": ["alpha", "zeta"]}


def test_a_document_replaced_by_one_of_another_place_is_said(store: Store, graph_name: str) -> None:
    load_documents(store, graph_name, [document("a", "One."), document("b", "B.")], source="s")
    given = [document("a", "Other.", uri="file:///y"), document("b", "Changed.")]
    counts = load_documents(store, graph_name, given, source="s")
    assert (counts.replaced, counts.num_moved, counts.moved) == (2, 1, ["a"])


def test_a_document_that_comes_twice_is_the_later_one(store: Store, graph_name: str) -> None:
    given = [document("a", "One."), document("a", "Two."), document("b", "B.")]
    counts = load_documents(store, graph_name, given, source="s")
    assert counts == DocumentCounts(created=2, replaced=1, chunks_created=3, chunks_removed=1)
    assert [text for text, *_ in texts_of(store, graph_name, "a")] == ["Two."]


def test_graphs_do_not_share_documents(store: Store, graph_name: str) -> None:
    other = f"{graph_name}-other"
    given = document("a", "One.")
    load_documents(store, graph_name, [given], source="s")
    assert load_documents(store, other, [given], source="s").created == 1
    load_documents(store, other, [document("a", "Two.")], source="s")
    assert [text for text, *_ in texts_of(store, graph_name, "a")] == ["One."]
    assert [text for text, *_ in texts_of(store, other, "a")] == ["Two."]


def test_transactions_are_bounded_and_a_large_document_is_one_all_the_same(
    store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[list[int]] = []
    real_write, real_run = Store.write, Transaction.run

    def write(self: Store, work: Callable[[Transaction], Any]) -> Any:
        sizes.append([])
        return real_write(self, work)

    def run(self: Transaction, query: str, **params: Any) -> Any:
        if "texts" in params:
            sizes[-1].append(sum(map(len, params["texts"])))
        return real_run(self, query, **params)

    monkeypatch.setattr(Store, "write", write)
    monkeypatch.setattr(Transaction, "run", run)
    monkeypatch.setattr(loading, "BATCH", 10)
    monkeypatch.setattr(loading, "BATCH_ROWS", 2)
    large = document("l", "12345", "1234567890", "1", "2", "3", "123456789012")
    given = [document("a", "123"), document("b", "1234"), document("c", "1"), large]
    done: list[tuple[str, int, int | None]] = []
    load_documents(store, graph_name, given, source="s", progress=lambda *told: done.append(told))
    # Two by their number, one before what is too large, and that one in five statements.
    assert [one for one in sizes if one] == [[7], [1], [5, 10, 2, 1, 12]]
    assert done == [("documents", n, None) for n in (2, 3, 4)] + [("documents", 4, 4)]
    assert len(followed(store, graph_name, "l")) == 5


def test_a_document_is_replaced_whole_or_not_at_all(
    store: Store, graph_name: str, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_documents(store, graph_name, [document("a", "One.", "Two.")], source="s")
    before = digest(store)

    def fail(*_: object) -> None:
        raise StoreError("cut")

    with monkeypatch.context() as patched:
        patched.setattr(loading, "_merge_chunks", fail)
        with pytest.raises(StoreError, match="cut"):
            load_documents(store, graph_name, [document("a", "New.")], source="s")
    assert digest(store) == before
    counts = load_documents(store, graph_name, [document("a", "New.")], source="s")
    assert counts == DocumentCounts(replaced=1, chunks_created=1, chunks_removed=2)


def test_texts_are_kept_letter_by_letter(store: Store, graph_name: str) -> None:
    hostile = "`]->() // $x ' \" \\u0060 \f\t\0 漢字 🦉 e\u0301"
    load_documents(store, graph_name, [document("a`'\\", hostile, title=hostile)], source="s")
    assert texts_of(store, graph_name, "a`'\\") == [(hostile, 0, len(hostile), 0)]


def test_a_graph_needs_a_name(store: Store) -> None:
    with pytest.raises(InputError, match="the name of the graph is empty"):
        load_documents(store, " ", [], source="s")
