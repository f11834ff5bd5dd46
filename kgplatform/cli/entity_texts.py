"""Where a command's texts of entities come from: a file, or properties of the nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgplatform.cli.output import note
from kgplatform.errors import InputError

if TYPE_CHECKING:
    from kgplatform.progress import Progress
    from kgplatform.store.client import Store

PROPERTIES = "name,description"
"""What is read where nobody says what."""

ENDINGS = (".tsv", ".txt")


def texts_of_source(
    store: Store, source: Mapping[str, Any], texts: str, progress: Progress
) -> dict[str, tuple[str, ...]]:
    """Texts by id from what ``--texts`` names: a file, or properties of the source's nodes."""
    if texts.endswith(ENDINGS) or Path(texts).is_file():
        return texts_of_file(Path(texts))
    return texts_of_graph(store, source, texts, progress)


def texts_of_file(path: Path) -> dict[str, tuple[str, ...]]:
    """Texts by id from a table of tabs: an id, and one text or several.

    Of a line with one text the name is what stands before its first comma.

    Raises:
        InputError: It cannot be read, or a line has no text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="check the path") from None
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        entity, *texts = line.split("\t")
        if not texts:
            raise InputError(
                f"{path}:{number} has no tab, so no text", hint="a line an entity: id<TAB>text"
            )
        if len(texts) == 1:
            name, comma, rest = texts[0].partition(", ")
            texts = [name, rest] if comma else texts
        found[entity] = tuple(text.strip() for text in texts)
    return found


def texts_of_graph(
    store: Store, source: Mapping[str, Any], texts: str, progress: Progress
) -> dict[str, tuple[str, ...]]:
    """Texts by id from properties of the nodes that a source's entities are.

    Raises:
        UsageError: The source does not say which nodes they are.
    """
    from kgplatform.cli.connection import target_of_source
    from kgplatform.store.texts import read_text_properties

    properties = [name.strip() for name in texts.split(",") if name.strip()]
    target = target_of_source(source, None, None, None)
    return read_text_properties(store, target, properties, progress)


def aligned(
    entities: Sequence[str], texts: Mapping[str, tuple[str, ...]]
) -> tuple[list[str], list[str]]:
    """Names and whole texts in the order of entities; an id is read as words where there is none.

    Raises:
        InputError: No entity has a text.
    """
    lacking = [entity for entity in entities if not any(texts.get(entity, ()))]
    if len(lacking) == len(entities):
        raise InputError(
            "no entity has a text",
            hint="name the properties that hold them (--texts title,abstract), or a file of "
            "id<TAB>text",
        )
    if lacking:
        note(
            f"{len(lacking):,} of {len(entities):,} entities have no text, so their ids are read "
            f"instead, the first {lacking[0]!r}"
        )
    names, whole = [], []
    for entity in entities:
        parts = [part for part in texts.get(entity, ()) if part]
        parts = parts or [entity.replace("_", " ")]
        names.append(parts[0])
        whole.append(", ".join(parts))
    return names, whole
