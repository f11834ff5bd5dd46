"""OpenKE: ids in two dictionaries, triples of ids as head, **tail**, relation; its checkpoints."""

from __future__ import annotations

from pathlib import Path

from kgplatform.errors import InputError
from kgplatform.graph.interchange.content import (
    RENAME,
    Content,
    edges_by_split,
    fault_in_lines,
    refuse_names,
    unheld,
    write_lines,
)
from kgplatform.graph.interchange.vectors import Opening, Vectors, in_order, joined, open_tensors

ENTITY_KEYS = (("ent_embeddings.weight",), ("ent_re_embeddings.weight", "ent_im_embeddings.weight"))


def write(content: Content, path: Path) -> list[str]:
    """A folder of ``entity2id.txt``, ``relation2id.txt`` and ``*2id.txt`` a split.

    All three splits have a file, an empty one too: OpenKE opens them without looking.
    """
    snapshot = content.snapshot
    refuse_names(snapshot, "OpenKE", fault_in_lines, RENAME)
    path.mkdir()
    for kind, names in (("entity", snapshot.entities), ("relation", snapshot.relations)):
        lines = (f"{name}\t{index}" for index, name in enumerate(names))
        write_lines(path / f"{kind}2id.txt", [str(len(names)), *lines])
    triples = snapshot.triples()
    for split, edges in edges_by_split(snapshot).items():
        lines = (f"{head} {tail} {kind}" for head, kind, tail in triples[edges].tolist())
        write_lines(path / f"{split}2id.txt", [str(edges.numel()), *lines])
    return unheld(snapshot, ("split", "isolated"))


def read(path: Path, opening: Opening) -> Vectors:  # noqa: ARG001  # as every reader is called
    """Entity vectors of a checkpoint: ``save_checkpoint`` or ``save_parameters``.

    Args:
        path: The checkpoint, beside ``entity2id.txt``, or a folder of both.
        opening: Nothing is needed.

    Raises:
        InputError: A file is missing or wrong.
    """
    folder = path if path.is_dir() else path.parent
    file = sole_file(path, (".ckpt", ".pt", ".pth", ".json", ".vec"))
    names = _names(folder / "entity2id.txt")
    return Vectors("openke", "", names, joined(open_tensors(file), ENTITY_KEYS, file))


def sole_file(path: Path, suffixes: tuple[str, ...], but: tuple[str, ...] = ()) -> Path:
    """The file itself, or the one in a folder with one of the endings.

    Raises:
        InputError: The folder has none, or several.
    """
    if path.is_file():
        return path
    found = sorted(p for p in path.iterdir() if p.suffix in suffixes and p.name not in but)
    if len(found) != 1:
        listed = ", ".join(p.name for p in found) or "none"
        raise InputError(
            f"{path} should have one file ending in {', '.join(suffixes)}, and has {listed}",
            hint="name the file itself",
        )
    return found[0]


def _names(file: Path) -> tuple[str, ...]:
    names: dict[int, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
        for line in filter(None, lines[1:]):
            name, _, key = line.rpartition("\t" if "\t" in line else " ")
            names[int(key)] = name.strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"{file} cannot be read: {error}",
            hint="put the entity2id.txt of the training beside the checkpoint",
        ) from None
    return in_order(names, file)
