"""``kgp encode``: what a network makes of a graph's texts or images, as a run of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.encode_images import (
    ImageOptions,
    encode_images,
    image_options,
)
from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.cli.write import write_run
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
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
@image_options
@click.option(
    "--encoder", help="A name or a folder.  [default: minilm; of images: resnet18]", metavar="NAME"
)
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
    images: ImageOptions | None,
    encoder: str | None,
    device: str | None,
    write_back: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Make vectors of what entities or chunks say or look like, and keep them as a run.

    Any sentence-transformers or Hugging Face encoder, by the name of the hub or as a folder;
    minilm comes with its weights. Texts that were read before are taken from the cache. `kgp
    write RUN` or --write puts the vectors into the graph, beside those of its links; `kgp
    similar --kind text` finds by them.

    With --images, the files that PROPERTY names (one or a list) are read instead, by a
    classification network of torchvision without its last layer (extra `image`); `kgp similar
    --kind image` finds by the vectors, and `kgp train joint-classify --modality` takes them as one
    more thing that is known of entities.

    \b
    kgp encode --graph films --property title --property plot --write
    kgp encode --label Person --key email --property bio
    kgp encode --graph films --images poster --folder posters --write
    """
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.texts import check_encoder, read_texts
    from kgplatform.text.encode import DEFAULT_ENCODER

    target = _target(graph, label, key, what)
    if replace and not write_back:
        raise UsageError("--replace belongs to --write", hint="add --write, or leave --replace")
    settings = load_settings()
    if images is not None:
        if properties or what != "entities":
            raise UsageError("--images reads images", hint="leave --property and --what")
        ended = encode_images(
            settings, target, images, encoder, device_of(device), write_back, replace
        )
        _emit(ended, as_json, target)
        return
    encoder = encoder or DEFAULT_ENCODER
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
            data |= write_run(store, run, target, progress)
    _emit(data, as_json, target)


def _emit(data: dict[str, Any], as_json: bool, target: Target) -> None:
    if "written" in data:
        shown = {"graph": target.graph, "run": data["run"]}
        emit_linked(data, as_json, _summary(data), "show_run", **shown)
    else:
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
    from kgplatform.text.encode import load_encoder

    return load_encoder(name, device_of(device))


def device_of(given: str | None) -> str:
    """The device that was named, else a GPU if there is one."""
    import torch

    return given or ("cuda" if torch.cuda.is_available() else "cpu")


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
        settings.kgp_runs / new_run_id("text", settings.kgp_runs),
        "text",
        read.ids,
        vectors,
        {**source, "integer_keys": read.integer_keys},
        seconds=time.monotonic() - began,
    )


def _summary(data: dict[str, Any]) -> str:
    of_images = "images" in data
    count = data["vectors"] if of_images else data["texts"]
    lines = [
        f"run {data['run']}: {count:,} vectors of {data['dimension']} numbers by {data['encoder']}"
    ]
    if data["without"]:
        lacking = "name no image" if of_images else "have no such text"
        lines.append(f"{data['without']:,} nodes {lacking}, and so no vector")
    if "written" not in data:
        return "\n".join([*lines, f"next: kgp write {data['run']}"])
    lines.append(f"in property {data['property']}, index {data['index']}, now active")
    if data["replaced"]:
        lines.append(f"they take the place of {data['replaced']}")
    return "\n".join(lines)
