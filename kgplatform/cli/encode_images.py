"""``kgp encode --images``: vectors of the images whose files a property names."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kgplatform.cli.output import note, progress_bar
from kgplatform.cli.write import write_run
from kgplatform.errors import InputError, UsageError

if TYPE_CHECKING:
    from kgplatform.images.encode import ImageEncoder, ImageVectors
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.texts import NodeTexts
    from kgplatform.store.writeback import Target
    from kgplatform.training.artifacts import Run

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--images", metavar="PROPERTY", help="Read images: it holds their files' names."),
    click.option(
        "--folder",
        type=click.Path(path_type=Path),
        help="With --images: where the files are.  [default: this folder]",
    ),
    click.option(
        "--weights",
        metavar="FILE|random",
        help="With --images: of the encoder.  [default: those that torchvision publishes]",
    ),
    click.option(
        "--rejects",
        type=click.Path(path_type=Path),
        help="With --images: where files go that cannot be read.  [default: GRAPH.rejects.tsv]",
    ),
)


@dataclass(frozen=True)
class ImageOptions:
    """What the flags say of images: property, folder of files, weights, file of rejects."""

    name: str
    folder: Path
    weights: str | None
    rejects: Path | None


def image_options(function: F) -> F:
    """The flags of images, which a command gets as the one argument ``images``."""

    @functools.wraps(function)
    def collected(
        images: str | None,
        folder: Path | None,
        weights: str | None,
        rejects: Path | None,
        **rest: Any,
    ) -> Any:
        if images is not None:
            options = ImageOptions(images, folder or Path(), weights, rejects)
            return function(images=options, **rest)
        if folder or weights or rejects:
            raise UsageError(
                "--folder, --weights and --rejects belong to --images",
                hint="name the property that holds the files' names: --images PROPERTY",
            )
        return function(images=None, **rest)

    for option in reversed(OPTIONS):
        collected = option(collected)
    return collected  # type: ignore[return-value]


def encode_images(
    settings: Settings,
    target: Target,
    images: ImageOptions,
    encoder: str | None,
    device: str,
    write_back: bool,
    replacing: bool,
) -> dict[str, Any]:
    """Read the images, keep their vectors as a run, and write them if that is wanted.

    Raises:
        InputError: No file can be read; the rejects say why.
    """
    from kgplatform.connection import open_store
    from kgplatform.images.encode import DEFAULT_IMAGE_ENCODER, PUBLISHED, load_image_encoder
    from kgplatform.store.texts import check_encoder, read_files

    with open_store(settings) as store, progress_bar() as progress:
        reader = load_image_encoder(
            encoder or DEFAULT_IMAGE_ENCODER, images.weights or PUBLISHED, device
        )
        if write_back and not replacing:
            check_encoder(store, target, reader.name, reader.dimension, "image")
        read = read_files(store, target, images.name, progress)
        began = time.monotonic()
        made = _vectors(reader, read, images, target, progress)
        seconds = time.monotonic() - began
        run = _save(settings, reader, read, made, _source(target, images), seconds)
        data: dict[str, Any] = {
            "run": run.id,
            "folder": str(run.folder),
            "encoder": reader.name,
            "dimension": reader.dimension,
            "images": len(read.ids),
            "vectors": len(made.ids),
            "without": read.without,
            "rejected": len(made.rejects),
            "rejects_file": str(_rejects(images, target)) if made.rejects else None,
            "seconds": round(run.seconds, 3),
        }
        if write_back:
            data |= write_run(store, run, target, progress)
    return data


def _rejects(images: ImageOptions, target: Target) -> Path:
    from kgplatform.sources.rejects import REJECTS_ENDING

    name = (target.graph or target.label).replace("/", "_")
    return images.rejects or Path(f"{name}{REJECTS_ENDING}")


def _vectors(
    reader: ImageEncoder,
    read: NodeTexts,
    images: ImageOptions,
    target: Target,
    progress: Progress,
) -> ImageVectors:
    """Vectors of the files; those that cannot be read go to the rejects."""
    from kgplatform.images.encode import image_vectors
    from kgplatform.sources.rejects import RejectsFile

    path = _rejects(images, target)
    files = [(key, images.folder / name) for key, name in zip(read.ids, read.texts, strict=True)]
    with RejectsFile(path) as rejected:
        made = image_vectors(reader, files, progress)
        for each in made.rejects:
            rejected.add(each)
    if made.rejects:
        note(f"{len(made.rejects):,} of {len(files):,} files cannot be read: {path} says why")
    if not made.ids:
        raise InputError(
            f"none of {len(files):,} files can be read, the first of them "
            f"{made.rejects[0].file}: {made.rejects[0].reason}",
            hint="say with --folder where they are",
        )
    return made


def _source(target: Target, images: ImageOptions) -> dict[str, Any]:
    source: dict[str, Any] = {
        "graph": target.graph,
        "what": "images",
        "properties": [images.name],
        "files": str(images.folder),
    }
    if target.graph is None:
        source |= {"label": target.label, "key": target.key}
    return source


def _save(
    settings: Settings,
    reader: ImageEncoder,
    read: NodeTexts,
    made: ImageVectors,
    source: dict[str, Any],
    seconds: float,
) -> Run:
    from kgplatform.training.artifacts import new_run_id
    from kgplatform.training.vector_run import save_vector_run

    known = {"encoder": reader.name, "encoder_digest": reader.digest}
    return save_vector_run(
        settings.kgp_runs / new_run_id("image", settings.kgp_runs),
        "image",
        made.ids,
        made.vectors,
        {**source, **known, "integer_keys": read.integer_keys},
        seconds=seconds,
    )
