"""Hostile files, read as every format: kept literally, rejected by row, or refused with a reason.

Whole files are mutated; bombs are made here and read by a child with little memory and time.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from campaign import counted, drawn, points
from hostile import Touched, canary, in_child, in_time, mutated, touched

from kgplatform.errors import KGPlatformError
from kgplatform.sources import open_source
from kgplatform.sources.source import Options
from kgplatform.triples import fault_of_name, fault_of_property

OUTSIDE = "a-secret-that-stands-outside"
"""What the file holds that lies beside the folder and that hostile files name."""


def _parquet() -> bytes:
    to = io.BytesIO()
    pl.DataFrame({"head": ["a", "b"], "relation": ["r", "s"], "tail": ["b", "c"]}).write_parquet(to)
    return to.getvalue()


def _pdf() -> bytes:
    """One page of text, with its table of places."""
    shown = b"BT /F 12 Tf 10 50 Td (A text that a page has.) Tj ET"
    parts = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R/Resources"
        b"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(shown), shown),
    )
    made, places = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, part in enumerate(parts, 1):
        places += b"%010d 00000 n \n" % len(made)
        made += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    end = b"trailer<</Root 1 0 R/Size 5>>\nstartxref\n%d\n%%%%EOF\n" % len(made)
    return made + b"xref\n0 5\n" + places + end


RDF_XML = b"""<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e.org/">
<rdf:Description rdf:about="http://e.org/a"><e:p rdf:resource="http://e.org/b"/>
<e:q rdf:parseType="Literal"><b>x</b></e:q><e:n xml:lang="en">Ann</e:n></rdf:Description></rdf:RDF>
"""
GRAPHML = b"""<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="node" attr.name="age" attr.type="int"><default>1</default></key>
<key id="d1" for="edge" attr.name="relation" attr.type="string"/><graph edgedefault="directed">
<node id="a"><data key="d0">7</data></node><node id="b"/>
<edge source="a" target="b"><data key="d1">r</data></edge></graph></graphml>
"""
APOC = (
    b'{"type":"node","id":"0","labels":["A"],"properties":{"id":"a","n":[1,2],"f":1.5}}\n'
    b'{"type":"node","id":"1","labels":["B"],"properties":{"id":"b"}}\n'
    b'{"type":"relationship","id":"0","label":"R","properties":{"w":1},'
    b'"start":{"id":"0","labels":["A"]},"end":{"id":"1","labels":["B"]}}\n'
)
TSV = b"head\trelation\ttail\tweight\na\tr\tb\t1\nb\tr\tc\t2\n"
FILES: dict[str, tuple[str | None, dict[str, bytes]]] = {
    "TSV": (None, {"a.tsv": TSV}),
    "CSV": (None, {"a.csv": b'head,relation,tail\n"a",r,"b, c"\n"a""b",r,c\n'}),
    "JSON Lines": (None, {"a.jsonl": b'{"head":"a","relation":"r","tail":"b","w":1}\n' * 2}),
    "Parquet": (None, {"a.parquet": _parquet()}),
    "gzip": (None, {"a.tsv.gz": gzip.compress(TSV + b"a\tr\td\t1\n" * 20, mtime=0)}),
    "N-Triples": (
        None,
        {"a.nt": b'<http://e/a> <http://e/p> "x"@en .\n<http://e/a> <http://e/p> _:b .\n'},
    ),
    "N-Quads": (None, {"a.nq": b"<http://e/a> <http://e/p> <http://e/b> <http://e/g> .\n"}),
    "Turtle": (
        None,
        {"a.ttl": b'@prefix e: <http://e/> .\ne:a e:p e:b, [ e:q (1 2.5 true) ]; e:n "A"@en .\n'},
    ),
    "TriG": (None, {"a.trig": b"@prefix e: <http://e/> .\ne:g { e:a e:p e:b . }\n"}),
    "RDF/XML": (None, {"a.rdf": RDF_XML}),
    "JSON-LD": (
        None,
        {
            "a.jsonld": b'{"@context":{"p":"http://e/p"},"@id":"http://e/a","p":[{"@id":"http://e/b"},"x"]}'
        },
    ),
    "GraphML": (None, {"a.graphml": GRAPHML}),
    "Neo4j-admin CSV": (
        None,
        {
            "nodes.csv": b"id:ID(A),name,age:int,tags:string[],:LABEL\n"
            b"a,Ann,7,x;y,P;Q\nb,Bob,8,,P\n",
            "rels.csv": b":START_ID(A),:END_ID(A),:TYPE,since:date\na,b,R,2020-01-02\n",
        },
    ),
    "APOC": (None, {"a.json": APOC}),
    "OpenKE": (
        None,
        {
            "entity2id.txt": b"2\na\t0\nb\t1\n",
            "relation2id.txt": b"1\nr\t0\n",
            "train2id.txt": b"1\n0 1 0\n",
        },
    ),
    "DGL-KE": (
        "dglke",
        {
            "entities.dict": b"0\ta\n1\tb\n",
            "relations.dict": b"0\tr\n",
            "train.tsv": b"0\t0\t1\n",
        },
    ),
    "Markdown": (
        "documents",
        {"a.md": b"---\nx: 1\n---\n# Title\n\nText of it. More.\n```\ncode\n```\n"},
    ),
    "HTML": (
        "documents",
        {
            "a.html": b"<html><head><title>T</title><meta charset=utf-8></head><body><p>x <b>y</b>"
            b"<table><tr><td>1</table></body>"
        },
    ),
    "PDF": ("documents", {"a.pdf": _pdf()}),
    "texts in JSON Lines": (
        "documents",
        {"a.jsonl": b'{"id":"1","text":"Some text.","title":"T"}\n'},
    ),
}
"""By format: its name where it is to be said, and the files of a whole source."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Touched:
    return touched(tmp_path_factory.mktemp("files"))


