"""Causal language models of Hugging Face, loaded with an error that says what was wrong."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from kgplatform.errors import InputError
from kgplatform.text.model_files import check_model_files

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_UNUSABLE = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    AttributeError,
    ImportError,
    TypeError,
    struct.error,
)
"""What the libraries raise of a model that is not there, not whole, or of an unknown kind."""

Precision = Literal["float32", "bfloat16"]


@contextlib.contextmanager
def loading(name: str) -> Iterator[None]:
    """Quietly; what the libraries raise becomes an error that names the model.

    Raises:
        InputError: There is no such model here or at the hub, its files are damaged, it is no
            causal language model, or reading it needs a package that is not installed.
    """
    # Whoever starts threads of their own must not be warned of it at each fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from safetensors import SafetensorError

    try:
        with _quiet():
            yield
    except (*_UNUSABLE, SafetensorError) as error:
        detail = " ".join(str(error).split())[:300]
        raise InputError(
            f"language model {name!r} cannot be loaded: {detail}",
            hint="give a folder with a saved causal model, a .gguf file, or a name at the hub "
            "(which needs a network the first time)",
        ) from None


def load_causal(
    name: str, device: str | torch.device = "cpu", precision: Precision = "float32"
) -> tuple[PreTrainedTokenizerBase, Any]:
    """The tokenizer and the network of a causal language model; to be called in ``loading``.

    Args:
        name: A folder; a file ``….gguf``, which is made into plain numbers as it is read (with the
            extra ``rl``); or a name at the hub, which is asked unless the cache of transformers has
            the model already.
        device: Where it is to compute.
        precision: Of its weights.

    Raises:
        InputError: There is no such file or folder.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place, options = _place(name)
    if not options:
        check_model_files(place, "language model")
    tokenizer = AutoTokenizer.from_pretrained(place, **options)
    network: Any = AutoModelForCausalLM.from_pretrained(
        place, dtype=getattr(torch, precision), **options, **_as_numbers(options)
    )
    network.to(device)
    return tokenizer, network


def _place(name: str) -> tuple[str, dict[str, Any]]:
    path = Path(name)
    here = path.is_absolute() or path.suffix == ".gguf" or ("/" in name and path.parent.is_dir())
    if here and not path.exists():
        # Not a name at the hub, which would be asked for a minute where there is no network.
        raise InputError(f"there is no language model at {name}", hint="check the path")
    if path.suffix != ".gguf":
        return name, {}
    return str(path.parent), {"gguf_file": path.name}


def _as_numbers(options: Mapping[str, Any]) -> dict[str, Any]:
    """What asks for a GGUF file's weights as numbers, where the library could keep its blocks."""
    import transformers

    kept = getattr(transformers, "GgufConfig", None)
    return {"quantization_config": kept(dequantize=True)} if options and kept else {}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' bars: a small model is there at once."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
