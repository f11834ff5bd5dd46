"""Predicted links: never known, of a plausible kind, and as sure as they say."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from kgplatform.errors import RunError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.training.artifacts import Run
from kgplatform.training.config import TrainingConfig
from kgplatform.training.loop import train
from kgplatform.training.predict import PredictedLink, predict, predict_links
from kgplatform.triples import SPLITS, Split, Triple

CLUBS, PEOPLE = 4, 32


def towns() -> KGSnapshot:
    """People of four clubs: all of a club know each other (both ways) and like its foods.

    Of the pairs and likes, a part is in valid, a part in test and a part left out.
    """
    rng = np.random.default_rng(0)
    triples = []

    def add(head: str, relation: str, tail: str) -> None:
        draw = rng.random()
        if draw < 0.9:
            split: Split = SPLITS[0] if draw < 0.7 else SPLITS[1] if draw < 0.8 else SPLITS[2]
            triples.append(Triple(head, relation, tail, split))

    for person in range(PEOPLE):
        club = person % CLUBS
        for food in range(6):
            add(f"person{person}", "likes", f"food{club}-{food}")
        for other in range(club, PEOPLE, CLUBS):
            if other != person:
                add(f"person{person}", "knows", f"person{other}")
        triples.append(Triple(f"person{person}", "is", f"person{person}", "train"))
    return from_triples(triples)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = TrainingConfig("distmult", embedding_dim=16, epochs=40, dropout=0.2, device="cpu")
    return train(towns(), config, tmp_path_factory.mktemp("runs") / "run", source={})


@pytest.fixture(scope="module")
def links(run: Run) -> list[PredictedLink]:
    return predict_links(run, towns(), top_k=500)


def test_the_model_knows_the_clubs(run: Run) -> None:
    assert run.metrics["test"]["mrr"] > 0.8


def test_no_link_is_known_or_twice_or_a_loop(links: list[PredictedLink]) -> None:
    graph = towns()
    known = {
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for h, r, t in graph.triples().tolist()
    }
    found = [(link.head, link.relation, link.tail) for link in links]
    assert found
    assert not known & set(found)
    assert len(set(found)) == len(found)
    # "is" holds loops in training and so may be predicted; the others never.
    assert all(link.head != link.tail for link in links if link.relation != "is")


def test_a_symmetric_relation_is_told_once(links: list[PredictedLink]) -> None:
    knows = {(link.head, link.tail) for link in links if link.relation == "knows"}
    assert knows
    assert not {(tail, head) for head, tail in knows} & knows


def test_ends_are_of_the_kind_seen_in_training(links: list[PredictedLink]) -> None:
    for link in links:
        assert link.head.startswith("person")
        assert link.tail.startswith("food" if link.relation == "likes" else "person")


def test_confidence_is_sorted_and_a_probability(links: list[PredictedLink]) -> None:
    confidence = [link.confidence for link in links]
    assert confidence == sorted(confidence, reverse=True)
    assert all(0 <= value <= 1 for value in confidence)


def test_links_within_a_club_come_first(links: list[PredictedLink]) -> None:
    def club(name: str) -> int:
        return int(name.removeprefix("person")) % CLUBS

    likes = [link for link in links if link.relation == "likes"][:12]
    assert len(likes) == 12
    right = [link.tail.startswith(f"food{club(link.head)}-") for link in likes]
    assert sum(right) >= 11


def test_a_choice_of_relation_and_head_is_a_part_of_all(
    run: Run, links: list[PredictedLink]
) -> None:
    chosen = predict_links(run, towns(), relation="likes", head="person3", top_k=10_000)
    everything = predict_links(run, towns(), top_k=100_000)
    expected = [link for link in everything if (link.head, link.relation) == ("person3", "likes")]
    assert [link.tail for link in chosen] == [link.tail for link in expected]
    # Not equal to the last bit: a matmul of one row sums in another order than one of many.
    for some in (chosen, everything[: len(links)], predict_links(run, towns(), top_k=3)):
        of = {(link.head, link.relation, link.tail): link.confidence for link in everything}
        for link in some:
            same = of[link.head, link.relation, link.tail]
            assert link.confidence == pytest.approx(same, rel=1e-4)
    assert [link.confidence for link in everything[: len(links)]] == pytest.approx(
        [link.confidence for link in links], rel=1e-4
    )
    assert predict_links(run, towns(), relation="likes", head="food0-0") == []


def test_chunks_do_not_change_what_is_predicted(
    run: Run, links: list[PredictedLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgplatform.training.predict.SCORES_AT_ONCE", 200)
    chunked = predict_links(run, towns(), top_k=500)
    assert {(a.head, a.relation, a.tail) for a in chunked} == {
        (b.head, b.relation, b.tail) for b in links
    }


def test_confidence_holds_for_facts_that_were_hidden(run: Run) -> None:
    """Trained without the test facts, so they are hidden ones: count how many come true."""
    graph = towns()
    test = graph.split == 2
    hidden = {
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for h, r, t in graph.triples("test").tolist()
    }
    without = KGSnapshot(
        graph.entities,
        graph.relations,
        graph.edge_index[:, ~test],
        graph.edge_type[~test],
        graph.split[~test],
    )
    trained_without = dataclasses.replace(run, snapshot_digest=without.digest)
    links = predict_links(trained_without, without, top_k=10_000)
    true = [(link.head, link.relation, link.tail) in hidden for link in links]
    sure = [link.confidence for link in links]
    likely = [hit for hit, value in zip(true, sure, strict=True) if value > 0.2]
    unlikely = [hit for hit, value in zip(true, sure, strict=True) if value < 0.05]
    assert len(likely) > 50
    assert np.mean(likely) == pytest.approx(np.mean([v for v in sure if v > 0.2]), abs=0.2)
    assert np.mean(unlikely) < 0.05


def test_wrong_questions(run: Run) -> None:
    graph = towns()
    with pytest.raises(UnknownNameError, match="relation") as caught:
        predict_links(run, graph, relation="liks")
    assert "'likes'" in caught.value.hint
    with pytest.raises(UnknownNameError, match="entity"):
        predict_links(run, graph, head="nobody")
    with pytest.raises(UsageError, match="top_k"):
        predict_links(run, graph, top_k=0)
    with pytest.raises(RunError, match="graph has changed"):
        predict_links(run, from_triples([Triple("a", "likes", "b")]))


def test_without_validation_there_is_no_confidence(tmp_path: Path) -> None:
    graph = from_triples([Triple("a", "r", "b", "train"), Triple("b", "r", "c", "train")])
    run = train(graph, TrainingConfig("distmult", epochs=1), tmp_path / "run", source={})
    with pytest.raises(RunError, match="no validation facts"):
        predict_links(run, graph)


def test_probability_rank_and_support_of_a_link(run: Run) -> None:
    graph = towns()
    found = predict(run, graph, relation="likes", head="person3", top_k=50)
    assert [link.rank for link in found.links] == list(range(1, len(found.links) + 1))
    surest = predict(run, graph, top_k=1).links[0]
    assert surest.rank == 1
    assert surest.support is not None
    assert surest.support.rule.startswith(f"{surest.relation}(X,Y) <- ")
    assert surest.support.confidence > 0.3
    train = {
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for h, r, t in graph.triples("train").tolist()
    }
    for link in (surest, *found.links):
        if link.support is not None:
            facts = link.support.facts
            assert set(facts) <= train
            assert 1 <= len(facts) <= 3
            ends = {entity for h, _, t in facts for entity in (h, t)}
            assert {link.head, link.tail} <= ends
    assert found.negatives == "closed world among typed candidates"
    assert 0 <= found.calibration.error < 0.05
    assert set(found.calibration.log_loss) == {
        f"{feature}/{method}"
        for feature in ("score", "log_share")
        for method in ("platt", "isotonic")
    }
    table = found.calibration.reliability
    assert sum(each.count for each in table) > 0
    for each in table:
        assert each.low <= each.confidence <= each.high
