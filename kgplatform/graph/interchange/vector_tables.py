"""Vectors as a table: Parquet with ``id`` and ``vector``, NPY beside names, or word2vec's text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kgplatform.errors import InputError
from kgplatform.graph.interchange.vectors import Opening, Vectors


def read(path: Path, opening: Opening) -> Vectors:  # noqa: ARG001  # as every reader is called
    """Vectors of a ``.parquet``, a ``.npy`` beside ``NAME.txt`` (a name a line), or text.

    Args:
        path: The file. Text is word2vec's: a line with count and dimension, then a line a name:
            the name, a tab or space, and the numbers.
        opening: Nothing is needed.

    Raises:
        InputError: It is missing or wrong.
    """
    try:
        if path.suffix == ".parquet":
            names, values = _parquet(path)
        elif path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
            listed = path.with_suffix(".txt").read_text(encoding="utf-8").removesuffix("\n")
            names = listed.split("\n")
        else:
            names, values = _word2vec(path)
    except (OSError, ValueError, EOFError, KeyError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} cannot be read as vectors: {detail}",
            hint="see docs/guide/interchange.md for what a table of vectors is",
        ) from None
    return Vectors("table", "", tuple(names), np.asarray(values, dtype=np.float32))


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
