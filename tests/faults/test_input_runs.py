"""Folders of runs and snapshots that lead elsewhere or claim to be huge; checkpoints of others.

Names in them are no ways out of the folder, links that lead out are refused before anything is
read or written, and what a file claims to hold is compared with its size before it gets memory.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from campaign import counted, drawn, points
from hostile import Touched, in_child, in_time, mutated, touched
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from kgplatform.errors import InputError, KGPlatformError, RunError
from kgplatform.graph.interchange import vector_tables
from kgplatform.graph.interchange.vectors import Opening, open_tensors
from kgplatform.graph.snapshot import from_triples
from kgplatform.graph.snapshot_folder import open_snapshot, save_snapshot
from kgplatform.parsed import parsed_array
from kgplatform.training.artifacts import entity_vectors, load_run
from kgplatform.training.checkpoint import CHECKPOINT_FILE
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import resume, train
from kgplatform.triples import Triple

TRIPLES = [Triple(f"e{i}", "next", f"e{(i + 1) % 30}", "train") for i in range(30)]
SNAPSHOT = from_triples(TRIPLES)
OUT = (
    "../../x",
    "/etc/hostname",
    "../outside.txt",
    "a/../../outside.txt",
    "\x00",
    "a\n../x",
    ".",
    "",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a training that was cut after its first epoch, and of a snapshot."""
    folder = tmp_path_factory.mktemp("whole")
    given = {"epochs": 2, "embedding_dim": 8, "valid_share": 0.1, "test_share": 0.1}
    config = resolve_config("distmult", SNAPSHOT, given | {"device": "cpu", "evaluate_every": 1})

    def cut(stage: str, done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SNAPSHOT, config, folder / "run", source={"graph": "default"}, progress=cut)
    assert (folder / "run" / CHECKPOINT_FILE).exists()
    # What drawing a curve reads of the machine is read once, before anybody watches.
    shutil.copytree(folder / "run", folder / "once")
    resume(folder / "once", SNAPSHOT)
    save_snapshot(SNAPSHOT, folder, source={"graph": "g"}, path=folder / "snapshot")
    return folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Touched:
    return touched(tmp_path_factory.mktemp("runs"))


def resumed(folder: Path) -> None:
    resume(folder, SNAPSHOT)


def opened(folder: Path) -> None:
    open_snapshot(folder)


OPENED: dict[str, Callable[[Path], None]] = {"run": resumed, "snapshot": opened}


def test_a_tampered_checkpoint_is_refused_or_resumed(
    whole: Path, watched: Touched, tmp_path: Path
) -> None:
    draw = drawn("checkpoints")
    tried = points(25, 600)
    sound = (whole / "run" / CHECKPOINT_FILE).read_bytes()
    watched.folder = str(tmp_path)

    def attempts() -> Iterable[str]:
        for _ in range(tried):
            shutil.rmtree(tmp_path / "run", ignore_errors=True)
            shutil.copytree(whole / "run", tmp_path / "run")
            data = mutated(draw, sound)
            if draw.random() < 0.5:
                # Within the header, whose words are what is believed.
                head = 8 + struct.unpack("<Q", sound[:8])[0]
                header = mutated(draw, sound[8:head])
                data = struct.pack("<Q", len(header)) + header + sound[head:]
            (tmp_path / "run" / CHECKPOINT_FILE).write_bytes(data)
            yield f"# {data[:400]!r}"
            with watched.watching(), in_time():
                try:
                    resumed(tmp_path / "run")
                except KGPlatformError:
                    yield "refused"
                else:
                    yield "resumed"

    lines = in_child(attempts, memory=3 << 30)
    assert not any(line.startswith("FAULT") for line in lines), lines[-2:]
    outcomes = Counter(line for line in lines if not line.startswith("#"))
    assert outcomes.total() == tried
    assert outcomes["refused"] > tried // 4
    counted("input", "tampered checkpoints, resumed", tried, **outcomes)


@pytest.mark.parametrize(
    "counters", [{"epoch": -1}, {"epoch": "1"}, {"epoch": 10**30}, {"waited": None}, {"x": 1}, []]
)
def test_counters_of_a_checkpoint_are_looked_at(whole: Path, tmp_path: Path, counters: Any) -> None:
    shutil.copytree(whole / "run", tmp_path / "run")
    path = tmp_path / "run" / CHECKPOINT_FILE

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    known = json.loads(metadata["counters"])
    changed = known | counters if isinstance(counters, dict) else counters
    save_file(load_file(path), path, metadata | {"counters": json.dumps(changed)})
    with pytest.raises(RunError, match="cannot be read"):
        resumed(tmp_path / "run")


