"""Every example of docs/guide/rules.md runs on the demo's graph."""

import re
import shlex
from pathlib import Path

from kgplatform.sources.countries import countries
from kgplatform.store.client import Store
from kgplatform.store.load import load

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "rules.md").read_text(encoding="utf-8")


def test_the_examples_run(kgp, store: Store, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    load(store, "countries", *countries(), source="countries")
    (tmp_path / "triangles.cypher").write_text(
        "MATCH p = (a:Entity {graph: $graph, id: $id})-[:BORDERS]-(b)-[:BORDERS]-(c)\n"
        "WHERE EXISTS { (a)-[:BORDERS]-(c) } RETURN p;\n",
        "utf-8",
    )
    fast = ("--set", "epochs=2", "--set", "embedding_dim=8")
    assert kgp("train", "distmult", "--graph", "countries", *fast).code == 0
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    commands = "".join(blocks).replace("\\\n", " ").splitlines()
    outputs = {}
    for command in commands:
        if "evaluate" in command:
            # The demo's graph has no split of its own.
            assert kgp(*shlex.split(command)[1:]).code == 2
            continue
        ended = kgp(*shlex.split(command)[1:])
        assert ended.code == 0, f"{command}: {ended.err}"
        assert ended.out, command
        outputs[command] = ended.out
    assert len(outputs) > 8
    paths = next(out for command, out in outputs.items() if "paths" in command)
    assert paths.startswith("Poland ")
    (query,) = re.findall(r"```cypher\n(.*?)```", GUIDE, re.DOTALL)
    assert kgp("rules", "write", "latest", "--json").json["written"]
    assert store.rows(query)
