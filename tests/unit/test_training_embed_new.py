"""Entities that came after a training get vectors that rank their facts; nothing else changes."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from kgplatform.errors import RunError
from kgplatform.graph.features import feature
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.training.artifacts import load_model
from kgplatform.training.config import TrainingConfig
from kgplatform.training.embed_new import by_neighbourhood, embed_new, facts_of_new
from kgplatform.training.loop import train
from kgplatform.triples import Triple

CLUBS, PEOPLE, FOODS = 3, 24, 5


def club_triples(people: int) -> list[Triple]:
    """Whoever is in a club likes its foods and knows the next of the club."""
    triples = []
    for person in range(people):
        club = person % CLUBS
        for food in range(FOODS):
            triples.append(Triple(f"person{person:02}", "likes", f"food{club}-{food}"))
        if person >= CLUBS:
            triples.append(Triple(f"person{person:02}", "knows", f"person{person - CLUBS:02}"))
    return triples


@pytest.mark.parametrize("model", ["distmult", "complex", "transe", "rotate"])
@pytest.mark.parametrize("reciprocal", [True, False])
def test_a_new_person_is_placed_with_its_club(model: str, reciprocal: bool, tmp_path: Path) -> None:
    graph = from_triples(club_triples(PEOPLE))
    config = TrainingConfig(
        model, embedding_dim=16, epochs=15, batch_size=64, reciprocal=reciprocal, device="cpu"
    )
    config = dataclasses.replace(config, valid_share=0, test_share=0)
    run = train(graph, config, tmp_path / "run", source={})
    before = load_model(run).state_dict()
    # Of the newcomer in club 1 only three of five foods are told; one fact is a held-out one.
    told = [Triple("zoe", "likes", f"food1-{food}", "train") for food in range(3)]
    told += [Triple("zoe", "likes", "food0-0", "test"), Triple("adam", "likes", "eve", "train")]
    known = [triple._replace(split="train") for triple in club_triples(PEOPLE)]
    now = from_triples([*known, *told])
    found = embed_new(run, now)
    assert found.entities == ("zoe",)
    assert found.without == ("adam", "eve")
    assert found.origin == "neighbourhood"
    fresh = load_model(run)
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, before[name])
    with torch.no_grad():
        vectors = dataclasses.replace(fresh.vectors(), entity=torch.from_numpy(found.vectors))
        likes = torch.tensor([graph.relations.index("likes")])
        query = fresh.tail_queries(vectors, torch.tensor([0]), likes)
        scores = fresh.match(query, fresh.entity_vectors())[0]
    foods = [index for index, name in enumerate(graph.entities) if name.startswith("food")]
    best = sorted(foods, key=lambda index: -float(scores[index]))[:FOODS]
    assert {graph.entities[index][:5] for index in best} == {"food1"}


def test_facts_by_the_indices_of_the_run() -> None:
    now = from_triples([Triple("b", "s", "new"), Triple("new", "r", "a"), Triple("new", "x", "a")])
    facts = facts_of_new(now, ("new",), ("a", "b"), ("r", "s"))
    rows = zip(
        facts.new.tolist(),
        facts.relation.tolist(),
        facts.known.tolist(),
        facts.is_head.tolist(),
        strict=True,
    )
    assert list(rows) == [(0, 0, 0, True), (0, 1, 1, False)]


def test_an_entity_alone_has_the_mean_of_all(tmp_path: Path) -> None:
    graph = from_triples(club_triples(PEOPLE))
    config = TrainingConfig("distmult", embedding_dim=8, epochs=1, device="cpu")
    run = train(graph, config, tmp_path / "run", source={})
    facts = facts_of_new(graph, (), tuple(graph.entities), tuple(graph.relations))
    model = load_model(run)
    vectors = by_neighbourhood(model, facts, 2)
    mean = model.entity_vectors().detach().mean(0).numpy()
    np.testing.assert_allclose(vectors, [mean, mean], rtol=1e-6)


def with_features(graph: KGSnapshot, shift: float = 0.0) -> KGSnapshot:
    rows = np.arange(graph.num_entities)
    values = [[float(len(name)), float(ord(name[-1])) + shift] for name in graph.entities]
    return dataclasses.replace(graph, features=(feature("f", rows, values, len(rows)),))


def test_by_features_it_is_the_same_projection(tmp_path: Path) -> None:
    graph = with_features(from_triples(club_triples(PEOPLE)))
    config = TrainingConfig("distmult", embedding_dim=8, epochs=2, inputs="features", device="cpu")
    run = train(graph, config, tmp_path / "run", source={})
    now = with_features(from_triples([*club_triples(PEOPLE), Triple("person99", "likes", "x")]))
    found = embed_new(run, now)
    assert (found.entities, found.origin) == (("person99", "x"), "features")
    # Entities of like features have like vectors: person99's are those of person19 and person09.
    trained = load_model(run).entity_vectors().detach().numpy()
    same = trained[graph.entities.index("person19")]
    np.testing.assert_allclose(found.vectors[0], same, atol=1e-3)
    changed = dataclasses.replace(now, features=())
    with pytest.raises(RunError, match="features"):
        embed_new(run, changed)
