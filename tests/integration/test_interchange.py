"""Out to PyKEEN, trained there, and back: export, import, write, similar, predict, undo."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from kgplatform import queries
from kgplatform.graph.projection import snapshot_of_graph, snapshot_of_query
from kgplatform.server.config import folders
from kgplatform.server.importer import run_importer
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import SPLITS, Triple

Digest = Callable[..., str]


@pytest.fixture
def facts(store: Store, graph_name: str) -> list[Triple]:
    drawn = np.random.default_rng(0)
    triples = [
        Triple(
            f"e{key // 120}",
            ("likes", "Likes", "born in")[key % 3],
            f"e{key // 3 % 40}",
            SPLITS[int(drawn.choice(3, p=(0.8, 0.1, 0.1)))],
        )
        for key in drawn.choice(40 * 40 * 3, 600, replace=False).tolist()
    ]
    load(store, graph_name, [], triples, source="random")
    return triples


def trained(folder: Path, model: str, **options: Any) -> Any:
    """A model that PyKEEN's own pipeline trains on an export, saved as PyKEEN saves."""
    from pykeen.pipeline import pipeline

    result = pipeline(
        training=str(folder / "train.txt"),
        validation=str(folder / "valid.txt"),
        testing=str(folder / "test.txt"),
        model=model,
        model_kwargs={"embedding_dim": 8},
        training_kwargs={"num_epochs": 2, "use_tqdm": False},
        evaluation_kwargs={"use_tqdm": False},
        random_seed=1,
        device="cpu",
        **options,
    )
    result.save_to_directory(folder / model)
    return result


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("TransE", {}),
        ("DistMult", {"training_loop": "lcwa"}),
        ("RotatE", {}),
        ("ComplEx", {"training_loop": "lcwa"}),
        # With a relation of its own for each direction.
        ("TransE", {"dataset_kwargs": {"create_inverse_triples": True}}),
        ("DistMult", {"dataset_kwargs": {"create_inverse_triples": True}}),
        ("RotatE", {"dataset_kwargs": {"create_inverse_triples": True}}),
    ],
)
def test_a_model_of_pykeen_comes_back(
    kgp: Any,
    store: Store,
    graph_name: str,
    facts: list[Triple],
    digest: Digest,
    model: str,
    options: dict[str, Any],
) -> None:
    out = Path("out")
    told = kgp("export", "--graph", graph_name, "--format", "pykeen", "--to", out, "--json").json
    assert (told["facts"], told["not_held"]) == (600, [])
    result = trained(out, model, **options)
    refused = kgp("import-embeddings", out / model, "--from", "pykeen", "--graph", graph_name)
    assert refused.code == 2
    assert "--trust-pickle" in refused.err
    given = ("--from", "pykeen", "--graph", graph_name, "--trust-pickle")
    run = kgp("import-embeddings", out / model, *given, "--json").json
    assert (run["model"], run["unmatched"], run["vectors_alone"]) == (model.lower(), 0, None)
    # Ours ranks as PyKEEN does: the same filter, both sides, realistic ties.
    theirs = result.metric_results.get_metric("both.realistic.inverse_harmonic_mean_rank")
    assert run["metrics"]["test"]["mrr"] == pytest.approx(theirs, abs=2e-3)
    again = kgp("evaluate", run["run"], "--json").json["metrics"]
    assert again["test"]["mrr"] == run["metrics"]["test"]["mrr"]

    before = digest(store)
    assert kgp("write", run["run"], "--json").json["written"] == run["entities"]
    hits = kgp("similar", "e1", "--graph", graph_name, "--top-k", 3, "--json").json["hits"]
    vectors = result.model.entity_representations[0](indices=None).detach()
    if vectors.is_complex():
        vectors = torch.cat((vectors.real, vectors.imag), dim=1)
    unit = torch.nn.functional.normalize(vectors)
    ids = result.training.entity_to_id
    order = (unit @ unit[ids["e1"]]).argsort(descending=True)
    named = {row: name for name, row in ids.items()}
    assert [hit["id"] for hit in hits] == [named[row] for row in order[1:4].tolist()]
    links = kgp("predict", run["run"], "--top-k", 2, "--json").json["links"]
    assert len(links) == 2
    assert run["run"] in {one["run"] for one in kgp("runs", "list", "--json").json["runs"]}
    assert kgp("undo", run["run"]).code == 0
    assert digest(store) == before


