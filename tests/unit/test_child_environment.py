"""What programs that kgplatform starts get of its environment."""

import pytest

from kgplatform.settings import environment_of_children


def test_children_get_no_password_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = (
        "NEO4J_PASSWORD",
        "neo4j_password",
        "KGP_LLM_API_KEY",
        "OPENAI_API_KEY",
        "KGP_API_KEYS",
    )
    for name in secret:
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("KGP_HEAP", "512m")
    given = environment_of_children()
    assert given["KGP_HEAP"] == "512m"
    assert not set(secret) & set(given)
    assert "canary" not in given.values()
    needed = environment_of_children("neo4j_password")
    assert {name for name in secret if name in needed} == {"NEO4J_PASSWORD", "neo4j_password"}
