"""PyG's G-Retriever trained on our data, with a language model of a few thousand random weights."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from kgplatform.graph.snapshot import from_triples
from kgplatform.joint.qa_questions import Names, Question, link
from kgplatform.joint.qa_reader import Phrases
from kgplatform.joint.qa_walks import Walks
from kgplatform.text.encode import load_encoder
from kgplatform.triples import Triple

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "questions.md"
CHAT = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"


def save_tiny_model(folder: Path) -> None:
    """A Llama of one layer over bytes, with a tokenizer and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    kept = {name: at for at, name in enumerate(["<s>", "</s>", "<pad>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=kept, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.chat_template = "<s>" + CHAT
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(kept),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def test_the_guides_example_trains_and_answers(tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric.llm.models")
    save_tiny_model(tmp_path)
    family = from_triples(
        [
            *(Triple(f"person_{at}", "spouse", f"person_{(at + 3) % 6}") for at in range(6)),
            *(Triple(f"person_{at}", "born_in", f"town_{at % 2}") for at in range(6)),
        ]
    )
    asked = [Question(f"where was person_{at} born ?", (f"town_{at % 2}",)) for at in range(4)]
    questions, _ = link(asked, Names(family.entities, {}, [1] * family.num_entities))
    given = {
        "questions": questions,
        "walks": Walks(family, 1),
        "names": family.entities,
        "relations": family.relations,
        "phrases": Phrases(load_encoder()),
    }
    *_, example = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert "Qwen/Qwen3-0.6B" in example
    example = example.replace('"Qwen/Qwen3-0.6B", num_params=1', "folder, num_params=0")
    space: dict[str, Any] = {**given, "folder": str(tmp_path)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(example, space)
    model, batch = space["model"], next(iter(space["DataLoader"](space["data"], batch_size=4)))
    assert len(space["told"]) == 4
    assert all(isinstance(each, str) for each in space["told"])
    # The graph's token is trained along, and the loss falls.
    assert all(weight.grad is not None for weight in model.gnn.parameters())
    arguments = (batch.question, batch.x, batch.edge_index, batch.batch, batch.label)
    model = model.float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = model(*arguments, batch.edge_attr, batch.desc)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
