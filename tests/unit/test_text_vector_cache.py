"""The cache of vectors: what is read, what is kept, what is passed over."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from kgplatform.text import vector_cache
from kgplatform.text.encode import TextEncoder, Tokens, load_encoder, text_vectors
from kgplatform.text.vector_cache import cached_text_vectors, text_key

TEXTS = ["b", "a", "", "a", "a longer text", "lone \ud800"]


class Counted:
    """A tokenizer that remembers what it cut."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.cut: list[str] = []
        self._own = encoder.tokenizer

    def __call__(self, texts: Sequence[str]) -> Tokens:
        self.cut += texts
        return self._own(texts)


@pytest.fixture
def encoder() -> TextEncoder:
    loaded = load_encoder()
    assert loaded.dimension == 384
    loaded.tokenizer = Counted(loaded)
    return loaded


def cut(encoder: TextEncoder) -> list[str]:
    assert isinstance(encoder.tokenizer, Counted)
    texts, encoder.tokenizer.cut = encoder.tokenizer.cut, []
    return texts


def test_a_text_is_read_once(
    encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_cache, "TEXTS_A_PART", 2)
    told: list[tuple[int, int | None]] = []
    vectors = cached_text_vectors(
        encoder, TEXTS, tmp_path, lambda _, done, total: told.append((done, total))
    )
    assert sorted(cut(encoder)) == sorted(set(TEXTS))
    assert told[-1] == (5, 5)
    assert len(list(tmp_path.glob("*/*.safetensors"))) == 3
    assert np.array_equal(cached_text_vectors(encoder, TEXTS, tmp_path), vectors)
    assert cut(encoder) == []
    assert np.allclose(vectors, text_vectors(encoder, TEXTS), atol=1e-6)
    cut(encoder)
    cached_text_vectors(encoder, ["new", *TEXTS], tmp_path)
    assert cut(encoder) == ["new"]
    assert cached_text_vectors(encoder, [], tmp_path).shape == (0, 384)


def test_a_damaged_part_is_passed_over(encoder: TextEncoder, tmp_path: Path) -> None:
    vectors = cached_text_vectors(encoder, TEXTS, tmp_path)
    (part,) = tmp_path.glob("*/*.safetensors")
    part.write_bytes(part.read_bytes()[:200])
    cut(encoder)
    assert np.array_equal(cached_text_vectors(encoder, TEXTS, tmp_path), vectors)
    assert sorted(cut(encoder)) == sorted(set(TEXTS))


def test_vectors_of_another_length_are_passed_over(encoder: TextEncoder, tmp_path: Path) -> None:
    place = tmp_path / encoder.digest[:32]
    place.mkdir()
    keys = np.frombuffer(text_key("a"), dtype=np.uint8).reshape(1, -1)
    save_file({"keys": keys, "vectors": np.ones((1, 3), dtype=np.float32)}, place / "x.safetensors")
    (vector,) = cached_text_vectors(encoder, ["a"], tmp_path)
    assert vector.shape == (384,)
    assert cut(encoder) == ["a"]


def test_encoders_do_not_share(encoder: TextEncoder, tmp_path: Path) -> None:
    cached_text_vectors(encoder, ["a"], tmp_path)
    changed = load_encoder()
    with torch.no_grad():
        next(iter(changed.network.parameters())).mul_(1.5)
    before = cached_text_vectors(encoder, ["a"], tmp_path)
    assert not np.allclose(cached_text_vectors(changed, ["a"], tmp_path), before)
