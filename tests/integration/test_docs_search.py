"""Every example of docs/guide/search.md runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kgplatform.queries import quote
from kgplatform.store.client import Store
from kgplatform.store.find import TEXT_INDEX
from kgplatform.store.load import load
from kgplatform.store.named import INDEX
from kgplatform.triples import Entity, Triple

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "search.md").read_text(encoding="utf-8")


@pytest.fixture
def places(store: Store) -> Iterator[Store]:
    entities = [
        Entity("pl", "Poland", "A country on the Baltic Sea.", ("Country",),
               {"population": 38_000_000}),
        Entity("de", "Germany", "A country on the Rhine.", ("Country",)),
        Entity("waw", "Warsaw", "A city on the Vistula, a river.", ("City",)),
    ]  # fmt: skip
    facts = [Triple("pl", "BORDERS", "de"), Triple("pl", "CAPITAL", "waw")]
    load(store, "places", entities, facts, source="atlas")
    yield store
    for index in (INDEX, TEXT_INDEX):
        store.command(f"DROP INDEX {quote(index)} IF EXISTS")


def test_the_examples_run(kgp: Any, places: Store, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("KGP_CACHE", str(Path("cache").resolve()))
    Path("examples.tsv").write_text("on the Baltic\tPoland\non the Rhine\tde\n" * 5)
    commands = "".join(re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)).splitlines()
    assert len(commands) == 9
    for command in commands:
        ended = kgp(*shlex.split(command)[1:])
        assert ended.code == 0, f"{command}: {ended.err}"
        assert ended.out, command
        assert "nothing found" not in ended.out, command
    examples = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        exec(example, {})
    shown = capsys.readouterr().out
    assert "Warsaw" in shown
    assert "Poland BORDERS Germany (asserted, 1.00, atlas)" in shown
