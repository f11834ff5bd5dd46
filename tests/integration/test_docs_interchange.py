"""The guides to interchange and projections: every format has an example, and the examples run."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgplatform.graph.interchange import INTERCHANGE, READERS
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.remove import remove_graph

GUIDES = Path(__file__).parents[2] / "docs" / "guide"
INTERCHANGE_GUIDE = (GUIDES / "interchange.md").read_text(encoding="utf-8")
NOT_HERE = {"ampligraph"}
"""Toolkits whose vectors only an environment of their own can read."""


def blocks(text: str) -> list[tuple[str, str]]:
    """Blocks of shell and Python in the order of the page."""
    return re.findall(r"```(sh|python)\n(.*?)```", text, re.DOTALL)


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]


def run(kgp: Any, line: list[str]) -> Any:
    assert line[0] == "kgp"
    told = kgp(*line[1:], *([] if "--json" in line else ["--json"]))
    assert told.code == 0, (line, told.err)
    return told.json


def test_every_format_has_an_example() -> None:
    lines = [
        line
        for kind, block in blocks(INTERCHANGE_GUIDE)
        if kind == "sh"
        for line in commands(block)
    ]
    named = {line[line.index("--format") + 1] for line in lines if line[1] == "export"}
    assert named == set(INTERCHANGE)
    read = {line[line.index("--from") + 1] for line in lines if line[1] == "import-embeddings"}
    assert read == set(READERS) - NOT_HERE
    assert all(f"--from {tool}" in INTERCHANGE_GUIDE for tool in NOT_HERE)


def saved_elsewhere(folder: Path, names: list[str]) -> None:
    """What DGL-KE, OpenKE and TorchKGE leave, by their formats, and a table."""
    values = np.random.default_rng(0).normal(size=(len(names), 4)).astype(np.float32)
    out = folder / "family-dglke-out"
    out.mkdir()
    for kind, rows in (("entity", values), ("relation", values[:1])):
        np.save(out / f"family_TransE_l2_{kind}.npy", rows)
    (out / "entities.tsv").write_text("".join(f"{i}\t{name}\n" for i, name in enumerate(names)))
    (out / "relations.tsv").write_text("0\tknows\n")
    told = {"model": "TransE_l2", "emap_file": "entities.tsv", "rmap_file": "relations.tsv"}
    (out / "config.json").write_text(json.dumps(told))
    # Beside the entity2id.txt of the export, whose order it has.
    lines = (folder / "family-openke" / "entity2id.txt").read_text().splitlines()[1:]
    order = [names.index(line.split("\t")[0]) for line in lines]
    state = {"ent_embeddings.weight": torch.from_numpy(values[order])}
    torch.save(state, folder / "family-openke" / "transe.ckpt")
    torch.save(
        {"ent_emb.weight": torch.from_numpy(values)}, folder / "family-torchkge" / "model.pt"
    )
    ids = {name: row for row, name in enumerate(names)}
    (folder / "family-torchkge" / "ent2ix.json").write_text(json.dumps(ids))
    np.save(folder / "vectors.npy", values)
    (folder / "vectors.txt").write_text("".join(f"{name}\n" for name in names))


def test_the_examples_of_interchange_run(kgp: Any, store: Store, tmp_path: Path) -> None:
    names = ["ann", *(f"p{i}" for i in range(12))]
    splits = ("train", "train", "train", "train", "valid", "test")
    lines = ["head\trelation\ttail\tsplit"]
    lines += [
        f"{names[i]}\tknows\t{names[(i + step) % 13]}\t{splits[(i + step) % 6]}"
        for i in range(13)
        for step in (1, 3, 4)
    ]
    Path("facts.tsv").write_text("\n".join(lines) + "\n")
    assert kgp("load", "facts.tsv", "--graph", "family", "--json").json["created"] >= 39
    told: dict[str, Any] = {}
    space: dict[str, Any] = {}
    for kind, block in blocks(INTERCHANGE_GUIDE):
        if "family-dglke-out" in block:
            saved_elsewhere(tmp_path, names)
        if kind == "python":
            exec(compile(block, "interchange.md", "exec"), space)
            continue
        for line in commands(block):
            told[" ".join(line)] = run(kgp, line)
    exported = [answer for line, answer in told.items() if "--format" in line]
    assert [answer["facts"] for answer in exported][:11] == [39] * 11
    assert 0 < exported[-1]["facts"] < 39
    assert space["graph"].number_of_edges() == space["facts"].height == 39
    assert space["data"]["entity", "knows", "entity"].edge_index.shape[1] == 39
    imported = {line: answer for line, answer in told.items() if "import-embeddings" in line}
    assert [answer["entities"] for answer in imported.values()] == [13] * 5
    assert imported.popitem()[1]["vectors_alone"]
    assert next(iter(imported.values()))["metrics"]["test"]["mrr"] > 0
    assert len(told["kgp similar ann --graph family --top-k 3"]["hits"]) == 3
    assert kgp("undo", "transe-pykeen").code == 0
    remove_graph(store, "family")


def test_the_examples_of_projections_run(kgp: Any, store: Store, settings: Settings) -> None:
    store.run(
        "UNWIND range(0, 29) AS i CREATE (:Person {email: 'p' + i, age: i, city: 'c' + (i % 3), "
        "team: 't' + (i % 2)})"
    )
    store.run(
        "UNWIND range(0, 29) AS i UNWIND [1, 2, 5, 11] AS step "
        "MATCH (a:Person {email: 'p' + i}), (b:Person {email: 'p' + ((i + step) % 30)}) "
        "CREATE (a)-[:KNOWS]->(b)"
    )
    try:
        answers = [
            run(kgp, line)
            for kind, block in blocks((GUIDES / "projections.md").read_text(encoding="utf-8"))
            if kind == "sh"
            for line in commands(block)
        ]
        assert answers[2]["metrics"]["test"]["mrr"] > 0
        assert answers[3]["facts"] == 120
        assert [answers[0]["version"], answers[-1]["version"]] == [1, 2]
        run(kgp, ["kgp", "project", "list"])
        run(kgp, ["kgp", "project", "rm", "friends", "--yes"])
    finally:
        store.run("MATCH (p:Person) DETACH DELETE p")
