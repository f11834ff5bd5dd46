"""SPARQL sources against the servers that people run: Apache Jena Fuseki and Eclipse RDF4J."""

import hashlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kgplatform.server.jars import Jar, download, is_whole
from kgplatform.server.java import find_java
from kgplatform.settings import Settings
from kgplatform.sources import open_source, sparql_download
from kgplatform.sources.source import Options
from kgplatform.triples import Entity, Reject, Triple

pytestmark = pytest.mark.slow

FUSEKI = Jar(
    "org.apache.jena",
    "jena-fuseki-server",
    "jar",
    "",
    "5.6.0",
    "d28c1eaf703122ee628895a460c20fa4aa60a892f435d403ea8c036f241da1f8",
    55904972,
)
JETTY = Jar(
    "org.eclipse.jetty",
    "jetty-runner",
    "jar",
    "",
    "9.4.57.v20241219",
    "f63fbee00a06f04a3f715267d5d53ba4389b5b3e9ecc6168d8b73d81243a883f",
    13350009,
)
RDF4J = Jar(
    "org.eclipse.rdf4j",
    "rdf4j-http-server",
    "war",
    "",
    "4.1.3",
    "7cee02ac474451a09d8e012af9807aaa71e6e44c6380dc7f1a7e892fc8f629b3",
    41037271,
)
REPOSITORY = """
@prefix rep: <http://www.openrdf.org/config/repository#> .
@prefix sr: <http://www.openrdf.org/config/repository/sail#> .
@prefix sail: <http://www.openrdf.org/config/sail#> .
[] a rep:Repository ; rep:repositoryID "kg" ; rep:repositoryImpl [
    rep:repositoryType "openrdf:SailRepository" ;
    sr:sailImpl [ sail:sailType "openrdf:MemoryStore" ] ] .
"""
PEOPLE = 600
SECONDS_TO_START = 60


def person(number: int) -> str:
    return f"http://dbpedia.org/resource/Person_{number}"


def turtle() -> str:
    """What goes in: 600 people with a type, a name in two languages, an age and a friend, and
    a blank node between two of them."""
    dbo, foaf = "http://dbpedia.org/ontology/", "http://xmlns.com/foaf/0.1/"
    lines = []
    for n in range(PEOPLE):
        friend = person(n * 7 % PEOPLE)
        lines.append(
            f"<{person(n)}> a <{foaf}Person> ; <{dbo}age> {n} ; <{dbo}friend> <{friend}> ;"
            f' <{foaf}name> "Person {n}"@en, "人 {n}"@ja .'
        )
    lines.append(f"<{person(0)}> <{dbo}has> [ <{dbo}in> <{person(1)}> ] .")
    return "\n".join(lines)


EXPECTED_ENTITIES = {
    f"dbr:Person_{n}": Entity(
        f"dbr:Person_{n}", f"Person {n}", None, ("foaf:Person",), {"dbo:age": n}
    )
    for n in range(PEOPLE)
}
FRIENDS = [
    Triple(f"dbr:Person_{n}", "dbo:friend", f"dbr:Person_{n * 7 % PEOPLE}") for n in range(PEOPLE)
]


def jar(wanted: Jar) -> Path:
    """An artefact from the user's cache, brought there first if need be."""
    folder = Settings().kgp_cache.expanduser() / "tests"
    path = folder / wanted.name
    if is_whole(path, wanted):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as staging:
        try:
            fetched = download(wanted, Path(staging))
        except Exception as error:
            pytest.skip(f"{wanted.name} cannot be fetched: {type(error).__name__}")
        found = hashlib.sha256(fetched.read_bytes()).hexdigest()
        assert found == wanted.sha256, f"{wanted.name} is not the file that is pinned here"
        return Path(shutil.move(fetched, path))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(arguments: list[str], ready: str, folder: Path) -> Iterator[None]:
    """A Java server until the block ends; it is ready when the address answers."""
    log = folder / "server.log"
    command = [str(find_java().path), "-Xmx512m", *arguments]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=folder)
    try:
        end = time.monotonic() + SECONDS_TO_START
        while True:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, f"not ready: {log.read_text()[-2000:]}"
            try:
                if httpx.get(ready, timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True)
class Endpoint:
    """Where queries go, and where statements are put in."""

    query: str
    statements: str


@contextmanager
def fuseki(folder: Path) -> Iterator[Endpoint]:
    port = free_port()
    arguments = ["-jar", str(jar(FUSEKI)), "--localhost", "--port", str(port), "--mem", "--update"]
    base = f"http://localhost:{port}"
    with running([*arguments, "/ds"], f"{base}/$/ping", folder):
        yield Endpoint(f"{base}/ds/sparql", f"{base}/ds/data?default")


