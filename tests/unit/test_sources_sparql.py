import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pyoxigraph import (
    Literal,
    NamedNode,
    Quad,
    QueryResultsFormat,
    QuerySolutions,
    RdfFormat,
    Store,
)

from kgplatform.errors import InputError, UsageError
from kgplatform.sources import open_source as open_any
from kgplatform.sources import sparql_download
from kgplatform.sources.source import Options
from kgplatform.sources.sparql import open_source
from kgplatform.sources.sparql_query import ALL_TRIPLES, look_at
from kgplatform.triples import Entity, Reject, Triple

Answer = tuple[int, dict[str, str], bytes]
TURTLE = "@prefix : <http://dbpedia.org/ontology/> ."


@dataclass
class Endpoint:
    """A server of SPARQL over a real store, with requests that go wrong on demand."""

    url: str
    store: Store
    asked: list[tuple[str, str]] = field(default_factory=list)
    agents: set[str | None] = field(default_factory=set)
    go_wrong: Callable[[int], Answer | None] = lambda _: None
    """Given the number of the request from 1: what is answered instead."""
    most: int = 1_000_000
    """Rows that the server gives at most."""

    def answer(self, query: str) -> Answer:
        try:
            result = self.store.query(query)
        except SyntaxError as error:
            return 400, {"Content-Type": "text/plain"}, f"Parse error:\n  {error}".encode()
        if isinstance(result, QuerySolutions):
            body = result.serialize(format=QueryResultsFormat.JSON)
            return 200, {"Content-Type": "application/sparql-results+json"}, body or b""
        lines = [f"{triple} .\n" for triple in result][: self.most]  # type: ignore[union-attr]
        return 200, {"Content-Type": "application/n-triples"}, "".join(lines).encode()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(sparql_download, "PAGE_ROWS", 10)
    monkeypatch.setattr(sparql_download, "PAUSES", (0.0, 0.0))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(urllib.parse.urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _reply(self, form: str) -> None:
            query = urllib.parse.parse_qs(form)["query"][0]
            known.asked.append((self.command, query))
            known.agents.add(self.headers["User-Agent"])
            status, headers, body = known.go_wrong(len(known.asked)) or known.answer(query)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", headers.get("X-Length", str(len(body))))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Endpoint(f"http://127.0.0.1:{server.server_port}/sparql", Store())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


def fill(endpoint: Endpoint, count: int) -> set[Triple]:
    dbr, dbo = "http://dbpedia.org/resource/", "http://dbpedia.org/ontology/"
    endpoint.store.extend(
        Quad(NamedNode(f"{dbr}{n}"), NamedNode(f"{dbo}next"), NamedNode(f"{dbr}{n + 1}"))
        for n in range(count)
    )
    return {Triple(f"dbr:{n}", "dbo:next", f"dbr:{n + 1}") for n in range(count)}


def read(
    endpoint: Endpoint, folder: Path, query: str | None = None
) -> tuple[list[Entity], list[Triple], list[Reject]]:
    source = open_source((f"sparql:{endpoint.url}",), Options(query=query, folder=folder))
    rejects: list[Reject] = []
    return list(source.entities(rejects.append)), list(source.triples(rejects.append)), rejects


def test_all_triples_in_pages(endpoint: Endpoint, tmp_path: Path) -> None:
    expected = fill(endpoint, 25)
    endpoint.store.load(
        f"{TURTLE} <http://dbpedia.org/resource/1> :age 3 .".encode(), RdfFormat.TURTLE
    )
    source = open_any([f"sparql:{endpoint.url}"], Options(folder=tmp_path))
    assert (source.name, source.format) == (endpoint.url, "sparql")
    triples = list(source.triples(lambda _: None))
    assert len(triples) == 25
    assert set(triples) == expected
    assert list(source.entities(lambda _: None)) == [Entity("dbr:1", properties={"dbo:age": 3})]
    assert source.prefixes == {
        "dbr": "http://dbpedia.org/resource/",
        "dbo": "http://dbpedia.org/ontology/",
    }
    # 26 rows: pages of 10, 10, 6, and one that says that there are no more; fetched once.
    assert [query.rpartition("\n")[2] for _, query in endpoint.asked] == [
        f"LIMIT 10 OFFSET {offset}" for offset in (0, 10, 20, 26)
    ]
    assert all("ORDER BY ?s ?p ?o" in query for _, query in endpoint.asked)
    assert endpoint.agents == {sparql_download.USER_AGENT}


def test_a_server_that_gives_less_than_it_is_asked_for(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.most = 4
    expected = fill(endpoint, 11)
    _, triples, _ = read(endpoint, tmp_path)
    assert (len(triples), set(triples)) == (11, expected)


def test_a_server_that_dies_at_page_7(endpoint: Endpoint, tmp_path: Path) -> None:
    expected = fill(endpoint, 95)
    endpoint.go_wrong = lambda number: (503, {}, b"down") if number >= 7 else None
    message = "page 7 does not come: it answers 503 Service Unavailable: down"
    with pytest.raises(InputError, match=message) as caught:
        read(endpoint, tmp_path)
    assert caught.value.hint == "run the same again to go on: pages 1 to 6 are kept"
    assert len(endpoint.asked) == 6 + 3
    endpoint.asked.clear()
    endpoint.go_wrong = lambda _: None
    source = open_source((f"sparql:{endpoint.url}",), Options(folder=tmp_path))
    assert "goes on behind the 6 pages of an earlier run" in source.notes[1]
    triples = list(source.triples(lambda _: None))
    assert (len(triples), set(triples)) == (95, expected)
    assert "OFFSET 60" in endpoint.asked[0][1]
    assert len(endpoint.asked) == 5


def test_a_page_left_half_by_a_kill_is_fetched_again(endpoint: Endpoint, tmp_path: Path) -> None:
    expected = fill(endpoint, 15)
    open_source((f"sparql:{endpoint.url}",), Options(folder=tmp_path))
    (page,) = tmp_path.glob("downloads/*/page-000001-10.nt")
    (page.parent / "page-000002.part").write_text("<urn:half> <urn:")
    (page.parent / "page-000003-10.nt").write_text("<urn:page> <urn:before> <urn:missing> .\n" * 10)
    _, triples, _ = read(endpoint, tmp_path)
    assert (len(triples), set(triples)) == (15, expected)


@pytest.mark.parametrize(
    "wrong",
    [
        (503, {"Retry-After": "0"}, b""),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""),
        (500, {}, b"<html>oops</html>"),
        # Cut in the middle, by a server that says how long its answer is, and one that does not.
        (200, {"Content-Type": "application/n-triples", "X-Length": "99"}, b"<urn:a> <urn:b> "),
        (200, {"Content-Type": "application/n-triples"}, b"<urn:a> <urn:b> <urn:c> .\n<urn:a"),
    ],
)
def test_what_passes_is_tried_again(endpoint: Endpoint, tmp_path: Path, wrong: Answer) -> None:
    expected = fill(endpoint, 15)
    endpoint.go_wrong = lambda number: wrong if number in (1, 3) else None
    _, triples, _ = read(endpoint, tmp_path)
    assert (len(triples), set(triples)) == (15, expected)
    assert len(endpoint.asked) == 5


def test_retry_after_is_waited_for(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("kgplatform.sources.sparql_download.time.sleep", waited.append)
    fill(endpoint, 1)
    endpoint.go_wrong = lambda number: (503, {"Retry-After": "17"}, b"") if number == 1 else None
    read(endpoint, tmp_path)
    assert waited == [17.0]


def test_pauses_grow_and_differ(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("kgplatform.sources.sparql_download.time.sleep", waited.append)
    monkeypatch.setattr(sparql_download, "PAUSES", (1.0, 2.0, 4.0))
    endpoint.go_wrong = lambda _: (502, {}, b"")
    with pytest.raises(InputError, match="page 1 does not come"):
        read(endpoint, tmp_path)
    factors = [pause / base for pause, base in zip(waited, (1.0, 2.0, 4.0), strict=True)]
    assert all(0.75 <= factor <= 1.25 for factor in factors)
    assert len(set(factors)) == 3


def test_a_wait_of_an_hour_is_left_to_the_user(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.go_wrong = lambda _: (429, {"Retry-After": "3600"}, b"slow down")
    with pytest.raises(InputError, match="429 Too Many Requests: slow down") as caught:
        read(endpoint, tmp_path)
    assert caught.value.hint == "wait 3,600 seconds as the server asks, then run it again"
    assert len(endpoint.asked) == 1


def test_a_load_that_failed_reads_the_pages_again_and_a_whole_one_fetches_anew(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    fill(endpoint, 15)
    source = open_source((f"sparql:{endpoint.url}",), Options(folder=tmp_path))
    assert list(source.entities(lambda _: None)) == []
    next(iter(source.triples(lambda _: None)))  # and here the database goes away
    endpoint.asked.clear()
    assert len(read(endpoint, tmp_path)[1]) == 15
    assert endpoint.asked == []
    expected = fill(endpoint, 16)
    _, triples, _ = read(endpoint, tmp_path)
    assert set(triples) == expected
    assert len(endpoint.asked) == 3


def test_rows_of_a_select_query(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.store.load(
        f"""{TURTLE} @prefix : <http://dbpedia.org/ontology/> .
        :a :p :b ; :v 7 . :c :p :d .""".encode(),
        RdfFormat.TURTLE,
    )
    entities, triples, rejects = read(
        endpoint, tmp_path, "SELECT ?o (?p AS ?relation) ?s { ?s ?p ?o }"
    )
    # The first three columns: the literal 7 is no head.
    assert entities == []
    assert set(triples) == {Triple("dbo:b", "dbo:p", "dbo:a"), Triple("dbo:d", "dbo:p", "dbo:c")}
    assert [(r.file, r.reason) for r in rejects] == [
        (endpoint.url, "head is a text where an IRI belongs")
    ]
    entities, triples, rejects = read(
        endpoint, tmp_path, "SELECT ?tail ?relation ?head { ?head ?relation ?tail }"
    )
    assert set(triples) == {Triple("dbo:a", "dbo:p", "dbo:b"), Triple("dbo:c", "dbo:p", "dbo:d")}
    assert entities == [Entity("dbo:a", properties={"dbo:v": 7})]
    assert rejects == []


def test_a_select_query_of_many_pages_and_unbound_columns(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    expected = fill(endpoint, 25)
    ninth = "FILTER(?x = <http://dbpedia.org/resource/9>)"
    query = f"SELECT ?s ?p ?o {{ {{ ?s ?p ?o }} UNION {{ ?s ?p ?x {ninth} }} }}"
    _, triples, (reject,) = read(endpoint, tmp_path, query)
    assert (len(triples), set(triples)) == (25, expected)
    assert reject.reason == "tail of the row has no value"


def test_triples_of_a_construct_query(endpoint: Endpoint, tmp_path: Path) -> None:
    fill(endpoint, 25)
    query = "CONSTRUCT { ?a <urn:to> ?b . ?b <urn:from> ?a } WHERE { ?a ?p ?b } # both ways"
    _, triples, _ = read(endpoint, tmp_path, query)
    assert set(triples) == {
        *(Triple(f"dbr:{n}", "urn:to", f"dbr:{n + 1}") for n in range(25)),
        *(Triple(f"dbr:{n + 1}", "urn:from", f"dbr:{n}") for n in range(25)),
    }
    assert len(triples) == 50


def test_a_long_query_is_posted(endpoint: Endpoint, tmp_path: Path) -> None:
    expected = fill(endpoint, 3)
    _, triples, _ = read(endpoint, tmp_path, f"{ALL_TRIPLES}\n# {'x' * 3000}")
    assert set(triples) == expected
    assert {method for method, _ in endpoint.asked} == {"POST"}


def test_parameters_and_password_of_the_address(endpoint: Endpoint, tmp_path: Path) -> None:
    fill(endpoint, 1)
    url = endpoint.url.replace("//", "//me:secret@") + "?default-graph-uri=urn:g"
    source = open_source((f"sparql:{url}",), Options(folder=tmp_path))
    assert source.name == endpoint.url + "?default-graph-uri=urn:g"
    assert len(list(source.triples(lambda _: None))) == 1
    assert not any("secret" in path.read_text() for path in tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    "login",
    [
        "me:p@s/canary@",
        "me:p/canary@",
        "me:canary/w@",
        "me:p#canary@",
        "me:#canary@",
        "me:/canary@",
    ],
)
def test_a_password_as_it_is_is_no_host_and_not_told(
    endpoint: Endpoint, tmp_path: Path, login: str
) -> None:
    """Characters that an address needs encoded: what stands before them would be the host."""
    url = endpoint.url.replace("//", f"//{login}")
    with pytest.raises(UsageError) as caught:
        open_source((f"sparql:{url}",), Options(folder=tmp_path))
    assert "canary" not in str(caught.value) + caught.value.hint
    assert "%40" in caught.value.hint
    assert not endpoint.asked


def test_an_address_may_have_an_at_sign_in_its_path(endpoint: Endpoint, tmp_path: Path) -> None:
    fill(endpoint, 1)
    url = f"{endpoint.url}/@data"
    assert open_source((f"sparql:{url}",), Options(folder=tmp_path)).name == url


def test_an_empty_endpoint(endpoint: Endpoint, tmp_path: Path) -> None:
    entities, triples, (reject,) = read(endpoint, tmp_path)
    assert (entities, triples, reject.reason) == ([], [], "it gives no rows")


def test_a_server_that_ignores_offset(endpoint: Endpoint, tmp_path: Path) -> None:
    body = b"<urn:a> <urn:b> <urn:c> .\n<urn:a> <urn:b> <urn:d> .\n"
    endpoint.go_wrong = lambda _: (200, {"Content-Type": "application/n-triples"}, body)
    with pytest.raises(InputError, match="gives page 1 again as page 2") as caught:
        read(endpoint, tmp_path)
    assert "OFFSET" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>"), "answers with a web page, not with RDF"),
        ((404, {}, b"<h1>no\n such</h1>  page"), "it answers 404 Not Found: no such page"),
        ((400, {}, b"unknown\nprefix"), "it answers 400 Bad Request: unknown prefix"),
    ],
)
def test_what_is_no_endpoint_fails_when_it_is_opened(
    endpoint: Endpoint, tmp_path: Path, answer: Answer, message: str
) -> None:
    endpoint.go_wrong = lambda _: answer
    with pytest.raises(InputError, match=message) as caught:
        open_source((f"sparql:{endpoint.url}",), Options(folder=tmp_path))
    assert caught.value.hint
    assert len(endpoint.asked) == 1


def test_nothing_listens_there(endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="page 1 does not come") as caught:
        open_source(("sparql:http://127.0.0.1:1/sparql",), Options(folder=tmp_path))
    assert "running" in caught.value.hint


def test_a_folder_that_cannot_be_written(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "downloads").write_text("a file")
    with pytest.raises(InputError, match="cannot keep the download in"):
        open_source((f"sparql:{endpoint.url}",), Options(folder=tmp_path))


@pytest.mark.parametrize("given", [("sparql:ftp://a.org/",), ("sparql:a",), ("sparql:http://",)])
def test_addresses_that_are_none(given: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the address"):
        open_source(given, Options(folder=tmp_path))


def test_two_endpoints_are_two_loads(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one endpoint at a time"):
        open_source(("sparql:http://a.org/", "sparql:http://b.org/"), Options(folder=tmp_path))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("SELECT ?a ?b ?c { ?a ?b ?c }", "ORDER BY ?a ?b ?c"),
        ("select distinct $a (str(?b) as ?d) ?c where { ?a ?b ?c }", "ORDER BY ?a ?d ?c"),
        (
            "SELECT (COUNT(?x) AS ?n) ?b (IF(?x, (1), 2) AS ?c) { ?a ?b ?x } GROUP BY ?b ?x",
            "ORDER BY ?n ?b ?c",
        ),
        ("SELECT ?a ?b ?c { ?a ?b ?c } ORDER BY DESC(?c)", "?a ?b ?c"),
        ("SELECT ?a ?b ?c { { SELECT * { ?a ?b ?c } LIMIT 5 } }", "ORDER BY ?a ?b ?c"),
        ('SELECT ?a ?b ?c { ?a ?b "} LIMIT 5" } # LIMIT 5', "ORDER BY ?a ?b ?c"),
        (
            "PREFIX limit: <urn:a#limit> SELECT ?a ?b ?limit { ?a limit:b ?c }",
            "ORDER BY ?a ?b ?limit",
        ),
        ("SELECT ?a ?b ?c { ?a ?b ?c } LIMIT 5", None),
        ("SELECT ?a ?b ?c { ?a ?b ?c } OFFSET 5", None),
        ("SELECT ?a ?b ?c { ?a ?b ?c } VALUES ?a { <urn:a> }", None),
        ("SELECT * { ?a ?b ?c }", None),
        ("CONSTRUCT { ?a <urn:p> ?b } WHERE { ?a ?x ?b }", "ORDER BY ?a ?b"),
        ("PREFIX : <urn:> CONSTRUCT WHERE { ?a :p ?b }", "ORDER BY ?a ?b"),
        ("CONSTRUCT { ?a <urn:p> [] } WHERE { ?a ?x ?b }", None),
        ("CONSTRUCT { ?a <urn:p> _:b } WHERE { ?a ?x ?b }", None),
        ("CONSTRUCT { <urn:a> <urn:p> <urn:b> } WHERE { ?a ?x ?b }", None),
        ("CONSTRUCT { ?a ?x ?b } WHERE { ?a ?x ?b } LIMIT 7", None),
    ],
)
def test_which_queries_are_asked_for_in_pages(text: str, order: str | None) -> None:
    query = look_at(text)
    assert query.order == order
    # What is sent is a query that a parser of the standard takes.
    Store().query(query.page(20, 10))
    assert query.page(20, 10) == (text if order is None else f"{text}\n{order}\nLIMIT 10 OFFSET 20")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ASK { ?a ?b ?c }", "is ASK"),
        ("DESCRIBE <urn:select>", "is DESCRIBE"),
        ("DELETE WHERE { ?select ?b ?c }", "neither selects nor constructs"),
        ("SELECT ?a ?b { ?a ?b ?c }", "selects only a, b"),
    ],
)
def test_queries_that_give_no_triples(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        look_at(text)


def test_all_columns_are_known_when_the_answer_comes(endpoint: Endpoint, tmp_path: Path) -> None:
    expected = fill(endpoint, 12)
    _, triples, _ = read(endpoint, tmp_path, "SELECT * { ?s ?p ?o }")
    assert set(triples) == expected
    with pytest.raises(UsageError, match="selects only s, where three"):
        read(endpoint, tmp_path, "SELECT * { ?s <urn:p> <urn:o> }")


def test_triples_with_every_kind_of_text(endpoint: Endpoint, tmp_path: Path) -> None:
    text = 'tab\t line\n quote" back\\ é漢\U0001f600'
    endpoint.store.add(Quad(NamedNode("urn:a"), NamedNode("urn:v"), Literal(text)))
    for query in (None, "SELECT ?s ?p ?o { ?s ?p ?o }"):
        entities, _, _ = read(endpoint, tmp_path, query)
        assert entities == [Entity("urn:a", properties={"urn:v": text})]
