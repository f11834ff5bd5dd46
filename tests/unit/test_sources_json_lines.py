import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError
from kgplatform.sources.folder import find, open_source
from kgplatform.sources.records import read_entities, read_triples
from kgplatform.sources.source import Options
from kgplatform.triples import Entity, Reject, Triple


def no_reject(reject: Reject) -> None:
    pytest.fail(str(reject))


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def triples_of(path: Path) -> tuple[list[Triple], list[tuple[int, str, str]]]:
    rejects: list[Reject] = []
    found = list(read_triples(find(path), rejects.append))
    return found, [(r.line, r.reason, r.text) for r in rejects]


@pytest.mark.parametrize("name", ["g.jsonl", "g.ndjson", "g.json"])
def test_records_are_triples_by_their_keys(tmp_path: Path, name: str) -> None:
    path = write(
        tmp_path / name,
        '{"head": "a", "relation": "r", "tail": "b"}',
        "",
        '  {"weight": 2, "split": "dev", "tail": "\\u00e9", "relation": "r", "head": "a b"}  ',
        '{"head": 17, "relation": "r", "tail": "c", "weight": null, "split": null}',
    )
    assert triples_of(path) == (
        [
            Triple("a", "r", "b"),
            Triple("a b", "r", "é", "valid", properties={"weight": 2.0}),
            Triple("17", "r", "c"),
        ],
        [],
    )


def test_aliases_and_keys_that_nothing_reads(tmp_path: Path) -> None:
    path = write(
        tmp_path / "g.jsonl",
        '{"Subject": "a", "predicate": "r", "o": "b"}',
        '{"Subject": "c", "predicate": "r", "o": "d", "late": {"x": 1}}',
    )
    source = open_source((str(path),), Options())
    assert [(t.head, t.tail) for t in source.triples(no_reject)] == [("a", "b"), ("c", "d")]
    assert source.notes == ("g.jsonl: columns not read: late",)


def test_a_line_that_is_no_triple_is_rejected_with_its_place(tmp_path: Path) -> None:
    good = '{"head": "a", "relation": "r", "tail": "b"}'
    bad = [
        ("{head: 1}", "not JSON: Expecting property name enclosed in double quotes (character 2)"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "JSON that is nested too deeply"),
        ('{"head": "a", "relation": "r"}', "tail is empty"),
        ('{"head": "a", "relation": "r", "tail": ""}', "tail is empty"),
        ('{"head": ["a;b"], "relation": "r", "tail": "b"}', "head is neither text nor a number"),
        ('{"head": true, "relation": "r", "tail": "b"}', "head is neither text nor a number: True"),
        ('{"head": "\\ud800", "relation": "r", "tail": "b"}', "not text: it holds half of a"),
        ('{"head": "a\\u0000", "relation": "r", "tail": "b"}', "head holds a control character"),
        ('{"head": "a", "relation": "PART_OF", "tail": "b"}', "relation PART_OF is reserved"),
        ('{"head": "a", "relation": "r", "tail": "b", "weight": NaN}', "weight 'nan' is not"),
        ('{"head": "a", "relation": "r", "tail": "b", "split": "x"}', "split 'x' is none of"),
        ('{"head": ' + "9" * 5_000 + "}", "not JSON that can be read: "),
    ]
    path = write(tmp_path / "g.jsonl", good, *(line for line, _ in bad), good)
    found, rejects = triples_of(path)
    assert found == [Triple("a", "r", "b")] * 2
    assert [line for line, _, _ in rejects] == list(range(2, len(bad) + 2))
    for (_, reason, text), (line, expected) in zip(rejects, bad, strict=True):
        assert reason.startswith(expected)
        assert text == (line if len(line) <= 1_000 else line[:999] + "…")


def test_records_of_entities(tmp_path: Path) -> None:
    path = write(
        tmp_path / "entities.jsonl",
        '{"id": "waw", "name": "Warsaw", "types": ["City", "Capital"]}',
        '{"id": "krk", "types": "City|Town", "description": "A city, on a river"}',
        '{"id": "x", "types": ["A|B"]}',
    )
    rejects: list[Reject] = []
    assert list(read_entities(find(path), rejects.append)) == [
        Entity("waw", "Warsaw", types=("City", "Capital")),
        Entity("krk", description="A city, on a river", types=("City", "Town")),
    ]
    assert [(r.line, r.reason) for r in rejects] == [
        (3, "types is neither text nor a number: ['A|B']")
    ]


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (["[1, 2]"], "holds no JSON objects: line 1 is not a JSON object", '"head"'),
        (["{", '"a": 1}'], "line 1 is not JSON", '"head"'),
        (["", " "], "holds no JSON objects", '"head"'),
        (["{}"], "holds no JSON objects", '"head"'),
        (['{"a": "x", "b": "y"}'], "it has no column head (it has a, b)", "head, relation, tail"),
        (['{"h": "x", "t": "y"}'], "it has no column relation", "head, relation, tail"),
        ([json.dumps({f"k{i}": 1}) for i in range(1_001)], "line 1001 have more than 1,000", "few"),
    ],
)
def test_a_file_without_triples_is_refused(
    tmp_path: Path, lines: list[str], message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        find(write(tmp_path / "g.jsonl", *lines))
    assert message in str(caught.value)
    assert hint in caught.value.hint


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(
    lambda name: "n" + name.strip() + "n"
)
RECORDS = st.fixed_dictionaries(
    {"head": NAMES, "relation": NAMES, "tail": NAMES},
    optional={
        "split": st.sampled_from(["train", "valid", "test"]),
        "weight": st.floats(allow_nan=False, allow_infinity=False),
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(RECORDS, min_size=1, max_size=8), ascii_only=st.booleans())
def test_what_is_written_as_json_lines_is_read_back(
    tmp_path: Path, records: list[dict[str, str | float]], ascii_only: bool
) -> None:
    path = write(
        tmp_path / "g.jsonl", *(json.dumps(record, ensure_ascii=ascii_only) for record in records)
    )
    found = []
    for triple in read_triples(find(path), no_reject):
        record: dict[str, object] = {
            "head": triple.head,
            "relation": triple.relation,
            "tail": triple.tail,
            **(triple.properties or {}),
        }
        if triple.split:
            record["split"] = triple.split
        found.append(record)
    assert found == records