@contextmanager
def rdf4j(folder: Path) -> Iterator[Endpoint]:
    port = free_port()
    arguments = [
        f"-Dorg.eclipse.rdf4j.appdata.basedir={folder / 'data'}",
        f"-Djava.io.tmpdir={folder}",
        "-jar",
        str(jar(JETTY)),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        str(jar(RDF4J)),
    ]
    base = f"http://127.0.0.1:{port}"
    with running(arguments, f"{base}/protocol", folder):
        put(httpx.put, f"{base}/repositories/kg", REPOSITORY)
        yield Endpoint(f"{base}/repositories/kg", f"{base}/repositories/kg/statements")


def put(method, url: str, text: str) -> None:  # type: ignore[no-untyped-def]
    headers = {"Content-Type": "text/turtle; charset=utf-8"}
    response = method(url, content=text.encode(), headers=headers, timeout=60)
    assert response.is_success, response.text


@pytest.fixture(scope="module", params=[fuseki, rdf4j], ids=["fuseki", "rdf4j"])
def endpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    with request.param(tmp_path_factory.mktemp("endpoint")) as started:
        put(httpx.post, started.statements, turtle())
        yield started


@pytest.fixture(autouse=True)
def pages_of_500(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparql_download, "PAGE_ROWS", 500)


def read(
    endpoint: Endpoint, folder: Path, query: str | None = None
) -> tuple[list[Entity], list[Triple]]:
    rejects: list[Reject] = []
    source = open_source([f"sparql:{endpoint.query}"], Options(query=query, folder=folder))
    entities, triples = list(source.entities(rejects.append)), list(source.triples(rejects.append))
    assert rejects == []
    return entities, triples


def test_all_that_went_in_comes_out(endpoint: Endpoint, tmp_path: Path) -> None:
    entities, triples = read(endpoint, tmp_path)
    assert {entity.entity_id: entity for entity in entities} == EXPECTED_ENTITIES
    assert len(entities) == PEOPLE
    blank = {name for t in triples for name in (t.head, t.tail) if name.startswith("_:")}
    # The two statements of the blank node are pages apart, and it is still one node.
    (node,) = blank
    expected = {*FRIENDS, Triple("dbr:Person_0", "dbo:has", node)}
    expected.add(Triple(node, "dbo:in", "dbr:Person_1"))
    assert (len(triples), set(triples)) == (PEOPLE + 2, expected)
    # 5 statements a person and two more, in pages of 500.
    rows = [int(path.stem.split("-")[2]) for path in tmp_path.glob("downloads/*/page-*.nt")]
    assert sorted(rows) == [2, 500, 500, 500, 500, 500, 500]


def test_the_same_load_again_gives_the_same(endpoint: Endpoint, tmp_path: Path) -> None:
    query = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o FILTER(!isBlank(?s) && !isBlank(?o)) }"
    assert read(endpoint, tmp_path, query) == read(endpoint, tmp_path, query)


def test_a_select_query(endpoint: Endpoint, tmp_path: Path) -> None:
    query = """
        PREFIX dbo: <http://dbpedia.org/ontology/>
        SELECT ?tail (dbo:friendOf AS ?relation) ?head { ?tail dbo:friend ?head }"""
    entities, triples = read(endpoint, tmp_path, query)
    assert entities == []
    assert sorted((t.tail, t.relation, t.head) for t in triples) == sorted(
        (t.head, "dbo:friendOf", t.tail) for t in FRIENDS
    )


def test_a_construct_query(endpoint: Endpoint, tmp_path: Path) -> None:
    query = """
        PREFIX dbo: <http://dbpedia.org/ontology/>
        CONSTRUCT { ?b dbo:friendOf ?a . ?a dbo:age ?age } WHERE {
            ?a dbo:friend ?b ; dbo:age ?age FILTER(?age >= 50) }"""
    entities, triples = read(endpoint, tmp_path, query)
    # Pages of a CONSTRUCT query follow each other by ?b: ages of one person stay whole.
    assert sorted((e.entity_id, str(e.properties)) for e in entities) == sorted(
        (f"dbr:Person_{n}", str({"dbo:age": n})) for n in range(50, PEOPLE)
    )
    assert {(t.tail, t.relation, t.head) for t in triples} == {
        (t.head, "dbo:friendOf", t.tail) for t in FRIENDS[50:]
    }
    assert len(triples) == PEOPLE - 50
