"""``kgp snapshot``: made, renewed, verified, trained on; and the guide to it."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kgplatform.graph import projection
from kgplatform.graph.projection import snapshot_of_graph
from kgplatform.graph.snapshot_folder import open_snapshot, verify_snapshot
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import SPLITS, Triple

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "snapshots.md"


def facts(rng: np.random.Generator, number: int) -> list[Triple]:
    """Random facts of few entities, some marked; each once."""
    rows = {tuple(row) for row in rng.integers(0, [30, 3, 30], (number, 3)).tolist()}
    return [
        Triple(f"e{h}", f"r{r}", f"e{t}", SPLITS[(h + t) % 8] if (h + t) % 8 < 3 else "train")
        for h, r, t in sorted(rows)
    ]


def write_tsv(path: Path, triples: list[Triple]) -> Path:
    lines = [f"{one.head}\t{one.relation}\t{one.tail}\n" for one in triples]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def assert_is_export(folder: str, store: Store, graph: str) -> None:
    """All fields and the digest are those of a full export of now."""
    exported, opened = snapshot_of_graph(store, graph), open_snapshot(Path(folder))
    assert verify_snapshot(Path(folder)).digest == exported.digest
    assert opened.entities == exported.entities
    assert opened.relations == exported.relations
    for name in ("edge_index", "edge_type", "split"):
        assert torch.equal(getattr(opened, name), getattr(exported, name)), name


CYPHER = (
    # Another fact, and an entity's last.
    "MATCH (a:Entity {graph: $graph, id: 'e1'}), (b:Entity {graph: $graph, id: 'e2'}) "
    "CREATE (a)-[:r9 {split: 'train'}]->(b)",
    "MATCH (:Entity {graph: $graph})-[r]->() WITH r ORDER BY rand() LIMIT 3 DELETE r",
    "MATCH (:Entity {graph: $graph})-[r]->() WITH r ORDER BY rand() LIMIT 3 "
    "SET r.split = CASE r.split WHEN 'test' THEN 'train' ELSE 'test' END",
    "MATCH (e:Entity {graph: $graph, id: 'e3'}) SET e.id = 'renamed'",
    # Nothing but the ends of two facts changes: as many facts, of the same types and splits.
    "MATCH (a:Entity {graph: $graph})-[r:r0 {split: 'train'}]->(b) "
    "MATCH (c:Entity {graph: $graph})-[s:r0 {split: 'train'}]->(d) "
    "WHERE a <> c AND b <> d AND NOT (a)-[:r0]->(d) AND NOT (c)-[:r0]->(b) "
    "WITH a, b, c, d, r, s LIMIT 1 DELETE r, s "
    "CREATE (a)-[:r0 {split: 'train'}]->(d), (c)-[:r0 {split: 'train'}]->(b)",
)


def test_a_refresh_gives_what_an_export_gives(
    kgp: Any, store: Store, graph_name: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(7)
    load(store, graph_name, [], facts(rng, 150), source="first")
    made = kgp("snapshot", "--graph", graph_name, "--json").json
    assert made["source"] == {"graph": graph_name}
    assert_is_export(made["folder"], store, graph_name)
    folder, folders = made["folder"], {made["folder"]}

    def more() -> None:
        load(store, graph_name, [], facts(rng, 20), source=f"more {len(folders)}")

    def replaced() -> None:
        file = write_tsv(tmp_path / "facts.tsv", facts(rng, 40))
        assert kgp("load", file, "--graph", graph_name, "--replace").code == 0

    def split() -> None:
        assert (
            kgp("split", "--graph", graph_name, "--by", "random", "--seed", rng.integers(99)).code
            == 0
        )

    def anew() -> None:
        assert kgp("rm", "--graph", graph_name).code == 0
        load(store, graph_name, [], facts(rng, 150), source="again")

    changes = [more, replaced, split, replaced, anew]
    changes += [lambda text=text: store.run(text, graph=graph_name) for text in CYPHER]  # type: ignore[misc]
    for change in changes:
        change()
        done = kgp("snapshot", "--refresh", folder, "--json").json
        assert done["read"]
        assert_is_export(done["folder"], store, graph_name)
        assert done["changed"] == (done["folder"] != folder)
        folder = done["folder"]
        folders.add(folder)
        assert not kgp("snapshot", "--refresh", folder, "--json").json["read"]
    # All changed something, and none took the folder of another state away.
    assert len(folders) >= len(changes)
    assert all(verify_snapshot(Path(name)) for name in folders)


def test_facts_made_again_under_the_same_numbers_are_noticed(
    kgp: Any, store: Store, graph_name: str
) -> None:
    load(store, graph_name, [], facts(np.random.default_rng(1), 60), source="first")
    made = kgp("snapshot", "--graph", graph_name, "--json").json
    removed = store.run(
        "MATCH (a:Entity {graph: $graph})-[r]->(b) WITH a, b, r LIMIT 5 "
        "WITH a, b, r, properties(r) AS kept DELETE r RETURN a.id AS a, b.id AS b, kept",
        graph=graph_name,
    ).rows
    for row in removed:
        store.run(
            "MATCH (a:Entity {graph: $graph, id: $a}), (b:Entity {graph: $graph, id: $b}) "
            "CREATE (b)-[r:r0]->(a) SET r = $kept",
            graph=graph_name,
            **row,
        )
    done = kgp("snapshot", "--refresh", made["folder"], "--json").json
    assert done["changed"]
    assert_is_export(done["folder"], store, graph_name)


def test_nothing_is_read_where_nothing_was_committed(
    kgp: Any, store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, graph_name, [], facts(np.random.default_rng(2), 60), source="first")
    query = f"MATCH (h:Entity {{graph: '{graph_name}'}})-[r]->(t) WHERE h.id <> 'e1' "
    query += "RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.split AS split"
    folders = [
        kgp("snapshot", *flags, "--json").json["folder"]
        for flags in (("--graph", graph_name), ("--cypher", query))
    ]

    def read(*args: object) -> None:
        raise AssertionError("the database was read")

    with monkeypatch.context() as patch:
        patch.setattr(projection, "stream_graph", read)
        patch.setattr(projection, "stream_query", read)
        for folder in folders:
            done = kgp("snapshot", "--refresh", folder, "--json").json
            assert (done["folder"], done["read"], done["changed"]) == (folder, False, False)
    # Something else is committed: it is read, and found to be the same.
    store.run("CREATE (:Elsewhere)")
    for folder in folders:
        done = kgp("snapshot", "--refresh", folder, "--json").json
        assert (done["folder"], done["read"], done["changed"]) == (folder, True, False)
        assert not kgp("snapshot", "--refresh", folder, "--json").json["read"]
    load(store, graph_name, [], [Triple("e5", "r7", "e6")], source="more")
    done = kgp("snapshot", "--refresh", folders[1], "--json").json
    assert done["changed"]
    assert open_snapshot(Path(done["folder"])).relations == ("r0", "r1", "r2", "r7")


def test_a_run_on_a_snapshot_needs_no_database_until_it_is_written(
    kgp: Any, store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(store, graph_name, [], facts(np.random.default_rng(3), 200), source="first")
    made = kgp("snapshot", "--graph", graph_name, "--to", "kept", "--json").json
    assert made["folder"] == "kept"
    settings = ("--set", "epochs=2", "--set", "embedding_dim=4", "--set", "device=cpu")
    with monkeypatch.context() as patch:
        patch.setenv("NEO4J_URI", "bolt://localhost:1")
        run = kgp("train", "distmult", "--snapshot", "kept", *settings, "--json").json
        assert kgp("evaluate", run["run"], "--json").json["metrics"] == run["metrics"]
        assert kgp("predict", run["run"], "--json").code == 0
    assert run["source"] == {"graph": graph_name, "snapshot": "kept"}
    written = json.loads((tmp_path / "runs" / run["run"] / "run.json").read_text())
    assert written["snapshot_digest"] == made["digest"]
    assert kgp("write", run["run"], "--json").code == 0
    shutil.rmtree(tmp_path / "kept")
    # The folder has gone; the graph is what it was.
    assert kgp("evaluate", run["run"], "--json").json["metrics"] == run["metrics"]
    load(store, graph_name, [], [Triple("e5", "r7", "e6")], source="more")
    ended = kgp("evaluate", run["run"])
    assert ended.code == 1
    assert "has changed" in ended.err


def test_what_is_refused(kgp: Any, store: Store, graph_name: str, tmp_path: Path) -> None:
    load(store, graph_name, [], facts(np.random.default_rng(4), 20), source="first")
    assert kgp("snapshot", "--graph", graph_name, "--to", "kept").code == 0
    for args, code, said in (
        (("snapshot", "--graph", graph_name, "--to", "kept"), 2, "exists"),
        (("snapshot", "--refresh", "kept", "--graph", graph_name), 2, "no other flag"),
        (("snapshot", "--refresh", "kept", "--verify", "kept"), 2, "no other flag"),
        (("snapshot", "--verify", "."), 1, "no snapshot"),
        (("snapshot", "--refresh", "nowhere"), 1, "no snapshot"),
        (("train", "distmult", "--snapshot", "kept", "--graph", "g"), 2, "another flag"),
        (("train", "distmult", "--snapshot", "."), 1, "no snapshot"),
        (("snapshot", "--graph", "nobody's"), 1, "no graph"),
    ):
        ended = kgp(*args)
        assert (ended.code, said in ended.err) == (code, True), (args, ended.err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_the_guide_runs(kgp: Any, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(5)
    triples = [Triple(one.head, "borders", one.tail, one.split) for one in facts(rng, 200)]
    load(store, "default", [], dict.fromkeys(triples), source="guide")
    text = GUIDE.read_text(encoding="utf-8")
    commands = [
        shlex.split(line)
        for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) == 7
    for program, *args in commands:
        assert program == "kgp"
        ended = kgp(*args)
        assert ended.code == 0, (args, ended.err)
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(example, {})
    assert capsys.readouterr().out.startswith(str(len(set(triples))))
