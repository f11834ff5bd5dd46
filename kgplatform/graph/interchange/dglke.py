"""DGL-KE: ``raw_udd_hrt`` tables of names; the folder of a training.

https://aws-dglke.readthedocs.io/en/latest/format_kg.html and format_out.html
"""

from __future__ import annotations

from os.path import isfile  # False, too, for what can be no name of a file
from pathlib import Path
from typing import Any

import numpy as np

from kgplatform.errors import InputError
from kgplatform.graph.interchange.content import (
    RENAME,
    Content,
    edges_by_split,
    fault_in_lines,
    refuse_names,
    rows,
    unheld,
    weight_texts,
    write_lines,
)
from kgplatform.graph.interchange.vectors import Opening, Score, Vectors, in_order
from kgplatform.parsed import parsed_array, parsed_json

SCORES = {
    "TransE": Score("transe", norm=2),
    "TransE_l2": Score("transe", norm=2),
    "TransE_l1": Score("transe", norm=1),
    "DistMult": Score("distmult"),
}
"""Models of DGL-KE that score as ours do, up to the constant gamma."""


def write(content: Content, path: Path) -> list[str]:
    """A folder of ``train.tsv``, ``valid.tsv``, ``test.tsv``: head, relation, tail, weight."""
    snapshot = content.snapshot
    refuse_names(snapshot, "DGL-KE", fault_in_lines, RENAME)
    path.mkdir()
    weights = None if snapshot.weight is None else weight_texts(snapshot)
    for split, edges in edges_by_split(snapshot).items():
        if edges.numel():
            lines = (
                "\t".join((*row[1:], *(() if weights is None else (weights[row.edge],))))
                for row in rows(snapshot, edges)
            )
            write_lines(path / f"{split}.tsv", lines)
    return unheld(snapshot, ("split", "weight"))


def read(path: Path, opening: Opening) -> Vectors:  # noqa: ARG001  # as every reader is called
    """Vectors of ``dglke_train``: ``*_entity.npy``, ``*_relation.npy``, ``config.json``.

    Args:
        path: Its ``save_path``, with ``entities.tsv`` and ``relations.tsv`` in it, or what
            ``config.json`` calls them.
        opening: Nothing is needed.

    Raises:
        InputError: A file is missing or wrong.
    """
    try:
        config: dict[str, Any] = parsed_json((path / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is no object")  # noqa: TRY004  # as all else
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path / 'config.json'} cannot be read: {error}",
            hint="name the folder that dglke_train has saved to",
        ) from None
    model = str(config.get("model_name") or config.get("model") or "")
    entities = _names(path, config, ("emap_file", "emp_file"), "entities.tsv")
    score = SCORES.get(model)
    return Vectors(
        tool="dglke",
        model=model,
        entities=entities,
        values=_table(path, "entity"),
        relations=_names(path, config, ("rmap_file",), "relations.tsv") if score else (),
        relation_values=_table(path, "relation") if score else None,
        score=score,
    )


def _table(path: Path, kind: str) -> np.ndarray:
    found = sorted(path.glob(f"*_{kind}.npy"))
    if len(found) != 1:
        raise InputError(
            f"{path} has {len(found)} files *_{kind}.npy, and one belongs",
            hint="name the folder of one training",
        )
    try:
        return parsed_array(found[0]).astype(np.float32)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{found[0]} cannot be read: {error}", hint="fetch it again") from None


def _names(
    path: Path, config: dict[str, Any], keys: tuple[str, ...], usual: str
) -> tuple[str, ...]:
    # It writes emap_file; its documentation says emp_file.
    said = str(next((config[key] for key in keys if config.get(key)), usual))
    # DGL-KE writes the path as it saw it. By its name alone: a folder that somebody else has made
    # could name any file of this machine, of which the errors would show the beginning.
    places = [path / name for name in (Path(said).name, usual) if name]
    file = next((place for place in places if isfile(place)), None)  # noqa: PTH113
    if file is None:
        raise InputError(
            f"{path} has no {Path(said).name}",
            hint="copy it from the folder of the data, where DGL-KE has written it",
        )
    names: dict[int, str] = {}
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if not line:
            continue
        first, _, second = line.partition("\t")
        if not first.isdecimal() or len(first) > 18 or not second:
            raise InputError(f"{file}, line {number}: {line[:60]!r} is not an id and a name")
        names[int(first)] = second
    return in_order(names, file)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}", hint="fetch it again") from None
