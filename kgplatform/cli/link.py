"""``kgp link``: which entities of a graph the texts of a file name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.errors import InputError, UsageError

if TYPE_CHECKING:
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.store.names import EntityNames
    from kgplatform.text.link import Linker


@click.command()
@click.argument("texts", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--graph", default="default", show_default=True, help="Graph of the entities.")
@click.option(
    "--aliases", default="aliases", show_default=True, help="Property of their further names."
)
@click.option("--whole", is_flag=True, help="The file is one text, not a text a line.")
@click.option(
    "--encoder", help="What reads texts.  [default: that of the graph's texts, or minilm]"
)
@click.option(
    "--names-only", is_flag=True, help="Use no vectors: names and numbers of facts alone."
)
@click.option(
    "--threshold", type=click.FloatRange(0, 1), help="Probability under which nothing is meant."
)
@json_option
def link(
    texts: Path,
    graph: str,
    aliases: str,
    whole: bool,
    encoder: str | None,
    names_only: bool,
    threshold: float | None,
    as_json: bool,
) -> None:
    """Find the entities that TEXTS names: a file with a text a line, or - for standard input.

    Entities are found by their names and aliases. Which of several with the same name is meant is
    judged by its facts, by its name and description beside the sentence, and by the graph's
    vectors beside what else the text names; where none fits, `entity_id` is null. Places are in
    characters of the text.

    \b
    kgp link notes.txt --graph films
    """
    from dataclasses import asdict, replace

    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.names import read_names
    from kgplatform.text.link import link as link_texts

    if names_only and encoder:
        raise UsageError("--names-only reads no texts", hint="leave it, or leave --encoder")
    settings = load_settings()
    lines = _read(texts, whole)
    with open_store(settings) as store, progress_bar() as progress:
        known = read_names(store, graph, aliases, progress)
        linker = linker_of(settings, store, graph, known, encoder, names_only, progress)
        if threshold is not None:
            linker = replace(linker, weights=replace(linker.used, threshold=threshold))
        found = link_texts(linker, lines, progress)
    data: dict[str, Any] = {
        "graph": graph,
        "encoder": None if linker.encoder is None else linker.encoder.name,
        "graph_vectors": linker.graph is not None,
        "texts": [
            {"text": text, "mentions": [_shown(text, asdict(mention)) for mention in mentions]}
            for text, mentions in zip(lines, found, strict=True)
        ],
    }
    emit(data, as_json, _table(data["texts"], known))


def _read(path: Path, whole: bool) -> list[str]:
    """The texts of a file, or of standard input.

    Raises:
        InputError: It cannot be read.
    """
    try:
        content = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="give a file in UTF-8") from None
    # Not splitlines: a text may hold other marks that this would end it at.
    return [content] if whole else [line for line in content.split("\n") if line.strip()]


def linker_of(
    settings: Settings,
    store: Store,
    graph: str,
    known: EntityNames,
    encoder: str | None,
    names_only: bool,
    progress: Progress,
) -> Linker:
    """What links texts to a graph's entities, with the vectors that the graph has."""
    from kgplatform.store.stream_vectors import read_set
    from kgplatform.store.texts import active_set_of, check_encoder
    from kgplatform.store.writeback import Target
    from kgplatform.text.encode import DEFAULT_ENCODER, load_encoder
    from kgplatform.text.link import Linker
    from kgplatform.text.names import Gazetteer
    from kgplatform.text.vector_cache import cached_text_vectors

    gazetteer = Gazetteer(known.names)
    if names_only:
        return Linker(gazetteer, known.facts)
    target = Target(graph=graph)
    written = active_set_of(store, target, "text")
    name = encoder or (written or {}).get("encoder") or DEFAULT_ENCODER
    reader = load_encoder(name)
    if written is not None:
        check_encoder(store, target, name, reader.dimension)
    # By the cache, not from the graph: those may be of other properties.
    text = cached_text_vectors(reader, known.texts, settings.text_cache, progress)
    trained = active_set_of(store, target, "graph")
    if trained is None:
        note(f"graph {graph!r} has no vectors of its facts, which would help: `kgp write RUN`")
        return Linker(gazetteer, known.facts, reader, text)
    vectors = read_set(store, trained["name"], list(known.names), progress).values
    return Linker(gazetteer, known.facts, reader, text, vectors)


def _shown(text: str, mention: dict[str, Any]) -> dict[str, Any]:
    return {"surface": text[mention["start"] : mention["end"]], **mention}


def _table(texts: list[dict[str, Any]], known: EntityNames) -> str:
    rows = [
        [
            str(number),
            f"{each['start']}-{each['end']}",
            each["surface"],
            each["entity_id"] or "-",
            known.names[each["entity_id"]][0] if each["entity_id"] else "none fits",
            f"{each['confidence']:.2f}",
        ]
        for number, of_text in enumerate(texts, 1)
        for each in of_text["mentions"]
    ]
    if not rows:
        return "the texts hold no name of the graph's entities"
    return table(["text", "place", "written", "entity", "name", "confidence"], rows)
