"""PyKEEN: tables of names a split; the folder of a trained pipeline.

Read by ``pykeen.datasets.PathDataset``; saved by ``PipelineResult.save_to_directory``.
"""

from __future__ import annotations

import csv
import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.interchange.content import (
    RENAME,
    Content,
    edges_by_split,
    fault_in_lines,
    refuse_names,
    rows,
    unheld,
    write_lines,
)
from kgplatform.graph.interchange.vectors import (
    Opening,
    Score,
    Vectors,
    check_trust,
    in_order,
    open_trusted,
)

MODEL_FILE = "trained_model.pkl"
TRIPLES_FOLDER = "training_triples"


def write(content: Content, path: Path) -> list[str]:
    """A folder of ``train.txt``, ``valid.txt`` and ``test.txt``: head, relation, tail, tabs."""
    return write_names(content, path, "PyKEEN's table", fault_in_table)


def write_names(
    content: Content, path: Path, form: str, fault: Callable[[str], str | None]
) -> list[str]:
    """Tables of names without a header, as PyKEEN and AmpliGraph read them with pandas.

    A split without facts has no file.

    Raises:
        InputError: A name cannot stand in such a table.
    """
    snapshot = content.snapshot
    refuse_names(snapshot, form, fault, RENAME)
    path.mkdir()
    for split, edges in edges_by_split(snapshot).items():
        if edges.numel():
            lines = (f"{row.head}\t{row.relation}\t{row.tail}" for row in rows(snapshot, edges))
            write_lines(path / f"{split}.txt", lines)
    return unheld(snapshot, ("split",))


def fault_in_table(name: str) -> str | None:
    """What keeps a name out of a table that pandas reads."""
    # pandas takes a field that begins with a quote for a quoted one.
    if name.startswith('"'):
        return "it begins with a quote, which pandas reads as quoting"
    return fault_in_lines(name)


def read(path: Path, opening: Opening) -> Vectors:
    """The vectors of a model that PyKEEN has saved.

    Complex vectors become their real parts beside their imaginary ones, [N, 2d], as OpenKE,
    TorchKGE and DGL-KE keep theirs. TransE, DistMult, ComplEx and RotatE keep their relations,
    so that the run scores as PyKEEN does.

    Args:
        path: The folder of ``save_to_directory``.
        opening: ``trained_model.pkl`` is a pickle: opening it runs what it says.

    Raises:
        UsageError: The pickle is not trusted, or PyKEEN is not installed.
        InputError: A file is missing, or the model's entities have more than one vector.
    """
    check_trust(path / MODEL_FILE, opening)
    entities, relations = (_names(path / TRIPLES_FOLDER, kind) for kind in ("entity", "relation"))
    try:
        import pykeen.models  # noqa: F401
    except ImportError:
        raise UsageError("reading PyKEEN's model needs PyKEEN", hint="pip install pykeen") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = open_trusted(path / MODEL_FILE, opening)
    values = _table(model, "entity_representations", path)
    score = _score(model)
    kept = None if score is None else _table(model, "relation_representations", path)
    if kept is not None and getattr(model, "use_inverse_triples", False):
        # Its rows are r, r⁻¹ by turns; ours are all r, then all r⁻¹.
        kept = np.concatenate((kept[0::2], kept[1::2]))
    if kept is not None and score is not None and score.model == "rotate":
        # Its relations are complex numbers of modulus 1, ours the angles.
        real, imaginary = np.split(kept, 2, axis=1)
        kept = np.arctan2(imaginary, real)
    return Vectors(
        tool="pykeen",
        model=type(model).__name__,
        entities=entities,
        values=values,
        relations=relations,
        relation_values=kept,
        score=score,
    )


def _names(folder: Path, kind: str) -> tuple[str, ...]:
    """Names by row from ``entity_to_id.tsv.gz`` or ``relation_to_id.tsv.gz``: id, label."""
    file = folder / f"{kind}_to_id.tsv.gz"
    names: dict[int, str] = {}
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
            for line in csv.DictReader(stream, delimiter="\t"):
                names[int(line["id"])] = line["label"]
    except (OSError, EOFError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file} cannot be read: {error}",
            hint="name the folder that PipelineResult.save_to_directory has made",
        ) from None
    return in_order(names, file)


def _score(model: Any) -> Score | None:
    """How a model scores, where one of ours scores alike."""
    inverse = bool(getattr(model, "use_inverse_triples", False))
    kind = type(model).__name__
    if kind == "DistMult":
        return Score("distmult", reciprocal=inverse)
    if kind == "ComplEx":
        return Score("complex", reciprocal=inverse)
    if kind == "RotatE":
        return Score("rotate", norm=2, reciprocal=inverse)
    if kind == "TransE" and not model.interaction.power_norm and model.interaction.p in (1, 2):
        norm: Literal[1, 2] = 1 if model.interaction.p == 1 else 2
        return Score("transe", norm=norm, reciprocal=inverse)
    return None


def _table(model: Any, kind: str, path: Path) -> np.ndarray:
    """Vectors of a model's entities or relations, float32 [N, d]."""
    tables = getattr(model, kind, None)
    if tables is None or len(tables) != 1:
        raise InputError(
            f"{path}: {type(model).__name__} has {0 if tables is None else len(tables)} vectors "
            "a name, and a graph's set has one",
            hint="write the one that you want as a table: --from table",
        )
    with torch.no_grad():
        values = tables[0](indices=None).detach()
    if values.is_complex():
        values = torch.cat((values.real, values.imag), dim=1)
    table: np.ndarray = values.reshape(len(values), -1).to(torch.float32).cpu().numpy()
    return table
