"""Vectors as a table: Parquet with ``id`` and ``vector``, safetensors, NPY beside names, text."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.interchange.vectors import Opening, Vectors
from kgplatform.parsed import parsed_array, parsed_json
from kgplatform.saved import told

WRITTEN = (".npy", ".parquet", ".safetensors")
"""Endings of what :func:`write` makes."""


def read(path: Path, opening: Opening) -> Vectors:  # noqa: ARG001  # as every reader is called
    """Vectors of a ``.parquet``, ``.safetensors``, ``.npy`` beside ``NAME.txt``, or text.

    Args:
        path: The file. ``NAME.txt`` has a name a line; ``.safetensors`` a tensor ``vectors`` and
            ``ids``, a JSON list, in its metadata. Text is word2vec's: a line with count and
            dimension, then a line a name: the name, a tab or space, and the numbers.
        opening: Nothing is needed.

    Raises:
        InputError: It is missing or wrong.
    """
    try:
        if path.suffix == ".parquet":
            names, values = _parquet(path)
        elif path.suffix == ".safetensors":
            names, values = _safetensors(path)
        elif path.suffix == ".npy":
            values = parsed_array(path)
            listed = path.with_suffix(".txt").read_text(encoding="utf-8").removesuffix("\n")
            names = listed.split("\n")
        else:
            names, values = _word2vec(path)
    except (OSError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} cannot be read as vectors: {detail}",
            hint="see docs/guide/interchange.md for what a table of vectors is",
        ) from None
    return Vectors("table", "", tuple(names), np.asarray(values, dtype=np.float32))


def check_path(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be written, before anything is read.

    Raises:
        UsageError: Its ending is none of ``WRITTEN``, it is taken, or its folder is not there.
    """
    if path.suffix not in WRITTEN:
        raise UsageError(f"{path} has no ending of {', '.join(WRITTEN)}", hint="name it so")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder", hint="make it, or name another path")
    beside = [path, path.with_suffix(".txt")] if path.suffix == ".npy" else [path]
    taken = next((file for file in beside if file.exists()), None)
    if taken is not None and not force:
        raise UsageError(f"{taken} exists", hint="name another path, or replace it with --force")


def write(path: Path, names: Sequence[str], values: np.ndarray) -> list[Path]:
    """Write vectors such that :func:`read` gives them back, whole or not at all.

    Args:
        path: Ends in one of ``WRITTEN``; what is there is replaced.
        names: What the rows stand for, [N].
        values: float32 [N, d].

    Returns:
        The files made.

    Raises:
        InputError: A name cannot be held by the format; nothing was written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    listed = temporary.with_suffix(".txt")
    try:
        with told(path):
            if path.suffix == ".parquet":
                _write_parquet(temporary, names, values)
            elif path.suffix == ".safetensors":
                from safetensors.numpy import save_file

                save_file({"vectors": values}, temporary, {"ids": json.dumps(list(names))})
            else:
                _write_npy(temporary, listed, names, values)
                # Names first: a table without its names is refused, names alone are no table.
                path.unlink(missing_ok=True)
                listed.replace(path.with_suffix(".txt"))
            temporary.replace(path)
    finally:
        # On a disk that may not be written to there is nothing to remove either.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
            listed.unlink(missing_ok=True)
    return [path, path.with_suffix(".txt")] if path.suffix == ".npy" else [path]


def _write_npy(file: Path, listed: Path, names: Sequence[str], values: np.ndarray) -> None:
    broken = next((name for name in names if "\n" in name or "\r" in name or not name), None)
    if broken is not None:
        raise InputError(
            f"a list of names, one a line, cannot hold {broken!r}",
            hint="write .parquet or .safetensors",
        )
    with file.open("wb") as opened:
        np.save(opened, values, allow_pickle=False)
    listed.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _write_parquet(file: Path, names: Sequence[str], values: np.ndarray) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    flat = pa.array(values.reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    table = pa.table({"id": pa.array(names, pa.string()), "vector": vectors})
    parquet.write_table(table, file)


def _safetensors(path: Path) -> tuple[list[str], np.ndarray]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as opened:
            metadata = opened.metadata() or {}
            return list(parsed_json(metadata["ids"])), opened.get_tensor("vectors")
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _parquet(path: Path) -> tuple[list[str], np.ndarray]:
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(path, columns=["id", "vector"])
    if table.column_names != ["id", "vector"]:
        raise ValueError("it has no columns id and vector")
    names = table["id"].cast(pa.string()).to_pylist()
    return names, np.array(table["vector"].to_pylist(), dtype=np.float32)


def _word2vec(path: Path) -> tuple[list[str], np.ndarray]:
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    count, dimension = map(int, lines[0].split())
    if len(lines) - 1 != count:
        raise ValueError(f"{len(lines) - 1} vectors, but its first line says {count}")
    if not 0 < dimension <= len(lines[-1]):
        raise ValueError(f"its first line says {dimension} numbers a vector, which do not fit")
    names, values = [], np.empty((count, dimension), dtype=np.float32)
    for row, line in enumerate(lines[1:]):
        # A name may hold spaces: the numbers are the last ones.
        name, *numbers = line.rstrip(" ").rsplit(" ", dimension)
        if len(numbers) != dimension:
            name, _, rest = line.partition("\t")
            numbers = rest.split()
        names.append(name)
        values[row] = [float(number) for number in numbers]
    return names, values
