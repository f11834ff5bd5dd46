import bz2
import gzip
import tracemalloc
from datetime import date
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError, UsageError
from kgplatform.sources import graphml
from kgplatform.sources.graphs import from_networkx
from kgplatform.sources.source import Options, Source
from kgplatform.triples import Entity, Reject, Triple


def triples(source: Source) -> tuple[list[Triple], list[Reject]]:
    rejects: list[Reject] = []
    return list(source.triples(rejects.append)), rejects


def entities(source: Source) -> tuple[list[Entity], list[Reject]]:
    rejects: list[Reject] = []
    return list(source.entities(rejects.append)), rejects


def opened(path: Path, text: str) -> Source:
    path.write_text(text, encoding="utf-8")
    return graphml.open_source((str(path),), Options())


def test_nodes_become_entities() -> None:
    graph = nx.DiGraph()
    graph.add_node(1, name="One", label="first", description="The unit", type="Number")
    graph.add_node(
        "b",
        label="Bee",
        types=("Animal", "Insect"),
        born=date(2020, 5, 1),
        legs=np.int64(6),
        sizes=np.array([0.5, 1.5]),
        nicknames={"z", "y"},
        gone=None,
    )
    graph.add_node("c", labels=":A:B", type=3, id="c", name=1984, title="x", label="")
    assert entities(from_networkx(graph, "mine")) == (
        [
            Entity("1", "One", "The unit", ("Number",), {"label": "first"}),
            Entity(
                "b",
                "Bee",
                None,
                ("Animal", "Insect"),
                {
                    "born": date(2020, 5, 1),
                    "legs": 6,
                    "sizes": [0.5, 1.5],
                    "nicknames": ["y", "z"],
                },
            ),
            Entity(
                "c", "1984", types=("A", "B"), properties={"type": 3, "title": "x", "label": ""}
            ),
        ],
        [],
    )


def test_a_value_that_no_property_holds_is_rejected_alone() -> None:
    graph = nx.DiGraph()
    graph.add_node("a", good=1, image={"w": 3}, rate=float("nan"), graph="g", type="Entity|Run")
    graph.add_edge("a", "b", relation="r", path=[["x"]], weight=2)
    source = from_networkx(graph, "mine")
    found, rejects = entities(source)
    assert found == [Entity("a", properties={"good": 1}), Entity("b")]
    assert {(reject.file, reject.line, reject.text) for reject in rejects} == {
        ("mine, nodes", 1, "a")
    }
    assert [reject.reason for reject in rejects] == [
        "type Run is reserved for the platform",
        "property image is or holds a value of the kind dict, which no property can hold",
        "property rate is not a finite number",
        "property graph is reserved for the platform",
    ]
    facts, rejects = triples(source)
    assert facts == [Triple("a", "r", "b", properties={"weight": 2})]
    assert [reject.text for reject in rejects] == ["a\tb"]


def test_what_an_edge_is_called() -> None:
    graph = nx.MultiDiGraph()
    graph.add_edge("a", "b", key="KNOWS", weight=0.5)
    graph.add_edge("a", "b", key="e1", relation="likes", type="family", split="dev")
    graph.add_edge("a", "b", key=7, label="meets")
    graph.add_edge("a", "b", key=8)
    graph.add_edge("a", "b", key=9, relation="PREDICTED")
    facts, rejects = triples(from_networkx(graph, "mine", relation="LINKS"))
    assert facts == [
        Triple("a", "KNOWS", "b", properties={"weight": 0.5}),
        Triple("a", "likes", "b", "valid", properties={"type": "family", "key": "e1"}),
        Triple("a", "meets", "b"),
        Triple("a", "LINKS", "b"),
    ]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (5, "relation PREDICTED is reserved for the platform")
    ]


@pytest.mark.parametrize("kind", [nx.Graph, nx.MultiGraph])
def test_undirected_edges_come_once_from_the_first_id(kind: type[nx.Graph]) -> None:
    edges = [("b", "a"), ("a", "c"), ("d", "d")]
    expected = {Triple("a", "R", "b"), Triple("a", "R", "c"), Triple("d", "R", "d")}
    for order in (edges, [(end, start) for start, end in reversed(edges)]):
        source = from_networkx(kind(order), "mine", relation="R")
        facts, _ = triples(source)
        assert set(facts) == expected
        assert len(facts) == 3
        assert "undirected" in source.notes[0]


