"""What an extraction leaves in the graph: written once, retracted, undone, decided on."""

from collections.abc import Callable
from typing import Any

import pytest
from extraction_stages import PATTERNS, PatternReader, stages, texts_source

from kgplatform.facts.pipeline import extract_documents, extraction_id
from kgplatform.facts.review import apply_marked, candidate_ids, decide, judge_all_again
from kgplatform.facts.stage_records import ExtractionCounts
from kgplatform.sources.source import Source
from kgplatform.store.client import Store
from kgplatform.store.documents import load_documents
from kgplatform.store.load import load
from kgplatform.store.replace import release_documents
from kgplatform.store.review import list_candidates, read_decisions, show_candidate
from kgplatform.store.undo import undo
from kgplatform.triples import Entity, Reject, Triple, fact_id

Digest = Callable[..., str]

CHANGES = {"version", "loaded"}
OF_TIME = CHANGES | {"created", "at"}

TEXTS = {
    "a": "Paris is the capital of France. France borders Spain.",
    "b": "It is well known that Paris is the capital of France. Spain borders Portugal.",
    "c": "France borders Spain. Andorra borders Andorra.",
    "d": "Maria is said to like Warsaw. Maria was born in Warsaw.",
    "e": "Warsaw is said to like Maria. Maria was born in Warsaw.",
}


def extract(
    store: Store, graph: str, texts: dict[str, str] | Source, **options: Any
) -> ExtractionCounts:
    reader = options.pop("reader", None)
    source = texts if isinstance(texts, Source) else texts_source(texts)
    rejects: list[Reject] = options.pop("rejects", [])
    return extract_documents(
        store, graph, source, stages(store, graph, reader), on_reject=rejects.append, **options
    )


def facts(store: Store, graph: str) -> list[tuple[str, str, str]]:
    """The facts of the trusted graph, by names."""
    rows = store.rows(
        "MATCH (h:Entity {graph: $graph})-[r:!MENTIONED_IN]->(t:Entity) "
        "RETURN h.name AS head, type(r) AS relation, t.name AS tail ORDER BY head, relation, tail",
        graph=graph,
    )
    return [(row["head"], row["relation"], row["tail"]) for row in rows]


def statuses(store: Store, graph: str) -> dict[str, str]:
    rows = store.rows(
        "MATCH (c:Candidate {graph: $graph}) "
        "RETURN c.head + ' ' + c.relation + ' ' + c.tail AS said, c.status AS status",
        graph=graph,
    )
    return {row["said"].replace("text:", ""): row["status"] for row in rows}


def names(store: Store, graph: str, label: str) -> list[str]:
    rows = store.rows(
        "MATCH (e {graph: $graph}) WHERE $label IN labels(e) RETURN e.name AS name ORDER BY name",
        graph=graph,
        label=label,
    )
    return [row["name"] for row in rows]


def test_what_was_accepted_is_a_fact_and_nothing_else_is(store: Store, graph_name: str) -> None:
    counts = extract(store, graph_name, TEXTS)
    assert statuses(store, graph_name) == {
        "Paris CAPITAL_OF France": "accepted",
        "France BORDERS Spain": "accepted",
        "Spain BORDERS Portugal": "staged",
        "Andorra BORDERS Andorra": "rejected",
        "Maria BORN_IN Warsaw": "accepted",
        "Maria SAID_TO_LIKE Warsaw": "staged",
        "Warsaw SAID_TO_LIKE Maria": "staged",
    }
    assert facts(store, graph_name) == [
        ("France", "BORDERS", "Spain"),
        ("Maria", "BORN_IN", "Warsaw"),
        ("Paris", "CAPITAL_OF", "France"),
    ]
    # What no accepted fact is about is no entity: a training does not see it.
    assert names(store, graph_name, "Entity") == ["France", "Maria", "Paris", "Spain", "Warsaw"]
    assert names(store, graph_name, "NewEntity") == ["Andorra", "Portugal"]
    assert (counts.documents, counts.candidates, counts.facts_created) == (5, 7, 3)
    assert counts.loaded.created == 5


