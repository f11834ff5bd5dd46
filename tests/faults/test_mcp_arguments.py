"""Arguments of the tools for assistants: whatever is sent is answered, or refused in words."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from campaign import counted, drawn, points
from connected import connected
from hostile import NAMES
from mcp import Client
from served import load_countries

from kgplatform.errors import KGPlatformError
from kgplatform.service.config import ServiceConfig
from kgplatform.service.engine import open_engine
from kgplatform.service.mcp_server import make_mcp
from kgplatform.service.work import Pool
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Triple

T = TypeVar("T")

GRAPH, HIDDEN = "mcp-countries", "mcp-hidden"
CONFIG = ServiceConfig(graphs=(GRAPH,), port=0, rate=0.0, without=("ask", "recommend", "generate"))
SOUND: dict[str, dict[str, Any]] = {
    "describe_graph": {},
    "get_entity": {"entity": "poland", "relations": ["BORDERS"], "limit": 3},
    "similar": {"entity": "poland", "top_k": 2},
    "find_paths": {"start": "poland", "end": "france", "max_hops": 2},
    "search": {"text": "poland", "top_k": 2},
    "explain": {"head": "poland", "relation": "BORDERS", "tail": "germany"},
}
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, "", "\ud800", "\x00", "a" * 100_000, [], {}, [[[[]]]],
    [None] * 5_000, ["BORDERS"] * 5_000, {"$ne": 1}, {"entity": "poland"}, "poland", "1", "NaN",
    HIDDEN, "*", "../../x", "file:///etc/hostname", "neo4j", "system", f"{GRAPH}\x00{HIDDEN}",
    "x'}) MATCH (n) DETACH DELETE n //", "`]->() CREATE (:Owned) //", "$graph", "{x: 1}",
    "$(CALL db.labels())", "a OR graph:*", "~" * 900, "(" * 900, "\\", "[" * 900,
    ["`) DELETE r //"], ["x" * 70_000],
)  # fmt: skip
NESTED = json.loads("[" * 500 + "]" * 500)


def hostile_arguments(draw: random.Random, sound: dict[str, Any]) -> Any:
    """A tool's arguments with one or two of them wrong."""
    given = dict(sound)
    for _ in range(draw.randint(1, 2)):
        kind = draw.randrange(5)
        value = draw.choice((*VALUES, NESTED, draw.choice(NAMES)))
        if kind == 0:
            given.pop(draw.choice(list(given) or ["graph"]), None)
        elif kind == 1:
            given[draw.choice(("graph", "kind", "predicted", "__class__", "self", "limit"))] = value
        elif given:
            given[draw.choice(list(given))] = value
    return given


class Watched(Pool):
    """A pool that keeps what failed in a way that nobody has foreseen."""

    failed: list[str]

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        try:
            return await super().run(work, seconds)
        except KGPlatformError:
            raise
        except Exception as error:
            self.failed.append(repr(error)[:500])
            raise


@pytest.mark.slow
def test_any_arguments_are_answered_or_refused_in_words(
    settings: Settings, store: Store, digest: Callable[..., str]
) -> None:
    with connected(settings) as own:
        load_countries(own, GRAPH)
        load(own, HIDDEN, [], [Triple("hidden-canary", "BORDERS", "poland")], source="hidden")
    draw = drawn("mcp")
    tried = points(40, 1_000)
    outcomes: Counter[str] = Counter()

    async def attempts(server: Any) -> None:
        async with Client(server, read_timeout_seconds=60) as client:
            for tool, sound in SOUND.items():
                assert not (await client.call_tool(tool, sound)).is_error, tool
            # What opening a graph keeps beside it is there now.
            before = digest(store)
            for _ in range(tried):
                tool = draw.choice([*SOUND, "undo", "../x"])
                given = hostile_arguments(draw, SOUND.get(tool, {}))
                try:
                    result = await client.call_tool(tool, given)
                except Exception as error:
                    # What JSON cannot hold is no call, and is refused on its way.
                    outcomes["no call" if isinstance(error, ValueError) else repr(error)] += 1
                    continue
                said = " ".join(getattr(part, "text", "") for part in result.content)
                for word in ("Traceback", "hidden-canary", "neo4j.exceptions"):
                    assert word not in said, (tool, repr(given)[:500], said[:800])
                assert result.is_error is False or len(said) < 5_000, (tool, said[:800])
                outcomes["refused" if result.is_error else "answered"] += 1
            for tool, sound in SOUND.items():
                assert not (await client.call_tool(tool, sound)).is_error, tool
            assert digest(store) == before

    pool = Watched(4, 8)
    pool.failed = []
    with open_engine(settings, CONFIG) as engine:
        asyncio.run(attempts(make_mcp(engine, pool)))
    assert pool.failed == []
    assert outcomes.keys() <= {"answered", "refused", "no call"}
    assert outcomes["refused"] > tried // 4
    assert outcomes["answered"]
    counted("input", "arguments of the tools for assistants", tried, **outcomes)
