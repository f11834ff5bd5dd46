"""Entities that names of documents may mean, through real indexes."""

from collections.abc import Iterator

import pytest

from kgplatform.queries import quote
from kgplatform.store.client import Store
from kgplatform.store.named import INDEX, find_named


@pytest.fixture
def named(store: Store, graph_name: str) -> Iterator[str]:
    """A graph of people, and one beside it with the same names."""
    people = [
        {"id": "curie", "name": "Marie Curie", "aliases": ["Maria Skłodowska"]},
        {"id": "pierre", "name": "Pierre Curie", "aliases": None},
        {"id": "bohr", "name": "Niels Bohr", "aliases": None},
    ]
    for graph in (graph_name, f"{graph_name}-other"):
        store.run(
            "UNWIND $people AS p CREATE (e:Entity:Person) SET e = p, e.graph = $graph",
            people=people,
            graph=graph,
        )
    yield graph_name
    store.command(f"DROP INDEX {quote(INDEX)} IF EXISTS")


def test_names_are_found_with_a_slip_by_an_alias_and_in_one_graph(store: Store, named: str) -> None:
    found = find_named(store, named, ["Mary Curie", "Sklodowska", "N. Bohrr"])
    assert found.names["curie"] == ("Marie Curie", "Maria Skłodowska")
    assert set(found.names) == {"curie", "pierre", "bohr"}
    assert found.labels["bohr"] == ("Person",)
    assert set(find_named(store, named, ["Niels Bohr"], top_k=1).names) == {"bohr"}


def test_what_a_text_says_is_no_query_language(store: Store, named: str) -> None:
    hostile = ["name:* OR graph:*", 'Curie" OR *:*', "~ ^ ( [ AND", "", "bohr) //"]
    found = find_named(store, named, hostile)
    assert set(found.names) <= {"curie", "pierre", "bohr"}
    assert "bohr" in found.names