@pytest.mark.parametrize("kind", OPENED)
def test_names_in_a_folder_do_not_lead_out_of_it(
    kind: str, whole: Path, watched: Touched, tmp_path: Path
) -> None:
    place = tmp_path / "inside"
    (tmp_path / "outside.txt").write_text("outside")
    watched.folder = str(place)
    file = {"run": "run.json", "snapshot": "snapshot.json"}[kind]
    known = json.loads((whole / kind / file).read_text())
    outcomes: Counter[str] = Counter()
    for name in OUT:
        for key in (*known, "files/", "features/"):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(whole / kind, place / kind)
            changed = dict(known)
            if key == "files/":
                changed["files"] = {**known.get("files", {}), name: 7}
            elif key == "features/":
                changed["features"] = [{"name": name, "kind": name, "place": "entity"}]
            else:
                changed[key] = name
            (place / kind / file).write_text(json.dumps(changed))
            with watched.watching(), in_time():
                try:
                    OPENED[kind](place / kind)
                except KGPlatformError:
                    outcomes["refused"] += 1
                else:
                    outcomes["opened"] += 1
    assert [each for each in watched.outside if each.startswith("open")] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "outside.txt"]
    assert outcomes["refused"]
    counted("input", f"names that lead out of a {kind}", outcomes.total(), **outcomes)


@pytest.mark.parametrize("kind", OPENED)
def test_links_that_lead_out_of_a_folder_are_refused(
    kind: str, whole: Path, tmp_path: Path
) -> None:
    files = sorted(p.relative_to(whole / kind) for p in (whole / kind).rglob("*"))
    outside = tmp_path / "outside"
    for name in (*files, Path("weights.safetensors.tmp")) if kind == "run" else files:
        shutil.rmtree(outside, ignore_errors=True)
        shutil.rmtree(tmp_path / kind, ignore_errors=True)
        shutil.copytree(whole / kind, tmp_path / kind)
        outside.mkdir()
        changed = tmp_path / kind / name
        if changed.exists():
            changed.rename(outside / "it")
        changed.symlink_to(outside / "it")
        before = {p: p.stat().st_mtime_ns for p in outside.rglob("*")}
        with pytest.raises((RunError, InputError), match="leads out of"):
            OPENED[kind](tmp_path / kind)
        assert {p: p.stat().st_mtime_ns for p in outside.rglob("*")} == before
    counted("input", f"links that lead out of a {kind}", len(files), refused=len(files))


def _npy(shape: str, kind: str = "<f4") -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + b"\0" * 64


def _safetensors(shape: list[int], end: int) -> bytes:
    header = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}
        for name in ("vectors", "entity")
    }
    head = json.dumps({**header, "__metadata__": {"ids": "[]"}}).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * 64


HUGE = {
    "1.npy": _npy("(1000000000000, 64)"),
    "2.npy": _npy("(1000000000000, 0)"),
    "3.npy": _npy("(-1, 4)"),
    "4.npy": _npy("(9223372036854775807, 9223372036854775807)"),
    "5.npy": _npy("(1000000000,)", "<U1000000"),
    "6.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFFF),
    "1.safetensors": _safetensors([10**12, 64], 64),
    "2.safetensors": _safetensors([10**12, 0], 0),
    "3.safetensors": _safetensors([1 << 62, 1 << 62], 64),
    "4.safetensors": struct.pack("<Q", 1 << 60) + b"{}",
    "5.safetensors": _safetensors([10**12, 64], 10**12 * 256),
    "1.vec": b"1000000000000 64\na 1\n",
    "2.vec": b"1 1000000000000\na 1\n",
}
"""By the file's name: a declared shape far beyond what is there."""


@pytest.mark.parametrize("name", HUGE)
def test_what_a_file_claims_to_hold_is_not_allocated(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(HUGE[name])
    path.with_suffix(".txt").write_text("a\n")

    def attempts() -> Iterable[str]:
        try:
            vector_tables.read(path, Opening())
            yield "read"
        except KGPlatformError:
            yield "refused"
        if path.suffix == ".npy":
            try:
                yield f"{parsed_array(path, 'c').nbytes} bytes"
            except ValueError:
                yield "refused"
        if path.suffix == ".safetensors":
            try:
                yield f"{sum(each.nbytes for each in open_tensors(path).values())} bytes"
            except KGPlatformError:
                yield "refused"

    lines = in_child(attempts, memory=512 << 20)
    assert set(lines) <= {"refused", "0 bytes"}, lines
    assert lines[0] == "refused"
    counted("input", f"declared shapes: {name}", len(lines), **Counter(lines))


def test_a_whole_run_is_resumed(whole: Path, tmp_path: Path) -> None:
    """What the others tamper with is sound."""
    shutil.copytree(whole / "run", tmp_path / "run")
    resumed(tmp_path / "run")
    assert len(entity_vectors(load_run(tmp_path / "run"))[0]) == 30
    open_snapshot(whole / "snapshot")
