"""The guide to sources: every format has an example, and every example runs."""

import bz2
import contextlib
import gzip
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from kgplatform.settings import Settings
from kgplatform.sources import FORMATS
from kgplatform.store.client import Store
from kgplatform.store.remove import remove_graph

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "sources.md"
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    # The first table of the page; what `--json` holds has one of its own further down.
    for line in GUIDE.read_text(encoding="utf-8").partition("\n## ")[0].splitlines()
    if line.startswith("|")
][2:]
EXAMPLES = [cells[2].strip("`") for cells in TABLE]
LOCAL = [example for example in EXAMPLES if "sparql:" not in example]
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)

FACTS = "ann\tknows\tbob\nbob\tknows\tcleo\n"
TURTLE = """@prefix ex: <http://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:dog rdfs:subClassOf ex:animal ; rdfs:label "dog"@en , "Hund"@de .
"""
NT = "<http://example.org/a> <http://example.org/p> <http://example.org/b> .\n"


@pytest.fixture
def files(tmp_path: Path) -> None:
    """The files that the examples name, in the folder where they run."""
    texts = {
        "facts.tsv": FACTS,
        "facts.csv": "tail,head,relation\nbob,ann,knows\n",
        "reversed.tsv": "bob\tknows\tann\n",
        "facts.jsonl": json.dumps({"head": "ann", "relation": "knows", "tail": "bob"}) + "\n",
        "family/train.tsv": FACTS,
        "family/valid.tsv": "ann\tknows\tcleo\n",
        "family/test.tsv": "cleo\tknows\tann\n",
        "family/entities.tsv": "id\tname\nann\tAnn\n",
        "movies-nodes.csv": "id:ID,name,:LABEL\n1,Alien,Movie\n2,Ripley,Role\n",
        "movies-roles.csv": ":START_ID,:END_ID,:TYPE\n2,1,IN\n",
        "export.json": "\n".join(
            json.dumps(record)
            for record in (
                {"type": "node", "id": "0", "labels": ["A"], "properties": {"name": "x"}},
                {"type": "node", "id": "1", "labels": ["A"], "properties": {"name": "y"}},
                {
                    "type": "relationship",
                    "id": "0",
                    "label": "KNOWS",
                    "start": {"id": "0"},
                    "end": {"id": "1"},
                },
            )
        ),
        "dump.nt": NT,
        "ontology.ttl": TURTLE,
        "friends.graphml": '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        '<graph edgedefault="directed"><node id="a"/><node id="b"/>'
        '<edge source="a" target="b"/></graph></graphml>',
        "openke/entity2id.txt": "2\nann\t0\nbob\t1\n",
        "openke/relation2id.txt": "1\nknows\t0\n",
        "openke/train2id.txt": "1\n0 1 0\n",
        "raw_udd_htr/train.tsv": "ann\tbob\tknows\n",
        "notes/one.md": "# One\n\nA sentence. Another one.\n",
        "notes/two.md": "# Two\n\nA sentence.\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "facts.tsv.gz").write_bytes(gzip.compress(FACTS.encode()))
    (tmp_path / "facts.tsv.bz2").write_bytes(bz2.compress(FACTS.encode()))
    table = pa.table({"head": ["ann"], "relation": ["knows"], "tail": ["bob"]})
    pyarrow.parquet.write_table(table, tmp_path / "facts.parquet")


@pytest.mark.parametrize("example", LOCAL)
def test_an_example_runs(kgp: Any, store: Store, files: None, example: str) -> None:
    program, command, *args = shlex.split(example)
    assert (program, command) == ("kgp", "load")
    # A shell would do this.
    args = [name for arg in args for name in (sorted(map(str, Path().glob(arg))) or [arg])]
    with contextlib.suppress(Exception):
        remove_graph(store, "default")
    first = kgp("load", *args, "--json").json
    new = first["created"] + first["documents"]["created"]
    assert new > 0
    assert first["rejected"] == 0
    assert first["format"] == formats_of_examples()[example]
    second = kgp("load", *args, "--json").json
    assert second["created"] + second["documents"]["created"] == 0
    assert second["unchanged"] + second["documents"]["unchanged"] == new


def formats_of_examples() -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for cells in TABLE:
        name = cells[0].strip("`") or name
        found[cells[2].strip("`")] = name
    return found


def test_every_format_has_an_example() -> None:
    assert set(formats_of_examples().values()) == set(FORMATS)


def test_the_python_of_the_guide_runs(
    settings: Settings, kgp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("py2neo")
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in PYTHON:
            exec(compile(block, str(GUIDE), "exec"), names)
    # Zachary's karate club has 78 friendships.
    assert printed.getvalue().split() == ["78", "1"]
