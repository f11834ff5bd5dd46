import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError, UsageError
from kgplatform.sources import open_source as open_any
from kgplatform.sources.apoc import open_source
from kgplatform.sources.source import Options, Source
from kgplatform.triples import Entity, Reject, Triple

# As apoc.export.json.all writes it: ends without properties, the node's first.
PEOPLE = """
{"type":"node","id":"0","labels":["User"],"properties":{"born":"1993-05-01","name":"Ada",\
"place":{"crs":"wgs-84","latitude":13.1,"longitude":33.5,"height":null},"age":42,"male":false,\
"score":1.5,"kids":["Sam","Anna"],"nothing":null,"none":[],"mixed":[1,2.5],"odd":[1,"a"]}}
{"type":"node","id":"1","labels":["User","Admin"],"properties":{"title":"Dr. Bo"}}
{"type":"node","id":"2","properties":{}}
{"id":"0","type":"relationship","label":"KNOWS","properties":{"since":1993,"split":"test"},\
"start":{"id":"0","labels":["User"]},"end":{"id":"1","labels":["User","Admin"]}}
{"id":"1","type":"relationship","label":"KNOWS","start":{"id":"1"},"end":{"id":"2"}}
""".strip()


def node(node_id: object, labels: object = (), **properties: Any) -> str:
    return json.dumps({"type": "node", "id": node_id, "labels": labels, "properties": properties})


def fact(start: object, label: object, end: object, **properties: Any) -> str:
    record = {"type": "relationship", "id": "7", "label": label, "properties": properties}
    return json.dumps({**record, "start": {"id": start}, "end": {"id": end}})


def write(folder: Path, *lines: str, name: str = "all.json") -> Path:
    path = folder / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def opened(*paths: Path) -> Source:
    return open_source(tuple(str(path) for path in paths), Options())


def read(source: Source) -> tuple[list[Entity], list[Triple], list[tuple[int, str]]]:
    rejects: list[Reject] = []
    entities, triples = list(source.entities(rejects.append)), list(source.triples(rejects.append))
    return entities, triples, [(r.line, r.reason) for r in rejects]


def test_an_export_without_a_property_id(tmp_path: Path) -> None:
    source = opened(write(tmp_path, PEOPLE))
    expected: dict[str, Any] = {
        "born": "1993-05-01",
        "place": '{"crs": "wgs-84", "latitude": 13.1, "longitude": 33.5, "height": null}',
        "age": 42,
        "male": False,
        "score": 1.5,
        "kids": ["Sam", "Anna"],
        "mixed": [1.0, 2.5],
        "odd": '[1, "a"]',
    }
    assert read(source) == (
        [
            Entity("0", "Ada", None, ("User",), expected),
            Entity("1", "Dr. Bo", None, ("User", "Admin"), {"title": "Dr. Bo"}),
            Entity("2"),
        ],
        [
            Triple("0", "KNOWS", "1", "test", properties={"since": 1993}),
            Triple("1", "KNOWS", "2"),
        ],
        [],
    )
    assert source.notes == (
        "entities go by node ids that hold for this export alone; by property id: "
        "the node of all.json, line 1 has none",
    )
    assert read(source) == read(source)


def test_a_compressed_export_is_recognised_and_read(tmp_path: Path) -> None:
    path = tmp_path / "all.json.gz"
    path.write_bytes(gzip.compress(PEOPLE.encode()))
    source = open_any([str(path)])
    assert (source.format, source.name) == ("apoc", "all.json.gz")
    entities, triples, rejects = read(source)
    assert (len(entities), len(triples), rejects) == (3, 2, [])


def test_a_property_id_that_tells_all_nodes_apart_is_the_id(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        fact("12", "IN", "3"),
        node("3", ["Country"], id="poland", name="Poland"),
        node("12", ["City"], id=17),
        fact("12", "IN", "4"),
    )
    source = opened(path)
    assert read(source) == (
        [Entity("poland", "Poland", types=("Country",)), Entity("17", types=("City",))],
        [Triple("17", "IN", "poland")],
        [(4, "end is node 4, which is not in the file")],
    )
    assert source.notes == ()


def test_a_property_id_of_two_nodes_is_not_the_id(tmp_path: Path) -> None:
    path = write(tmp_path, node("0", ["A"], id=1), node("1", ["B"], id=1), fact("0", "R", "1"))
    source = opened(path)
    assert read(source) == (
        [Entity("0", types=("A",)), Entity("1", types=("B",))],
        [Triple("0", "R", "1")],
        [(1, "property id is reserved for the platform: left out from here on")],
    )
    assert source.notes[0].endswith("by property id: two nodes have the same")


