"""Decisions on names and on candidates, as records alone."""

from pathlib import Path
from typing import Any

from kgplatform.facts.decisions import examples_of, write_decisions_file
from kgplatform.facts.mentions import Mentioned
from kgplatform.facts.name_decisions import name_pairs, with_name_decisions
from kgplatform.facts.records import CandidateFact, Evidence, NewEntity
from kgplatform.facts.resolve import Merge
from kgplatform.facts.stage_records import Resolution

CHUNKS = [
    Mentioned("c1", "a", "Curie lived in Paris.", ()),
    Mentioned("c2", "b", "Pierre lived in Paris.", ()),
]
LIVED = CandidateFact(
    "marie",
    "LIVED_IN",
    "paris",
    (
        Evidence("c1", "a", (0, 21), (0, 5), (15, 20), 0.9, "x"),
        Evidence("c2", "b", (0, 22), (0, 6), (16, 21), 0.8, "x"),
    ),
)
RESOLVED = Resolution([LIVED], [NewEntity("marie", "Curie", ("Curie", "Pierre"), "Person")])


def decision(status: str, name: str = "Pierre", document: str = "b") -> dict[str, str]:
    return {
        "status": status,
        "kept": "marie",
        "other": "pierre",
        "name": name,
        "document": document,
    }


def test_a_name_that_is_taken_apart_takes_its_evidence_along() -> None:
    found = with_name_decisions(RESOLVED, CHUNKS, [decision("split")])
    by_head = {fact.head: [one.chunk_id for one in fact.evidence] for fact in found.candidates}
    assert by_head == {"marie": ["c1"], "pierre": ["c2"]}
    assert found.entities[-1] == NewEntity("pierre", "Pierre", ("Pierre",), "Person")
    # Another document's name, or another name, is left alone.
    for other in (decision("split", document="a"), decision("split", name="Curie")):
        assert with_name_decisions(RESOLVED, CHUNKS, [other]).candidates == [LIVED]


def test_names_that_are_put_together_share_their_evidence() -> None:
    apart = with_name_decisions(RESOLVED, CHUNKS, [decision("split")])
    again = with_name_decisions(apart, CHUNKS, [decision("joined")])
    assert again.candidates == [LIVED]
    assert with_name_decisions(RESOLVED, CHUNKS, []) is RESOLVED


def test_a_merge_is_kept_once_a_document_by_an_id_that_is_always_the_same() -> None:
    merge = Merge("marie", "pierre", ("Curie", "Pierre"), ("b", "c"), 0.9, ("alike",))
    pairs = name_pairs([merge], "merged")
    assert [pair["properties"]["document"] for pair in pairs] == ["b", "c"]
    assert len({pair["id"] for pair in pairs}) == 2
    assert name_pairs([merge], "doubtful")[0]["id"] == pairs[0]["id"]


def test_decisions_as_files_and_as_examples(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"head": "a", "relation": "r", "tail": "b", "status": "accepted", "at": "now"},
        {"head": "a", "relation": "r", "tail": "c", "status": "rejected", "at": "now"},
    ]
    decisions: list[dict[str, Any]] = [
        {**rows[0], "features": '{"sources": 1.0}'},
        {**rows[1], "features": None},
    ]
    assert [(one.features, one.true) for one in examples_of(decisions)] == [
        ({"sources": 1.0}, True)
    ]
    assert write_decisions_file(tmp_path / "no.tsv", decisions) == 1
    assert (tmp_path / "no.tsv").read_text() == "a\tr\tc\n"
    assert write_decisions_file(tmp_path / "all.jsonl", decisions) == 2
