"""Image encoders: what a torchvision network makes of an image before it names a class.

Any classification network of torchvision, with the weights that torchvision publishes, with weights
of a local file, or untrained, all weights random: such a network keeps much of what an image looks
like, too (Saxe et al. 2011, "On Random Weights and Unsupervised Feature Learning").
"""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor, nn

from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.progress import Progress, silent
from kgplatform.triples import Reject

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_IMAGE_ENCODER = "resnet18"
"""He et al. 2016, "Deep Residual Learning": 512 numbers, 11.7 million weights."""

PUBLISHED, RANDOM = "published", "random"
"""Names of weights that are no file."""

IMAGES_A_BATCH = 32
READERS = 4
STAGE = "encoding images"

_QUIET = {"init_weights": True, "transform_input": True}
_ARGUMENTS: dict[str, dict[str, Any]] = {"googlenet": _QUIET, "inception_v3": _QUIET}
"""What networks are told that would warn without it, and that were trained on other colours."""

_TRAINING_ALONE = "aux"
"""How layers begin that a network has for its training."""

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, MemoryError)
"""What Pillow raises of files that are no images, not whole, or far too large."""


_UNREADABLE = (OSError, RuntimeError, pickle.UnpicklingError, EOFError)
"""What torch raises of files that hold no weights."""

_OLD_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(?=[12]\.)")
"""How weights of a DenseNet are called in files of old, torchvision's own among them."""


@dataclass(frozen=True, eq=False)
class ImageEncoder:
    """A network that reads images.

    Attributes:
        name: Network and weights.
        network: Without its last layer, frozen.
        prepare: Makes a tensor float32 [3, H, W] of an image, as the network was trained on.
        device: Where it computes.
        dimension: Length of its vectors, D.
        digest: SHA-256 of network and weights, hexadecimal.
    """

    name: str
    network: nn.Module
    prepare: Callable[[Image], Tensor]
    device: torch.device
    dimension: int
    digest: str


def load_image_encoder(
    name: str = DEFAULT_IMAGE_ENCODER,
    weights: str = PUBLISHED,
    device: str | torch.device = "cpu",
    *,
    seed: int = 0,
) -> ImageEncoder:
    """An encoder by name.

    Args:
        name: A classification network of torchvision.
        weights: ``published``: those that torchvision has for it, fetched once unless torch's cache
            holds them; ``random``: none; else a file with a state dict, ``.safetensors`` or what
            ``torch.save`` writes. Its last layer may be of any number of classes: it is not used.
        device: Where it is to compute.
        seed: Of random weights.

    Raises:
        UsageError: The extra ``image`` is not installed.
        UnknownNameError: There is no such network.
        InputError: The weights cannot be had or do not fit, or the network gives no vector.
    """
    models = _models()
    known = models.list_models(module=models)
    if name not in known:
        raise UnknownNameError("image encoder", name, known)
    prepare = models.get_model_weights(name).DEFAULT.transforms()
    network = _drawn(models, name, prepare.crop_size[0], seed)
    head = _without_head(name, network)
    said = {PUBLISHED: PUBLISHED, RANDOM: f"{RANDOM} {seed}"}.get(weights, Path(weights).name)
    if weights == PUBLISHED:
        _put(network, _published(models, name), head, f"the published weights of {name}")
    elif weights != RANDOM:
        _put(network, _of_file(Path(weights)), head, weights)
    digest = _digest(name, network)
    network = network.requires_grad_(False).eval().to(device)
    with torch.no_grad():
        empty = torch.zeros(1, 3, prepare.crop_size[0], prepare.crop_size[0], device=device)
        dimension = int(network(empty).shape[1])
    return ImageEncoder(
        f"{name} ({said})", network, prepare, torch.device(device), dimension, digest
    )


def _models() -> Any:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        # It is built for one torch, and says so in the second way.
        raise UsageError(
            f"images are read by torchvision, which cannot be imported: {error}",
            hint="pip install 'kgplatform[image]', with a torchvision that suits this torch",
        ) from None
    return models


def _drawn(models: Any, name: str, size: int, seed: int) -> nn.Module:
    """A network for images of ``size`` × ``size``, its weights drawn."""
    given = dict(_ARGUMENTS.get(name, {}))
    if name.startswith("vit_"):
        given["image_size"] = size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = models.get_model(name, weights=None, **given)
        return network


def _without_head(name: str, network: nn.Module) -> str:
    """Take the layer off that names classes; where it was.

    Raises:
        InputError: Classes are not named by a linear layer.
    """
    linear = [at for at, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise InputError(
            f"image encoder {name!r} has no last layer that gives classes alone",
            hint=f"take another one, such as {DEFAULT_IMAGE_ENCODER}",
        )
    parent, _, last = linear[-1].rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())
    return str(linear[-1])


def _published(models: Any, name: str) -> Mapping[str, Tensor]:
    best = models.get_model_weights(name).DEFAULT
    try:
        found: Mapping[str, Tensor] = best.get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except (*_UNREADABLE, URLError) as error:
        detail = " ".join(str(error).split())[:300]
        raise InputError(
            f"the published weights of {name} cannot be loaded: {detail}",
            hint=f"get {best.url} elsewhere and give the file with --weights, or "
            f"--weights {RANDOM} for an untrained network",
        ) from None
    return found


