"""`kgp demo` as a user runs it, on the session's server, from loading to the last query."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgplatform.settings import Settings
from kgplatform.store.client import connect


def check_the_rest(commands: list[dict[str, Any]], folder: Path) -> None:
    """What the commands of --full gave."""
    gave: dict[str, list[dict[str, Any]]] = {}
    for each in commands:
        words = shlex.split(each["command"])[1:]
        name = " ".join(words[:2]) if words[0] in ("train", "review", "browser") else words[0]
        gave.setdefault(name, []).append(each["result"])
    runs = [*gave["train joint-qa"], *gave["train walker"]]
    # Three strategies on the same questions: an entity drawn at random would be right 1 in 1,217.
    for run in runs:
        assert run["metrics"]["test"]["hits_at_1"] > 0.5
    assert gave["search"][0]["hits"]
    capital, *_, president = gave["ask"]
    assert [each["name"] for each in capital["answers"]] == ["Budapest"]
    assert president["strategy"] == "none"
    assert gave["explain"][0]["paths"]
    assert (folder / ".kgplatform" / "demo" / "why.png").stat().st_size
    assert gave["recommend"][0]["recommendations"]
    assert gave["generate"][0]["faithfulness"] == 1.0
    (extracted,) = gave["extract"]
    assert extracted["accepted"] > 0
    # What does not exist waited for a person, and was rejected.
    assert len(gave["review reject"]) == 2
    assert gave["browser install"][0]["files"]


@pytest.mark.slow
def test_demo_tells_the_whole_story(settings: Settings, tmp_path: Path) -> None:
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value()
    environment = os.environ | {
        "NEO4J_URI": settings.neo4j_uri,
        "NEO4J_USERNAME": settings.neo4j_username,
        "NEO4J_PASSWORD": password,
    }
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from kgplatform.cli import main; main()",
            "demo",
            "--full",
            "--json",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert password not in done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["graph"]["entities"] > 1_000
    assert told["graph"]["facts"] > 3_000
    models = [run["run"].split("-")[2] for run in told["runs"]]
    assert models == ["transe", "gcn"]
    for run in told["runs"]:
        # Guessing among 1,075 entities would reach an MRR of about .007.
        assert run["metrics"]["test"]["mrr"] > 0.2
        assert (tmp_path / "runs" / run["run"] / "plots" / "learning_curve.png").stat().st_size
    assert len(told["predicted"]) == 3
    assert all(answer["rows"] for answer in told["queries"])
    check_the_rest(told["commands"], tmp_path)

    with connect(settings.neo4j_uri, settings.neo4j_username, password) as store:
        for link in told["predicted"]:
            (found,) = store.rows(
                "MATCH (h:Entity {graph: 'countries', id: $head}) "
                "MATCH (t:Entity {graph: 'countries', id: $tail}) "
                "RETURN EXISTS { (h)-[p:PREDICTED]->(t) WHERE p.relation = $relation } AS written,"
                " EXISTS { (h)-[r]->(t) WHERE type(r) = $relation } AS asserted",
                head=link["head"],
                tail=link["tail"],
                relation=link["relation"],
            )
            assert found == {"written": True, "asserted": False}
