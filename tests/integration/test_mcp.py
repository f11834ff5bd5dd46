"""The tools for assistants, used by the protocol's own client: in a subprocess and over HTTP."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from typing import Any

import httpx
import httpx2
import pytest
from connected import connected
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from served import load_countries, serving

from kgplatform.service.config import ServiceConfig
from kgplatform.service.engine import open_engine
from kgplatform.service.keys import read_keys
from kgplatform.settings import Settings
from kgplatform.store.client import Store

GRAPH = "assisted-countries"
KEY = "correct-horse-battery-staple"
TOOLS = {"describe_graph", "get_entity", "similar", "find_paths"}
TOOLS |= {"search", "explain"}
WITHOUT = ("ask", "recommend", "generate")
CONFIG = ServiceConfig(graphs=(GRAPH,), port=0, rate=0.0, timeout=60.0, without=WITHOUT)


@pytest.fixture(scope="module")
def countries(settings: Settings) -> str:
    with connected(settings) as store:
        load_countries(store, GRAPH)
    return GRAPH


def test_an_assistant_that_starts_the_command(settings: Settings, countries: str) -> None:
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    environment = os.environ | {
        "NEO4J_URI": settings.neo4j_uri,
        "NEO4J_USERNAME": settings.neo4j_username,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
    }
    without = [part for name in WITHOUT for part in ("--without", name)]
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "kgplatform", "mcp", "--graph", GRAPH, *without],
        env=environment,
    )
    asyncio.run(used(command))


async def used(server: Any) -> None:
    async with Client(server, read_timeout_seconds=60) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == TOOLS
        for tool in tools.values():
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
            assert tool.description
            assert len(tool.description) > 100
            assert tool.output_schema
        schema = await told(client, "describe_graph", {})
        assert "Country" in schema["labels"]
        entity = await told(client, "get_entity", {"entity": "Poland", "relations": ["SPEAKS"]})
        assert {each["kind"] for each in entity["statements"]} == {"asserted", "predicted"}
        near = await told(client, "similar", {"entity": "Poland", "top_k": 3})
        assert len(near["hits"]) == 3
        hits = (await told(client, "search", {"text": "Poland", "top_k": 3}))["hits"]
        assert hits[0]["id"] == "poland"
        link = {"head": "Poland", "relation": "BORDERS", "tail": "Germany"}
        why = await told(client, "explain", link)
        assert why["explanation"]["paths"]
        paths = await told(client, "find_paths", {"start": "Poland", "end": "France"})
        assert paths["paths"]
        for arguments, words in (
            ({"entity": "Polnad"}, "did you mean: Poland"),
            ({"entity": "Poland", "graph": "others"}, "no such graph"),
        ):
            wrong = await client.call_tool("get_entity", arguments)
            assert wrong.is_error
            assert words in wrong.content[0].text  # type: ignore[union-attr]


async def told(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def test_the_same_tools_over_http_with_a_key(settings: Settings, countries: str) -> None:
    config = replace(CONFIG, keys=read_keys(f"helper:{KEY}", None))
    with open_engine(settings, config) as engine, serving(engine) as running:
        url = f"{running.url}/mcp"
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        assert httpx.post(url, json=body).status_code == 401

        async def asked() -> None:
            shown = {"Authorization": f"Bearer {KEY}"}
            async with httpx2.AsyncClient(headers=shown) as http:
                await used(streamable_http_client(url, http_client=http))

        asyncio.run(asked())


def test_the_command_prints_its_tools(kgp: Any, countries: str, store: Store) -> None:
    tools = kgp("mcp", "--graph", GRAPH, "--json").json
    assert {tool["name"] for tool in tools} == TOOLS | {"ask", "recommend", "describe_entity"}
    refused = kgp("mcp", "--graph", "assisted-countreis")
    assert refused.code == 2
    assert "did you mean" in refused.err
