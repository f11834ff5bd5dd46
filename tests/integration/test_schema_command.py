"""``kgp schema``: what a real graph's facts show, as a file that is read back."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kgplatform.errors import InputError
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.observed_schema import cover, schema_of_graph
from kgplatform.text.extract.schema import RelationType
from kgplatform.text.extract.schema_file import read_schema
from kgplatform.triples import Entity, Triple


@pytest.fixture
def graph(store: Store, graph_name: str) -> str:
    """Persons born in towns, towns that border one another, and a relation with a hostile name."""
    towns = [f"town {i}" for i in range(6)]
    entities = [Entity(town, name=town.title(), types=("Town",)) for town in towns]
    entities += [Entity(f"p{i}", name=f"Person {i}", types=("Person",)) for i in range(12)]
    facts = [Triple(f"p{i}", "BORN_IN", towns[i % 6]) for i in range(12)]
    for one, other in pairwise(towns):
        facts += [Triple(one, "BORDERS", other), Triple(other, "BORDERS", one)]
    facts += [Triple("p0", "KNOWS", f"p{i}") for i in range(1, 4)]
    facts += [Triple("p1", "is `of` \\u0060 -->", "unlabelled")]
    load(store, graph_name, entities, facts, source="town")
    return graph_name


def test_domains_ranges_and_cardinalities(store: Store, graph: str) -> None:
    told: list[tuple[int, int | None]] = []
    schema = schema_of_graph(store, graph, lambda stage, done, total: told.append((done, total)))
    assert told[-1] == (4, 4)
    assert schema.labels == {"Person": "", "Town": ""}
    assert schema.relations["BORDERS"] == RelationType(
        "BORDERS",
        ("Town",),
        ("Town",),
        example=schema.relations["BORDERS"].example,
        symmetric=True,
    )
    born = schema.relations["BORN_IN"]
    assert (born.heads, born.tails, born.functional) == (("Person",), ("Town",), True)
    assert born.example is not None
    text, head, tail = born.example
    assert text == f"{head} born in {tail}."
    assert head.startswith("Person ")
    # Of few heads nothing is said.
    assert not schema.relations["KNOWS"].functional
    odd = schema.relations["is `of` \\u0060 -->"]
    assert (odd.heads, odd.tails) == (("Person",), ())


def test_the_command_writes_a_file_that_is_read_back(kgp: Any, store: Store, graph: str) -> None:
    printed = kgp("schema", graph)
    assert printed.code == 0
    Path("schema.yaml").write_text(printed.out, encoding="utf-8")
    schema = schema_of_graph(store, graph)
    assert read_schema(Path("schema.yaml")) == schema
    data = kgp("schema", "schema.yaml", "--json").json
    assert data["relations"]["BORN_IN"]["functional"] is True
    assert kgp("schema", "schema.yaml").out == printed.out
    Path("wrong.yaml").write_text("relations:\n  r: {head: [A]}\n")
    refused = kgp("schema", "wrong.yaml")
    assert refused.code == 1
    assert "wrong.yaml:2" in refused.err
    missing = kgp("schema", "no-such-graph")
    assert missing.code == 1
    assert "there is no graph" in missing.err
    with pytest.raises(InputError, match="there is no graph"):
        schema_of_graph(store, "no-such-graph")


def test_the_fewest_labels_that_cover_nearly_all_ends() -> None:
    ends = {
        frozenset({"City", "Place"}): 60,
        frozenset({"River", "Place"}): 30,
        frozenset({"Person"}): 9,
        frozenset({"Typo"}): 1,
    }
    assert cover(ends) == ("Place", "Person")
    assert cover({frozenset(): 50, frozenset({"City"}): 50}) == ()
    assert cover({}) == ()
