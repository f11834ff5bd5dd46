"""What nodes say of themselves: texts for an encoder, and which one has read them before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import RECORDS_AHEAD, Store
from kgplatform.store.stream import graph_record
from kgplatform.store.writeback import Target

STAGE = "reading texts"
TOLD_EVERY = 10_000


@dataclass(frozen=True)
class NodeTexts:
    """Texts of nodes.

    Attributes:
        ids: What identifies the nodes, [N], as text.
        texts: What they say, [N]; none is empty.
        without: How many nodes have nothing to say.
        integer_keys: Whether the ids were whole numbers.
    """

    ids: list[str]
    texts: list[str]
    without: int
    integer_keys: bool


def read_texts(
    store: Store, target: Target, properties: Sequence[str], progress: Progress = silent
) -> NodeTexts:
    """The texts of a graph's entities or chunks, or of a user's own nodes.

    Args:
        store: The database.
        target: The nodes.
        properties: What is read of each, joined by ``": "``; of a list, its items.
        progress: Told of nodes read.

    Raises:
        InputError: There is no such graph, or no node has such a text.
    """
    ids: list[str] = []
    texts: list[str] = []
    count = 0
    integers = False
    for key, values in _rows(store, target, properties):
        count += 1
        text = ": ".join(filter(None, map(as_text, values)))
        if text:
            integers = integers or isinstance(key, int)
            ids.append(str(key))
            texts.append(text)
        if count % TOLD_EVERY == 0:
            progress(STAGE, count, None)
    progress(STAGE, count, count)
    if not ids:
        where = f"graph {target.graph!r}" if target.graph else "the database"
        raise InputError(
            f"none of {count:,} nodes labelled {target.label!r} in {where} has a text in "
            f"{', '.join(properties)}",
            hint="name their properties with --property"
            if target.label != "Chunk"
            else "chunks come from documents: `kgp load DOCUMENTS`",
        )
    return NodeTexts(ids, texts, count - len(ids), integers)


def read_files(store: Store, target: Target, name: str, progress: Progress = silent) -> NodeTexts:
    """The files that a property of nodes names, one or a list of them.

    Returns:
        A row a file, so that a node with several has its id several times.

    Raises:
        InputError: There is no such graph, or no node has the property.
    """
    ids: list[str] = []
    files: list[str] = []
    count = without = 0
    integers = False
    for key, (value,) in _rows(store, target, [name]):
        count += 1
        named = [str(each) for each in (value if isinstance(value, list) else [value]) if each]
        without += not named
        integers = integers or isinstance(key, int)
        ids += [str(key)] * len(named)
        files += named
    progress(STAGE, count, count)
    if not ids:
        where = f"graph {target.graph!r}" if target.graph else "the database"
        raise InputError(
            f"none of {count:,} nodes labelled {target.label!r} in {where} has a file in {name}",
            hint="name the property that holds their files' names",
        )
    return NodeTexts(ids, files, without, integers)


def read_parts(
    store: Store, target: Target, properties: Sequence[str], progress: Progress = silent
) -> dict[str, tuple[str, ...]]:
    """What each property says, by what identifies the nodes; empty where one says nothing.

    Args and errors as those of :func:`read_texts`, but that nodes without any text are no error:
    they are there with empty texts.
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, values in _rows(store, target, properties):
        found[str(key)] = tuple(map(as_text, values))
        if len(found) % TOLD_EVERY == 0:
            progress(STAGE, len(found), None)
    progress(STAGE, len(found), len(found))
    return found


def _rows(store: Store, target: Target, properties: Sequence[str]) -> Any:
    """Key and values of each node as they arrive."""
    params: dict[str, Any] = {"names": list(properties)}
    with store.reading(RECORDS_AHEAD) as transaction:
        if target.graph is None:
            marks = {"label": target.label, "key": target.key}
            query = queries.fill("read/list_label_texts", **marks)
        else:
            graph_record(transaction, target.graph)
            query = queries.fill("read/list_graph_texts", label=target.label)
            params["graph"] = target.graph
        yield from transaction.stream(query, params)


def as_text(value: Any) -> str:
    """A property as text; spaces and line breaks count as one space."""
    values = value if isinstance(value, list) else [value]
    said = ", ".join(str(each) for each in values if each is not None)
    return " ".join(said.split())


def check_encoder(
    store: Store, target: Target, encoder: str, dimension: int, kind: str = "text"
) -> None:
    """Make sure that new vectors can stand beside or for the active ones of the texts or images.

    Raises:
        InputError: Those are another encoder's, or of another dimension; both are named.
    """
    active = active_set_of(store, target, kind)
    if active is None or (active["encoder"], active["dimension"]) == (encoder, dimension):
        return
    raise InputError(
        f"encoder {encoder!r} makes vectors of {dimension} numbers, but the {kind}s have vectors "
        f"of {active['dimension']} numbers by encoder {active['encoder']!r} (run {active['run']})",
        hint=f"name that encoder, or put the new vectors in place of them with --replace; "
        f"`kgp undo {active['run']}` removes them",
    )


def active_set_of(store: Store, target: Target, kind: str) -> dict[str, Any] | None:
    """The set of vectors of a kind that readers use: name, encoder, dimension, run and more."""
    rows = store.rows(
        queries.get("search/get_active_set"), graph=target.graph, label=target.label, kind=kind
    )
    return rows[0] if rows else None
