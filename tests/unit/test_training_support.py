"""What speaks for a link: the path whose pattern means the relation most often."""

import pytest
import torch

from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.training.known import answers_of_triples
from kgplatform.training.support import Support, SupportFinder
from kgplatform.triples import Split, Triple

PEOPLE = 12


def citizens() -> KGSnapshot:
    """Whoever is born in a town is a citizen of its land, but for the last; all know the next."""
    triples = [Triple(f"town{i}", "in", f"land{i % 3}", "train") for i in range(4)]
    for i in range(PEOPLE):
        triples.append(Triple(f"person{i:02}", "born", f"town{i % 4}", "train"))
        triples.append(Triple(f"person{i:02}", "knows", f"person{(i + 1) % PEOPLE:02}", "train"))
        split: Split = "train" if i < PEOPLE - 1 else "test"
        triples.append(Triple(f"person{i:02}", "citizen", f"land{i % 4 % 3}", split))
    return from_triples(triples)


def found(graph: KGSnapshot, head: str, relation: str, tail: str) -> Support | None:
    trained = answers_of_triples(graph.triples("train"), graph.num_entities, "tail")
    link = [graph.entities.index(head), graph.relations.index(relation), graph.entities.index(tail)]
    return SupportFinder(graph, trained).find(torch.tensor([link]))[0]


def test_the_rule_that_holds_is_found_with_the_facts_that_fulfil_it() -> None:
    support = found(citizens(), "person11", "citizen", "land0")
    assert support is not None
    assert support.rule == "citizen(X,Y) <- born(X,A), in(A,Y)"
    assert support.facts == (("person11", "born", "town3"), ("town3", "in", "land0"))
    # Eleven heads have the relation in training, and the rule is right of each.
    assert support.pairs == PEOPLE - 1
    assert support.confidence == pytest.approx((PEOPLE - 1) / (PEOPLE - 1 + 5))


def test_a_fact_against_its_direction_is_told_in_its_own() -> None:
    triples = [Triple("b", "child", "a", "train")]
    triples += [Triple(f"p{i}", "child", f"q{i}", "train") for i in range(6)]
    triples += [Triple(f"q{i}", "parent", f"p{i}", "train") for i in range(6)]
    support = found(from_triples(triples), "a", "parent", "b")
    assert support is not None
    assert support.rule == "parent(X,Y) <- child(Y,X)"
    assert support.facts == (("b", "child", "a"),)


def test_without_a_path_or_with_one_that_never_means_it_there_is_none() -> None:
    triples = [Triple("a", "r", "b", "train"), Triple("c", "r", "d", "train")]
    triples += [Triple("a", "s", "c", "train"), Triple("e", "t", "f", "train")]
    graph = from_triples(triples)
    assert found(graph, "a", "r", "f") is None
    assert found(graph, "a", "r", "c") is None
