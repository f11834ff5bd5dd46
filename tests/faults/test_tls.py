"""TLS with certificates that are right, expired, of another host, and of nobody's authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from campaign import counted
from certificates import Certificates, Terminator, make_certificates, terminated
from repeating import USER_PASSWORD, Endpoint, repeating

from kgplatform.settings import Settings

WRONG = {"expired": "expired", "wrong host": "ostname mismatch", "self-signed": "self-signed"}
"""Certificates that must be refused, with a word of the reason that is told."""

KEY = "sk-canary-over-tls"
QUERY = ("--query", "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def believed(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' authority is one of those that this machine believes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))


@pytest.fixture
def place() -> Iterator[str]:
    """Host and port of an endpoint without TLS."""
    with repeating() as found:
        yield found


def _address(uri: str) -> tuple[str, int]:
    parts = urlsplit(uri)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _is_refused(ended: Any, front: Terminator, reason: str) -> None:
    """Told with its reason and what to do, after one attempt, with nothing sent."""
    assert ended.code == 1
    assert "certificate" in ended.err
    assert reason in ended.err
    assert "SSL_CERT_FILE" in ended.err
    assert "Traceback" not in ended.err
    assert front.greeted == 1
    assert bytes(front.sent) == b""


def test_a_database_is_believed_by_its_certificate(
    kgp: Any, settings: Settings, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value().encode()
    behind = _address(settings.neo4j_uri)
    for name, chain in certificates.chains.items():
        with terminated(chain, behind) as front:
            monkeypatch.setenv("NEO4J_URI", f"bolt+s://localhost:{front.port}")
            ended = kgp("status")
            if name in WRONG:
                _is_refused(ended, front, WRONG[name])
            else:
                assert ended.code == 0, ended.err
                assert password in front.sent
    counted("limits", "bolt+s with a wrong certificate", len(WRONG), refused=3, login_sent=0)
    with terminated(certificates.chains["self-signed"], behind) as front:
        monkeypatch.setenv("NEO4J_URI", f"bolt+ssc://localhost:{front.port}")
        ended = kgp("status")
        assert ended.code == 0, ended.err
        assert password in front.sent


def test_a_sparql_endpoint_is_believed_by_its_certificate(
    kgp: Any, place: str, graph_name: str, certificates: Certificates
) -> None:
    for name, chain in certificates.chains.items():
        with terminated(chain, _address(f"http://{place}")) as front:
            where = f"sparql:https://reader:{USER_PASSWORD}@localhost:{front.port}/sparql"
            ended = kgp("load", where, "--graph", graph_name, *QUERY)
            assert USER_PASSWORD not in ended.out + ended.err
            if name in WRONG:
                _is_refused(ended, front, WRONG[name])
            else:
                assert ended.code == 0, ended.err
                assert b"Authorization: Basic" in front.sent
    assert set(map(bool, Endpoint.logins)) == {True}
    counted("limits", "SPARQL with a wrong certificate", len(WRONG), refused=3, login_sent=0)


def test_a_language_model_is_believed_by_its_certificate(
    kgp: Any,
    place: str,
    graph_name: str,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = tmp_path / "facts.tsv"
    facts.write_text("poland\tborders\tgermany\n")
    assert kgp("load", facts, "--graph", graph_name).code == 0
    monkeypatch.setenv("KGP_LLM_API_KEY", KEY)
    for name, chain in certificates.chains.items():
        with terminated(chain, _address(f"http://{place}")) as front:
            monkeypatch.setenv("KGP_LLM_BASE_URL", f"https://localhost:{front.port}/v1")
            ended = kgp("generate", "poland", "--graph", graph_name, "--llm", "openai:small")
            assert KEY not in ended.out + ended.err
            if name in WRONG:
                _is_refused(ended, front, WRONG[name])
            else:
                assert KEY.encode() in front.sent
    counted("limits", "a language model with a wrong certificate", 3, refused=3, key_sent=0)
