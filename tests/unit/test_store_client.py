"""Addresses of databases: which of them lets others read along."""

import pytest

from kgplatform.hosts import shown_uri
from kgplatform.store.client import is_exposed


@pytest.mark.parametrize(
    "uri",
    [
        "bolt://127.0.0.1:7687",
        "bolt://[::1]:7687",
        "neo4j://localhost",
        "bolt://db.localhost:7687",
        "bolt://neo4j:7687",  # a container's name
        "bolt+s://db.example.org",
        "neo4j+ssc://10.0.0.1",
        "bolt://[half",
    ],
)
def test_nobody_reads_along(uri: str) -> None:
    assert not is_exposed(uri)


@pytest.mark.parametrize(
    "uri", ["bolt://10.0.0.1", "neo4j://db.example.org:7687", "bolt://[2001:db8::1]:7687"]
)
def test_others_could_read_along(uri: str) -> None:
    assert is_exposed(uri)


def test_an_address_is_shown_without_its_password() -> None:
    assert shown_uri("bolt://me:secret@host:1") == "bolt://host:1"
    assert shown_uri("bolt://me:p@ss/se:cret@host:1 is none") == "bolt://host:1 is none"