def test_facts_candidates_and_mentions_are_as_the_design_says(
    store: Store, graph_name: str
) -> None:
    extract(store, graph_name, TEXTS)
    run = extraction_id(graph_name, "notes", "patterns")
    (row,) = store.rows(
        "MATCH (h:Entity {graph: $g, name: 'Paris'})-[r:CAPITAL_OF]->(t:Country) "
        "RETURN properties(r) AS r, labels(h) AS labels, h.llm_facts AS said",
        g=graph_name,
    )
    fact = row["r"]
    chunks = fact.pop("evidence")
    assert fact == {
        "fact_id": fact_id(graph_name, "text:Paris", "CAPITAL_OF", "text:France"),
        "sources": ["llm"],
        "confidence": 0.97,
        "run": run,
        "accepted_by": "policy",
    }
    assert sorted(row["labels"]) == ["City", "Entity"]
    assert row["said"] == ["CAPITAL_OF → France (0.97)"]
    assert len(chunks) == 2
    (row,) = store.rows(
        "MATCH (c:Candidate {graph: $g, head: 'text:Spain'}) RETURN properties(c) AS c",
        g=graph_name,
    )
    assert row["c"] == {
        "graph": graph_name,
        "id": fact_id(graph_name, "text:Spain", "BORDERS", "text:Portugal"),
        "head": "text:Spain",
        "relation": "BORDERS",
        "tail": "text:Portugal",
        "status": "staged",
        "applied": "staged",
        "confidence": 0.6,
        "extractor_confidence": 0.9,
        "link_confidence": 1.0,
        "reason": "one document",
        "features": '{"support": 1.0}',
        "support": 1,
        "run": run,
    }
    rows = store.rows(
        "MATCH (c:Candidate {graph: $g, head: 'text:Spain'})-[e:EVIDENCE]->(k:Chunk) "
        "MATCH (t:NewEntity {graph: $g, id: c.tail})-[m:MENTIONED_IN]->(k) "
        "RETURN substring(k.text, e.start, e.end - e.start) AS sentence, "
        "substring(k.text, m.start, m.end - m.start) AS name, m.name AS kept",
        g=graph_name,
    )
    assert rows == [{"sentence": "Spain borders Portugal.", "name": "Portugal", "kept": "Portugal"}]


def test_the_same_again_changes_nothing_and_reads_nothing(
    store: Store, graph_name: str, digest: Digest
) -> None:
    reader = PatternReader()
    extract(store, graph_name, TEXTS, reader=reader)
    before = digest(store)
    assert len(reader.read) == 5
    counts = extract(store, graph_name, TEXTS, reader=reader)
    assert digest(store) == before
    assert len(reader.read) == 5
    assert (counts.documents, counts.done_before) == (5, 5)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_batches_do_not_show(store: Store, graph_name: str, batch: int) -> None:
    extract(store, graph_name, TEXTS, batch=batch)
    expected = {("France", "BORDERS", "Spain"), ("Maria", "BORN_IN", "Warsaw")}
    assert expected < set(facts(store, graph_name))
    assert statuses(store, graph_name)["Paris CAPITAL_OF France"] == "accepted"
    assert names(store, graph_name, "NewEntity") == ["Andorra", "Portugal"]


def test_a_changed_document_takes_back_what_only_it_supported(
    store: Store, graph_name: str, digest: Digest
) -> None:
    extract(store, graph_name, TEXTS)
    before = digest(store, ignoring=OF_TIME | {"nid", "next_nid"})
    changed = {**TEXTS, "a": "Rome is the capital of Italy."}
    counts = extract(store, graph_name, changed)
    assert counts.done_before == 4
    assert counts.loaded.replaced == 1
    said = statuses(store, graph_name)
    # One document supports each of the two now, so they wait for review again.
    assert said["Paris CAPITAL_OF France"] == "staged"
    assert said["France BORDERS Spain"] == "staged"
    assert said["Rome CAPITAL_OF Italy"] == "staged"
    assert facts(store, graph_name) == [("Maria", "BORN_IN", "Warsaw")]
    assert names(store, graph_name, "Entity") == ["Maria", "Warsaw"]
    extract(store, graph_name, TEXTS)
    assert digest(store, ignoring=OF_TIME | {"nid", "next_nid"}) == before


