"""Every example of docs/guide/texts.md and docs/guide/explanations.md runs on the demo's graph."""

import re
import shlex
from pathlib import Path
from typing import Any

from kgplatform.sources.countries import countries
from kgplatform.store.client import Store
from kgplatform.store.load import load

GUIDES = Path(__file__).parents[2] / "docs" / "guide"


def test_the_examples_run(kgp: Any, store: Store) -> None:
    load(store, "countries", *countries(), source="countryinfo")
    fast = ("--set", "epochs=2", "--set", "embedding_dim=8")
    assert kgp("train", "distmult", "--graph", "countries", *fast).code == 0
    for name, least in (("texts", 3), ("explanations", 5)):
        guide = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
        commands = "".join(re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)).splitlines()
        assert len(commands) == least
        for command in commands:
            ended = kgp(*shlex.split(command)[1:])
            assert ended.code == 0, f"{command}: {ended.err}"
            assert ended.out, command
        for query in re.findall(r"```cypher\n(.*?)```", guide, re.DOTALL):
            assert store.rows(query)
        for example in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
            exec(example, {})
