"""``kgp train text-link`` on a graph in the database: train, fuse, write, place a new entity."""

from pathlib import Path

import pytest

from kgplatform.cli.extract_tools import judging_tools
from kgplatform.facts.records import CandidateFact, Evidence, NewEntity
from kgplatform.facts.stages import GraphJudge
from kgplatform.settings import load_settings
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.texts import read_parts
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Split, Triple

KINDS = ("dog", "bird", "boat")
SETTINGS = "hidden=32 epochs=15 batch_size=16 negatives=8 learning_rate=0.003 dropout=0"
FAST = tuple(f"--set={setting}" for setting in SETTINGS.split())


@pytest.fixture
def zoo(store: Store, graph_name: str) -> str:
    entities, facts = [], []
    for kind in KINDS:
        entities.append(Entity(kind, name=kind, description=f"any {kind}"))
        for i in range(6):
            text = f"a {kind} of the village, number {i}"
            entities.append(Entity(f"{kind}-{i}", name=f"number {i}", description=text))
            split: Split = "test" if i == 5 else "valid" if i == 4 else "train"
            facts.append(Triple(f"{kind}-{i}", "IS_A", kind, split))
            facts.append(Triple(f"{kind}-{i}", "NEAR", f"{kind}-{(i + 1) % 6}", "train"))
    load(store, graph_name, entities, facts, source="zoo")
    return graph_name


def judged_by_text(store: Store, graph: str, run: str) -> dict[str, float]:
    """How plausible the run finds it, by text, that a new entity is each kind of thing."""
    given = {"schema": None, "judge": None, "runs": (run,), "rules": None}
    tools = judging_tools(load_settings(), store, graph, given | {"accept": None, "reject": None})
    new = NewEntity("new-1", "a dog of the far village", ("a dog of the far village",), None)
    said = Evidence("chunk", "document", (0, 9), None, None, 0.9, "reader")
    facts = [CandidateFact("new-1", "IS_A", kind, (said,)) for kind in KINDS]
    judged = GraphJudge(store, graph, tools)(facts, [new])
    return {each.fact.tail: each.features["text_score"] for each in judged}


def test_text_is_trained_fused_written_and_places_new_entities(  # type: ignore[no-untyped-def]
    kgp, zoo: str, store: Store, tmp_path: Path
) -> None:
    model = kgp(
        "train",
        "distmult",
        "--graph",
        zoo,
        "--set",
        "epochs=3",
        "--set",
        "embedding_dim=8",
        "--json",
    ).json["run"]
    data = kgp("train", "text-link", "--graph", zoo, "--fuse", model, *FAST, "--json").json
    assert set(data["metrics"]) == {"text", "structure", "both"}
    mrr = {name: values["valid"]["mrr"] for name, values in data["metrics"].items()}
    assert mrr["both"] >= max(mrr["text"], mrr["structure"])
    assert data["leaks"]["named_share"] == pytest.approx(0.5)
    run = data["run"]
    assert kgp("runs", "show", run).code == 0
    assert kgp("write", run).code == 0
    near = kgp("similar", "dog-1", "--graph", zoo, "--json").json["hits"]
    assert len(near) > 0
    refused = kgp("predict", run)
    assert refused.code != 0
    assert "Traceback" not in refused.err

    plausible = judged_by_text(store, zoo, run)
    assert max(plausible, key=lambda kind: plausible[kind]) == "dog"

    # An entity that training never saw, with a text and no fact but one.
    extra = Entity("rex", name="rex", description="a dog of the next village")
    load(store, zoo, [extra], [Triple("rex", "NEAR", "dog-1")], source="more")
    placed = kgp("embed-new", run, "--json").json
    assert (placed["entities"], placed["origin"], placed["written"]) == (["rex"], "text", 1)
    hits = kgp("similar", "rex", "--graph", zoo, "--json").json["hits"]
    assert hits[0]["id"].startswith("dog")
    assert kgp("undo", run).code == 0

    # The graph is another one now than the model was trained on.
    assert "has changed since" in kgp("train", "text-link", "--graph", zoo, "--fuse", model).err


def test_texts_come_from_a_file_and_mistakes_are_named(kgp, zoo: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    lines = [f"{kind}-{i}\t{kind}, a {kind} number {i}" for kind in KINDS for i in range(6)]
    path = tmp_path / "texts.tsv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    one = ("--set", "epochs=1", "--set", "hidden=8")
    ended = kgp("train", "text-link", "--graph", zoo, "--texts", str(path), *one)
    assert ended.code == 0
    assert "3 of 21 entities have no text" in ended.err
    assert "the text with its neighbours' texts reaches MRR" in ended.out
    assert "next: kgp write" in ended.out
    nothing = kgp("train", "text-link", "--graph", zoo, "--texts", "plot", *one)
    assert (nothing.code, "no entity has a text" in nothing.err) == (1, True)
    path.write_text("dog-1 has no tab\n", "utf-8")
    damaged = kgp("train", "text-link", "--graph", zoo, "--texts", str(path), *one)
    assert f"{path}:1 has no tab" in damaged.err
    wrong = kgp("train", "text-link", "--graph", zoo, "--set", "epoch=1")
    assert (wrong.code, "epochs" in wrong.err) == (2, True)
    no_encoder = kgp("train", "text-link", "--graph", zoo, "--encoder", str(tmp_path), *one)
    assert (no_encoder.code, "cannot be loaded" in no_encoder.err) == (1, True)


def test_texts_of_a_users_own_nodes(store: Store) -> None:
    store.run(
        "CREATE (:Film {title: 'Solaris', plot: 'A planet that thinks.', tags: ['slow', 'wet']}),"
        "(:Film {title: 'Stalker', plot: 3}), (:Film {plot: 'Nobody knows its title.'})"
    )
    target = Target(label="Film", key="title", graph=None)
    assert read_parts(store, target, ["title", "plot", "tags"]) == {
        "Solaris": ("Solaris", "A planet that thinks.", "slow, wet"),
        "Stalker": ("Stalker", "3", ""),
    }
