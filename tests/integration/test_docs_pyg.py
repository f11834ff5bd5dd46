"""The examples of docs/guide/pyg.md run as they stand, and the first one learns."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "pyg.md"


def test_the_example_trains_graphsage_on_a_live_graph(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    topics = generator.integers(0, 3, 300).tolist()
    papers = [
        Entity(f"p{i}", properties={"year": 0.1 * i / 300, "topic": f"topic {topic}"})
        for i, topic in enumerate(topics)
    ]
    # A paper cites its own topic, nearly always: its neighbours tell more than it does.
    cited = [
        Triple(f"p{j}", "cites", f"p{i}")
        for i in range(300)
        for j in generator.choice(300, 25, replace=False).tolist()
        if i != j and (topics[i] == topics[j] or generator.random() < 0.1)
    ]
    load(store, "papers", papers, cited, source="t")
    store.run(
        # Spread out: facts of one paper have numbers side by side.
        "MATCH (:Entity {graph: 'papers'})-[r]->() WITH r, id(r) * 7919 % 1000 AS i "
        "SET r.weight = i / 10.0, r.pages = i, r.since = datetime({epochSeconds: i * 2000000})"
    )
    words = generator.normal(0, 1.5, (300, 3)) + 1.5 * np.eye(3)[topics]
    store.run(
        "UNWIND range(0, size($words) - 1) AS i "
        "MATCH (e:Entity {graph: 'papers', id: 'p' + i}) SET e.words = $words[i]",
        words=words.tolist(),
    )
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    monkeypatch.setenv("NEO4J_URI", settings.neo4j_uri)
    monkeypatch.setenv("NEO4J_USERNAME", settings.neo4j_username)
    monkeypatch.setenv("NEO4J_PASSWORD", settings.neo4j_password.get_secret_value())
    example, *others = re.findall(
        r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert len([line for line in example.splitlines() if line.strip()]) <= 36
    names: dict[str, Any] = {}
    exec(example, names)
    alone = float((words.argmax(axis=1) == np.array(topics)).mean())
    assert names["accuracy"] > alone + 0.1
    for other in others:
        exec(other, names)
    edge_attr = names["edge_attr"]
    assert edge_attr.shape == (names["batch"]["entity", "cites", "entity"].num_edges, 2)
    assert torch.allclose(edge_attr[:, 0] * 10, edge_attr[:, 1], atol=1e-3)
    tree = names["tree"]
    assert tree.batch.unique().numel() == 20
    assert 100 < tree.num_edges <= 20 * (10 + 100)
