"""neo4j-graphrag (extra ``graphrag``): our search as its retriever, our models as its own.

::

    with open_store() as store:
        searcher = open_searcher(store, load_settings(), "countries")
        rag = GraphRAG(SearchRetriever(searcher), AskedModel(load_model("gguf:model.gguf")))
        print(rag.search("Which countries border Poland?", return_context=True).answer)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Optional

import neo4j
from neo4j_graphrag.llm.base import LLMInterfaceV2
from neo4j_graphrag.llm.types import LLMResponse, LLMUsage
from neo4j_graphrag.retrievers.base import Retriever
from neo4j_graphrag.tool import (
    ArrayParameter,
    IntegerParameter,
    ObjectParameter,
    StringParameter,
    ToolParameter,
)
from neo4j_graphrag.types import LLMMessage, RawSearchResult, RetrieverResultItem

from kgplatform.answer.records import data_of
from kgplatform.answer.search import Searcher, search
from kgplatform.answer.search_reasons import said
from kgplatform.store.search import Hit
from kgplatform.text.llm.protocol import LanguageModel, Message, Request

DESCRIPTIONS = {
    "query_text": "A name, a description or a question.",
    "top_k": "How many hits.",
    "labels": "Labels of which a hit has one; leave it for any.",
    "expand": "How many further entities, a step along the graph from the hits.",
}


class SearchRetriever(Retriever):
    """What :func:`kgplatform.answer.search.search` finds, with the statements that speak for it.

    Each item's content says what a hit is and what the graph states of it, each statement with its
    kind, confidence and source; its metadata has the hit's id, kind, score, reasons and statements.

    Args:
        searcher: Opened once, with its store.
        result_formatter: In place of that, an item of a record with the fields of a hit.
    """

    # The searcher's store has looked at the server already, and no driver of theirs is needed.
    VERIFY_NEO4J_VERSION = False

    def __init__(
        self,
        searcher: Searcher,
        result_formatter: Callable[[neo4j.Record], RetrieverResultItem] | None = None,
    ) -> None:
        self.searcher = searcher
        self.result_formatter = result_formatter

    # Optional and not `| None`: their tools read the types of parameters from here.
    def get_search_results(
        self,
        query_text: str,
        top_k: int = 5,
        labels: Optional[list[str]] = None,  # noqa: UP045
        where: Optional[dict[str, Any]] = None,  # noqa: UP045
        expand: int = 0,
    ) -> RawSearchResult:
        """Hits for a text, the best first.

        Args:
            query_text: A name, a description or a question.
            top_k: How many.
            labels: Hits have one of these.
            where: Hits have these values of their properties.
            expand: Further entities, a step along the graph from the hits.

        Returns:
            A record a hit: ``id``, ``name``, ``content``, ``score`` and the others of ``Hit``.
        """
        hits = search(
            self.searcher, query_text, top_k=top_k, labels=labels or (), where=where, expand=expand
        )
        made: Any = neo4j.Record
        records = [made({**data_of(hit), "content": content(hit)}) for hit in hits]
        return RawSearchResult(
            records=records,
            metadata={"graph": self.searcher.graph, "channels": list(self.searcher.channels)},
        )

    def default_record_formatter(self, record: neo4j.Record) -> RetrieverResultItem:
        """An item that a language model can read, and whence it comes."""
        shown = ("id", "name", "kind", "labels", "score", "reasons", "source", "statements")
        return RetrieverResultItem(
            content=record["content"], metadata={name: record[name] for name in shown}
        )

    def get_parameters(
        self, parameter_descriptions: dict[str, str] | None = None
    ) -> ObjectParameter:
        """What a language model may give when it calls the search as a tool."""
        told = DESCRIPTIONS | (parameter_descriptions or {})
        properties: dict[str, ToolParameter] = {
            "query_text": StringParameter(description=told["query_text"], required=True),
            "top_k": IntegerParameter(description=told["top_k"], minimum=1, maximum=50),
            "labels": ArrayParameter(
                description=told["labels"], items=StringParameter(description="A label.")
            ),
            "expand": IntegerParameter(description=told["expand"], minimum=0, maximum=50),
        }
        return ObjectParameter(
            description="What is looked for in the graph.",
            properties=properties,
            required_properties=["query_text"],
            additional_properties=False,
        )


def content(hit: Hit) -> str:
    """A hit in words: what it is, and what the graph states of it."""
    what = f" ({', '.join(hit.labels)})" if hit.labels else ""
    lines = [f"{hit.name}{what}: {hit.text}" if hit.text else f"{hit.name}{what}"]
    if hit.source:
        lines.append(f"from {hit.source}")
    lines += [f"- {said(statement)}" for statement in hit.statements]
    return "\n".join(lines)


class AskedModel(LLMInterfaceV2):
    """A language model of :func:`kgplatform.text.llm.load.load_model` for their pipelines.

    Args:
        model: The model.
        max_tokens: Most tokens of an answer.
    """

    def __init__(self, model: LanguageModel, max_tokens: int = 512) -> None:
        super().__init__(model.name)
        self.model = model
        self.max_tokens = max_tokens

    def invoke(
        self,
        input: list[LLMMessage],  # noqa: A002
        *,
        response_format: Any = None,
        **kwargs: Any,
    ) -> LLMResponse:
        """The model's answer to a conversation; a JSON schema may be asked for as a dict."""
        turns = tuple(Message(each["role"], each["content"]) for each in input)
        schema = response_format if isinstance(response_format, dict) else None
        said_so = self.model.complete(Request(turns, schema, self.max_tokens))
        read, written = said_so.prompt_tokens, said_so.answer_tokens
        usage = LLMUsage(request_tokens=read, response_tokens=written, total_tokens=read + written)
        return LLMResponse(content=said_so.text, usage=usage)

    async def ainvoke(
        self,
        input: list[LLMMessage],  # noqa: A002
        *,
        response_format: Any = None,
        **kwargs: Any,
    ) -> LLMResponse:
        """The same, in a thread of its own."""
        return await asyncio.to_thread(self.invoke, input, response_format=response_format)
