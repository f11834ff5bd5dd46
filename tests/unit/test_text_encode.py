"""Encoders against sentence-transformers' own ``encode``; texts of every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_models import small_bert

from kgplatform.errors import InputError, UsageError
from kgplatform.text.encode import TextEncoder, Tokens, load_encoder, text_vectors

TEXTS = [
    "A knowledge graph.",
    "",
    "x",
    "A knowledge graph.",
    "Łódź is a city in Poland, 北京 one in China 😀.",
    "word " * 1000,
    "control \x00\x07 characters",
    " \n\t ",
]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_encoder()


def own(encoder: TextEncoder, texts: list[str]) -> np.ndarray:
    return np.asarray(encoder.network.encode(texts, show_progress_bar=False))


def test_the_default_reads_as_sentence_transformers_does(encoder: TextEncoder) -> None:
    vectors = text_vectors(encoder, TEXTS, tokens_a_batch=64)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, own(encoder, TEXTS), atol=1e-5)
    assert np.array_equal(vectors[0], vectors[3])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert not any(weight.requires_grad for weight in encoder.network.parameters())


def test_the_order_of_texts_and_of_batches_changes_nothing(encoder: TextEncoder) -> None:
    vectors = text_vectors(encoder, TEXTS)
    backwards = text_vectors(encoder, TEXTS[::-1], tokens_a_batch=1)
    assert np.allclose(vectors, backwards[::-1], atol=1e-5)
    assert text_vectors(encoder, []).shape == (0, 384)
    told: list[tuple[int, int | None]] = []
    text_vectors(encoder, TEXTS, lambda _, done, total: told.append((done, total)))
    assert told[-1] == (7, 7)
    with pytest.raises(UsageError, match="batches of 0 tokens"):
        text_vectors(encoder, TEXTS, tokens_a_batch=0)


def test_tokens_know_their_places(encoder: TextEncoder) -> None:
    text = "Łódź, 北京 \ud800 😀 and the knowledge graph"
    tokens = encoder.tokens([text, "short"])
    assert tokens.ids.shape == tokens.mask.shape == tokens.offsets.shape[:2]
    assert tokens.mask[1].sum() == 3
    pieces = [text[start:end] for start, end in tokens.offsets[0].tolist() if end]
    assert "".join(pieces).replace("\ud800", "") == text.replace(" ", "").replace("\ud800", "")
    assert pieces[-1] == "graph"
    long = encoder.tokens(["word " * 1000])
    assert long.ids.shape == (1, encoder.max_tokens)


def test_lone_surrogates_are_read_as_what_cannot_be_read(encoder: TextEncoder) -> None:
    broken, replaced = text_vectors(encoder, ["a \udcff b", "a \ufffd b"])
    assert np.array_equal(broken, replaced)


def test_gradients_flow_where_they_are_asked_for(encoder: TextEncoder) -> None:
    fresh = load_encoder()
    fresh.network.requires_grad_(True)
    states = fresh.read(fresh.tokens(["a", "b c"]))
    assert states.states.shape[:2] == (2, 4)
    assert states.pooled.requires_grad


def test_a_folder_that_a_user_saved(encoder: TextEncoder, tmp_path: Path) -> None:
    encoder.network.save(str(tmp_path / "mine"))
    saved = load_encoder(str(tmp_path / "mine"))
    assert np.allclose(text_vectors(saved, TEXTS), text_vectors(encoder, TEXTS), atol=1e-6)
    assert saved.digest == encoder.digest
    with torch.no_grad():
        next(iter(saved.network.parameters())).add_(1e-3)
    del saved.__dict__["digest"]
    assert saved.digest != encoder.digest


def test_a_folder_of_hugging_face_is_read_by_the_mean_of_its_states(tmp_path: Path) -> None:
    small_bert(tmp_path)
    encoder = load_encoder(str(tmp_path))
    assert (encoder.dimension, encoder.max_tokens) == (12, 16)
    texts = ["abc", "j i h", "", "a " * 100]
    tokens = encoder.tokens(texts)
    assert tokens.ids.shape == (4, 16)
    encoded = encoder(*texts)
    weights = tokens.mask.float()[..., None]
    mean = (encoded.states * weights).sum(1) / weights.sum(1)
    assert torch.allclose(encoded.pooled, mean, atol=1e-6)
    assert np.allclose(text_vectors(encoder, texts), mean.numpy(), atol=1e-5)


def test_a_prompt_of_the_encoder_is_read_and_moves_no_place(tmp_path: Path) -> None:
    small_bert(tmp_path)
    plain = load_encoder(str(tmp_path))
    plain.network.prompts = {"query": "j: "}
    plain.network.default_prompt_name = "query"
    plain.network.save(str(tmp_path / "prompted"))
    encoder = load_encoder(str(tmp_path / "prompted"))
    texts = ["abc", "d"]
    assert np.allclose(text_vectors(encoder, texts), own(encoder, texts), atol=1e-6)
    assert not np.allclose(text_vectors(encoder, texts), text_vectors(plain, ["abc", "d"]) * 0)
    assert encoder.tokens(["abc"]).offsets[0].tolist()[-4:] == [[0, 1], [1, 2], [2, 3], [0, 0]]


def test_what_is_no_encoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="cannot be loaded") as raised:
        load_encoder(str(tmp_path / "none"))
    assert "minilm" in raised.value.hint
    small_bert(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"model\.safetensors is cut"):
        load_encoder(str(tmp_path))


def test_another_tokenizer_can_stand_in(encoder: TextEncoder) -> None:
    def reversed_texts(texts: Any) -> Tokens:
        return encoder.tokens([text[::-1] for text in texts])

    other = TextEncoder("reversed", encoder.network, encoder.device, reversed_texts)
    assert torch.equal(other("abc").pooled, encoder("cba").pooled)
    assert other.digest != encoder.digest