def _of_file(path: Path) -> Mapping[str, Tensor]:
    """A state dict, also one that a training kept beside other things."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (*_UNREADABLE, SafetensorError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(
            f"weights {path} cannot be read: {detail}",
            hint="give a state dict as .safetensors or as torch.save writes it",
        ) from None
    for inside in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(inside), dict):
            found = found[inside]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise InputError(f"{path} holds no state dict", hint="torch.save(model.state_dict(), …)")
    return {key.removeprefix("module."): value for key, value in found.items()}


def _put(network: nn.Module, weights: Mapping[str, Tensor], head: str, where: str) -> None:
    """Give a network weights; those of the layer that was taken off are passed over."""
    passed = (f"{head}.", _TRAINING_ALONE)
    named = {_OLD_LAYER.sub(r"\1", key): value for key, value in weights.items()}
    kept = {key: value for key, value in named.items() if not key.startswith(passed)}
    own = network.state_dict()
    missing = [key for key in own if key not in kept and not key.startswith(passed)]
    shapes = [key for key in kept if key in own and kept[key].shape != own[key].shape]
    strange = [key for key in kept if key not in own]
    if missing or shapes or strange:
        first = (missing + shapes + strange)[0]
        raise InputError(
            f"{where} is of another network: {len(missing)} weights are missing, {len(strange)} "
            f"too many and {len(shapes)} of another shape, the first of them {first}",
            hint="name the network that they are of with --encoder",
        )
    network.load_state_dict(kept, strict=False)


def _digest(name: str, network: nn.Module) -> str:
    sha = hashlib.sha256(name.encode())
    for key, tensor in sorted(network.state_dict().items()):
        sha.update(key.encode())
        sha.update(tensor.cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


@dataclass(frozen=True, eq=False)
class ImageVectors:
    """What was made of images.

    Attributes:
        ids: What each vector is of, [N]; each once.
        vectors: float32 [N, D], of length 1.
        rejects: Files that could not be read, with the reason.
    """

    ids: list[str]
    vectors: np.ndarray
    rejects: list[Reject]


def image_vectors(
    encoder: ImageEncoder, files: Sequence[tuple[str, Path]], progress: Progress = silent
) -> ImageVectors:
    """The vector of what each id has images of; of several images, the direction of their mean.

    Lengths are made 1, as those of texts are, so that no modality outweighs another by its units.

    Args:
        encoder: What reads them.
        files: Ids and their files; an id may have several.
        progress: Told of files.
    """
    rows: dict[str, np.ndarray] = {}
    rejects: list[Reject] = []
    done = 0
    for part, found in _read_batches(encoder, files):
        good: list[tuple[str, Path]] = []
        images: list[Tensor] = []
        for (name, path), image in zip(part, found, strict=True):
            if isinstance(image, str):
                rejects.append(Reject(str(path), 0, image, name))
            else:
                good.append((name, path))
                images.append(image)
        if good:
            with torch.no_grad():
                made = encoder.network(torch.stack(images).to(encoder.device)).float()
            made = torch.nn.functional.normalize(made, dim=1).cpu().numpy()
            for (name, path), vector in zip(good, made, strict=True):
                if vector.any():
                    rows[name] = rows[name] + vector if name in rows else vector
                else:
                    rejects.append(Reject(str(path), 0, "the network sees nothing in it", name))
        done += len(part)
        progress(STAGE, done, len(files))
    if not rows:
        return ImageVectors([], np.empty((0, encoder.dimension), np.float32), rejects)
    table = np.stack(list(rows.values()))
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    return ImageVectors(list(rows), table, rejects)


def _read_batches(
    encoder: ImageEncoder, files: Sequence[tuple[str, Path]]
) -> Iterator[tuple[Sequence[tuple[str, Path]], list[Tensor | str]]]:
    """Files in batches with their tensors, or why there are none; read ahead by a batch."""
    parts = [files[at : at + IMAGES_A_BATCH] for at in range(0, len(files), IMAGES_A_BATCH)]
    with ThreadPoolExecutor(READERS) as pool:

        def begin(part: Sequence[tuple[str, Path]]) -> list[Any]:
            return [pool.submit(_image, encoder, path) for _, path in part]

        ahead = begin(parts[0]) if parts else []
        for at, part in enumerate(parts):
            reading, ahead = ahead, begin(parts[at + 1]) if at + 1 < len(parts) else []
            yield part, [each.result() for each in reading]


def _image(encoder: ImageEncoder, path: Path) -> Tensor | str:
    """A file as the encoder takes it, or why that cannot be."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            # As a camera meant it, and without a palette or transparency.
            return encoder.prepare(ImageOps.exif_transpose(file).convert("RGB"))
    except FileNotFoundError:
        return "there is no such file"
    except IsADirectoryError:
        return "it is a folder"
    except Image.DecompressionBombError:
        return "it has more pixels than an image should"
    except UnidentifiedImageError:
        return "it is no image"
    except _BROKEN as error:
        detail = " ".join(str(error).split())
        return f"it cannot be read: {detail}"