@pytest.mark.parametrize("model", ["RotatE", "ComplEx"])
def test_complex_vectors_of_pykeen_come_back(
    kgp: Any, graph_name: str, facts: list[Triple], model: str
) -> None:
    out = Path("out")
    assert kgp("export", "--graph", graph_name, "--format", "pykeen", "--to", out).code == 0
    result = trained(out, model, dataset_kwargs={"create_inverse_triples": True})
    given = ("--from", "pykeen", "--graph", graph_name, "--trust-pickle")
    run = kgp("import-embeddings", out / model, *given, "--json").json
    assert (run["entities"], run["unmatched"]) == (40, 0)
    assert run["vectors_alone"] is None
    assert kgp("write", run["run"], "--json").json["written"] == 40
    assert kgp("export-embeddings", "--graph", graph_name, "--to", "v.parquet").code == 0
    back = pyarrow.parquet.read_table("v.parquet").to_pydict()
    vectors = result.model.entity_representations[0](indices=None).detach()
    assert vectors.is_complex()
    rows = [result.training.entity_to_id[name] for name in back["id"]]
    wanted = torch.cat((vectors.real, vectors.imag), dim=1)[rows]
    assert np.allclose(np.array(back["vector"]), wanted.numpy(), atol=1e-6)
    assert kgp("undo", run["run"]).code == 0


def test_vectors_alone_are_written_and_not_scored(
    kgp: Any, store: Store, graph_name: str, facts: list[Triple]
) -> None:
    names = list(snapshot_of_graph(store, graph_name).entities)
    values = np.random.default_rng(0).normal(size=(len(names) + 1, 4)).astype(np.float32)
    table = pa.table({"id": [*names, "nobody"], "vector": values.tolist()})
    pyarrow.parquet.write_table(table, "v.parquet")
    given = ("import-embeddings", "v.parquet", "--from", "table", "--graph", graph_name)
    refused = kgp(*given)
    assert refused.code == 1
    assert "1 of 41 names have no node, such as 'nobody'" in refused.err
    run = kgp(*given, "--max-unmatched", 0.05, "--name", "mine", "--json").json
    assert (run["run"], run["entities"], run["unmatched"]) == ("mine", 40, 1)
    assert "no model of kgplatform" in run["vectors_alone"]
    assert kgp(*given, "--max-unmatched", 0.05, "--name", "mine").code == 2
    for command in ("predict", "evaluate"):
        refused = kgp(command, "mine")
        assert refused.code == 1
        assert "without a score function" in refused.err
    assert kgp("runs", "show", "mine", "--json").json["model"] == "imported"
    assert kgp("write", "mine", "--json").json["written"] == 40
    assert len(kgp("similar", "e2", "--graph", graph_name, "--json").json["hits"]) == 10
    assert kgp("undo", "mine").code == 0


def test_own_nodes_are_joined_by_their_key(kgp: Any, store: Store) -> None:
    store.command("CREATE CONSTRAINT ix FOR (p:Person) REQUIRE p.number IS UNIQUE")
    try:
        store.run("UNWIND range(1, 3) AS n CREATE (:Person {number: n})")
        Path("v.vec").write_text("3 2\n1 0.5 1\n2 1 0\n3 0 1\n")
        given = ("import-embeddings", "v.vec", "--from", "table", "--label", "Person")
        assert kgp(*given).code == 2
        run = kgp(*given, "--key", "number", "--json").json
        assert kgp("write", run["run"], "--json").json["written"] == 3
        assert kgp("undo", run["run"]).code == 0
    finally:
        store.command("DROP CONSTRAINT ix")


