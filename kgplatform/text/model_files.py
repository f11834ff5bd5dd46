"""The files of a model in a folder or in the hub's cache: what is wrong with them, by name.

The libraries that read them say what they stumbled over, often without the file's name, and some
go on without it: a tokenizer that cannot be read is made from a list of words beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError
from kgplatform.parsed import parsed_json

WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.gguf")

LONGEST_HEADER = 100 * 1024 * 1024
"""Bytes; that of a safetensors file, as its own reader has it."""


def check_model_files(name: str, kind: str) -> None:
    """Refuse a model whose files are damaged, before a library reads them.

    Args:
        name: A folder, or a name at the hub; one that is not here is left to be fetched.
        kind: What it is, for the error: ``text encoder``, ``language model``.

    Raises:
        InputError: A file is missing, cut or no JSON; it and the remedy are named.
    """
    cached = not Path(name).is_dir()
    folder = _cached_folder(name) if cached else Path(name)
    if folder is None:
        return
    fault = next(_faults(folder), None)
    if fault is None:
        return
    remedy = (
        f"remove {folder.parent.parent}, and it is fetched anew"
        if cached
        else "copy or save the model again, whole"
    )
    raise InputError(f"{kind} {name!r} is damaged: {fault}", hint=remedy)


def _cached_folder(name: str) -> Path | None:
    """Where the hub's cache has a model; None if it has not."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    names = [name] if "/" in name else [name, f"sentence-transformers/{name}"]
    for each in names:
        try:
            found = try_to_load_from_cache(each, "config.json")
        except HFValidationError:
            return None
        if isinstance(found, str):
            return Path(found).parent
    return None


def _faults(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.json")):
        yield from _faults_of_json(path)
    weights = [path for pattern in WEIGHTS for path in sorted(folder.rglob(pattern))]
    for path in weights:
        if path.suffix == ".safetensors":
            yield from _faults_of_tensors(path)
        elif not path.stat().st_size:
            yield f"{path} is empty"
    if not weights and (folder / "config.json").is_file():
        yield f"{folder} holds no weights ({', '.join(WEIGHTS)})"


def _faults_of_json(path: Path) -> Iterator[str]:
    try:
        value = parsed_json(path.read_bytes())
    except OSError as error:
        yield f"{path} cannot be read: {error.strerror}"
    except ValueError as error:
        empty = not path.stat().st_size
        yield f"{path} is {'empty' if empty else f'not JSON ({error})'}"
    else:
        if path.name == "config.json" and not value and path.parent.name != "2_Normalize":
            yield f"{path} says nothing"
        if path.name.endswith(".index.json") and isinstance(value, Mapping):
            parts = value.get("weight_map")
            for part in sorted(set(parts.values())) if isinstance(parts, Mapping) else ():
                if not (path.parent / str(part)).is_file():
                    yield f"{path.parent / str(part)} is missing"


def _faults_of_tensors(path: Path) -> Iterator[str]:
    """Whether a file of safetensors has the bytes that its header names."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(LONGEST_HEADER, size - 8):
                yield f"{path} is cut, or no file of safetensors: it has {size:,} bytes"
                return
            header = parsed_json(file.read(length))
        end = 8 + length + max((_end(entry) for entry in header.values()), default=0)
    except OSError as error:
        yield f"{path} cannot be read: {error.strerror}"
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        yield f"{path} has no header of safetensors: {json.dumps(str(error))[:100]}"
    else:
        if end != size:
            yield f"{path} has {size:,} bytes, and its header names {end:,}"


def _end(entry: Mapping[str, Any]) -> int:
    """Where a tensor's bytes end; 0 of what is no tensor (``__metadata__``)."""
    return int(entry["data_offsets"][1]) if "data_offsets" in entry else 0
