"""Vectors of texts that were read before, kept by the hash of encoder and text.

A folder an encoder (by its digest) holds parts of a few thousand vectors; a part is written whole
under a name of its own, so that processes side by side and crashes cannot spoil one another's.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kgplatform.progress import Progress, silent
from kgplatform.saved import saving
from kgplatform.text.encode import TextEncoder, text_vectors

TEXTS_A_PART = 2_048
KEY_BYTES = 16
SUM = "crc32"


def cached_text_vectors(
    encoder: TextEncoder, texts: Sequence[str], folder: Path, progress: Progress = silent
) -> np.ndarray:
    """The same as ``text_vectors``; only texts that the folder has not yet are read.

    What was read is kept every few thousand texts, so that a run that was stopped goes on there.

    Args:
        encoder: A frozen encoder.
        texts: Any texts.
        folder: Where vectors of all encoders are kept; made if need be.
        progress: Told of texts.

    Returns:
        float32 [N, D].
    """
    place = folder / encoder.digest[:32]
    keys = [text_key(text) for text in texts]
    known = _known(place, encoder.dimension, set(keys))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    # Texts of like length go together, as in `text_vectors`.
    wanted = sorted(missing.items(), key=lambda item: len(item[1]))
    for start in range(0, len(wanted), TEXTS_A_PART):
        part = wanted[start : start + TEXTS_A_PART]
        vectors = text_vectors(
            encoder,
            [text for _, text in part],
            lambda stage, done, _, at=start: progress(stage, at + done, len(wanted)),
        )
        _keep(place, [key for key, _ in part], vectors)
        known.update(zip((key for key, _ in part), vectors, strict=True))
    if not keys:
        return np.empty((0, encoder.dimension), dtype=np.float32)
    return np.stack([known[key] for key in keys])


def text_key(text: str) -> bytes:
    """128 bits of SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:KEY_BYTES]


def _known(place: Path, dimension: int, wanted: AbstractSet[bytes]) -> dict[bytes, np.ndarray]:
    """Vectors of the wanted keys; a damaged part is passed over, so that its texts are read."""
    found: dict[bytes, np.ndarray] = {}
    for path in sorted(place.glob("*.safetensors")):
        try:
            part = load_file(path)
            keys, vectors, kept = part["keys"], part["vectors"], part[SUM]
        except (OSError, SafetensorError, KeyError):
            continue
        fits = vectors.shape == (len(keys), dimension) and keys.shape[1:] == (KEY_BYTES,)
        if fits and np.array_equal(kept, _sum(keys, vectors)):
            for row, key in enumerate(keys):
                if (name := key.tobytes()) in wanted:
                    # A copy: a view would keep all of the part in memory.
                    found[name] = vectors[row].copy()
    return found


def _keep(place: Path, keys: Sequence[bytes], vectors: np.ndarray) -> None:
    place.mkdir(parents=True, exist_ok=True)
    rows = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
    path = place / f"{secrets.token_hex(8)}.safetensors"
    temporary = path.with_suffix(".part")
    with saving(temporary, path):
        save_file({"keys": rows, "vectors": vectors, SUM: _sum(rows, vectors)}, temporary)


def _sum(keys: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """What tells a part whose bytes have changed: CRC-32, as no enemy is thought of here."""
    found = zlib.crc32(vectors.tobytes(), zlib.crc32(keys.tobytes()))
    return np.array([found], dtype=np.uint32)
