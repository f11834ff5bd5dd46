"""Search of a real graph: its channels, filters, reasons and a step along the graph."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from connected import connected

from kgplatform.answer.fuse import Weights, save_weights
from kgplatform.answer.search import Searcher, candidates, open_searcher, search
from kgplatform.answer.search_learn import learn_weights, read_examples
from kgplatform.errors import InputError, KGPlatformError, UnknownNameError, UsageError
from kgplatform.queries import quote
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.find import TEXT_INDEX
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.named import INDEX
from kgplatform.store.schema import prepare
from kgplatform.store.writeback import Target, write_vectors
from kgplatform.text.encode import TextEncoder, load_encoder, text_vectors
from kgplatform.triples import Entity, Triple

GRAPH = 'search\'s "own" graph \\'
OTHER = "search beside it"
PASSAGE = "Radium glows; it was found in a shed near the Pantheon."

ENTITIES = [
    Entity("pl", "Poland", "A country between the Baltic Sea and the Tatra.", ("Country",),
           {"area": 312_679, "seas": ["Baltic"], "landlocked": False}),
    Entity("cz", "Czechia", "A country of Bohemia and Moravia.", ("Country",),
           {"area": 78_871, "landlocked": True}),
    Entity("de", "Germany", "A country on the Rhine and the Elbe.", ("Country",),
           {"area": 357_022, "seas": ["Baltic", "North"], "landlocked": False}),
    Entity("waw", "Warsaw", "A large city on the Vistula.", ("City",), {"aliases": ["Warszawa"]}),
    Entity("prg", "Prague", "A city on the Vltava with many towers.", ("City",)),
    Entity("curie", "Marie Curie", "A physicist and chemist who found radium.", ("Person",)),
    Entity("who", "The Who", "A rock band.", ("Band",)),
]  # fmt: skip
FACTS = [
    Triple("pl", "BORDERS", "de"), Triple("cz", "BORDERS", "de"), Triple("pl", "BORDERS", "cz"),
    Triple("pl", "CAPITAL", "waw"), Triple("cz", "CAPITAL", "prg"),
    Triple("curie", "BORN_IN", "waw"),
]  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_encoder()


@pytest.fixture(scope="module")
def filled(settings: Settings, encoder: TextEncoder) -> Iterator[Store]:
    """The graph with vectors of texts, of chunks and of itself, and one like it beside it."""
    with connected(settings) as store:
        prepare(store, GRAPH)
        load(store, GRAPH, ENTITIES, FACTS, source="atlas")
        crowd = [Entity(f"p{at}", "Poland", "Poland, a country.") for at in range(120)]
        load(store, OTHER, crowd, [Triple("p0", "LIKE", "p1")], source="atlas")
        store.run(
            "CREATE (d:Document {graph: $graph, id: 'd1', title: 'On radium', uri: 'radium.txt'}) "
            "CREATE (c:Chunk {graph: $graph, id: 'c1', start: 0, end: 54, text: $text}) "
            "CREATE (c)-[:PART_OF]->(d) "
            "WITH c MATCH (e:Entity {graph: $graph, id: 'curie'}) "
            "CREATE (e)-[:MENTIONED_IN {start: 0, end: 6}]->(c)",
            graph=GRAPH,
            text=PASSAGE,
        )
        target = Target(graph=GRAPH)
        keys = [each.entity_id for each in ENTITIES]
        made = {"encoder": encoder.name, "created": "1"}
        texts = text_vectors(encoder, [f"{each.name}: {each.description}" for each in ENTITIES])
        write_vectors(store, "text-1", made, target, keys, texts, kind="text")
        passages = text_vectors(
            encoder, ["Radium glows; it was found in a shed near the Pantheon."]
        )
        chunks = Target(label="Chunk", graph=GRAPH)
        write_vectors(store, "text-2", made, chunks, ["c1"], passages, kind="text")
        angles = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 2.0, 3.0])
        lengths = np.array([1, 5, 1, 1, 1, 1, 1])
        plane = np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths[:, None]
        write_vectors(store, "graph-1", {}, target, keys, plane.astype(np.float32))
        write_links(store, "graph-1", {}, target, [Link("curie", "VISITED", "prg", 1.0, 0.4, 1)])
        yield store
        for index in (INDEX, TEXT_INDEX):
            store.command(f"DROP INDEX {quote(index)} IF EXISTS")


@pytest.fixture(scope="module")
def searcher(filled: Store, settings: Settings, encoder: TextEncoder) -> Searcher:
    return open_searcher(filled, settings, GRAPH, encoder=encoder)


def ids(searcher: Searcher, text: str, **how: Any) -> list[str]:
    return [hit.id for hit in search(searcher, text, **how)]


def test_each_channel_finds_what_it_can(searcher: Searcher) -> None:
    assert searcher.channels == ("name", "fulltext", "text", "graph", "facts")
    assert searcher.missing == {}
    assert ids(searcher, "warszawa", by=["name"]) == ["waw"]
    assert ids(searcher, "Polnad", by=["name"]) == ["pl"]
    assert ids(searcher, "the who", by=["name"]) == ["who"]
    assert ids(searcher, "cities with a tower", by=["fulltext"]) == ["prg", "waw"]
    assert ids(searcher, "a woman scientist", by=["text"])[0] == "curie"
    # Around Poland, by direction and not by length.
    assert ids(searcher, "Poland", by=["graph"])[:3] == ["pl", "cz", "de"]
    assert ids(searcher, "the", by=["fulltext"]) == []
    # What the relation is called counts; what has many facts less.
    assert ids(searcher, "capital of Poland", by=["facts"])[0] == "waw"
    assert ids(searcher, "who borders Germany", by=["facts"]) == ["cz", "pl"]


def test_hits_have_reasons_and_statements(searcher: Searcher) -> None:
    hits = search(searcher, "towers of Prague", top_k=4)
    first = hits[0]
    assert (first.id, first.name, first.kind, first.labels) == (
        "prg",
        "Prague",
        "entity",
        ("City",),
    )
    assert 0.8 < first.score <= 1
    told = "; ".join(first.reasons)
    for each in (
        "its name is in the text",
        "words (rank 1): towers, prague",
        "text vectors (rank 1)",
    ):
        assert each in told
    assert "graph vectors (rank" in told
    kinds = {statement.kind: statement for statement in first.statements}
    assert kinds["asserted"].relation == "CAPITAL"
    assert kinds["asserted"].sources == ("atlas",)
    assert (kinds["predicted"].confidence, kinds["predicted"].run) == (0.4, "graph-1")
    assert any("asserted, 1.00, atlas" in reason for hit in hits for reason in hit.reasons)


def test_passages_are_found_beside_entities(searcher: Searcher) -> None:
    hits = search(searcher, "glowing radium in a shed", top_k=2, expand=3)
    chunk, person = sorted(hits[:2], key=lambda hit: hit.kind)
    assert (chunk.id, chunk.name, chunk.source) == ("c1", "On radium", "radium.txt")
    assert chunk.text == PASSAGE
    assert person.id == "curie"
    stepped = {hit.id: hit for hit in hits[2:]}
    assert "waw" in stepped
    assert "a step from Marie Curie" in stepped["waw"].reasons[0]
    assert max(hit.score for hit in hits[2:]) <= min(hit.score for hit in hits[:2])
    assert ids(searcher, "radium", labels=["Chunk"]) == ["c1"]
    lone = search(searcher, "glowing radium in a shed", labels=["Chunk"], expand=1)
    assert lone[1].reasons == ("mentioned in On radium",)


def test_filters_are_values_and_labels(searcher: Searcher) -> None:
    countries = ids(searcher, "radium", labels=["Country"])
    assert sorted(countries) == ["cz", "de", "pl"]
    assert ids(searcher, "country", labels=["Country"], where={"landlocked": True}) == ["cz"]
    assert set(ids(searcher, "country", where={"seas": "Baltic"})) == {"pl", "de"}
    assert set(ids(searcher, "country", where={"area": [78_871, 312_679]})) == {"pl", "cz"}
    assert set(ids(searcher, "city", labels=["City", "Band"])) == {"waw", "prg", "who"}
    assert ids(searcher, "country", where={"name": "x' OR true //"}) == []


def test_one_graph_is_not_crowded_out_by_another(filled: Store, searcher: Searcher) -> None:
    assert ids(searcher, "country of Poland", by=["fulltext"], top_k=1) == ["pl"]
    (count,) = filled.rows("MATCH (e:Entity {graph: $g}) RETURN count(*) AS n", g=OTHER)
    assert count["n"] == 120


@pytest.mark.parametrize(
    "text", ['a" OR *:*', "\\", "~ ^ ( [ AND", "/.*/", "name:* +", "?", "\ud800"]
)
def test_no_text_is_a_query_language(searcher: Searcher, text: str) -> None:
    for hit in search(searcher, text, top_k=50):
        # By its vector, a text that says nothing is near something; its words find nothing.
        assert not any(reason.startswith("words") for reason in hit.reasons)


@pytest.mark.parametrize(
    ("how", "error", "told"),
    [
        ({"text": " "}, InputError, "nothing to search for"),
        ({"text": "x" * 10_001}, InputError, "10,001 characters"),
        ({"by": ["smell"]}, UnknownNameError, "no such channel of search: 'smell'"),
        ({"labels": ["Contry"]}, UnknownNameError, "no such label: 'Contry'"),
        ({"where": {"areas": 1}}, UnknownNameError, "no such property: 'areas'"),
        ({"top_k": 0}, UsageError, "0 hits"),
        ({"expand": -1}, UsageError, "-1 further"),
    ],
)
def test_bad_input_is_said(
    searcher: Searcher, how: dict[str, Any], error: type[KGPlatformError], told: str
) -> None:
    given = {"text": "country", **how}
    with pytest.raises(error, match=told) as raised:
        search(searcher, given.pop("text"), **given)
    assert raised.value.hint


def test_weights_are_learned_and_used(
    searcher: Searcher, filled: Store, settings: Settings, encoder: TextEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "examples.tsv"
    said = [("where radium was found", "curie"), ("rock music", "who"), ("Vltava", "Prague"),
            ("on the Vistula", "waw"), ("Tatra", "pl")]  # fmt: skip
    path.write_text("".join(f"{text}\t{entity}\n" for text, entity in 2 * said), "utf-8")
    learned = learn_weights(searcher, read_examples(path))
    assert learned.weights.learned["examples"] == 10
    assert 0 < learned.mrr <= 1
    path.write_text("a text alone\n")
    with pytest.raises(InputError, match="line 1"):
        read_examples(path)
    path.write_text("a text\tpl\n")
    with pytest.raises(InputError, match="1 examples"):
        read_examples(path)
    by_graph = tmp_path / "graph.json"
    save_weights(Weights({"graph": 1.0}), by_graph)
    told = settings.model_copy(update={"kgp_search_weights": by_graph})
    only_graph = open_searcher(filled, told, GRAPH, encoder=encoder)
    near = candidates(only_graph, "Poland").rankings["graph"]
    assert ids(only_graph, "Poland", top_k=3) == [key.id for key, _ in near[:3]]


def test_the_command_says_what_it_could_not_search(kgp: Any, filled: Store) -> None:
    ended = kgp("search", "Polnd", "--graph", OTHER, "--top-k", "2", "--json")
    assert ended.json["channels"] == ["name", "fulltext", "facts"]
    assert "kgp encode --write" in ended.json["missing"]["text"]
    assert "not by text" in ended.err
    assert "not by graph" in ended.err
    assert len(ended.json["hits"]) == 2
    assert {"id", "name", "score", "reasons", "statements", "kind"} <= set(ended.json["hits"][0])
    shown = kgp("search", "poland", "--graph", GRAPH, "--where", "area=312679", "--by", "name")
    assert "Poland (Country)  1.000" in shown.out
    assert "its name is in the text" in shown.out
    assert kgp("search", "poland", "--graph", "serch beside it").code == 2
    refused = kgp("search", "poland", "--graph", OTHER, "--by", "text")
    assert refused.code == 1
    assert "kgp encode" in refused.err
    assert kgp("search", "poland", "--graph", GRAPH, "--where", "area").code == 2
    assert "nothing found" in kgp("search", "zzz", "--graph", OTHER).out


def test_weights_are_learned_by_the_command(kgp: Any, filled: Store) -> None:
    Path("examples.tsv").write_text("poland country\tp1\n" * 10)
    made = kgp("tune", "search", "examples.tsv", "--graph", OTHER, "--to", "w.json", "--json").json
    assert made["examples"] == 10
    found = kgp("search", "poland", "--graph", OTHER, "--weights", "w.json", "--json").json["hits"]
    assert found[0]["name"] == "Poland"
    assert kgp("search", "poland", "--graph", OTHER, "--weights", "none.json").code == 1