def test_graphs_that_cannot_be_read() -> None:
    with pytest.raises(InputError, match=r"two nodes .* have the text '1': 1 and '1'"):
        from_networkx(nx.Graph([(1, "1")]), "mine")
    with pytest.raises(InputError, match="has no nodes"):
        from_networkx(nx.Graph(), "mine")
    graph = nx.Graph([("a", "a\x00b")], title="t")
    source = from_networkx(graph, "mine")
    assert source.notes[1] == "attributes of the graph are not read: title"
    assert [e.entity_id for e in entities(source)[0]] == ["a"]
    assert triples(source)[1][0].reason == "tail holds a control character"


HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'


def test_graphml_by_hand(tmp_path: Path) -> None:
    source = opened(
        tmp_path / "g.graphml",
        HEAD
        + """<key id="d0" for="node" attr.name="color" attr.type="string"><default>red</default>
</key><key id="d1" for="edge" attr.name="weight" attr.type="double"/>
<key id="d2" for="node" attr.name="adult" attr.type="boolean"/>
<key id="d3" for="all" attr.name="label" attr.type="string"/>
<key id="d4" for="node" attr.name="age" attr.type="short"/>
<key id="d5" for="node" attr.name="year" attr.type="int"/>
<graph id="G" edgedefault="directed">
  <data key="d3">the graph</data>
  <node id="a"><data key="d0">green</data><data key="d2">true</data><data key="d4">7</data></node>
  <node id="b"><desc>two</desc><data key="d3">B &amp; <![CDATA[<c>]]></data></node>
  <node id="outer"><data key="d2">maybe</data>
    <graph edgedefault="undirected">
      <node id="inner"/>
      <edge source="outer" target="inner"/>
    </graph>
    <data key="d5">1815</data>
  </node>
  <node/>
  <edge id="e0" source="a" target="b"><data key="d1">2.5</data><data key="d3">KNOWS</data></edge>
  <edge source="b" target="a" directed="false"><data key="d9">x</data></edge>
  <edge source="b"/>
  <hyperedge><endpoint node="a"/><endpoint node="b"/></hyperedge>
</graph>
</graphml>
""",
    )
    path = str(tmp_path / "g.graphml")
    # An element is complete where it ends: the inner node comes before the outer one.
    assert entities(source) == (
        [
            Entity("a", properties={"color": "green", "adult": True, "age": "7"}),
            Entity("b", "B & <c>", properties={"color": "red"}),
            Entity("inner", properties={"color": "red"}),
            Entity("outer", properties={"year": 1815, "color": "red"}),
        ],
        [
            Reject(path, 13, "adult is 'maybe', not of the type boolean", "outer"),
            Reject(path, 20, "id is empty", ""),
        ],
    )
    assert triples(source) == (
        [
            Triple("inner", "RELATED_TO", "outer"),
            Triple("a", "KNOWS", "b", properties={"weight": 2.5}),
            Triple("a", "RELATED_TO", "b"),
        ],
        [
            Reject(path, 22, "there is no key 'd9'", "a\tb", "RELATED_TO"),
            Reject(path, 23, "tail is empty", "b\t", "RELATED_TO"),
        ],
    )
    assert source.name == "g.graphml"
    assert source.notes == (
        "2 graphs are read as one; which lies in which is not kept",
        "2 edges are undirected: each is read once, from the id that comes first",
        "1 elements are not read: hyperedge",
        "attributes of the graph are not read",
        "the ids of edges are not read",
        "age is of the type short, which is read as text",
    )


def test_graphml_of_yed_has_its_labels(tmp_path: Path) -> None:
    source = opened(
        tmp_path / "yed.graphml",
        HEAD
        + """<key for="node" id="d6" yfiles.type="nodegraphics"/>
<key for="edge" id="d9" yfiles.type="edgegraphics"/>
<graph edgedefault="directed">
<node id="n0"><data key="d6"><y:ShapeNode xmlns:y="http://www.yworks.com/xml/graphml">
  <y:Fill color="#FFCC00"/><y:NodeLabel>Ada<y:LabelModel/></y:NodeLabel>
</y:ShapeNode></data></node>
<edge source="n0" target="n0"><data key="d9">
  <y:PolyLineEdge xmlns:y="http://www.yworks.com/xml/graphml"><y:EdgeLabel>is</y:EdgeLabel>
  <y:EdgeLabel>again</y:EdgeLabel></y:PolyLineEdge>
</data></edge>
</graph></graphml>""",
    )
    assert entities(source) == ([Entity("n0", "Ada")], [])
    assert triples(source) == ([Triple("n0", "is", "n0")], [])
    assert "only the labels are read" in source.notes[0]


