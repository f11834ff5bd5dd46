"""``kgp train recommend`` and ``kgp recommend`` on a graph in the database."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgplatform.answer.recommend import open_recommender, recommend
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple

FAST = (
    "--set=embedding_dim=8",
    "--set=epochs=30",
    "--set=batch_size=64",
    "--set=negatives=32",
    "--set=learning_rate=0.03",
)
GENRES = ("western", "horror")
FILMS = 10


@pytest.fixture
def films(store: Store, graph_name: str) -> str:
    """Twelve users, of two tastes, who like seven of ten films each; a film that nobody likes."""
    draw = np.random.default_rng(0)
    entities, facts = [], []
    for genre in GENRES:
        entities.append(Entity(genre, name=genre.title()))
        for number in range(FILMS):
            name = f"{genre} {number}"
            entities.append(Entity(f"{genre}-{number}", name=name, types=("Film",)))
            facts.append(Triple(f"{genre}-{number}", "IN_GENRE", genre))
        for number in range(6):
            user = f"{genre}-fan-{number}"
            entities.append(Entity(user, name=user.replace("-", " ").title()))
            for film in draw.permutation(FILMS - 1)[:7]:
                facts.append(Triple(user, "LIKES", f"{genre}-{film}"))
    load(store, graph_name, entities, facts, source="films.tsv")
    return graph_name


def assert_explained(kgp: Any, run: str, best: dict[str, Any]) -> None:
    """Why the first item is recommended: ways, and its place without each liked film."""
    asked = ("explain", "western-fan-0", "LIKES", best["id"], "--run", run)
    why = kgp(*asked, "--plot", "why.png", "--json").json
    assert (why["kind"], why["confidence"]) == ("recommendation", best["confidence"])
    assert "(place 1)" in why["subject"]
    assert why["paths"]
    assert {each["statements"][0]["relation"] for each in why["paths"]} == {"LIKES"}
    changes = why["counterfactuals"]
    assert {each["without"]["head"] for each in changes} == {"western-fan-0"}
    assert len({each["rank_before"] for each in changes}) == 1
    assert Path("why.png").exists()
    assert kgp("explain", "western-fan-0", "LIKES", "nothing", "--run", run).code == 1


def test_a_recommender_is_trained_written_asked_and_undone(  # type: ignore[no-untyped-def]
    kgp, films: str, store: Store
) -> None:
    told = kgp(
        "train",
        "recommend",
        "--graph",
        films,
        "--relation",
        "LIKES",
        "--items",
        "Film",
        "--texts",
        "none",
        *FAST,
        "--json",
    ).json
    assert (told["users"], told["items"]) == (12, 20)
    test = told["metrics"]["test"]
    assert {"recall_at_10", "ndcg_at_20", "sampled_recall_at_10", "baselines"} <= set(test)
    run = told["run"]
    assert "item_knn" in kgp("runs", "show", run, "--json").out
    assert "Cold items" in (Path(told["folder"]) / "card.md").read_text("utf-8")

    found = kgp("recommend", "western-fan-0", "--relation", "LIKES", "--json").json
    assert (found["run"], found["by"]) == (run, "run")
    best = found["recommendations"][0]
    assert {"id", "name", "score", "known", "paths", "confidence", "kind"} <= set(best)
    assert best["id"].startswith("western")
    assert best["kind"] == "predicted"
    assert not best["known"]
    assert_explained(kgp, run, best)
    liked = {
        row["id"]
        for row in store.rows(
            "MATCH (u:Entity {graph: $graph, id: 'western-fan-0'})-[:LIKES]->(f) RETURN f.id AS id",
            graph=films,
        )
    }
    assert not liked & {each["id"] for each in found["recommendations"]}
    # Each path begins at the user, goes over something liked, and ends at what is recommended.
    assert best["paths"]
    assert best["chances"] == sorted(best["chances"], reverse=True)
    for path in best["paths"]:
        first, *_, last = path["statements"]
        assert (first["head"], first["relation"]) == ("western-fan-0", "LIKES")
        assert first["tail"] in liked
        assert best["id"] in (last["head"], last["tail"])
        assert first["kind"] == "asserted"
        assert first["sources"] == ["films.tsv"]
        assert path["rule"].startswith("-LIKES->")
    text = kgp("recommend", "Western Fan 0", "--run", run).out
    assert "probability" in text
    assert "IN_GENRE" in text or "LIKES" in text
    with_known = kgp("recommend", "western-fan-0", "--known", "--top-k", 20, "--json").json
    assert {each["id"] for each in with_known["recommendations"] if each["known"]} == liked

    assert kgp("write", run).code == 0
    near = kgp("similar", "western-1", "--graph", films, "--top-k", 3, "--json").json["hits"]
    assert len(near) == 3
    assert kgp("undo", run).code == 0


def chance_by_hand(store: Store, graph: str, path: Any) -> float:
    """One by the number of relationships at each entity that a path leaves."""
    at, chance = path["statements"][0]["head"], 1.0
    for fact in path["statements"]:
        (row,) = store.rows(
            "MATCH (e:Entity {graph: $graph, id: $id})-[r]-() RETURN count(r) AS degree",
            graph=graph,
            id=at,
        )
        chance /= row["degree"]
        at = fact["tail"] if fact["head"] == at else fact["head"]
    return chance


def test_who_came_later_is_told_by_what_they_like_and_chances_are_those_of_a_walk(  # type: ignore[no-untyped-def]
    kgp, films: str, store: Store
) -> None:
    args = ("--graph", films, "--relation", "LIKES", "--texts", "none", *FAST)
    run = kgp("train", "recommend", *args, "--json").json["run"]
    more = [Triple("newcomer", "LIKES", "horror-1"), Triple("newcomer", "LIKES", "horror-2")]
    load(store, films, [Entity("stranger", name="Stranger")], more, source="later")
    found = kgp("recommend", "newcomer", "--run", run, "--top-k", 4, "--json").json
    assert found["by"] == "fold_in"
    assert {each["id"].split("-")[0] for each in found["recommendations"]} == {"horror"}
    first = found["recommendations"][0]
    for path, chance in zip(first["paths"], first["chances"], strict=True):
        assert chance == pytest.approx(chance_by_hand(store, films, path))
    assert "came later" in kgp("recommend", "newcomer", "--run", run).out
    nothing = kgp("recommend", "stranger", "--run", run, "--json").json
    assert nothing["by"] == "popularity"
    assert not nothing["recommendations"][0]["paths"]

    # A liked film that is removed afterwards is recommended to nobody.
    gone = found["recommendations"][0]["id"]
    store.run("MATCH (e:Entity {graph: $graph, id: $id}) DETACH DELETE e", graph=films, id=gone)
    left = kgp("recommend", "newcomer", "--run", run, "--top-k", 4, "--json").json
    assert gone not in {each["id"] for each in left["recommendations"]}


def test_times_and_weights_come_from_a_query(kgp, films: str, store: Store) -> None:  # type: ignore[no-untyped-def]
    store.run(
        "MATCH (:Entity {graph: $graph})-[r:LIKES]->(f) "
        "SET r.stars = 3 + toInteger(right(f.id, 1)) % 3, r.time = toInteger(right(f.id, 1))",
        graph=films,
    )
    query = (
        f"MATCH (a:Entity {{graph: '{films}'}})-[r]->(b:Entity) RETURN a.id AS head, "
        "type(r) AS relation, b.id AS tail, coalesce(r.stars, 0.0) AS weight, "
        "coalesce(r.time, 0) AS time"
    )
    args = ("--cypher", query, "--graph", films, "--relation", "LIKES", "--texts", "none")
    least = ("--set", "least_weight=4", "--set", "model=item_knn")
    told = kgp("train", "recommend", *args, *least, "--json").json
    assert told["items"] < 18
    refused = kgp("write", told["run"])
    assert refused.code == 2
    assert "has no vectors" in refused.err
    assert kgp("recommend", "horror-fan-1", "--json").json["run"] == told["run"]


def test_mistakes_are_named(kgp, films: str, settings: Settings, store: Store) -> None:  # type: ignore[no-untyped-def]
    none = kgp("recommend", "horror-fan-1", "--relation", "LIKES")
    assert none.code == 1
    assert "kgp train recommend" in none.err
    args = ("--graph", films, "--texts", "none", "--set", "model=popularity")
    wrong = kgp("train", "recommend", "--relation", "LIKE", *args)
    assert wrong.code == 2
    assert "did you mean 'LIKES'" in wrong.err
    label = kgp("train", "recommend", "--relation", "LIKES", "--items", "Movie", *args)
    assert "no entity with label 'Movie'" in label.err
    run = kgp("train", "recommend", "--relation", "LIKES", *args, "--json").json["run"]
    assert "did you mean" in kgp("recommend", "Western Fan O").err
    other = kgp("recommend", "horror-fan-1", "--relation", "LOVES")
    assert "did you mean 'LIKES'" in other.err or "known: LIKES" in other.err
    assert (
        "not 'LOVES'" in kgp("recommend", "horror-fan-1", "--relation", "LOVES", "--run", run).err
    )
    assert "likes nothing" in kgp("recommend", "western-1", "--run", run).err


def test_a_recommender_is_opened_once(kgp, films: str, settings: Settings, store: Store) -> None:  # type: ignore[no-untyped-def]
    args = ("--graph", films, "--relation", "LIKES", "--texts", "none")
    model = ("--set", "model=item_knn")
    told = kgp("train", "recommend", *args, *model, "--json").json
    here = Settings(kgp_runs=Path(told["folder"]).parent)
    opened = open_recommender(store, here, told["run"])
    first = recommend(opened, "horror-fan-2", top_k=3)
    assert len(first) <= 3
    assert recommend(opened, "horror-fan-2", top_k=3) == first
    assert recommend(opened, "horror-fan-2", top_k=3, paths=0)[0].paths == ()


def test_nobody_is_recommended_to_themselves(kgp, graph_name: str, store: Store) -> None:  # type: ignore[no-untyped-def]
    ring = [Triple(f"p{i}", "FOLLOWS", f"p{(i + step) % 7}") for i in range(7) for step in (1, 2)]
    load(store, graph_name, [], ring, source="ring")
    args = ("--graph", graph_name, "--relation", "FOLLOWS", "--texts", "none")
    run = kgp("train", "recommend", *args, "--set", "model=popularity", "--json").json["run"]
    found = kgp("recommend", "p0", "--run", run, "--json").json["recommendations"]
    assert {each["id"] for each in found} == {"p3", "p4", "p5", "p6"}
