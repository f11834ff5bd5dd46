"""The examples of docs/guide/service.md run, against a service of the countries."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from served import load_countries, serving

from kgplatform.service.config import ServiceConfig
from kgplatform.service.engine import open_engine
from kgplatform.settings import Settings
from kgplatform.store.client import Store

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "service.md").read_text(encoding="utf-8")
GRAPH = "guide-countries"


@pytest.mark.slow
def test_the_examples_run(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    load_countries(store, GRAPH)
    config = ServiceConfig(graphs=(GRAPH,), port=0, timeout=60.0, without=("recommend", "explain"))
    with open_engine(settings, config) as engine, serving(engine) as running:
        for name in ("search", "ask", "generate"):
            engine.doors.get(name, GRAPH)
        names: dict[str, Any] = {}
        examples = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
        assert len(examples) == 2
        for example in examples:
            exec(example.replace("http://127.0.0.1:8000", running.url), names)
        described = running.http.get("/openapi.json").json()["paths"]
    said = capsys.readouterr().out
    assert "Warsaw" in said
    assert "event: answer" in said
    mentioned = set(re.findall(r"`(?:POST |GET )?(/[a-z/]+)`", GUIDE))
    assert mentioned - {"/openapi.json", "/docs", "/mcp"} == set(described)


def test_what_the_guide_says_of_limits_is_so() -> None:
    defaults = {each.name: each.default for each in fields(ServiceConfig)}
    assert (defaults["rate"], defaults["burst"], defaults["timeout"]) == (50.0, 100, 10.0)
    assert (defaults["writing_timeout"], defaults["workers"], defaults["waiting"]) == (
        120.0,
        4,
        128,
    )
    assert defaults["largest_body"] == 64 * 1024
    for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL):
        json.loads(block)