def test_a_model_scores_the_facts_among_own_nodes(
    kgp: Any, store: Store, graph_name: str, tmp_path: Path
) -> None:
    """Those of a label among themselves: no predicted link, none to a node without the key."""
    label = graph_name.replace("-", "")
    store.command(f"CREATE CONSTRAINT {label} FOR (p:{label}) REQUIRE p.email IS UNIQUE")
    store.run(
        f"UNWIND range(0, 9) AS i CREATE (:{label} {{email: 'p' + i}}) "
        f"WITH count(*) AS made UNWIND range(0, 9) AS i "
        f"MATCH (a:{label} {{email: 'p' + i}}), (b:{label} {{email: 'p' + ((i + 1) % 10)}}) "
        "CREATE (a)-[:KNOWS]->(b), (b)-[:PREDICTED {relation: 'KNOWS'}]->(a), "
        f"(a)-[:LIVES_IN]->(:City), (a)-[:OWNS]->(:{label})"
    )
    values = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    folder = tmp_path / "dglke"
    folder.mkdir()
    np.save(folder / "x_DistMult_entity.npy", values)
    np.save(folder / "x_DistMult_relation.npy", values[:1])
    (folder / "entities.tsv").write_text("".join(f"{i}\tp{i}\n" for i in range(10)))
    (folder / "relations.tsv").write_text("0\tKNOWS\n")
    (folder / "config.json").write_text('{"model": "DistMult"}')
    given = ("--from", "dglke", "--label", label, "--key", "email")
    run = kgp("import-embeddings", folder, *given, "--json").json
    # A relation more, such as PREDICTED or OWNS, would have no vector.
    assert (run["vectors_alone"], run["model"]) == (None, "distmult")
    snapshot, _ = snapshot_of_query(
        store, queries.fill("read/project_label", label=label, key="email"), {}
    )
    assert snapshot.num_edges == 10
    assert snapshot.relations == ("KNOWS",)
    assert {(snapshot.entities[h], snapshot.entities[t]) for h, t in snapshot.edge_index.T} == {
        (f"p{i}", f"p{(i + 1) % 10}") for i in range(10)
    }
    store.command(f"DROP CONSTRAINT {label}")


def test_a_graph_goes_out_and_in_again(
    kgp: Any, store: Store, graph_name: str, facts: list[Triple]
) -> None:
    wanted = snapshot_of_graph(store, graph_name).digest
    for form in ("parquet", "openke", "neo4j-csv", "graphml"):
        path = f"out.{form}"
        assert kgp("export", "--graph", graph_name, "--format", form, "--to", path).code == 0
        assert kgp("load", path, "--graph", f"{graph_name}-{form}", "--json").json["rejected"] == 0
        assert snapshot_of_graph(store, f"{graph_name}-{form}").digest == wanted, form
    query = (
        "MATCH (a {graph: $g})-[r:likes]->(b) RETURN a.id AS head, 'x' AS relation, b.id AS tail"
    )
    given = ("export", "--cypher", query, "--param", f"g={graph_name}", "--format", "pykeen")
    told = kgp(*given, "--to", "q", "--json").json
    assert told["facts"] == sum(fact.relation == "likes" for fact in facts)
    assert told["not_held"] == [
        f"that {told['facts']} facts have no split: all of them are in train"
    ]
    assert kgp(*given, "--to", "q").code == 2
    assert kgp(*given, "--to", "q", "--force").code == 0


def test_neo4j_itself_imports_its_csv(
    store: Store, graph_name: str, kgp: Callable[..., Any], tmp_path: Path
) -> None:
    """The importer of Neo4j reads the export, with a projection's features, weights and times."""
    store.run(
        """
        UNWIND [['ann', 30, 'a "b", c'], ['bob', null, 'Oslo'], ['cat; x', 3, null]] AS p
        CREATE (:Person {test: $test, email: p[0], age: p[1], city: p[2], vector: [1.5, 2.5]})
        WITH count(*) AS people
        MATCH (a:Person {test: $test}), (b:Person {test: $test}) WHERE a.email < b.email
        CREATE (a)-[:KNOWS {weight: 0.5, since: date()}]->(b)
        """,
        test=graph_name,
    )
    query = (
        "MATCH (h:Person {test: $test})-[r:KNOWS]->(t) RETURN h.email AS head, "
        "type(r) AS relation, t.email AS tail, r.weight AS weight, r.since AS time"
    )
    given = ["--cypher", query]
    features = (
        "MATCH (p:Person {test: $test}) RETURN p.email AS entity, p.age AS age, "
        "p.city AS city, p.vector AS vector"
    )
    given += ["--param", f"test={graph_name}", "--features", features]
    assert kgp("project", graph_name, *given).code == 0
    to = tmp_path / "csv"
    exported = kgp("export", "--project", graph_name, "--format", "neo4j-csv", "--to", to)
    assert exported.code == 0, exported.err
    mine = Settings(neo4j_uri=None, kgp_home=tmp_path / "home")
    files = [f"--nodes={to}/nodes.csv", f"--relationships={to}/relationships.csv"]
    data = run_importer(mine, to, files)
    assert (data / "databases" / "neo4j").is_dir()
    told = (folders(mine).logs / "import.log").read_text()
    assert re.search(r"3 nodes\s+3 relationships", told), told
    # Ids and ages and cities that are there, vectors of two; weight and time of each relationship.
    assert re.search(r"\b16 properties", told), told
