"""``kgp encode``: what a language model makes of a graph's texts, as a run of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.store.texts import NodeTexts
    from kgplatform.store.writeback import Target
    from kgplatform.text.encode import TextEncoder
    from kgplatform.training.artifacts import Run

READ = {"entities": ("name", "description"), "chunks": ("text",)}
"""What is read of a node where no property is named."""


@click.command()
@click.option("--graph", help="Graph of the texts.  [default: default]")
@click.option("--label", help="Label of your own nodes, in place of a graph.")
@click.option("--key", help="With --label: the property that identifies them.")
@click.option(
    "--what",
    type=click.Choice(list(READ)),
    default="entities",
    show_default=True,
    help="Whose texts.",
)
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="NAME",
    help="A property to read, as often as needed.  [default: name and description]",
)
@click.option("--encoder", default="minilm", show_default=True, help="A name or a folder.")
@click.option("--device", help="Where to compute: cpu, cuda.  [default: a GPU if there is one]")
@click.option("--write", "write_back", is_flag=True, help="Write the vectors into the graph, too.")
@click.option("--replace", is_flag=True, help="With --write: also for those of another encoder.")
@json_option
def encode(
    graph: str | None,
    label: str | None,
    key: str | None,
    what: str,
    properties: tuple[str, ...],
    encoder: str,
    device: str | None,
    write_back: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Make vectors of what entities or chunks say of themselves, and keep them as a run.

    Any sentence-transformers or Hugging Face encoder, by the name of the hub or as a folder;
    minilm comes with its weights. Texts that were read before are taken from the cache. `kgp
    write RUN` or --write puts the vectors into the graph, beside those of its links; `kgp
    similar --kind text` finds by them.

    \b
    kgp encode --graph films --property title --property plot --write
    kgp encode --label Person --key email --property bio
    """
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.texts import check_encoder, read_texts

    target = _target(graph, label, key, what)
    if replace and not write_back:
        raise UsageError("--replace belongs to --write", hint="add --write, or leave --replace")
    settings = load_settings()
    names = properties or READ[what]
    with open_store(settings) as store, progress_bar() as progress:
        reader = _encoder(encoder, device)
        if write_back and not replace:
            check_encoder(store, target, encoder, reader.dimension)
        read = read_texts(store, target, names, progress)
        run = _save(settings, reader, read, _source(target, what, names, reader), progress)
        data: dict[str, Any] = {
            "run": run.id,
            "folder": str(run.folder),
            "encoder": encoder,
            "dimension": reader.dimension,
            "texts": len(read.ids),
            "without": read.without,
            "seconds": round(run.seconds, 3),
        }
        if write_back:
            data |= _write(store, run, target, progress)
    emit(data, as_json, _summary(data))


def _target(graph: str | None, label: str | None, key: str | None, what: str) -> Target:
    from kgplatform.store.writeback import Target

    if bool(label) != bool(key) or (label and graph):
        raise UsageError(
            "the texts are in --graph, or under --label with --key",
            hint="--label Person --key email",
        )
    if label and key:
        if what == "chunks":
            raise UsageError("chunks are of a --graph", hint="leave --label and --key")
        return Target(label=label, key=key, graph=None)
    return Target(label="Chunk" if what == "chunks" else "Entity", graph=graph or "default")


def _encoder(name: str, device: str | None) -> TextEncoder:
    import torch

    from kgplatform.text.encode import load_encoder

    return load_encoder(name, device or ("cuda" if torch.cuda.is_available() else "cpu"))


def _source(
    target: Target, what: str, names: tuple[str, ...], encoder: TextEncoder
) -> dict[str, Any]:
    """What the run remembers of where its texts are and who read them."""
    source: dict[str, Any] = {
        "graph": target.graph,
        "what": what,
        "properties": list(names),
        "encoder": encoder.name,
        "encoder_digest": encoder.digest,
    }
    if target.graph is None:
        source |= {"label": target.label, "key": target.key}
    return source


def _save(
    settings: Settings,
    encoder: TextEncoder,
    read: NodeTexts,
    source: dict[str, Any],
    progress: Progress,
) -> Run:
    import time

    from kgplatform.text.vector_cache import cached_text_vectors
    from kgplatform.training.artifacts import new_run_id
    from kgplatform.training.vector_run import save_vector_run

    began = time.monotonic()
    vectors = cached_text_vectors(encoder, read.texts, settings.text_cache, progress)
    return save_vector_run(
        settings.kgp_runs / new_run_id("text"),
        "text",
        read.ids,
        vectors,
        {**source, "integer_keys": read.integer_keys},
        seconds=time.monotonic() - began,
    )


def _write(store: Store, run: Run, target: Target, progress: Progress) -> dict[str, Any]:
    from dataclasses import replace

    from kgplatform.cli.write import kind_of, run_properties
    from kgplatform.store.writeback import write_vectors
    from kgplatform.training.artifacts import entity_vectors

    target = replace(target, integer_keys=bool(run.source["integer_keys"]))
    keys, vectors = entity_vectors(run)
    properties = run_properties(run, target)
    return write_vectors(
        store, run.id, properties, target, keys, vectors, progress, kind=kind_of(run)
    )


def _summary(data: dict[str, Any]) -> str:
    lines = [
        f"run {data['run']}: {data['texts']:,} vectors of {data['dimension']} numbers by "
        f"{data['encoder']}"
    ]
    if data["without"]:
        lines.append(f"{data['without']:,} nodes have no such text, and so no vector")
    if "written" not in data:
        return "\n".join([*lines, f"next: kgp write {data['run']}"])
    lines.append(f"in property {data['property']}, index {data['index']}, now active")
    if data["replaced"]:
        lines.append(f"they take the place of {data['replaced']}")
    return "\n".join(lines)
