"""Models of language whose files are damaged: the file and the remedy are named.

What still loads, with a byte of its weights changed, is told from what it was by its digest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaign import counted
from made_models import save_tiny, small_bert

from kgplatform.errors import InputError
from kgplatform.text.encode import load_encoder, text_vectors
from kgplatform.text.llm.hf_model import HuggingFaceModel
from kgplatform.text.vector_cache import cached_text_vectors

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _nothing_said(path: Path) -> None:
    path.write_text("{}")


def _no_json(path: Path) -> None:
    path.write_bytes(b"\x00\xff not JSON")


def _gone(path: Path) -> None:
    path.unlink()


def _long(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * 64)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "weights cut in the middle": (WEIGHTS, _cut),
    "weights cut in their header": (WEIGHTS, lambda path: path.write_bytes(path.read_bytes()[:99])),
    "weights with more at their end": (WEIGHTS, _long),
    "weights that are empty": (WEIGHTS, _empty),
    "no weights": (WEIGHTS, _gone),
    "settings that are empty": (CONFIG, _empty),
    "settings that say nothing": (CONFIG, _nothing_said),
    "settings that are no JSON": (CONFIG, _no_json),
    "settings that are cut": (CONFIG, _cut),
    "a tokenizer that is no JSON": (TOKENIZER, _no_json),
    "a tokenizer that is cut": (TOKENIZER, _cut),
    "a tokenizer that is empty": (TOKENIZER, _empty),
}

KINDS: dict[str, tuple[Callable[[Path], object], Callable[[str], object]]] = {
    "text encoder": (small_bert, load_encoder),
    "language model": (save_tiny, HuggingFaceModel),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named_with_its_remedy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    save, load = KINDS[kind]
    save(tmp_path / "whole")
    load(str(tmp_path / "whole"))
    for what, (file, damage) in DAMAGE.items():
        folder = tmp_path / what
        shutil.copytree(tmp_path / "whole", folder)
        damage(folder / file)
        with pytest.raises(InputError) as refused:
            load(str(folder))
        said = str(refused.value)
        named = folder if what == "no weights" else folder / file
        assert f"{kind} {str(folder)!r} is damaged" in said, (what, said)
        assert str(named) in said, (what, said)
        assert "copy or save the model again" in refused.value.hint
    counted("limits", f"a {kind} with damaged files", len(DAMAGE), told=len(DAMAGE))


def test_a_damaged_file_of_the_hubs_cache_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = tmp_path / "models--someone--small"
    small_bert(place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    _cut(place / "snapshots" / "abc" / WEIGHTS)
    with pytest.raises(InputError, match=WEIGHTS) as refused:
        load_encoder("someone/small")
    assert refused.value.hint == f"remove {place}, and it is fetched anew"


def _changed(path: Path, at: int) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])


def test_an_encoder_whose_weights_changed_is_not_taken_for_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    small_bert(folder)
    encoder = load_encoder(str(folder))
    texts = ["abc", "a j"]
    vectors = cached_text_vectors(encoder, texts, tmp_path / "vectors")
    size = (folder / WEIGHTS).stat().st_size
    tried = 0
    for at in (size - 1, size // 2, size - 5_000):
        changed = tmp_path / f"changed-{at}"
        shutil.copytree(folder, changed)
        _changed(changed / WEIGHTS, at)
        with pytest.raises(InputError, match="is not what it was") as refused:
            load_encoder(str(changed), digest=encoder.digest)
        assert encoder.digest[:12] in str(refused.value)
        other = load_encoder(str(changed))
        # Nor are vectors taken that were kept of what it was.
        found = cached_text_vectors(other, texts, tmp_path / "vectors")
        assert (found == text_vectors(other, texts)).all()
        tried += 1
    again = cached_text_vectors(load_encoder(str(folder), digest=encoder.digest), texts, tmp_path)
    assert (again == vectors).all()
    counted("limits", "an encoder with a changed byte of its weights", tried, told=tried)


def test_a_language_model_whose_weights_changed_has_another_digest(tmp_path: Path) -> None:
    """Its answers are kept by the digest: a byte anywhere in the weights must change it."""
    whole = HuggingFaceModel(str(save_tiny(tmp_path / "whole"))).digest
    size = (tmp_path / "whole" / WEIGHTS).stat().st_size
    for at in (size - 1, size // 2, size // 3, size - 5_000):
        changed = tmp_path / f"changed-{at}"
        shutil.copytree(tmp_path / "whole", changed)
        _changed(changed / WEIGHTS, at)
        assert HuggingFaceModel(str(changed)).digest != whole
    counted("limits", "a language model with a changed byte of its weights", 4, told=4)


def test_a_search_by_another_encoder_than_the_vectors_have_is_refused(
    kgp: Callable[..., Any], graph_name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    small_bert(folder)
    (tmp_path / "facts.tsv").write_text("abc\tr\tdef\ndef\tr\tghi\n")
    assert kgp("load", "facts.tsv", "--graph", graph_name).code == 0
    assert kgp("encode", "--graph", graph_name, "--encoder", folder, "--write").code == 0
    search = ("search", "abc", "--graph", graph_name, "--json")
    assert kgp(*search).json["hits"]
    _changed(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size // 2)
    told = kgp(*search)
    assert told.code == 1
    assert "is not what it was" in told.err
    assert "Traceback" not in told.err
