"""``kgp load`` that is stopped in the middle by a signal; then the same again."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgplatform.settings import Settings
from kgplatform.store.client import Store

FACTS = 50_000


def started(settings: Settings, folder: Path, *args: str) -> subprocess.Popen[str]:
    assert settings.neo4j_password is not None
    return subprocess.Popen(
        [sys.executable, "-c", "from kgplatform.cli import main; main()", *args],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "NEO4J_URI": str(settings.neo4j_uri),
            "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_load_that_is_stopped_is_marked_and_completed(
    kgp: Any, settings: Settings, store: Store, graph_name: str, tmp_path: Path
) -> None:
    rows = (f"e{i % 900}\tr{i % 3}\te{i // 3}\n" for i in range(FACTS))
    (tmp_path / "facts.tsv").write_text("bad\n" + "".join(rows))
    load = ("load", "facts.tsv", "--graph", graph_name)

    def stopped_by(number: signal.Signals) -> tuple[int, str]:
        process = started(settings, tmp_path, *load)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("facts:"):
                break
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
        (row,) = store.rows(
            "MATCH (:Entity {graph: $graph})-[r]->() RETURN count(r) AS facts", graph=graph_name
        )
        assert 0 < row["facts"] < FACTS
        assert "Traceback" not in told
        return process.returncode, told

    code, told = stopped_by(signal.SIGINT)
    assert code == 130
    assert "stopped by the user" in told
    assert "the same command again completes the load" in told
    refused = kgp("train", "distmult", "--graph", graph_name)
    assert refused.code == 1
    assert "facts.tsv" in refused.err
    # What asks a process to end gets no more of it than what kills it; nor does the graph.
    code, _ = stopped_by(signal.SIGTERM)
    assert code == -signal.SIGTERM
    again = kgp(*load, "--json").json
    assert (again["created"] + again["unchanged"], again["rejected"]) == (FACTS, 1)
    assert again["unchanged"] > 0
    (row,) = store.rows(
        "MATCH (:Entity {graph: $graph})-[r]->() RETURN count(r) AS facts", graph=graph_name
    )
    assert row["facts"] == FACTS