def read(folder: Path, files: dict[str, bytes], name: str | None) -> str:
    """Read a source to its end as a load does, and check all that came; what became of it."""
    for file, content in files.items():
        (folder / file).write_bytes(content)
    given = (str(folder),) if len(files) > 1 else (str(folder / next(iter(files))),)
    rejects: list[object] = []
    try:
        source = open_source(given, Options(folder=folder), name)
        entities = list(source.entities(rejects.append))
        triples = list(source.triples(rejects.append))
        documents = list(source.documents(rejects.append))
    except KGPlatformError:
        return "refused"
    for triple in triples:
        for kind in ("head", "relation", "tail"):
            value = getattr(triple, kind)
            assert fault_of_name(kind, value) is None, (kind, value)
            value.encode()
        for key, value in (triple.properties or {}).items():
            assert fault_of_property(key, value) is None
            repr(value).encode()
    for entity in entities:
        assert fault_of_name("entity", entity.entity_id) is None
        json.dumps([entity.entity_id, entity.name, entity.description], ensure_ascii=False).encode()
        assert all(fault_of_name("type", each) is None for each in entity.types)
        for key, value in (entity.properties or {}).items():
            assert fault_of_property(key, value) is None
            json.dumps([key, value], ensure_ascii=False, default=str).encode()
    for document in documents:
        "".join([document.document_id, document.title, document.uri]).encode()
        assert all(chunk.text.encode() for chunk in document.chunks)
    held = repr((triples, entities, documents))
    assert OUTSIDE not in held
    assert "canary,canary" not in held
    return "rejected by row" if rejects else "kept"


@pytest.mark.parametrize("kind", FILES)
def test_broken_files_are_refused_by_a_reason(kind: str, watched: Touched, tmp_path: Path) -> None:
    name, whole = FILES[kind]
    folder = Path(watched.folder) / "x"
    others = [content for _, files in FILES.values() for content in files.values()]
    draw = drawn(f"files {kind}")
    outcomes: Counter[str] = Counter()
    (Path(watched.folder).parent / "outside.txt").write_text(OUTSIDE)
    folder.mkdir(exist_ok=True)
    assert read(folder, whole, name) == "kept"
    tried = points(12, 400)
    for _ in range(tried):
        shutil.rmtree(folder)
        folder.mkdir()
        changed = draw.choice(sorted(whole))
        files = whole | {changed: mutated(draw, whole[changed], others)}
        try:
            with watched.watching(), in_time():
                outcomes[read(folder, files, name)] += 1
        except BaseException as error:
            error.add_note(f"{kind}: {files[changed][:2000]!r}")
            raise
    shutil.rmtree(folder)
    assert watched.outside == []
    counted("input", f"broken files: {kind}", tried, **{k: outcomes[k] for k in sorted(outcomes)})


RDF_HEAD = b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:e='http://e/'>"
GRAPHML_HEAD = b"<graphml xmlns='http://graphml.graphdrawing.org/xmlns'><graph>"
LAUGHS = (
    b"<!DOCTYPE r [<!ENTITY a '"
    + b"x" * 1_000
    + b"'>"
    + b"".join(b"<!ENTITY %c '%b'>" % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(8))
    + b"]>"
)
TEXT = b"a" * (1 << 20)


