"""Hostile runs, snapshots, vectors, settings, schemas and answers of language models.

Whole files are mutated and opened; nothing but an error with a reason may come of it. What reads
binary files does so in a forked child, so that a crash of a library is seen as one.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from campaign import counted, drawn, points
from hostile import Touched, in_child, in_time, mutated, touched
from pydantic import BaseModel

from kgplatform.cli.train import from_file
from kgplatform.errors import KGPlatformError
from kgplatform.graph.interchange import dglke, torchkge, vector_tables
from kgplatform.graph.interchange.vectors import Opening
from kgplatform.graph.snapshot import from_triples
from kgplatform.graph.snapshot_folder import open_snapshot, save_snapshot, verify_snapshot
from kgplatform.settings import load_settings
from kgplatform.text.extract.schema_file import parse_schema
from kgplatform.text.llm.protocol import Answer, Request
from kgplatform.text.llm.structured import ask_list
from kgplatform.training.artifacts import entity_vectors, list_runs, load_run
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import Triple

TRIPLES = [Triple(f"e{i}", "next", f"e{(i + 1) % 30}", "train") for i in range(30)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a run, a snapshot and vectors, all of them sound."""
    folder = tmp_path_factory.mktemp("whole")
    snapshot = from_triples(TRIPLES)
    given = {"epochs": 1, "embedding_dim": 8, "valid_share": 0.1, "test_share": 0.1}
    config = resolve_config("distmult", snapshot, given | {"device": "cpu"})
    train(snapshot, config, folder / "run", source={"graph": "default"})
    save_snapshot(snapshot, folder, source={"graph": "g"}, path=folder / "snapshot")
    tables, names = folder / "tables", [f"e{i}" for i in range(5)]
    tables.mkdir()
    for end in ("parquet", "safetensors", "npy"):
        vector_tables.write(tables / f"a.{end}", names, np.ones((5, 4), np.float32))
    (tables / "a.vec").write_text("2 3\na 1 2 3\nb c 4 5 6\n")
    saved = folder / "dglke"
    saved.mkdir()
    np.save(saved / "a_entity.npy", np.ones((2, 4), np.float32))
    np.save(saved / "a_relation.npy", np.ones((1, 4), np.float32))
    (saved / "entities.tsv").write_text("0\ta\n1\tb\n")
    (saved / "relations.tsv").write_text("0\tr\n")
    told = {"model_name": "TransE", "emap_file": str(folder.parent / "outside.tsv")}
    (saved / "config.json").write_text(json.dumps(told))
    (folder.parent / "outside.tsv").write_text("0\tone outside\n1\tanother\n")
    kge = folder / "kge"
    kge.mkdir()
    torch.save({"ent_emb.weight": torch.ones(2, 3)}, kge / "a.pt")
    (kge / "ent2ix.json").write_text('{"a": 0, "b": 1}')
    return folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Touched:
    return touched(tmp_path_factory.mktemp("models"))


def opened_run(folder: Path) -> None:
    list_runs(folder.parent)
    run = load_run(folder, allow_incomplete=True)
    json.dumps(run.to_json())
    entity_vectors(run)


def opened_snapshot(folder: Path) -> None:
    snapshot = open_snapshot(folder)
    list(snapshot.entities)
    list(snapshot.relations)
    verify_snapshot(folder)


def opened_tables(folder: Path) -> None:
    failed = 0
    for file in sorted(folder.iterdir()):
        if file.suffix != ".txt":
            try:
                vector_tables.read(file, Opening())
            except KGPlatformError:
                failed += 1
    if failed:
        raise KGPlatformError("some")


def opened_dglke(folder: Path) -> None:
    assert "one outside" not in repr(dglke.read(folder, Opening()).entities)


def opened_kge(folder: Path) -> None:
    torchkge.read(folder, Opening())