def test_an_export_of_the_platform_is_read_back(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("0", ["Entity", "City"], graph="g", id="warsaw", nid=0, name="Warsaw", area=517),
        node("1", ["Entity"], graph="g", id="poland", nid=1, sources=["a"]),
        node("2", ["KnowledgeGraph"], name="g"),
        fact("0", "CAPITAL_OF", "1", split="train", fact_id="ff", graph="g", sources=["a"]),
        fact("0", "PREDICTED", "1", score=0.5),
        fact("0", "MENTIONED_IN", "2"),
    )
    source = opened(path)
    assert read(source) == (
        [
            Entity("warsaw", "Warsaw", types=("City",), properties={"area": 517}),
            Entity("poland"),
        ],
        [Triple("warsaw", "CAPITAL_OF", "poland", "train")],
        [
            (3, "type KnowledgeGraph is reserved for the platform"),
            (5, "relation PREDICTED is reserved for the platform"),
            (6, "relation MENTIONED_IN is reserved for the platform"),
        ],
    )
    assert source.notes == (
        "an export of kgplatform: what it keeps of graphs, loads and sources is not read",
    )


def test_an_export_of_several_graphs_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("0", ["Entity"], graph="b", id="x"),
        node("1", ["Entity"], graph="a", id="x"),
    )
    with pytest.raises(InputError, match="several graphs: a, b") as caught:
        opened(path)
    assert "one graph" in caught.value.hint


def test_a_reserved_property_is_left_out_and_told_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("0", x=1, graph="mine"),
        node("1", graph="mine"),
        fact("0", "R", "1", fact_id=1, x=2),
        fact("1", "R", "0", fact_id=2),
    )
    assert read(opened(path)) == (
        [Entity("0", properties={"x": 1}), Entity("1")],
        [Triple("0", "R", "1", properties={"x": 2}), Triple("1", "R", "0")],
        [
            (1, "property graph is reserved for the platform: left out from here on"),
            (3, "property fact_id is reserved for the platform: left out from here on"),
        ],
    )


def test_lines_that_cannot_be_used_are_rejected_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("0"),
        "{",
        '{"type": "schema"}',
        '{"type": "node", "labels": []}',
        node(True),
        node("4", "Person"),
        node("5", [""]),
        '{"type": "node", "id": "6", "properties": [1]}',
        node("7", x=float("nan")),
        node("8", x=2**63),
        node("9", **{"a\x07": 1}),
        fact("0", None, "0"),
        '{"type": "relationship", "label": "R", "start": "0", "end": {"id": "0"}}',
        fact("0", "R", "0", split="never"),
        fact("0", "R\x07", "0"),
    )
    entities, triples, rejects = read(opened(path))
    assert (entities, triples) == ([Entity("0")], [])
    assert rejects == [
        (2, "not JSON: Expecting property name enclosed in double quotes (character 2)"),
        (3, "type 'schema' is neither node nor relationship"),
        (4, "the node has no id"),
        (5, "the node has no id"),
        (6, "labels is not a list of texts"),
        (7, "type is empty"),
        (8, "properties is not an object"),
        (9, "property x is not a finite number"),
        (10, "property x is a number of more than 64 bits"),
        (11, "a property has the name 'a\\x07'"),
        (12, "the relationship has no label"),
        (13, "start has no id"),
        (14, "split 'never' is none of train, valid, test"),
        (15, "relation holds a control character"),
    ]


def test_several_files_of_one_export(tmp_path: Path) -> None:
    nodes = write(tmp_path, node("0", id="a"), node("1", id="b"), name="nodes.json")
    facts = write(tmp_path, node("0", id="a"), fact("0", "R", "1"), name="facts.json")
    source = opened(nodes, facts)
    assert source.name == "nodes.json and 1 more"
    assert read(source)[1] == [Triple("a", "R", "b")]


def test_files_of_two_exports_are_refused(tmp_path: Path) -> None:
    first = write(tmp_path, node("0", id="a"), name="first.json")
    second = write(tmp_path, node("1", id="b"), node("0", id="c"), name="second.json")
    with pytest.raises(InputError, match=r"second\.json, line 2: node 0 is another node"):
        opened(first, second)


@pytest.mark.parametrize(
    "line",
    [
        '[{"type":"node","id":"0"},',
        '{"nodes":[{"type":"node","id":"0"}],"rels":[]}',
        "CREATE (:A);",
    ],
)
def test_another_form_of_export_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="no line that is a node") as caught:
        opened(write(tmp_path, line))
    assert line[:20] in str(caught.value)
    assert "apoc.export.json.all" in caught.value.hint


def test_columns_of_the_user_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, node("0"))
    with pytest.raises(UsageError, match="names its own columns"):
        open_source((str(path),), Options(columns=("head", "relation", "tail")))


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map(
    lambda name: "k" + name
)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), min_size=1),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nodes=st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=5)
)
def test_ids_and_properties_are_read_back(tmp_path: Path, nodes: dict[str, dict[str, Any]]) -> None:
    keys = list(nodes)
    lines = [node(str(i), id=key, **nodes[key]) for i, key in enumerate(keys)]
    lines += [fact(str(i), "R", "0") for i in range(len(keys))]
    entities, triples, rejects = read(opened(write(tmp_path, *lines)))
    assert rejects == []
    assert {e.entity_id: dict(e.properties or {}) for e in entities} == nodes
    assert triples == [Triple(key, "R", keys[0]) for key in keys]