def squeezed(head: bytes, piece: bytes, count: int) -> bytes:
    """A gzip file that is a thousandth of what it holds."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as file:
        file.write(head)
        for _ in range(count):
            file.write(piece)
    return packed.getvalue()


def laughing(head: bytes, tail: bytes) -> bytes:
    return LAUGHS + head + b"&i;" + tail


BOMBS: dict[str, tuple[str, bytes, bytes, int]] = {
    "a table that is one line": ("a.tsv.gz", b"", TEXT, 800),
    "a text of N-Triples": ("a.nt.gz", b'<http://e/a> <http://e/p> "', TEXT, 800),
    "a text of Turtle": ("a.ttl.gz", b'<http://e/a> <http://e/p> "', TEXT, 800),
    "a text of RDF/XML": ("a.rdf.gz", RDF_HEAD + b"<e:a><e:p>", TEXT, 800),
    "a text of JSON-LD": ("a.jsonld.gz", b'{"@id":"http://e/a","http://e/p":"', TEXT, 800),
    "a text of GraphML": ("a.graphml.gz", GRAPHML_HEAD + b"<node id='a'><data key='k'>", TEXT, 800),
    "an id of GraphML": ("a.graphml.gz", GRAPHML_HEAD + b"<node id='", TEXT, 800),
    "graphs in graphs": ("a.graphml.gz", GRAPHML_HEAD, b"<graph>" * 100_000, 60),
    "extensions in extensions": ("a.graphml.gz", GRAPHML_HEAD, b"<y:a xmlns:y='y'>" * 1_000, 2_000),
    "a page of HTML": ("a.html.gz", b"<p>", TEXT, 800),
    "a text of JSON Lines": ("a.jsonl.gz", b'{"text":"', TEXT, 800),
    "laughs of RDF/XML": (
        "a.rdf",
        laughing(RDF_HEAD + b"<e:a><e:p>", b"</e:p></e:a></rdf:RDF>"),
        b"",
        0,
    ),
    "laughs of GraphML": ("a.graphml", laughing(GRAPHML_HEAD, b"</graph></graphml>"), b"", 0),
    "JSON in JSON": ("a.jsonl", b'{"head":' * 100_000, b"", 0),
    "JSON-LD in JSON-LD": ("a.jsonld", b'{"http://e/p":' * 100_000, b"", 0),
    "lists in lists of Turtle": ("a.ttl", b"<http://e/a> <http://e/p> " + b"(" * 1_000_000, b"", 0),
    "elements of HTML": ("a.html", b"<div>" * 300_000, b"", 0),
    "columns": ("a.csv", b"," * 5_000_000 + b"\n" + b"," * 5_000_000, b"", 0),
}
"""A file, its beginning, and what comes after it so many times, compressed."""


@pytest.mark.parametrize("bomb", [pytest.param(b, marks=pytest.mark.slow) for b in BOMBS])
def test_bombs_are_refused_in_little_memory(bomb: str, tmp_path: Path) -> None:
    name, head, piece, count = BOMBS[bomb]
    content = squeezed(head, piece, points(count // 2, count)) if count else head
    (tmp_path / name).write_bytes(content)

    def attempt() -> Iterator[str]:
        try:
            source = open_source((str(tmp_path / name),), Options(folder=tmp_path))
            rejects: list[object] = []
            for each in (source.entities, source.triples, source.documents):
                for _ in each(rejects.append):
                    pass
        except KGPlatformError:
            yield "refused"
        else:
            yield "refused" if rejects else "read"

    lines = in_child(attempt, memory=1 << 30)
    assert lines in (["refused"], ["read"]), lines
    counted("input", f"bombs: {bomb}", 1, **{lines[0]: 1})


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_what_files_name_is_not_fetched(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text(OUTSIDE)
    folder = tmp_path / "folder"
    folder.mkdir()
    with canary() as (address, asked):
        place = f"file://{tmp_path}/outside.txt" if scheme == "file" else f"{address}/x"
        files = {
            "a.rdf": f"<!DOCTYPE r [<!ENTITY a SYSTEM '{place}'>]>{RDF_HEAD.decode()}"
            "<rdf:Description rdf:about='http://e/a'><e:p>&a;</e:p></rdf:Description></rdf:RDF>",
            "a.graphml": f"<!DOCTYPE r SYSTEM '{place}'>{GRAPHML_HEAD.decode()}</graph></graphml>",
            "a.jsonld": json.dumps({"@context": place, "@id": "http://e/a", "p": "x"}),
            "a.html": f"<base href='{place}'><link rel=stylesheet href='{place}'>"
            f"<iframe src='{place}'></iframe><img src='{place}'><p>A text of it.</p>",
            "a.md": f"# T\n\n![x]({place}) and [y]({place})\n",
            "a.ttl": f"<{place}> <{place}> <{place}> .",
        }
        for name, text in files.items():
            read(folder, {name: text.encode()}, None)
            (folder / name).unlink()
        assert asked == []
    counted("input", f"files that name others by {scheme}:", len(files), fetched=0)


def test_links_of_a_folder_do_not_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "outside.tsv").write_text(f"{OUTSIDE}\tr\tb\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "linked.tsv").symlink_to(tmp_path / "outside.tsv")
    assert read(folder, {"a.tsv": TSV, "b.tsv": TSV}, None) != ""


def test_what_is_touched_outside_is_seen(watched: Touched, tmp_path: Path) -> None:
    outside = Path(watched.folder).parent / "seen.txt"
    with watched.watching():
        outside.write_text("x")
    assert watched.outside == [f"open {outside.resolve()}"]
    watched.outside.clear()

    def crash() -> Iterator[str]:
        yield "begun"
        bytearray(4 << 30)

    assert in_child(crash, memory=1 << 30)[-1].startswith("FAULT")