def test_graphml_of_neo4j_has_its_labels(tmp_path: Path) -> None:
    source = opened(
        tmp_path / "apoc.graphml",
        HEAD
        + """<key id="labels" for="node" attr.name="labels"/>
<key id="name" for="node" attr.name="name"/>
<key id="label" for="edge" attr.name="label"/>
<graph id="G" edgedefault="directed">
<node id="n0" labels=":Person:Poet"><data key="labels">:Person:Poet</data>
<data key="name">Ada</data></node>
<edge id="e0" source="n0" target="n0" label="KNOWS"><data key="label">KNOWS</data></edge>
</graph></graphml>""",
    )
    assert entities(source) == ([Entity("n0", "Ada", types=("Person", "Poet"))], [])
    assert triples(source) == ([Triple("n0", "KNOWS", "n0")], [])


BOMB = """<?xml version="1.0"?>
<!DOCTYPE graphml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<graphml><graph edgedefault="directed"><node id="&b;"/></graph></graphml>"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "line 2: document types are not read"),
        (HEAD + "<graph><node id='a'/>", "line 3: no element found"),
        (HEAD + "<graph><node id='a'></graph>", "line 3: mismatched tag"),
        (HEAD + "</graphml>", "has no graph"),
        ("<svg/>", "line 1: the file begins with <svg>"),
        ("no xml", "line 1: syntax error"),
        ('<?xml version="1.0" encoding="Klingon"?><graphml/>', "encoding that cannot be read"),
    ],
)
def test_graphml_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=r"g\.graphml") as caught:
        opened(tmp_path / "g.graphml", text)
    assert message in str(caught.value)
    assert caught.value.hint


def test_graphml_takes_one_file_and_no_columns(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="alone"):
        graphml.open_source(("a.graphml", "b.graphml"), Options())
    with pytest.raises(UsageError, match="names its own columns"):
        graphml.open_source(("a.graphml",), Options(columns=("a",)))
    with pytest.raises(InputError, match="no such file"):
        graphml.open_source((str(tmp_path / "a.graphml"),), Options())


def test_graphml_compressed_and_in_another_encoding(tmp_path: Path) -> None:
    text = "<graphml><graph edgedefault='directed'><node id='Zürich'/></graph></graphml>"
    latin = ('<?xml version="1.0" encoding="ISO-8859-1"?>' + text).encode("latin-1")
    (tmp_path / "g.graphml.gz").write_bytes(gzip.compress(latin))
    (tmp_path / "g.graphml.bz2").write_bytes(bz2.compress(text.encode()))
    for name in ("g.graphml.gz", "g.graphml.bz2"):
        source = graphml.open_source((str(tmp_path / name),), Options())
        assert entities(source) == ([Entity("Zürich")], [])
    (tmp_path / "g.graphml.gz").write_bytes(gzip.compress(latin)[:-12])
    with pytest.raises(InputError, match="damaged or cut"):
        graphml.open_source((str(tmp_path / "g.graphml.gz"),), Options())


def test_graphml_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.graphml"
    with path.open("w") as stream:
        stream.write('<graphml><key id="d" for="node" attr.name="text" attr.type="string"/><graph>')
        for number in range(20_000):
            stream.write(f'<node id="{number}"><data key="d">{"x" * 200}</data></node>\n')
        stream.write("</graph></graphml>")
    assert path.stat().st_size > 4_000_000
    source = graphml.open_source((str(path),), Options())
    rejects: list[Reject] = []
    tracemalloc.start()
    try:
        count = sum(1 for _ in source.entities(rejects.append))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 1_500_000


attributes = st.dictionaries(
    st.sampled_from(["name", "label", "size", "type", "weight", "relation", "ok"]),
    st.integers(-(2**31), 2**31)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=5),
    max_size=4,
)
nodes = st.text("abcé<&", min_size=1, max_size=3)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    directed=st.booleans(),
    multi=st.booleans(),
    described=st.dictionaries(nodes, attributes, min_size=1, max_size=5),
    edges=st.lists(st.tuples(nodes, nodes, attributes), max_size=8),
)
def test_graphml_is_what_networkx_reads(
    tmp_path: Path,
    directed: bool,
    multi: bool,
    described: dict[str, dict[str, object]],
    edges: list[tuple[str, str, dict[str, object]]],
) -> None:
    kinds = {
        (False, False): nx.Graph,
        (False, True): nx.MultiGraph,
        (True, False): nx.DiGraph,
        (True, True): nx.MultiDiGraph,
    }
    graph = kinds[directed, multi]()
    graph.add_nodes_from(described.items())
    for start, end, data in edges:
        graph.add_edges_from([(start, end, data)])
    path = tmp_path / "g.graphml"
    nx.write_graphml_xml(graph, path)
    ours = graphml.open_source((str(path),), Options())
    theirs = from_networkx(nx.read_graphml(path, force_multigraph=True), "theirs")
    assert entities(ours) == entities(theirs)
    key = repr
    assert sorted(triples(ours)[0], key=key) == sorted(triples(theirs)[0], key=key)
