"""Every command, with passwords and keys that are known: none is printed, none is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from campaign import LONG, counted, drawn
from repeating import repeating
from secret_words import FIRST, NOT_TO_BE_RUN, WORDS, leaves, write_inputs

from kgplatform.cli import cli
from kgplatform.settings import Settings
from kgplatform.store.client import Store

pytestmark = pytest.mark.slow

KEY = "sk-canary-of-all-commands"

ODD = "p%40ss w'\"$" + "word@/canary:ü"
"""A password in which each character means something to some syntax."""

CANARY = "canary-of-an-address"

RUN_HERE = list(WORDS) if LONG else [*FIRST, *drawn("secrets").sample(sorted(WORDS), 12)]


@pytest.fixture
def place() -> Iterator[str]:
    """Host and port of a language model that repeats the key it was sent."""
    with repeating() as found:
        yield found


def forms(secret: str) -> set[str]:
    """A secret as it may be written: plain, in an address, in JSON, in Python, encoded."""
    shapes = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}
    shapes |= {json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    # Of a longer text, as that of a login, the middle of the encoded one is the same.
    for start in range(3):
        encoded = base64.b64encode(b"x" * start + secret.encode()).decode()
        shapes.add(encoded[4:-4])
    return shapes


def told(text: str, *secrets: str) -> list[str]:
    """Which forms of secrets a text holds."""
    return [form for secret in secrets for form in forms(secret) if form in text]


def held(folder: Path, store: Store, *secrets: str) -> list[str]:
    """Where a form of a secret is: names and content of files, and all of the database."""
    wanted = {form for secret in secrets for form in forms(secret)}
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if any(form.encode() in content or form in path.name for form in wanted):
            found.append(str(path))
    for query in (
        "MATCH (n) RETURN labels(n) AS of, properties(n) AS value",
        "MATCH ()-[r]->() RETURN type(r) AS of, properties(r) AS value",
        "SHOW INDEXES YIELD name AS of, createStatement AS value",
    ):
        for row in store.rows(query):
            if any(form in str(row) for form in wanted):
                found.append(str(row["of"]))
    return found


def run_all(kgp: Any, names: list[str], graph: str, *secrets: str) -> int:
    """Run commands, as data and as text in turn, and look at what they print; how many failed."""
    failed = 0
    for number, name in enumerate(names):
        words = [graph if word == "GRAPH" else word for word in WORDS[name]]
        ended = kgp(*name.split(), *words, *(["--json"] if number % 2 else []))
        assert told(ended.out + ended.err, *secrets) == [], name
        assert "Traceback" not in ended.err, name
        failed += ended.code != 0
    return failed


def test_all_commands_have_words() -> None:
    assert set(leaves(cli)) == set(WORDS) | set(NOT_TO_BE_RUN)


def test_what_is_told_and_held_is_found(store: Store, graph_name: str, tmp_path: Path) -> None:
    """The search itself: a test that finds nothing anywhere would say nothing."""
    for form in forms(ODD):
        assert told(f"see <{form}>", ODD)
    login = base64.b64encode(f"reader:{ODD}".encode()).decode()
    assert told(f"Authorization: Basic {login}", ODD)
    assert not told("a password, reader:p, and nothing of it", ODD, KEY)
    (tmp_path / "file").write_text(json.dumps({"at": f"bolt://u:{quote(ODD, safe='')}@host"}))
    store.command("CREATE (:Entity {graph: $g, id: 'a', note: [$key]})", g=graph_name, key=KEY)
    assert held(tmp_path, store, ODD, KEY) == [str(tmp_path / "file"), "['Entity']"]
    store.command("MATCH (e:Entity {graph: $g}) DELETE e", g=graph_name)


def test_no_command_prints_or_keeps_what_is_right(
    kgp: Any,
    place: str,
    settings: Settings,
    store: Store,
    graph_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value()
    monkeypatch.setenv("KGP_LLM_API_KEY", KEY)
    monkeypatch.setenv("KGP_LLM_BASE_URL", f"http://{place}/v1")
    write_inputs(tmp_path)
    failed = run_all(kgp, RUN_HERE, graph_name, password, KEY)
    assert failed < len(RUN_HERE), "nothing worked, so nothing was shown"
    assert held(tmp_path, store, password, KEY) == []
    done = len(RUN_HERE)
    counted("secrets", "commands with the right password and a key", done, kept=0, printed=0)


@pytest.mark.parametrize("way", ["login", "address", "address as it is"])
def test_no_command_prints_or_keeps_what_is_wrong(
    kgp: Any,
    way: str,
    settings: Settings,
    store: Store,
    graph_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A password that is refused, and one that somebody has put into the address."""
    assert settings.neo4j_uri is not None
    # Another user than the right one, who would be locked out for a while.
    monkeypatch.setenv("NEO4J_USERNAME", "stranger")
    scheme, _, host = settings.neo4j_uri.partition("://")
    secret = ODD
    if way == "login":
        monkeypatch.setenv("NEO4J_PASSWORD", ODD)
    elif way == "address":
        monkeypatch.setenv("NEO4J_URI", f"{scheme}://stranger:{quote(ODD, safe='')}@{host}")
    else:
        # Not as it has to be written, but as many will.
        secret = CANARY
        monkeypatch.setenv("NEO4J_URI", f"{scheme}://stranger:p@s/{CANARY}@{host}")
    write_inputs(tmp_path)
    failed = run_all(kgp, RUN_HERE, graph_name, secret)
    assert failed
    assert held(tmp_path, store, secret) == []
    done = len(RUN_HERE)
    counted("secrets", f"commands with a wrong password ({way})", done, kept=0, printed=0)
