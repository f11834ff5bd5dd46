"""Language models: what they write, how likely texts are, and learning to write by reward."""

from __future__ import annotations

import importlib.util
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from kgplatform.errors import InputError, TrainingError, UsageError
from kgplatform.walk.generate import Entities, Step, prompt_of, write_answers
from kgplatform.walk.language_model import LanguageModel, first_line, load_language_model
from kgplatform.walk.text_rewards import (
    FluencyJudge,
    Rewarder,
    RewardWeights,
    Told,
    fluency_judge,
)
from kgplatform.walk.train_language_model import WritingSettings, train_language_model

COLOURS = ("blue", "green", "yellow", "red")
WORDS = ("what", "colour", "is", "the", "sky", "sea", "sun", "grass", *COLOURS)


def has(*names: str) -> bool:
    return all(importlib.util.find_spec(name) for name in names)


needs_rl = pytest.mark.skipif(not has("peft", "trl", "datasets"), reason="the extra rl is missing")


def save_tiny(folder: Path, seed: int, positions: int = 64) -> Path:
    """A random GPT-2 of two small layers, with a tokenizer that knows a few words."""
    cutter = Tokenizer(models.BPE())
    cutter.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cutter.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<end>"], initial_alphabet=alphabet
    )
    cutter.train_from_iterator([f"{word} {word}" for word in WORDS] * 20, trainer)
    made: Any = PreTrainedTokenizerFast
    tokenizer = made(tokenizer_object=cutter, eos_token="<end>")
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=positions, n_embd=32, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = GPT2LMHeadModel(config)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("lm") / "tiny", 0)


@pytest.fixture
def model(folder: Path) -> LanguageModel:
    return load_language_model(str(folder))


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load_language_model(str(save_tiny(tmp_path_factory.mktemp("lm") / "judge", 1)))


def taught(model: LanguageModel) -> LanguageModel:
    """The tiny model when it has read that after a question there comes a colour, whichever."""
    questions = [f"what colour is the {thing} ?" for thing in ("sky", "sea")]
    texts = [f"{question} {colour}\n" for question in questions for colour in COLOURS]
    # What tells the colours apart, without which their vectors would be one.
    texts += [
        f"the {thing} is {colour}\n"
        for thing, colour in zip(("sky", "grass", "sun", "sea"), COLOURS, strict=True)
    ]
    read = model.tokenizer(texts, padding=True, return_tensors="pt")
    labels = read["input_ids"].masked_fill(read["attention_mask"] == 0, -100)
    model.network.requires_grad_(True)
    optimizer = torch.optim.Adam(model.network.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        model.network(**read, labels=labels).loss.backward()
        optimizer.step()
    model.network.requires_grad_(False)
    return model


@torch.no_grad()
def slow_mean(model: LanguageModel, before: list[int], text: str) -> float:
    """Token by token, without batches."""
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    total = 0.0
    for at, token in enumerate(ids):
        logits = model.network(torch.tensor([before + ids[:at]])).logits[0, -1]
        total += float(torch.log_softmax(logits, -1)[token])
    return total / len(ids)


def test_likelihood_is_what_a_loop_over_tokens_finds(model: LanguageModel) -> None:
    texts = ["the sky is blue", "red", "the sea is green and the sun yellow, ö 北", "grass"]
    found = model.likelihood(texts)
    assert found.mean == pytest.approx([slow_mean(model, [0], text) for text in texts], abs=1e-4)
    assert found.tokens.tolist() == [len(model.tokenizer(text)["input_ids"]) for text in texts]
    prompts = ["what colour is the sky", "", "the", "what is the colour of the sun and of the sea"]
    after = model.likelihood(texts, prompts)
    expected = [
        slow_mean(model, model.tokenizer(prompt)["input_ids"] or [0], " " + text)
        for prompt, text in zip(prompts, texts, strict=True)
    ]
    assert after.mean == pytest.approx(expected, abs=1e-4)
    assert model.likelihood(["", "red"]).mean[0] == -np.inf
    assert model.likelihood([]).mean.shape == (0,)
    long = model.likelihood(["blue " * 500, "red"], ["sky " * 500, "the"])
    assert np.isfinite(long.mean).all()
    assert long.tokens[0] == 63
    with pytest.raises(UsageError, match="2 prompts for 1 texts"):
        model.likelihood(["red"], ["a", "b"])
    with torch.no_grad():
        model.network.lm_head.weight[5] = torch.nan
    with pytest.raises(TrainingError, match="no numbers"):
        model.likelihood(texts)


@torch.no_grad()
def test_greedy_texts_are_the_likeliest_tokens_whatever_the_batch(model: LanguageModel) -> None:
    prompts = ["the sky", "", "what colour is the sea and the grass and the sun"]
    texts = model.generate(prompts, max_new_tokens=6)
    assert texts == [model.generate([prompt], max_new_tokens=6)[0] for prompt in prompts]
    ids = model.tokenizer("the sky")["input_ids"]
    for _ in range(6):
        following = int(model.network(torch.tensor([ids])).logits[0, -1].argmax())
        if following in model.stops:
            break
        ids.append(following)
    start = len(model.tokenizer("the sky")["input_ids"])
    assert texts[0] == [first_line(str(model.tokenizer.decode(ids[start:])))]


def test_samples_repeat_with_their_seed_and_leave_the_generator(model: LanguageModel) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = model.generate(["the sky is", "sun"], samples=3, seed=1, max_new_tokens=5)
    assert torch.equal(before, torch.get_rng_state())
    assert first == model.generate(["the sky is", "sun"], samples=3, seed=1, max_new_tokens=5)
    assert first != model.generate(["the sky is", "sun"], samples=3, seed=2, max_new_tokens=5)
    assert [len(texts) for texts in first] == [3, 3]
    cold = model.generate(["the sky"], samples=4, seed=5, temperature=1e-4, max_new_tokens=5)[0]
    assert set(cold) == set(model.generate(["the sky"], max_new_tokens=5)[0])
    long = model.generate(["blue " * 500], max_new_tokens=60)
    assert len(long[0]) == 1


def test_the_action_writes_from_the_path_or_the_question_alone(model: LanguageModel) -> None:
    steps = (Step("sky", "colour", "blue"),)
    texts = write_answers(model, ["is it red ?"] * 2, [steps, ()], max_new_tokens=5)
    prompts = [prompt_of("is it red ?", steps), prompt_of("is it red ?", facts=False)]
    assert texts == [model.generate([prompt], max_new_tokens=5)[0][0] for prompt in prompts]


def test_a_text_ends_with_its_line(model: LanguageModel) -> None:
    assert len(model.stops) == 2
    assert model.tokenizer.decode([model.stops[1]]) == "\n"
    assert first_line("\n  red, \nand more") == "red,"
    assert first_line(" \n") == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"samples": 2}, "must be sampled"),
        ({"samples": 0, "seed": 1}, "0 samples"),
        ({"temperature": 0.0, "seed": 1}, "temperature 0.0"),
        ({"max_new_tokens": 64}, "texts of 64 tokens"),
    ],
)
def test_generation_that_cannot_be_is_refused(
    model: LanguageModel, wrong: dict[str, float], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        model.generate(["a"], **wrong)  # type: ignore[arg-type]


def test_what_is_no_model_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else the library tries again and again, for most of a minute.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / "half" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "torn.gguf").write_bytes(b"GGUF")
    for name in ("empty", "half", "torn.gguf", "absent.gguf", "absent"):
        if name == "torn.gguf" and not has("gguf"):
            continue
        with pytest.raises(InputError) as caught:
            load_language_model(str(tmp_path / name))
        assert name in str(caught.value)
        assert caught.value.hint
    with pytest.raises(InputError, match="no-such-owner/no-such-model"):
        load_language_model("no-such-owner/no-such-model")


