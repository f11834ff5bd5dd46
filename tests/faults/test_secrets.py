"""Secrets that others could repeat: in addresses of sources, and by a model that echoes its key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from campaign import counted
from extraction_commands import write_documents, write_schema
from repeating import USER_PASSWORD, Endpoint, repeating

from kgplatform.store.client import Store

KEY = "sk-canary-of-a-language-model"


@pytest.fixture
def place() -> Iterator[str]:
    """Host and port of the endpoint."""
    with repeating() as found:
        yield found


def held(folder: Path, store: Store, secret: str) -> list[str]:
    """Where a secret is: files of the folder, nodes and relationships of the database."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [str(path) for path in files if secret.encode() in path.read_bytes()]
    for query in (
        "MATCH (n) UNWIND keys(n) AS key RETURN labels(n) AS of, key, n[key] AS value",
        "MATCH ()-[r]->() UNWIND keys(r) AS key RETURN type(r) AS of, key, r[key] AS value",
    ):
        rows = store.rows(query)
        found += [f"{row['of']}.{row['key']}" for row in rows if secret in repr(row["value"])]
    return found


def test_the_login_of_a_source_is_used_and_kept_nowhere(
    kgp: Any, place: str, store: Store, graph_name: str, tmp_path: Path
) -> None:
    where = f"sparql:http://reader:{USER_PASSWORD}@{place}/sparql"
    query = ("--query", "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }")
    loaded = kgp("load", where, "--graph", graph_name, *query, "--json")
    assert loaded.code == 0, loaded.err
    assert any(login.startswith("Basic ") for login in Endpoint.logins)
    assert store.rows("MATCH (e:Entity {graph: $g}) RETURN e", g=graph_name)
    wrong = where.replace("reader:", "stranger:")
    refused = kgp("load", wrong, "--graph", graph_name, *query)
    assert refused.code != 0
    for ended in (loaded, refused):
        assert USER_PASSWORD not in ended.out + ended.err
        assert "Traceback" not in ended.err
    assert held(tmp_path, store, USER_PASSWORD) == []
    counted("secrets", "a source's login, right and refused", 2, kept=0, printed=0)


def test_a_model_that_repeats_its_key_does_not_get_it_printed(
    kgp: Any,
    place: str,
    store: Store,
    graph_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KGP_LLM_API_KEY", KEY)
    monkeypatch.setenv("KGP_LLM_BASE_URL", f"http://{place}/v1")
    schema = write_schema(tmp_path)
    documents = write_documents(tmp_path / "texts", {"a": "Poland borders Ukraine."})
    facts = tmp_path / "facts.tsv"
    facts.write_text("poland\tborders\tgermany\n")
    assert kgp("load", facts, "--graph", graph_name).code == 0
    model = ("--llm", "openai:small")
    for args in (
        ("extract", documents, "--graph", graph_name, "--schema", schema, *model),
        ("generate", "poland", "--graph", graph_name, *model),
        ("ask", "what does poland border", "--graph", graph_name, *model, "--strategy", "cypher"),
    ):
        ended = kgp(*args)
        assert KEY not in ended.out + ended.err, args
        assert "Traceback" not in ended.err
        assert ended.code != 0, args
    assert held(tmp_path, store, KEY) == []
    counted("secrets", "a model's key that its endpoint repeats", 3, kept=0, printed=0)


def test_what_is_held_is_found(store: Store, graph_name: str, tmp_path: Path) -> None:
    """The search itself: a test that finds nothing anywhere would say nothing."""
    (tmp_path / "file").write_text(f"x{KEY}")
    store.command("CREATE (:Entity {graph: $g, id: 'a', note: [$key]})", g=graph_name, key=KEY)
    assert held(tmp_path, store, KEY) == [str(tmp_path / "file"), "['Entity'].note"]
