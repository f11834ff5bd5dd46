"""Snapshots on disk: a folder of mapped arrays, written whole or not at all, named by content.

``edge_index.npy`` and the like hold what :class:`~kgplatform.graph.snapshot.KGSnapshot` holds under
these names, ``head_start.npy`` and so on its adjacency, ``entities.arrow`` and ``relations.arrow``
names, ``snapshot.json`` what there is. Opening a folder reads ``snapshot.json`` and the headers of
the files; processes that open the same folder share its pages.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.adjacency import Adjacency, adjacency_of
from kgplatform.graph.features import Feature
from kgplatform.graph.lazy_names import LazyNames, open_names, write_names
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.parsed import check_inside, parsed_array, parsed_json
from kgplatform.saved import told

FORMAT = 1
"""Version of the folder's format; a newer one is refused."""

DESCRIPTION = "snapshot.json"

DIGITS = 16
"""Digits of the digest that name a folder."""

_TENSORS = ("edge_index", "edge_type", "split", "weight", "time", "label_split")
_ADJACENCY = tuple(field.name for field in dataclasses.fields(Adjacency))
_AGAIN = "make it again with `kgp snapshot`"


@dataclass(frozen=True)
class SnapshotFolder:
    """What a folder's ``snapshot.json`` says.

    Attributes:
        path: The folder.
        digest: ``KGSnapshot.digest`` of its content.
        entities: Number of entities.
        relations: Number of relations.
        edges: Number of edges.
        source: Where the triples came from, as in ``run.json``.
        state: The state of the database when they were read, or None; see
            :mod:`kgplatform.store.state`.
        created: Local time, ISO 8601 with offset.
        features: Name, kind and place (``entity``, ``label`` or ``edge``) of each feature.
        files: Size of each file in bytes.
        format: Version of the format.
    """

    path: Path
    digest: str
    entities: int
    relations: int
    edges: int
    source: Mapping[str, Any]
    state: Mapping[str, Any] | None
    created: str
    features: Sequence[Mapping[str, str]]
    files: Mapping[str, int] = field(repr=False)
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all files but the description."""
        return sum(self.files.values())


def save_snapshot(
    snapshot: KGSnapshot,
    parent: Path,
    *,
    source: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
    path: Path | None = None,
) -> SnapshotFolder:
    """Write a snapshot into a folder, whole or not at all.

    Content that is there already is not written again; its description is renewed.

    Args:
        snapshot: The graph.
        parent: Where the folder is made, under the first digits of the digest.
        source: Where the triples came from, JSON-able.
        state: The state of the database before they were read, JSON-able.
        path: The folder itself, instead of one in ``parent``.

    Raises:
        UsageError: The folder is there and holds something else.
    """
    path = path or parent / snapshot.digest[:DIGITS]
    if path.exists():
        return _renewed(path, snapshot.digest, source, state)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with told(path):
        temporary.mkdir()
    try:
        folder = SnapshotFolder(
            path=temporary,
            digest=snapshot.digest,
            entities=snapshot.num_entities,
            relations=snapshot.num_relations,
            edges=snapshot.num_edges,
            source=dict(source),
            state=state,
            created=_now(),
            features=[
                {"name": feature.name, "kind": feature.kind, "place": place}
                for place, feature in _features(snapshot)
            ],
            files=_write_files(snapshot, temporary, path),
        )
        _describe(folder)
        try:
            temporary.rename(path)
        except OSError:
            # Another process may have made the same snapshot meanwhile.
            if not path.exists():
                raise
            return _renewed(path, snapshot.digest, source, state)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return dataclasses.replace(folder, path=path)


def describe_snapshot(path: Path) -> SnapshotFolder:
    """What a folder holds.

    Raises:
        InputError: It is no snapshot, is damaged, or is of a newer format.
    """
    try:
        check_inside(path)
        values = parsed_json((path / DESCRIPTION).read_text(encoding="utf-8"))
        if values["format"] > FORMAT:
            raise InputError(
                f"{path} is of format {values['format']}, which is newer than this kgplatform's "
                f"({FORMAT})",
                hint="update kgplatform, or make the snapshot again with `kgp snapshot`",
            )
        folder = SnapshotFolder(path=path, **values)
        for name, size in folder.files.items():
            if Path(name).name != name:
                raise ValueError(f"{name!r} is no name of a file in it")
            found = (path / name).stat().st_size
            if found != size:
                raise ValueError(f"{name} has {found:,} bytes instead of {size:,}")
    except (FileNotFoundError, NotADirectoryError) as error:
        name = Path(str(error.filename)).name
        what = "is no snapshot: it has no" if name == DESCRIPTION else "is damaged: it lacks"
        raise InputError(f"{path} {what} {name}", hint=_AGAIN) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from None
    return folder


def open_snapshot(path: Path) -> KGSnapshot:
    """A folder's snapshot, its tensors and names mapped; reads no data.

    Writing into a tensor changes neither the file nor what other processes see. The digest is
    what the description says; :func:`verify_snapshot` compares it with the content.

    Raises:
        InputError: It is no snapshot, is damaged, or is of a newer format.
    """
    folder = describe_snapshot(path)
    try:
        tensors = {
            name: _map(path / f"{name}.npy")
            for name in (*_TENSORS, *_ADJACENCY)
            if f"{name}.npy" in folder.files
        }
        features: dict[str, list[Feature]] = {"entity": [], "label": [], "edge": []}
        for number, one in enumerate(folder.features):
            features[one["place"]].append(_open_feature(folder, number))
        adjacency = Adjacency(**{name: tensors.pop(name) for name in _ADJACENCY})
        snapshot = KGSnapshot(
            entities=open_names(path / "entities.arrow"),
            relations=open_names(path / "relations.arrow"),
            features=tuple(features["entity"]),
            labels=next(iter(features["label"]), None),
            edge_features=tuple(features["edge"]),
            **tensors,
        )
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise _damaged(path, error) from None
    counts = (snapshot.num_entities, snapshot.num_relations, snapshot.num_edges)
    if counts != (folder.entities, folder.relations, folder.edges):
        raise _damaged(path, f"its files hold {counts} entities, relations and edges")
    # Both are cached properties, which would read all of the content.
    snapshot.__dict__.update(digest=folder.digest, adjacency=adjacency)
    return snapshot


def verify_snapshot(path: Path) -> SnapshotFolder:
    """Read all of a folder and compare it with what its description says.

    Raises:
        InputError: It is no snapshot, or the content is not what it was.
    """
    folder, opened = describe_snapshot(path), open_snapshot(path)
    # A copy lacks what is cached.
    if dataclasses.replace(opened).digest != folder.digest:
        raise _damaged(path, "its content has another digest")
    expected = adjacency_of(opened.edge_index, opened.edge_type, opened.num_entities)
    for name in _ADJACENCY:
        if not torch.equal(getattr(expected, name), getattr(opened.adjacency, name)):
            raise _damaged(path, f"{name}.npy does not fit the edges")
    return folder


def renew_snapshot(folder: SnapshotFolder, state: Mapping[str, Any]) -> SnapshotFolder:
    """Note that a snapshot was still what its source held in another state of the database."""
    renewed = dataclasses.replace(folder, state=state)
    _describe(renewed)
    return renewed


def _renewed(
    path: Path, digest: str, source: Mapping[str, Any], state: Mapping[str, Any] | None
) -> SnapshotFolder:
    try:
        there = describe_snapshot(path)
    except InputError as error:
        raise UsageError(f"{path} exists: {error}", hint="remove it, or name another") from None
    if there.digest != digest:
        raise UsageError(f"{path} exists and holds another snapshot", hint="name another folder")
    renewed = dataclasses.replace(there, source=dict(source), state=state, created=_now())
    _describe(renewed)
    return renewed


def _features(snapshot: KGSnapshot) -> Iterator[tuple[str, Feature]]:
    for feature in snapshot.features:
        yield "entity", feature
    if snapshot.labels is not None:
        yield "label", snapshot.labels
    for feature in snapshot.edge_features:
        yield "edge", feature


def _write_files(snapshot: KGSnapshot, folder: Path, path: Path) -> dict[str, int]:
    """Write all arrays and names; the size of each file. ``path`` is what it will be."""
    arrays: dict[str, Tensor | None] = {name: getattr(snapshot, name) for name in _TENSORS}
    arrays |= {name: getattr(snapshot.adjacency, name) for name in _ADJACENCY}
    names = {"entities": snapshot.entities, "relations": snapshot.relations}
    for number, (_, feature) in enumerate(_features(snapshot)):
        arrays[f"feature-{number}-values"] = feature.values
        arrays[f"feature-{number}-present"] = feature.present
        if feature.texts:
            names[f"feature-{number}-texts"] = feature.texts
    sizes = {}
    with told(path):
        for name, tensor in arrays.items():
            if tensor is not None:
                np.save(folder / f"{name}.npy", tensor.contiguous().numpy(), allow_pickle=False)
        for name, texts in names.items():
            write_names(folder / f"{name}.arrow", texts)
        for file in sorted(folder.iterdir()):
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
            sizes[file.name] = file.stat().st_size
    return sizes


def _open_feature(folder: SnapshotFolder, number: int) -> Feature:
    described, name = folder.features[number], f"feature-{number}"
    texts: LazyNames | tuple[str, ...] = ()
    if f"{name}-texts.arrow" in folder.files:
        texts = open_names(folder.path / f"{name}-texts.arrow")
    return Feature(
        name=described["name"],
        kind=described["kind"],  # type: ignore[arg-type]
        values=_map(folder.path / f"{name}-values.npy"),
        present=_map(folder.path / f"{name}-present.npy"),
        texts=texts,
    )


def _map(path: Path) -> Tensor:
    # Copy on write: pages are shared as long as nobody writes, the file never changes, and torch,
    # which knows no read-only tensors, is not handed memory that it would crash on.
    array = parsed_array(path, "c")
    return torch.from_numpy(np.asarray(array))


def _describe(folder: SnapshotFolder) -> None:
    values = dataclasses.asdict(folder)
    del values["path"]
    temporary = folder.path / f".{DESCRIPTION}.{secrets.token_hex(4)}.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(values, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder.path / DESCRIPTION)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _damaged(path: Path, why: object) -> InputError:
    return InputError(f"{path} is damaged: {' '.join(str(why).split())}", hint=_AGAIN)
