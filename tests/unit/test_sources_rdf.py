import bz2
import gzip
import random
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, serialize

from kgplatform.errors import InputError
from kgplatform.sources import open_source as open_any
from kgplatform.sources import rdf_statements
from kgplatform.sources.iris import expand
from kgplatform.sources.rdf import open_source
from kgplatform.sources.source import Options, Source
from kgplatform.triples import Entity, Reject, Triple, Value

XSD = "http://www.w3.org/2001/XMLSchema#"
HEAD = """@prefix ex: <http://ex.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def opened(path: Path, text: str, languages: tuple[str, ...] = ("en",)) -> Source:
    path.write_text(text, encoding="utf-8")
    return open_source((str(path),), Options(languages=languages))


def read(source: Source) -> tuple[list[Entity], list[Triple], list[Reject]]:
    rejects: list[Reject] = []
    return list(source.entities(rejects.append)), list(source.triples(rejects.append)), rejects


def turtle(
    folder: Path, text: str, languages: tuple[str, ...] = ("en",)
) -> tuple[list[Entity], list[Triple], list[Reject]]:
    return read(opened(folder / "a.ttl", HEAD + text, languages))


STATEMENT = "<http://ex.org/a> <http://ex.org/p> <http://ex.org/b>"


@pytest.mark.parametrize(
    ("name", "text", "graph"),
    [
        ("a.nt", f"{STATEMENT} .\n", None),
        ("a.nq", f"{STATEMENT} <urn:g> .\n", "urn:g"),
        ("a.ttl", "@prefix e: <http://ex.org/> . e:a e:p e:b .", None),
        ("a.trig", "@prefix e: <http://ex.org/> . <urn:g> { e:a e:p e:b }", "urn:g"),
        (
            "a.rdf",
            '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://ex.org/">'
            '<r:Description r:about="http://ex.org/a"><e:p r:resource="http://ex.org/b"/>'
            "</r:Description></r:RDF>",
            None,
        ),
        ("a.owl", "@prefix e: <http://ex.org/> . e:a e:p e:b .", None),
        ("a.jsonld", '{"@id":"http://ex.org/a","http://ex.org/p":{"@id":"http://ex.org/b"}}', None),
        ("a.nt", f"\ufeff{STATEMENT} .\n", None),
        ("a.ttl", f"\ufeff{STATEMENT} .", None),
    ],
)
def test_one_statement_in_every_format(
    tmp_path: Path, name: str, text: str, graph: str | None
) -> None:
    source = opened(tmp_path / name, text)
    entities, triples, rejects = read(source)
    iris = [
        (expand(t.head, source.prefixes), expand(t.relation, source.prefixes), t.source)
        for t in triples
    ]
    assert iris == [("http://ex.org/a", "http://ex.org/p", graph)]
    assert expand(triples[0].tail, source.prefixes) == "http://ex.org/b"
    assert (entities, rejects) == ([], [])


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_files_are_found_and_read(tmp_path: Path, suffix: str, pack) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / f"a.ttl{suffix}"
    path.write_bytes(pack(b"@prefix e: <http://ex.org/> . e:a e:p <b> ."))
    source = open_any([str(path)])
    assert source.format == "rdf"
    (triple,) = source.triples(lambda _: None)
    # Without the ending of the compression, and without the folder.
    assert (triple.head, expand(triple.tail, source.prefixes)) == ("e:a", "file:///b")


def test_a_cut_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nt.gz"
    lines = b"".join(b"<urn:%d> <urn:p> <urn:%d> .\n" % (n, n * n) for n in range(5000))
    path.write_bytes(gzip.compress(lines)[:-20])
    source = open_source((str(path),), Options())
    triples = source.triples(lambda _: None)
    assert next(triples) == Triple("urn:0", "urn:p", "urn:0")
    with pytest.raises(InputError, match="damaged or cut"):
        list(triples)


def test_an_entity_from_its_literals(tmp_path: Path) -> None:
    entities, triples, rejects = turtle(
        tmp_path,
        """
        ex:a a foaf:Person, ex:Cook ; rdfs:label "Anna"@en, "Anne"@fr ;
            rdfs:comment "cooks" ; ex:age 41 ; ex:knows ex:b ; ex:tall 1.75 ; ex:glad true .
        """,
    )
    properties: dict[str, Value] = {"ex:age": 41, "ex:tall": 1.75, "ex:glad": True}
    assert entities == [Entity("ex:a", "Anna", "cooks", ("foaf:Person", "ex:Cook"), properties)]
    assert triples == [Triple("ex:a", "ex:knows", "ex:b")]
    assert rejects == []


@pytest.mark.parametrize(
    ("languages", "name"),
    [
        (("en",), "English"),
        (("de", "en"), "Deutsch"),
        (("it", "fr"), "français"),  # fr-CA stands in for fr
        (("it",), "none"),
        ((), "none"),
    ],
)
def test_the_preferred_language(tmp_path: Path, languages: tuple[str, ...], name: str) -> None:
    text = (
        'ex:a rdfs:label "Deutsch"@de, "English"@EN, "français"@fr-CA, "none" ; '
        'ex:d "d"@de, "e"@en, "f"@fr-ca, "none" .'
    )
    ((entity,), _, _) = turtle(tmp_path, text, languages)
    assert entity.name == name
    # Text without a language is no translation of the others: it always stays.
    short = {"Deutsch": ["d", "none"], "English": ["e", "none"], "français": ["f", "none"]}
    assert entity.properties == {"ex:d": short.get(name, "none")}


def test_any_language_is_better_than_no_name(tmp_path: Path) -> None:
    for text in ('"z"@zh, "d"@de', '"d"@de, "z"@zh'):
        ((entity,), _, _) = turtle(tmp_path, f"ex:a rdfs:label {text} ; ex:d {text} .")
        assert (entity.name, entity.properties) == ("d", {"ex:d": "d"})


def test_of_two_names_in_a_language_the_label_is_taken(tmp_path: Path) -> None:
    text = 'ex:a foaf:name "f" ; skos:prefLabel "s" ; rdfs:label "r", "r2" .'
    ((entity,), _, _) = turtle(tmp_path, text)
    assert entity.name == "r"


@pytest.mark.parametrize(
    ("text", "datatype", "value"),
    [
        ("007", "integer", 7),
        (" -7 ", "int", -7),
        (str(2**63), "integer", str(2**63)),
        ("seven", "integer", "seven"),
        ("1.50", "decimal", 1.5),
        ("1e3", "double", 1000.0),
        ("1e999", "double", "1e999"),
        ("1", "boolean", True),
        ("yes", "boolean", "yes"),
        ("2024-02-29", "date", date(2024, 2, 29)),
        ("2023-02-29", "date", "2023-02-29"),
        ("2024-02-29Z", "date", "2024-02-29Z"),
        ("-0044-03-15", "date", "-0044-03-15"),
        ("20240229", "date", "20240229"),
        ("2024-01-02T03:04:05Z", "dateTime", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.5", "dateTime", datetime(2024, 1, 2, 3, 4, 5, 500_000)),
        ("2024-01-02T03:04:05.1234567", "dateTime", "2024-01-02T03:04:05.1234567"),
        ("2024-01-02T24:00:00", "dateTime", "2024-01-02T24:00:00"),
        ("03:04:05", "time", time(3, 4, 5)),
        ("2024", "gYear", "2024"),
        ("P1D", "duration", "P1D"),
    ],
)
def test_datatypes(tmp_path: Path, text: str, datatype: str, value: Value) -> None:
    ((entity,), _, rejects) = turtle(tmp_path, f'ex:a ex:v "{text}"^^xsd:{datatype} .')
    assert entity.properties == {"ex:v": value}
    assert type(entity.properties["ex:v"]) is type(value)
    assert rejects == []


@pytest.mark.parametrize(
    ("literals", "value"),
    [
        ("1, 2, 1", [1, 2]),
        ('1, "x"', ["1", "x"]),
        ("1, 2.5", ["1", "2.5"]),
        ("1, true", ["1", "true"]),
        ('"x", "y"@en', ["x", "y"]),
        (
            '"2024-01-02T03:04:05Z"^^xsd:dateTime, "2024-01-02T03:04:05"^^xsd:dateTime',
            ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05"],
        ),
    ],
)
def test_several_values_are_a_list_of_one_kind(tmp_path: Path, literals: str, value: Value) -> None:
    ((entity,), _, _) = turtle(tmp_path, f"ex:a ex:v {literals} .")
    assert entity.properties == {"ex:v": value}


def test_what_cannot_be_used_is_told_of(tmp_path: Path) -> None:
    long = "x" * 1001
    entities, triples, rejects = turtle(
        tmp_path,
        f"""
        ex:a ex:v "NaN"^^xsd:double, "-INF"^^xsd:float ; rdfs:label " " ; ex:p ex:{long}, ex:b .
        ex:{long} ex:v 1 . ex:a a ex:{long} .
        ex:a ex:p <<( ex:a ex:p ex:b )>> .
        """,
    )
    assert entities == []
    assert triples == [Triple("ex:a", "ex:p", "ex:b")]
    assert [reject.reason for reject in rejects] == [
        "property ex:v is not a finite number",
        "property ex:v is not a finite number",
        "rdfs:label is empty",
        "id is longer than 1000 characters",
        "type is longer than 1000 characters",
        "tail is longer than 1000 characters",
        "it is about a statement (RDF-star), which a graph of facts cannot hold",
    ]
    assert rejects[0] == Reject(
        str(tmp_path / "a.ttl"),
        0,
        rejects[0].reason,
        f'<http://ex.org/a> <http://ex.org/v> "NaN"^^<{XSD}double> .',
    )


def test_axioms_of_owl_stay_triples(tmp_path: Path) -> None:
    entities, triples, rejects = turtle(
        tmp_path,
        """
        ex:Cook a owl:Class ; rdfs:subClassOf ex:Person,
            [ a owl:Restriction ; owl:onProperty ex:cooks ; owl:someValuesFrom ex:Meal ] .
        ex:a a [ owl:complementOf ex:Cook ] .
        """,
    )
    scope = triples[0].head.partition("@")[2] or triples[1].head.partition("@")[2]
    first, second = f"_:[0]@{scope}", f"_:[1]@{scope}"
    assert sorted(entities, key=lambda e: e.entity_id) == [
        Entity(first, types=("owl:Restriction",)),
        Entity("ex:Cook", types=("owl:Class",)),
    ]
    assert {(t.head, t.relation, t.tail) for t in triples} == {
        ("ex:Cook", "rdfs:subClassOf", "ex:Person"),
        ("ex:Cook", "rdfs:subClassOf", first),
        (first, "owl:onProperty", "ex:cooks"),
        (first, "owl:someValuesFrom", "ex:Meal"),
        (second, "owl:complementOf", "ex:Cook"),
        ("ex:a", "rdf:type", second),
    }
    assert rejects == []


BLANKS = (
    'ex:a ex:p [ ex:v 1 ], _:x, ( 1 2 ), [ ex:p [] ] . _:abcdefabcdefabcd ex:p _:x . [] ex:v "w" .'
)


def test_blank_nodes_are_the_same_on_every_load(tmp_path: Path) -> None:
    first = turtle(tmp_path, BLANKS)
    second = turtle(tmp_path, BLANKS)
    assert first == second
    ids = {name for t in first[1] for name in (t.head, t.tail)} | {e.entity_id for e in first[0]}
    blank = {name.partition("@")[0] for name in ids if name.startswith("_:")}
    # Eight nodes: [ ex:v 1 ], two of the list, [ ex:p [] ] with its inner one, the long label,
    # the last one, and _:x. The long one looks as if the parser had made it, and gets a number.
    assert blank == {"_:x", *(f"_:[{number}]" for number in range(7))}


def test_labels_of_n_triples_are_kept_as_they_are(tmp_path: Path) -> None:
    label = "abcdefabcdefabcdefabcdefabcdefab"
    (triple,) = opened(tmp_path / "a.nt", f"_:{label} <urn:p> _:b .").triples(lambda _: None)
    assert triple.head.startswith(f"_:{label}@")
    assert triple.head.partition("@")[2] == triple.tail.partition("@")[2]


def test_blank_nodes_of_several_files_differ(tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("x.nt", "y.nt"):
            paths.append(tmp_path / folder / name)
            paths[-1].write_text("_:b0 <urn:p> _:b0 .\n")
    source = open_source(tuple(map(str, paths)), Options())
    heads = [triple.head for triple in source.triples(lambda _: None)]
    assert len(set(heads)) == 4
    assert all(head.startswith("_:b0@") for head in heads)


def test_a_folder_and_what_is_not_read_of_it(tmp_path: Path) -> None:
    (tmp_path / "b.nt").write_text("<urn:b> <urn:p> <urn:c> .\n")
    (tmp_path / "a.ttl").write_text("<urn:a> <urn:p> <urn:b> .\n")
    (tmp_path / "notes.txt").write_text("no RDF")
    (tmp_path / "empty.nt").write_text("# nothing\n")
    source = open_any([str(tmp_path)])
    entities, triples, rejects = read(source)
    assert [t.head for t in triples] == ["urn:a", "urn:b"]
    assert entities == []
    assert source.name == tmp_path.name
    assert source.notes[1] == "files that are not read: notes.txt"
    assert [(Path(r.file).name, r.reason) for r in rejects] == [
        ("empty.nt", "it holds no statements")
    ]


def test_prefixes_of_one_file_name_the_iris_of_all(tmp_path: Path) -> None:
    (tmp_path / "a.nt").write_text(f"{STATEMENT} .\n")
    (tmp_path / "b.ttl").write_text("@prefix e: <http://ex.org/> . e:c e:p e:d .\n")
    source = open_source((str(tmp_path),), Options())
    assert [t.head for t in source.triples(lambda _: None)] == ["e:a", "e:c"]
    assert source.prefixes == {"e": "http://ex.org/"}


def test_a_prefix_in_the_middle_of_a_file_changes_no_names(tmp_path: Path) -> None:
    text = "<http://q.org/a> <urn:p> 1 . @prefix q: <http://q.org/> . q:a <urn:r> 2 ."
    (entity,), _, _ = turtle(tmp_path, text)
    assert entity.properties == {"urn:p": 1, "urn:r": 2}
    assert entity.entity_id != "q:a"


def test_a_syntax_error_on_line_70000(tmp_path: Path) -> None:
    path = tmp_path / "a.nt"
    with path.open("w") as stream:
        for number in range(1, 70_000):
            stream.write(f"<urn:{number}> <urn:p> <urn:o> .\n")
        stream.write("<urn:x> <urn:p> oops .\n<urn:y> <urn:p> <urn:o> .\n")
    read_triples = open_source((str(path),), Options()).triples(lambda _: None)
    triples: list[Triple] = []
    with pytest.raises(InputError, match=r"a\.nt, line 70000: .*; its first 69,999 statements"):
        triples.extend(read_triples)
    assert len(triples) == 69_999


def test_entities_before_an_error_are_given(tmp_path: Path) -> None:
    source = opened(
        tmp_path / "a.ttl", "<urn:a> <urn:v> 1 .\n<urn:b> <urn:v> 2 .\n<urn:c>\n oops ."
    )
    entities = source.entities(lambda _: None)
    assert [next(entities).entity_id, next(entities).entity_id] == ["urn:a", "urn:b"]
    with pytest.raises(InputError, match="line 4: "):
        next(entities)


def test_the_line_of_an_error_in_xml(tmp_path: Path) -> None:
    text = (
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://ex.org/">\n'
        '<r:Description r:about="http://ex.org/a">\n<e:p r:resource="http://ex.org/b"/>\n'
        "</r:Wrong>\n" + "<e:q/>\n" * 100 + "</r:RDF>"
    )
    with pytest.raises(InputError, match=r"a\.rdf, line 4: "):
        list(opened(tmp_path / "a.rdf", text).triples(lambda _: None))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.ttl", "<urn:a> oops", r"a\.ttl, line 1: .*none of it was read"),
        ("a.jsonld", '{"@context":"https://x.org/","@id":"urn:a","p":1}', "@context is at another"),
        ("a.owl", '<Ontology xmlns="http://www.w3.org/2002/07/owl#"/>', "not written as RDF"),
        ("a.owl", "Prefix(:=<urn:a>)\nOntology(<urn:a>)", "not written as RDF"),
        ("a.txt", "<urn:a> <urn:a> <urn:a> .", "does not say how"),
    ],
)
def test_what_is_not_rdf_fails_when_it_is_opened(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        opened(tmp_path / name, text)
    assert caught.value.hint


def test_json_ld_that_says_nothing(tmp_path: Path) -> None:
    _, _, (reject,) = read(opened(tmp_path / "a.jsonld", '{"name": "x"}'))
    assert (
        reject.reason == "it holds no statements (JSON-LD ignores what its @context does not name)"
    )


def test_far_apart_statements_of_a_subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rdf_statements, "_OPEN_SIZE", 1)
    entities, _, _ = turtle(
        tmp_path,
        """
        ex:a rdfs:label "none" ; ex:v 1 . ex:b ex:v 1 .
        ex:a rdfs:label "English"@en . ex:b ex:w 2 .
        ex:a rdfs:label "Deutsch"@de ; rdfs:comment "c"@de .
        """,
    )
    # The store keeps the last name that is not None: the better one has to be the last.
    assert entities == [
        Entity("ex:a", "none", properties={"ex:v": 1}),
        Entity("ex:b", properties={"ex:v": 1}),
        Entity("ex:a", "English"),
        Entity("ex:b", properties={"ex:w": 2}),
        Entity("ex:a", None, "c"),
    ]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.dictionaries(
        st.integers(0, 30), st.sets(st.text(max_size=8), min_size=1, max_size=3), min_size=1
    ),
    seed=st.randoms(use_true_random=False),
    form=st.sampled_from([RdfFormat.N_TRIPLES, RdfFormat.TURTLE, RdfFormat.RDF_XML]),
)
def test_literals_come_back_in_any_order(
    tmp_path: Path, texts: dict[int, set[str]], seed: random.Random, form: RdfFormat
) -> None:
    quads = [
        Quad(NamedNode(f"urn:{key}"), NamedNode("http://ex.org/v"), Literal(text))
        for key, values in texts.items()
        for text in sorted(values)
        # XML cannot hold these.
        if form != RdfFormat.RDF_XML or (text.isprintable() and "\ufffe" not in text)
    ]
    seed.shuffle(quads)
    path = tmp_path / f"a.{form.file_extension}"
    serialize((quad.triple for quad in quads), str(path), form)
    source = open_source((str(path),), Options())
    found: dict[str, set[str]] = {}
    for entity in source.entities(lambda _: None):
        ((name, value),) = (entity.properties or {}).items()
        assert expand(name, source.prefixes) == "http://ex.org/v"
        assert entity.entity_id not in found
        found[entity.entity_id] = {str(v) for v in (value if isinstance(value, list) else [value])}
    expected: dict[str, set[str]] = {}
    for quad in quads:
        assert isinstance(quad.object, Literal)
        assert isinstance(quad.subject, NamedNode)
        expected.setdefault(quad.subject.value, set()).add(quad.object.value)
    assert found == expected
