import re
from collections import Counter, defaultdict

import networkx as nx
import pytest

from kgplatform.sources.countries import countries
from kgplatform.triples import Entity, Triple, fault_of_name

Graph = tuple[list[Entity], list[Triple]]


@pytest.fixture(scope="module")
def skipped() -> list[str]:
    return []


@pytest.fixture(scope="module")
def graph(skipped: list[str]) -> Graph:
    return countries(skipped.append)


def tails(graph: Graph, head: str, relation: str) -> set[str]:
    return {t.tail for t in graph[1] if t.head == head and t.relation == relation}


def test_it_is_several_thousand_triples_in_one_piece(graph: Graph) -> None:
    entities, triples = graph
    assert 4_000 <= len(triples) <= 8_000
    assert len(set(triples)) == len(triples)
    pieces = nx.connected_components(nx.Graph((t.head, t.tail) for t in triples))
    assert [len(piece) for piece in pieces] == [len(entities)]


def test_every_entity_is_named_described_and_linked(graph: Graph) -> None:
    entities, triples = graph
    ids = [entity.entity_id for entity in entities]
    assert len(set(ids)) == len(ids)
    assert set(ids) == {t.head for t in triples} | {t.tail for t in triples}
    for entity in entities:
        assert re.fullmatch(r"([a-z]+/)?[a-z0-9]+(-[a-z0-9]+)*", entity.entity_id)
        assert entity.name
        assert entity.description
        assert len(entity.types) == 1


def test_its_names_pass_the_checks_of_a_load(graph: Graph) -> None:
    for t in graph[1]:
        assert fault_of_name("head", t.head) is None
        assert fault_of_name("relation", t.relation) is None
        assert fault_of_name("tail", t.tail) is None
        assert t.split is None


def test_poland(graph: Graph) -> None:
    assert tails(graph, "poland", "BORDERS") == {
        "belarus",
        "czechia",
        "germany",
        "lithuania",
        "russia",
        "slovakia",
        "ukraine",
    }
    assert tails(graph, "poland", "HAS_CAPITAL") == {"city/warsaw"}
    assert tails(graph, "poland", "USES_CURRENCY") == {"currency/polish-zloty"}
    assert tails(graph, "poland", "IN_TIMEZONE") == {"timezone/central-european-time"}
    assert "language/polish" in tails(graph, "poland", "HAS_OFFICIAL_LANGUAGE")
    assert tails(graph, "language/polish", "WRITTEN_IN") == {"script/latin"}


def test_regions_lie_in_larger_ones(graph: Graph) -> None:
    assert tails(graph, "brazil", "IN_SUBREGION") == {"region/south-america"}
    larger = "region/latin-america-and-the-caribbean"
    assert tails(graph, "region/south-america", "SUBREGION_OF") == {larger}
    assert tails(graph, larger, "SUBREGION_OF") == {"region/americas"}
    assert tails(graph, "brazil", "IN_REGION") == {"region/americas"}


def test_borders_go_both_ways_and_false_ones_are_left_out(graph: Graph, skipped: list[str]) -> None:
    borders = {(t.head, t.tail) for t in graph[1] if t.relation == "BORDERS"}
    assert {(tail, head) for head, tail in borders} == borders
    assert ("iraq", "kuwait") in borders  # listed by Kuwait's neighbour alone
    assert ("kuwait", "iran") not in borders  # the outlines do not touch
    assert "only Kuwait says that it borders Iran" in skipped


def test_a_country_has_one_record(graph: Graph, skipped: list[str]) -> None:
    names = Counter(e.name for e in graph[0] if e.types == ("Country",))
    assert max(names.values()) == 1
    assert names["United Kingdom"] == 1
    assert "Wales is a second record of United Kingdom" in skipped
    assert "Serbia and Montenegro has no current ISO code" in skipped


def test_two_towns_of_one_name_are_two_cities(graph: Graph) -> None:
    (kingston,) = tails(graph, "jamaica", "HAS_CAPITAL")
    assert tails(graph, "norfolk-island", "HAS_CAPITAL") != {kingston}


def test_each_capital_has_three_near_ones(graph: Graph) -> None:
    near = Counter(t.head for t in graph[1] if t.relation == "NEAR")
    assert set(near.values()) == {3}
    assert "city/vienna" in tails(graph, "city/bratislava", "NEAR")


def test_a_description_does_not_give_a_border_away(graph: Graph) -> None:
    entities, triples = graph
    named = {e.entity_id: e for e in entities}
    borders = defaultdict(set)
    for t in triples:
        if t.relation == "BORDERS":
            borders[t.head].add(named[t.tail].name or "")
    for country, names in borders.items():
        words = set(re.findall(r"\w+", named[country].description or ""))
        told = {name for name in names if name in words and name not in (named[country].name or "")}
        assert not told, country


def test_the_same_packages_give_the_same_graph(graph: Graph) -> None:
    assert countries() == graph