def test_a_document_that_is_gone_takes_its_facts_along(store: Store, graph_name: str) -> None:
    extract(store, graph_name, TEXTS)
    fewer = {key: text for key, text in TEXTS.items() if key not in {"d", "e"}}
    counts = extract(store, graph_name, fewer, replace=True)
    assert counts.documents_removed == 2
    assert "Maria" not in names(store, graph_name, "Entity")
    assert names(store, graph_name, "NewEntity") == ["Andorra", "Portugal"]
    assert len(names(store, graph_name, "Document")) == 3
    assert ("Maria", "BORN_IN", "Warsaw") not in facts(store, graph_name)


def test_loading_without_a_document_or_with_another_text_retracts_too(
    store: Store, graph_name: str
) -> None:
    given = list(texts_source(TEXTS).documents(lambda _: None))
    load_documents(store, graph_name, given, source="files")
    extract(store, graph_name, TEXTS)
    release_documents(store, graph_name, "files", {"a", "b", "d", "e"})
    assert "Andorra" not in names(store, graph_name, "NewEntity")
    # Judged again by the next call, as one document supports it.
    assert statuses(store, graph_name)["France BORDERS Spain"] == "accepted"
    changed = {**TEXTS, "b": "Nothing."}
    load_documents(
        store, graph_name, texts_source(changed).documents(lambda _: None), source="files"
    )
    assert "Portugal" not in names(store, graph_name, "NewEntity")
    rest = {key: text for key, text in changed.items() if key != "c"}
    extract(store, graph_name, rest)
    assert statuses(store, graph_name)["France BORDERS Spain"] == "staged"
    assert facts(store, graph_name) == [("Maria", "BORN_IN", "Warsaw")]


def test_undo_leaves_the_graph_as_it_was(store: Store, graph_name: str, digest: Digest) -> None:
    entities = [Entity("Q1", "Paris", None, ("City",)), Entity("Q2", "France", None, ("Country",))]
    triples = [Triple("Q1", "CAPITAL_OF", "Q2", "train"), Triple("Q1", "IN", "Q2", "train")]
    load(store, graph_name, entities, triples, source="atlas")
    before = digest(store, ignoring=CHANGES)
    extract(store, graph_name, TEXTS)
    (row,) = store.rows(
        "MATCH (:Entity {graph: $g, id: 'Q1'})-[r:CAPITAL_OF]->() RETURN properties(r) AS r",
        g=graph_name,
    )
    assert row["r"]["sources"] == ["atlas", "llm"]
    assert row["r"]["split"] == "train"
    assert "confidence" not in row["r"]
    removed = undo(store, extraction_id(graph_name, "notes", "patterns"))
    assert removed["documents"] == 5
    assert digest(store, ignoring=CHANGES) == before


def test_two_extractors_support_the_same_candidates(
    store: Store, graph_name: str, digest: Digest
) -> None:
    few = {key: PATTERNS[key] for key in ("BORDERS", "CAPITAL_OF")}
    extract(store, graph_name, TEXTS, reader=PatternReader("few", patterns=few))
    before = digest(store, ignoring=OF_TIME)
    extract(store, graph_name, TEXTS)
    assert statuses(store, graph_name)["Maria BORN_IN Warsaw"] == "accepted"
    # Two extractors are one witness where they read the same document.
    assert statuses(store, graph_name)["Spain BORDERS Portugal"] == "staged"
    undo(store, extraction_id(graph_name, "notes", "patterns"))
    extract(store, graph_name, TEXTS, reader=PatternReader("few", patterns=few))
    assert digest(store, ignoring=OF_TIME) == before


def test_other_settings_read_all_documents_anew(store: Store, graph_name: str) -> None:
    extract(store, graph_name, TEXTS)
    few = {"BORDERS": PATTERNS["BORDERS"]}
    counts = extract(store, graph_name, TEXTS, reader=PatternReader(digest="2", patterns=few))
    assert counts.done_before == 0
    assert {relation for _, relation, _ in facts(store, graph_name)} == {"BORDERS"}


