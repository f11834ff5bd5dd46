"""TorchKGE: CSV files with ``from``, ``to``, ``rel``; a state dict and ``ent2ix.json``."""

from __future__ import annotations

import csv
from pathlib import Path

from kgplatform.errors import InputError
from kgplatform.graph.interchange.content import (
    RENAME,
    Content,
    edges_by_split,
    fault_in_lines,
    refuse_names,
    rows,
    unheld,
)
from kgplatform.graph.interchange.openke import sole_file
from kgplatform.graph.interchange.vectors import Opening, Vectors, in_order, joined, open_tensors
from kgplatform.parsed import parsed_json

ENTITY_KEYS = (("ent_emb.weight",), ("re_ent_emb.weight", "im_ent_emb.weight"))


def write(content: Content, path: Path) -> list[str]:
    """A folder of a CSV file a split, for ``KnowledgeGraph(df=pandas.read_csv(...))``."""
    snapshot = content.snapshot
    refuse_names(snapshot, "TorchKGE's CSV", fault_in_lines, RENAME)
    path.mkdir()
    for split, edges in edges_by_split(snapshot).items():
        if edges.numel():
            with (path / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(("from", "to", "rel"))
                table.writerows((row.head, row.tail, row.relation) for row in rows(snapshot, edges))
    return unheld(snapshot, ("split",))


def read(path: Path, opening: Opening) -> Vectors:  # noqa: ARG001  # as every reader is called
    """Entity vectors of ``torch.save(model.state_dict(), …)``.

    Args:
        path: The weights, beside ``ent2ix.json`` (``json.dump(kg.ent2ix, …)``), or their folder.
        opening: Nothing is needed.

    Raises:
        InputError: A file is missing or wrong.
    """
    folder = path if path.is_dir() else path.parent
    file = sole_file(path, (".pt", ".pth", ".bin", ".safetensors"))
    mapping = folder / "ent2ix.json"
    try:
        given = parsed_json(mapping.read_text(encoding="utf-8"))
        names = {int(row): str(name) for name, row in given.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{mapping} cannot be read: {error}", hint="json.dump(kg.ent2ix, open(…, 'w'))"
        ) from None
    return Vectors(
        "torchkge", "", in_order(names, mapping), joined(open_tensors(file), ENTITY_KEYS, file)
    )
