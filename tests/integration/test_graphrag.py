"""Our search inside neo4j-graphrag: its GraphRAG with a real language model, and its tools."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from neo4j_graphrag.generation import GraphRAG
from neo4j_graphrag.types import RetrieverResultItem
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from kgplatform.answer.graphrag import AskedModel, SearchRetriever
from kgplatform.answer.search import open_searcher
from kgplatform.queries import quote
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.find import TEXT_INDEX
from kgplatform.store.load import load
from kgplatform.store.named import INDEX
from kgplatform.text.llm.hf_model import HuggingFaceModel
from kgplatform.triples import Entity, Triple


@pytest.fixture
def retriever(store: Store, settings: Settings, graph_name: str) -> Iterator[SearchRetriever]:
    entities = [
        Entity("pl", "Poland", "A country on the Baltic Sea.", ("Country",)),
        Entity("de", "Germany", "A country on the Rhine.", ("Country",)),
    ]
    load(store, graph_name, entities, [Triple("pl", "BORDERS", "de")], source="atlas")
    yield SearchRetriever(open_searcher(store, settings, graph_name))
    for index in (INDEX, TEXT_INDEX):
        store.command(f"DROP INDEX {quote(index)} IF EXISTS")


def tiny_model(folder: Path) -> HuggingFaceModel:
    """A random GPT-2 of one small layer that knows bytes, and reads a page of them."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    marks = ["<end>"]
    cutter = Tokenizer(models.BPE({each: at for at, each in enumerate([*marks, *letters])}, []))
    cutter.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cutter.decoder = decoders.ByteLevel()
    made: Any = PreTrainedTokenizerFast
    made(tokenizer_object=cutter, eos_token="<end>").save_pretrained(folder)
    size = len(letters) + 1
    config = GPT2Config(
        vocab_size=size, n_positions=2048, n_embd=16, n_layer=1, n_head=1,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    return HuggingFaceModel(str(folder))


def test_their_rag_answers_from_our_search(retriever: SearchRetriever, tmp_path: Path) -> None:
    model = AskedModel(tiny_model(tmp_path), max_tokens=8)
    rag = GraphRAG(retriever, model)
    config = {"top_k": 1, "labels": ["Country"]}
    result = rag.search(
        "Which country borders Poland?", retriever_config=config, return_context=True
    )
    assert isinstance(result.answer, str)
    assert result.retriever_result is not None
    (item,) = result.retriever_result.items
    assert item.content.startswith("Germany (Country): A country on the Rhine.")
    assert "- Poland BORDERS Germany (asserted, 1.00, atlas)" in item.content
    assert item.metadata is not None
    assert item.metadata["id"] == "de"
    (statement,) = item.metadata["statements"]
    assert (statement["kind"], statement["confidence"]) == ("asserted", 1.0)
    assert result.retriever_result.metadata is not None
    assert result.retriever_result.metadata["channels"] == ["name", "fulltext", "facts"]


def test_a_tool_of_theirs_calls_it(retriever: SearchRetriever) -> None:
    tool = retriever.convert_to_tool("search", "Search the graph.", {"top_k": "At most."})
    told = tool.get_parameters()
    assert set(told["properties"]) == {"query_text", "top_k", "labels", "expand"}
    assert told["required"] == ["query_text"]
    assert told["properties"]["labels"]["items"]["type"] == "string"
    assert told["properties"]["top_k"]["description"] == "At most."
    found = tool.execute(query_text="Poland", top_k=1, expand=1)
    assert [item.metadata["id"] for item in found.items] == ["pl", "de"]


def test_a_formatter_of_ones_own(retriever: SearchRetriever) -> None:
    own = SearchRetriever(
        retriever.searcher, lambda record: RetrieverResultItem(content=record["name"])
    )
    assert [item.content for item in own.search("Germany", top_k=1).items] == ["Germany"]
