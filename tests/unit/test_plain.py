"""Plain queries: what is read as one is one, and what might mean something else is not."""

import pytest

from kgplatform.store.pattern import pattern_query
from kgplatform.store.plain import asserted, plain_pattern, plain_query, type_names

ITEMS = "RETURN h.id AS head, type(r) AS relation, t.id AS tail"


@pytest.mark.parametrize(
    "query",
    [
        f"MATCH (h)-[r]->(t) {ITEMS}",
        f"match ( t:A&B {{graph: 'x', n: -1.5}} )<-[r:K|`a ``b`]-(h:`odd label`)\nreturn "
        f"{ITEMS[7:]}, r.split AS split",
        f"MATCH (h:Entity {{graph: $graph}})-[r:!PREDICTED]->(t:Entity)\n{ITEMS}, r.w AS weight",
        "MATCH (a)-[r]->(b) RETURN b.name AS tail, a.`the id` AS head, type(r) AS relation",
    ],
)
def test_plain(query: str) -> None:
    plain = plain_query(query)
    assert plain is not None
    assert not plain.where


def test_parts() -> None:
    plain = plain_query(
        f"MATCH (t:B)<-[r:K|`a``b`]-(h:A {{x: 'RETURN'}}) WHERE h.x = 'RETURN ' // so\n{ITEMS}"
    )
    assert plain is not None
    assert plain.pattern.head.text == "(h:A {x: 'RETURN'})"
    assert plain.pattern.tail.labels == ":B"
    assert type_names(plain.pattern) == ["K", "a`b"]
    assert plain.where.strip() == "h.x = 'RETURN ' // so"


@pytest.mark.parametrize(
    "query",
    [
        f"MATCH (h)-[r]-(t) {ITEMS}",
        f"MATCH (h)<-[r]->(t) {ITEMS}",
        f"MATCH (h)-[r*]->(t) {ITEMS}",
        f"MATCH (h)-[r]->(h) {ITEMS.replace('t.', 'h.')}",
        f"MATCH (h)-[r]->(t)-->() {ITEMS}",
        f"MATCH (h)-[r]->(t), (x) {ITEMS}",
        f"OPTIONAL MATCH (h)-[r]->(t) {ITEMS}",
        f"USE other MATCH (h)-[r]->(t) {ITEMS}",
        f"MATCH (h)-[r]->(t) /* x */ {ITEMS}",
        f"MATCH (h {{a: t.a}})-[r]->(t) {ITEMS}",
        f"MATCH (h {{a: '\\u0027'}})-[r]->(t) {ITEMS}",
        f"MATCH (h)-[r]->(t) {ITEMS.replace('RETURN', 'RETURN DISTINCT')}",
        f"MATCH (h)-[r]->(t) {ITEMS} LIMIT 10",
        f"MATCH (h)-[r]->(t) {ITEMS} // {ITEMS}",
        f"MATCH (h)-[r]->(t) {ITEMS} UNION MATCH (h)-[r]->(t) {ITEMS}",
        f"MATCH (h)-[r]->(t) MATCH (t)-[q]->(h) {ITEMS}",
        "MATCH (h)-[r]->(t) RETURN t.id AS head, type(r) AS relation, h.id AS tail",
        "MATCH (h)-[r]->(t) RETURN h.id AS head, r.type AS relation, t.id AS tail",
        "MATCH (h)-[r]->(t) RETURN h.id AS head, type(r) AS relation",
    ],
)
def test_not_plain(query: str) -> None:
    plain = plain_query(query)
    # What the second RETURN hides is no condition: the server refuses it in parentheses.
    assert plain is None or "RETURN" in plain.where


def test_a_pattern_within_a_graph() -> None:
    texts = {
        "(h)-[r]->(t)": "(h {graph: $graph})-[r:!PREDICTED]->(t {graph: $graph})",
        "(t:B)<-[r:K|PREDICTED]-(h:A { x: 1 })": (
            "(h:A { x: 1, graph: $graph})-[r:K]->(t:B {graph: $graph})"
        ),
        "(h)-[r:PREDICTED]->(t)": None,
        "(h {graph: 'other'})-[r]->(t)": None,
    }
    for text, wanted in texts.items():
        pattern = plain_pattern(text)
        assert pattern is not None
        assert asserted(pattern, "$graph") == wanted
    assert plain_pattern("(h)-[r]->(t)-->()") is None
    pattern = plain_pattern("(t {graph: 'x'})<-[r]-(h:A)")
    assert pattern is not None
    assert asserted(pattern, None) == "(h:A)-[r:!PREDICTED]->(t {graph: 'x'})"


def test_match_becomes_a_plain_query_where_it_is_one() -> None:
    plain = plain_query(pattern_query("(h:A)-[r:K]->(t)", "h.x > 1 // big", "id", own=True))
    assert plain is not None
    assert plain.numbers == {"split": "split"}
    assert "h.x > 1 // big" in plain.where
    assert plain_query(pattern_query("(h)-[r]->(t)<--()", None, "id", own=True)) is None