def test_decisions_hold_and_outlive_what_they_are_about(store: Store, graph_name: str) -> None:
    extract(store, graph_name, TEXTS)
    (staged,) = list_candidates(store, graph_name, "staged", "Portugal", None, 10)
    assert staged["text"] == "Spain borders Portugal."
    ids = candidate_ids(store, graph_name, [staged["id"][:12]])
    done = decide(store, graph_name, ids, "accepted", by="ann", why="an atlas says so")
    assert done.facts_created == 1
    assert ("Spain", "BORDERS", "Portugal") in facts(store, graph_name)
    wrong = fact_id(graph_name, "text:Maria", "BORN_IN", "text:Warsaw")
    decide(store, graph_name, [wrong], "rejected", by="ann")
    assert ("Maria", "BORN_IN", "Warsaw") not in facts(store, graph_name)
    assert "Maria" in names(store, graph_name, "NewEntity")
    undo(store, extraction_id(graph_name, "notes", "patterns"))
    assert facts(store, graph_name) == []
    extract(store, graph_name, TEXTS)
    assert ("Spain", "BORDERS", "Portugal") in facts(store, graph_name)
    assert ("Maria", "BORN_IN", "Warsaw") not in facts(store, graph_name)
    decisions = read_decisions(store, graph_name)
    assert [(each["head"], each["status"], each["by"]) for each in decisions] == [
        ("text:Maria", "rejected", "ann"),
        ("text:Spain", "accepted", "ann"),
    ]
    decide(store, graph_name, [wrong], "staged", by="ann")
    judge_all_again(store, graph_name, stages(store, graph_name).judge)
    assert ("Maria", "BORN_IN", "Warsaw") in facts(store, graph_name)


def test_a_status_set_in_browser_is_taken_over(store: Store, graph_name: str) -> None:
    extract(store, graph_name, TEXTS)
    store.run(
        "MATCH (c:Candidate {graph: $g, head: 'text:Spain'}) SET c.status = 'accepted'",
        g=graph_name,
    )
    store.run(
        "MATCH (c:Candidate {graph: $g, head: 'text:Andorra'}) SET c.status = 'maybe'", g=graph_name
    )
    assert ("Spain", "BORDERS", "Portugal") not in facts(store, graph_name)
    done, wrong = apply_marked(store, graph_name)
    assert done.decided == 1
    assert len(wrong) == 1
    assert ("Spain", "BORDERS", "Portugal") in facts(store, graph_name)
    assert [each["by"] for each in read_decisions(store, graph_name)] == ["browser"]


def test_a_proposal_needs_a_person(store: Store, graph_name: str) -> None:
    texts = dict.fromkeys("xyz", "Maria is said to like Warsaw.")
    extract(store, graph_name, texts)
    assert statuses(store, graph_name) == {"Maria SAID_TO_LIKE Warsaw": "staged"}
    assert facts(store, graph_name) == []
    assert names(store, graph_name, "Entity") == []


def test_hostile_names_are_kept_literally(store: Store, graph_name: str) -> None:
    # Neither may this be Cypher, nor a relation of the platform itself.
    evil = "X`]->() DETACH DELETE h //"
    import re

    patterns = {
        evil: re.compile(r"(\w+) harms (\w+)"),
        "PREDICTED": re.compile(r"(\w+) foresees (\w+)"),
    }
    texts = dict.fromkeys("xy", "Anna harms Berta. Anna foresees Clara.")
    rejects: list[Reject] = []
    counts = extract(
        store, graph_name, texts, reader=PatternReader(patterns=patterns), rejects=rejects
    )
    assert facts(store, graph_name) == [("Anna", evil, "Berta")]
    assert counts.unusable == 2
    assert [each.reason for each in rejects] == [
        "relation PREDICTED is reserved for the platform"
    ] * 2


def test_show_has_the_sentences_and_the_neighbours(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], [Triple("Spain", "IN", "Europe", "train")], source="atlas")
    extract(store, graph_name, TEXTS)
    wanted = fact_id(graph_name, "Spain", "BORDERS", "text:Portugal")
    shown = show_candidate(store, graph_name, wanted)
    assert (shown["head_new"], shown["tail_new"]) == (False, True)
    assert [one["text"] for one in shown["evidence"]] == ["Spain borders Portugal."]
    assert shown["of_head"] == ["BORDERS ← France", "IN → Europe"]


def test_a_dry_run_writes_nothing(store: Store, graph_name: str, digest: Digest) -> None:
    extract(store, graph_name, {})
    before = digest(store)
    counts = extract(store, graph_name, TEXTS, dry_run=True)
    assert counts.extracted == 10
    assert counts.candidates == 7
    assert digest(store) == before
