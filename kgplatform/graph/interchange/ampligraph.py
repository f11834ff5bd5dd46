"""AmpliGraph: tables of names a split; the folder that ``save_model`` makes.

Tables are read by ``ampligraph.datasets.load_from_csv(folder, "train.txt", sep="\\t")``. A saved
model is one of TensorFlow with pickled metadata: AmpliGraph itself opens it, in a process of its
own, since AmpliGraph 2 pins releases that other packages cannot be installed beside.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.interchange.content import Content
from kgplatform.graph.interchange.pykeen import fault_in_table, write_names
from kgplatform.graph.interchange.vectors import Opening, Score, Vectors, check_trust
from kgplatform.settings import environment_of_children

MISSING = frozenset(
    {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)
"""What ``pandas.read_csv`` takes for a missing value, as load_from_csv calls it."""

SECONDS = 600
"""How long AmpliGraph may take to open a model."""

SCRIPT = """
import json, sys
import numpy as np
from ampligraph.utils import restore_model
model = restore_model(sys.argv[1])
out = {"model": model.scoring_type}
for kind, name in (("e", "entities"), ("r", "relations")):
    labels = model.get_indexes(np.arange(model.get_count(kind)), kind, "ind2raw")
    out[name] = [str(label) for label in labels]
    np.save(sys.argv[2] + "/" + name + ".npy", np.asarray(
        model.get_embeddings(np.array(out[name], dtype=object), kind), dtype=np.float32))
with open(sys.argv[2] + "/names.json", "w", encoding="utf-8") as file:
    json.dump(out, file)
"""


def write(content: Content, path: Path) -> list[str]:
    """A folder of ``train.txt``, ``valid.txt`` and ``test.txt``: head, relation, tail, tabs."""
    return write_names(content, path, "AmpliGraph's table", _fault)


def _fault(name: str) -> str | None:
    if name in MISSING:
        return "load_from_csv reads it as a missing value"
    return fault_in_table(name)


def read(path: Path, opening: Opening) -> Vectors:
    """The vectors of a model that AmpliGraph has saved, as ``get_embeddings`` gives them.

    Args:
        path: The folder of ``save_model``.
        opening: Its metadata are a pickle; ``python`` is where AmpliGraph is installed.

    Raises:
        UsageError: The pickle is not trusted.
        InputError: AmpliGraph is not installed there, or cannot open it.
    """
    check_trust(path, opening)
    python = str(opening.python or sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-c", SCRIPT, str(path), folder]
        try:
            ended = subprocess.run(
                command,
                env=environment_of_children(),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"{python} cannot be used: {error}", hint="see --python") from None
        if ended.returncode:
            last = next(iter(ended.stderr.strip().splitlines()[-1:]), "no message")
            raise InputError(
                f"AmpliGraph cannot open {path} with {python}: {last[:200]}",
                hint="--python names the interpreter of the environment that has AmpliGraph",
            )
        names = json.loads((Path(folder) / "names.json").read_text(encoding="utf-8"))
        tables = [np.load(Path(folder) / f"{kind}.npy") for kind in ("entities", "relations")]
    scores = {"TransE": Score("transe", norm=1), "DistMult": Score("distmult")}
    return Vectors(
        tool="ampligraph",
        model=names["model"],
        entities=tuple(names["entities"]),
        values=tables[0],
        relations=tuple(names["relations"]),
        relation_values=tables[1] if names["model"] in scores else None,
        score=scores.get(names["model"]),
    )