@pytest.mark.skipif(not has("gguf"), reason="the extra rl is missing")
def test_a_gguf_file_is_read_as_plain_numbers(folder: Path, tmp_path: Path) -> None:
    from gguf.quants import dequantize

    file = tmp_path / "tiny.gguf"
    blocks = write_gguf(json.loads((folder / "tokenizer.json").read_text())["model"], file)
    model = load_language_model(str(file))
    assert model.network.dtype == torch.float32
    weights = model.network.get_input_embeddings().weight.detach().numpy()
    assert np.allclose(weights, dequantize(*blocks), atol=1e-6)
    assert model.tokenizer.tokenize("the sky is blue") == ["the", "Ġsky", "Ġis", "Ġblue"]
    assert model.tokenizer.decode([model.stops[1]]) == "\n"
    assert np.isfinite(model.likelihood(["the sky"]).mean).all()


def write_gguf(cutter: dict[str, Any], file: Path) -> tuple[np.ndarray, Any]:
    """A Llama of one small layer in 8-bit blocks; those of its embeddings, with their kind."""
    import gguf

    kind = gguf.GGMLQuantizationType.Q8_0
    vocabulary = sorted(cutter["vocab"], key=cutter["vocab"].__getitem__)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary))
    writer.add_rope_dimension_count(16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary)
    writer.add_token_merges([" ".join(pair) for pair in cutter["merges"]])
    writer.add_token_types([3 if token == "<end>" else 1 for token in vocabulary])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    shapes = {"token_embd": (len(vocabulary), 32), "output": (len(vocabulary), 32)}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        shapes[f"blk.0.{name}"] = (32, 32)
    shapes |= {"blk.0.ffn_gate": (64, 32), "blk.0.ffn_up": (64, 32), "blk.0.ffn_down": (32, 64)}
    draw = np.random.default_rng(0)
    found = {}
    for name, shape in shapes.items():
        values = draw.normal(0, 0.3, shape).astype(np.float32)
        found[name] = gguf.quants.quantize(values, kind)
        writer.add_tensor(f"{name}.weight", found[name], raw_dtype=kind)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(32, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return found["token_embd"], kind


def test_a_repeated_fluent_word_is_worth_no_more_than_the_range(judge: LanguageModel) -> None:
    """A judge that finds a word ever likelier the more often it has read it, as real ones do."""
    network = judge.network
    (word,) = judge.tokenizer(" red", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        state = network.transformer(torch.tensor([[0, word, word, word]])).last_hidden_state[0, -1]
        network.lm_head.weight[word] += 2 * state / state.norm()
    references = ["the sky is blue", "what colour is the sea", "the grass is green and red"]
    measure = fluency_judge(judge, references, tails=0.0)
    assert measure(references).min() == pytest.approx(0)
    assert measure(references).max() == pytest.approx(1)
    many = " red" * 40
    assert judge.likelihood([many]).mean[0] > measure.high
    asked = Told("what is the colour of the sky?", ("red",), (Step("sky", "colour", "red"),))
    rewarder = Rewarder(Entities(["sky", "red"]), judge=measure)
    once, often, wrong = rewarder(["red", many, "the sky is blue"], [asked] * 3)
    assert once.total <= often.total
    assert often.fluency == 1.0
    # What a right text of the range's most usual words gets, and no more.
    assert often.total == pytest.approx(sum(vars(rewarder.weights).values()))
    assert often.accuracy == once.accuracy == 1.5
    assert wrong.fluency == 0.0
    with pytest.raises(InputError, match="without reference texts"):
        fluency_judge(judge, ["the sky"])
    with pytest.raises(UsageError, match="range of fluency"):
        fluency_judge(judge, ["the sky", "the sky"])


@needs_rl
def test_reward_rises_and_the_weights_can_be_loaded(model: LanguageModel, tmp_path: Path) -> None:
    """A toy: two colours are right, one at the path's end; the tiny model knows four."""
    entities = Entities(WORDS)
    asked = [
        Told(f"what colour is the {thing} ?", ("blue", "green"), (Step(thing, "colour", "blue"),))
        for thing in ("sky", "sea")
    ]
    prompts = [each.question for each in asked]
    settings = WritingSettings(
        steps=40, prompts=2, samples=16, learning_rate=0.01, kl=0.0, max_new_tokens=3
    )
    taught(model).network.save_pretrained(tmp_path / "taught")
    model.tokenizer.save_pretrained(tmp_path / "taught")
    rewarder = Rewarder(entities, RewardWeights(exact_match=1, entity_f1=1, grounding=0.5))
    seen: list[int] = []
    state = random.getstate(), torch.get_rng_state()
    out = tmp_path / "adapter"
    trained = train_language_model(
        model, prompts, asked, rewarder, settings, out, lambda _, done, total: seen.append(done)
    )
    assert random.getstate() == state[0]
    assert torch.equal(torch.get_rng_state(), state[1])
    assert seen == list(range(1, 41))
    assert set(trained.history[0]) == {
        "exact_match", "entity_f1", "grounding", "accuracy", "total",
    }  # fmt: skip
    totals = [terms["total"] for terms in trained.history]
    assert np.mean(totals[-20:]) > np.mean(totals[:5]) + 0.2
    again = load_language_model(str(tmp_path / "taught"), adapter=out)
    assert again.likelihood(prompts).mean == pytest.approx(
        trained.model.likelihood(prompts).mean, abs=1e-5
    )
    with pytest.raises(UsageError, match="LoRA weights already"):
        train_language_model(again, prompts, asked, rewarder, settings)


@needs_rl
def test_a_training_that_cannot_be_is_refused(model: LanguageModel) -> None:
    entities = Entities(WORDS)
    asked = [Told("what colour is the sky", ("blue",), (Step("sky", "colour", "blue"),))]
    own = FluencyJudge(model, -5.0, -1.0)
    with pytest.raises(UsageError, match="judges itself"):
        train_language_model(model, ["a"], asked, Rewarder(entities, judge=own))
    with pytest.raises(InputError, match="2 prompts for 1 questions"):
        train_language_model(model, ["a", "b"], asked, Rewarder(entities))
    with pytest.raises(InputError, match="the model reads 32"):
        train_language_model(model, ["sky " * 60], asked, Rewarder(entities))
    for wrong in ({"samples": 1}, {"kl": -1.0}, {"steps": 0}):
        with pytest.raises(UsageError):
            WritingSettings(**wrong)


@needs_rl
def test_the_guides_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide" / "generate.md"
    for seed, name in enumerate(("writer", "judge")):
        save_tiny(tmp_path / "models" / name, seed, positions=256)
    monkeypatch.chdir(tmp_path)
    variables: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        exec(example, variables)
