"""Vectors that entities have in the graph, of images among others, as a modality of the fusion."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kgplatform.graph.entity_properties import entity_property, entity_vectors_of
from kgplatform.graph.projection import snapshot_of
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.nodes import Modality, Nodes
from kgplatform.models import Edges
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.projections import definition_of
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Triple

THINGS = 160
CLASSES = ("round", "square")
SETTINGS = "encoder=sgc layers=1 width=16 epochs=60 batch_size=16 learning_rate=0.01 dropout=0.2"
QUICK = ("--set=seed=1", *(f"--set={each}" for each in SETTINGS.split()))
COLUMNS = ("--label-column", "class", "--entity-column", "id")


@pytest.fixture
def things(store: Store, graph_name: str) -> str:
    """Things whose texts and facts say nothing of their class."""
    entities = [Entity(f"t{at:03}", "a thing", "a thing") for at in range(THINGS)]
    facts = [Triple(f"t{at:03}", "NEXT", f"t{(at + 1) % THINGS:03}") for at in range(THINGS)]
    load(store, graph_name, entities, facts, source="things")
    return graph_name


def class_of(at: int) -> int:
    """By no pattern that a ring of neighbours would show."""
    return int(np.random.default_rng(7).permutation(THINGS)[at] % 2)


def write_table(path: Path) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "class", "id"])
        for at in range(THINGS):
            table.writerow(["what is it?", CLASSES[class_of(at)], f"t{at:03}"])


def snapshot_in(store: Store, graph: str) -> KGSnapshot:
    return snapshot_of(store, definition_of({"graph": graph}))[0]


def test_a_property_of_vectors_solves_what_texts_and_facts_cannot(
    kgp: Any, store: Store, things: str
) -> None:
    drawn = np.random.default_rng(0)
    way = drawn.normal(size=8)
    rows = [
        {"id": f"t{at:03}", "look": ((2 * class_of(at) - 1) * way + drawn.normal(size=8)).tolist()}
        for at in range(THINGS)
        if at % 10
    ]
    store.run(
        "UNWIND $rows AS row MATCH (e:Entity {graph: $graph, id: row.id}) SET e.look = row.look",
        graph=things,
        rows=rows,
    )
    write_table(Path("things.csv"))
    given = ("--graph", things, "--texts", "things.csv", *COLUMNS, *QUICK, "--controls")
    found = kgp("train", "joint-classify", *given, "--modality", "look", "--json").json
    mean = {name: each["mean"] for name, each in found["macro_f1"].items()}
    assert mean["fused"] > 0.7
    for control in ("text only", "entities permuted", "random vectors"):
        assert mean[control] < mean["fused"] - 0.2, mean
    without = kgp("train", "joint-classify", *given[:-1], "--json").json
    assert without["macro_f1"]["fused"]["mean"] < mean["fused"] - 0.2


def test_an_entity_without_the_property_gets_the_null_vector(store: Store, things: str) -> None:
    store.run(
        "MATCH (e:Entity {graph: $graph}) WHERE e.id < 't003' SET e.look = [1.0, toFloat(e.nid)]",
        graph=things,
    )
    snapshot = snapshot_in(store, things)
    read = entity_property(store, Target(graph=things), snapshot, "look")
    values, present = entity_vectors_of(read, "look")
    assert [snapshot.entities[row] for row in present.nonzero().flatten().tolist()] == [
        "t000",
        "t001",
        "t002",
    ]
    edges = Edges(snapshot.edge_index, snapshot.edge_type)
    nodes = Nodes({"look": Modality(values, present)}, 4, edges, snapshot.num_relations)
    made = nodes.inputs()
    null = nodes.null["look"].expand(THINGS - 3, -1)
    assert torch.equal(made[~present], null)
    assert not torch.isclose(made[present], null[:3]).all(dim=1).any()
    # And it is learnt: what comes out of it reaches back to it.
    made[~present].sum().backward()  # type: ignore[no-untyped-call]
    gradient = nodes.null["look"].grad
    assert gradient is not None
    assert gradient.tolist() == [THINGS - 3.0] * 4


def test_images_from_files_to_a_modality(kgp: Any, store: Store, things: str) -> None:
    pytest.importorskip("torchvision", reason="the extra `image` is not installed")
    from PIL import Image, ImageDraw

    folder = Path("pictures")
    folder.mkdir()
    drawn = np.random.default_rng(1)
    for at in range(THINGS):
        image = Image.new("RGB", (48, 48), tuple(drawn.integers(0, 90, 3).tolist()))
        pen = ImageDraw.Draw(image)
        left, top = drawn.integers(4, 14, 2).tolist()
        box = (left, top, left + 26, top + 26)
        colour = tuple(drawn.integers(150, 256, 3).tolist())
        (pen.rectangle if class_of(at) else pen.ellipse)(box, fill=colour)
        image.save(folder / f"{at}.png")
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:60])
    (folder / "4.png").unlink()
    store.run(
        "MATCH (e:Entity {graph: $graph}) WHERE e.id <> 't005' "
        "SET e.picture = toString(toInteger(substring(e.id, 1))) + '.png'",
        graph=things,
    )
    images = ("--images", "picture", "--folder", folder, "--weights", "random")
    made = kgp("encode", "--graph", things, *images, "--write", "--json").json
    assert (made["images"], made["vectors"], made["without"]) == (THINGS - 1, THINGS - 3, 1)
    assert (made["rejected"], made["written"], made["dimension"]) == (2, THINGS - 3, 512)
    rejects = Path(made["rejects_file"]).read_text().splitlines()
    assert rejects[0] == "file\tline\treason\trow"
    assert sorted(line.split("\t")[3] for line in rejects[1:]) == ["t003", "t004"]
    assert any("there is no such file" in line for line in rejects)
    near = kgp("similar", "t000", "--graph", things, "--kind", "image", "--json").json["hits"]
    assert near
    write_table(Path("things.csv"))
    given = ("--graph", things, "--texts", "things.csv", *COLUMNS, *QUICK)
    found = kgp("train", "joint-classify", *given, "--modality", made["property"], "--json").json
    mean = {name: each["mean"] for name, each in found["macro_f1"].items()}
    assert mean["fused"] > max(0.7, mean["text only"] + 0.2), mean
    store.run("MATCH (e:Entity {graph: $graph, id: 't000'}) SET e.one = '0.png'", graph=things)
    other = ("--images", "one", *images[2:], "--encoder", "resnet34")
    second = kgp("encode", "--graph", things, *other, "--json").json["run"]
    refused = kgp("write", second)
    assert refused.code == 1
    assert "'resnet18 (random 0)'" in refused.err
    assert "'resnet34 (random 0)'" in refused.err
    assert kgp("undo", made["run"], "--json").json["vectors"] == THINGS - 3


def test_what_images_cannot_be_asked_is_refused(kgp: Any, store: Store, things: str) -> None:
    pytest.importorskip("torchvision", reason="the extra `image` is not installed")
    store.run(
        "MATCH (e:Entity {graph: $graph, id: 't000'}) SET e.picture = 'none.png'", graph=things
    )
    base = ("encode", "--graph", things)
    none = kgp(*base, "--images", "picture", "--weights", "random")
    assert none.code == 1
    assert "there is no such file" in none.err
    assert "--folder" in none.err
    nothing = kgp(*base, "--images", "poster", "--weights", "random")
    assert "has a file in poster" in nothing.err
    assert kgp(*base, "--weights", "random").code == 2
    assert kgp(*base, "--images", "picture", "--what", "chunks").code == 2
    assert "resnet18" in kgp(*base, "--images", "picture", "--encoder", "resnet81").err
