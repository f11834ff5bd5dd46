"""Every example of docs/guide/ask.md runs."""

import re
import shlex
from pathlib import Path
from typing import Any

from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "ask.md").read_text(encoding="utf-8")
PLACES = {"pl": ("Poland", "Warsaw"), "de": ("Germany", "Berlin"), "fr": ("France", "Paris")}


def test_the_examples_run(kgp: Any, store: Store, capsys: Any) -> None:
    entities, facts = [], [Triple("pl", "BORDERS", "de"), Triple("de", "BORDERS", "pl")]
    facts += [Triple("fr", "BORDERS", "de"), Triple("de", "BORDERS", "fr")]
    for key, (country, city) in PLACES.items():
        entities += [Entity(key, country, types=("Country",)), Entity(city, city, types=("City",))]
        facts.append(Triple(key, "HAS_CAPITAL", city))
    load(store, "places", entities, facts, source="atlas")
    rows = [f"what is the main city of {country}\t{city}" for country, city in PLACES.values()]
    Path("examples.tsv").write_text("question\tanswers\n" + "\n".join(rows) + "\n")
    commands = "".join(re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)).splitlines()
    assert len(commands) == 5
    said = ["Warsaw", "", "2: ", "Warsaw", "Warsaw"]
    for command, begins in zip(commands, said, strict=True):
        ended = kgp(*shlex.split(command)[1:])
        assert ended.code == 0, f"{command}: {ended.err}"
        assert ended.out.startswith(begins), f"{command}: {ended.out}"
        if "--json" in command:
            assert [each["name"] for each in ended.json["answers"]] == ["Warsaw"]
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    exec(example, {})
    shown = capsys.readouterr().out
    assert "Berlin template 0." in shown
    assert "Germany asserted" in shown