FOLDERS: dict[str, Callable[[Path], None]] = {
    "run": opened_run,
    "snapshot": opened_snapshot,
    "tables": opened_tables,
    "dglke": opened_dglke,
    "kge": opened_kge,
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_tampered_folders_are_refused_by_a_reason(
    kind: str, whole: Path, watched: Touched, tmp_path: Path
) -> None:
    opening = FOLDERS[kind]
    opening(whole / kind)
    draw = drawn(f"tampered {kind}")
    files = sorted(p.relative_to(whole) for p in (whole / kind).rglob("*") if p.is_file())
    others = [(whole / file).read_bytes() for file in files]
    tried = points(40, 800)
    watched.folder = str(tmp_path)

    def attempts() -> Iterable[str]:
        for _ in range(tried):
            shutil.rmtree(tmp_path / kind, ignore_errors=True)
            shutil.copytree(whole / kind, tmp_path / kind)
            file = tmp_path / draw.choice(files)
            file.write_bytes(mutated(draw, file.read_bytes(), others))
            yield f"# {file.name} {file.read_bytes()[:300]!r}"
            with watched.watching(), in_time():
                try:
                    opening(tmp_path / kind)
                except KGPlatformError:
                    yield "refused"
                else:
                    yield "opened"
        yield from (f"FAULT touched {each}" for each in watched.outside)

    lines = in_child(attempts, memory=2 << 30)
    assert not any(line.startswith("FAULT") for line in lines), lines[-2:]
    outcomes = Counter(line for line in lines if not line.startswith("#"))
    assert outcomes.total() == tried
    assert outcomes["refused"] > tried // 4
    counted("input", f"tampered folders: {kind}", tried, **outcomes)


class Said(BaseModel):
    """What a list of facts has."""

    head: str
    relation: str
    tail: str


class Speaker:
    """A model that always says the same."""

    name, digest, concurrency = "speaker", "0", 1

    def __init__(self, text: str) -> None:
        self.text = text

    def complete(self, request: Request) -> Answer:
        json.dumps([turn.content for turn in request.messages])
        return Answer(self.text, 1, 1, "stop", 0.0)


SETTINGS = b"""embedding_dim: 64
learning_rate: 0.01
loss: cross_entropy
kgp_heap: 512m
kgp_accept: 0.9
neo4j_uri: bolt://127.0.0.1:7687
"""
SCHEMA = b"""labels:
  Person: A human being.
  Place:
relations:
  born_in:
    heads: [Person]
    tails: [Place]
    example: [Chopin was born in Warsaw., Chopin, Warsaw]
    functional: true
open: false
"""
ANSWER = (
    b'{"facts": [{"head": "a", "relation": "r", "tail": "b"},'
    b'{"head": "c", "relation": "r", "tail": "d"}]}'
)
YAML_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 10)) for i in range(9)
)
HOSTILE_YAML = (
    YAML_BOMB,
    b"a: !!python/object/apply:os.system ['touch owned']",
    b"a: !!python/name:os.system",
    b"a: " + b"[" * 100_000,
    b"a: 2001-99-99",
    b"a: " + b"9" * 5_000,
    b"? [a]\n: b",
    b"&a [*a]",
    b"<<: 1",
    b"a: !!binary x",
    b"embedding_dim: .nan",
    b"embedding_dim: 1e400",
    b"embedding_dim: [1]",
    b"a\x00",
    b"- a",
    b"1",
    b"\xff\xfe",
    b"a: !!set {x, y}",
    b"!!omap [a: 1]",
    b"a: !!float x",
    b"a: !!int 0x",
)


def settings_from(data: bytes, place: Path) -> None:
    (place / "kgplatform.yaml").write_bytes(data)
    load_settings()


def training_from(data: bytes, place: Path) -> None:
    (place / "train.yaml").write_bytes(data)
    resolve_config("distmult", from_triples(TRIPLES), from_file(place / "train.yaml"))


def schema_from(data: bytes, _place: Path) -> None:
    parse_schema(data.decode("utf-8", "replace"))


def answer_from(data: bytes, _place: Path) -> None:
    listed = ask_list(Speaker(data.decode("utf-8", "replace")), (), Said, most=10, max_tokens=10)
    json.dumps(listed.problems)
    for item in listed.items:
        assert isinstance(item.head, str)
    if not listed.items:
        raise KGPlatformError("nothing")


TEXTS: dict[str, tuple[Callable[[bytes, Path], None], bytes, tuple[bytes, ...]]] = {
    "kgplatform.yaml": (settings_from, SETTINGS, HOSTILE_YAML),
    "a training's settings": (
        training_from,
        b"epochs: 5\nembedding_dim: 64\nlearning_rate: 0.01\n",
        HOSTILE_YAML,
    ),
    "schemas of extraction": (schema_from, SCHEMA, HOSTILE_YAML),
    "answers of language models": (
        answer_from,
        ANSWER,
        (
            b'{"facts":[{"head":' + b"9" * 5_000 + b"}]}",
            b'{"facts":' + b"[" * 100_000,
            b'{"facts":[NaN]}',
            b'{"facts":[' + b"[" * 900 + b"]" * 900 + b"]}",
            b'{"facts":[{"head":"\\ud800","relation":"r","tail":1}]}',
            b'{"facts":{"a":1}}',
            b"[]",
            b"{}" * 1_000,
            b'{"facts":[1,null,"a",[],{}]}',
        ),
    ),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_hostile_texts_are_refused_by_a_reason(
    kind: str, watched: Touched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, sound, corpus = TEXTS[kind]
    monkeypatch.chdir(tmp_path)
    watched.folder = str(tmp_path)
    reader(sound, tmp_path)
    draw = drawn(f"texts {kind}")
    made = [mutated(draw, sound, corpus) for _ in range(points(60, 800))]
    outcomes: Counter[str] = Counter()
    for data in (*corpus, *made):
        try:
            with watched.watching(), in_time():
                reader(data, tmp_path)
        except KGPlatformError as error:
            outcomes["refused" if len(str(error)) < 5_000 else "refused at length"] += 1
        except BaseException as error:
            error.add_note(f"{kind}: {data[:1000]!r}")
            raise
        else:
            outcomes["kept"] += 1
    assert watched.outside == []
    assert not outcomes["refused at length"]
    assert not (tmp_path / "owned").exists()
    counted("input", kind, outcomes.total(), **outcomes)
