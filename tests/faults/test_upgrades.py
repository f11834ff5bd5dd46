"""Upgrades: an old store opens, a newer one is refused, a cut migration is completed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from campaign import counted, drawn, points
from connected import connected

from kgplatform import queries
from kgplatform.connection import open_store
from kgplatform.errors import SchemaError
from kgplatform.queries import quote
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.schema import migrate
from kgplatform.store.search import similar
from kgplatform.store.undo import undo, written_runs
from kgplatform.store.writeback import Target, write_vectors
from kgplatform.triples import Triple

FIRST = Path(__file__).parents[1] / "data" / "store_of_first_schema.cypher"
RING = [Triple(f"e{i}", "next", f"e{(i + 1) % 6}", "train") for i in range(6)]


@pytest.fixture
def bare(store: Store) -> Iterator[Store]:
    """The session's database without anything, schema included; it has the newest again after."""
    _strip(store)
    yield store
    _strip(store)
    migrate(store)


def _strip(store: Store) -> None:
    store.command("MATCH (n) DETACH DELETE n")
    for row in store.rows("SHOW CONSTRAINTS YIELD name"):
        store.command(f"DROP CONSTRAINT {quote(row['name'])} IF EXISTS")
    for row in store.rows("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
        store.command(f"DROP INDEX {quote(row['name'])} IF EXISTS")


def _schema_of(store: Store) -> list[str]:
    """What the database has of constraints and indexes, but those of vectors, and of records."""
    found = [
        str(row["made"])
        for kind in ("CONSTRAINTS", "INDEXES")
        for row in store.rows(
            f"SHOW {kind} YIELD name, type, createStatement AS made "
            "WHERE type <> 'VECTOR' RETURN made"
        )
    ]
    rows = store.rows("MATCH (m:SchemaMigration) RETURN m.version AS version, m.checksum AS sum")
    return sorted([*found, *(f"{row['version']} {row['sum']}" for row in rows)])


def test_a_store_of_the_first_schema_is_kept_and_used(bare: Store) -> None:
    for statement in FIRST.read_text().split("\n;\n"):
        bare.command(statement)
    bare.command("CALL db.awaitIndexes(60)")
    nearest = [hit.id for hit in similar(bare, "old", "e0", 3)]
    assert len(nearest) == 3
    # The same load again: nothing is new, nothing twice, and the old facts are claimed now.
    counts = load(bare, "old", [], RING, source="ring")
    assert (counts.facts_created, counts.facts_unchanged, counts.num_conflicts) == (0, 6, 0)
    versions = [name.removeprefix("schema/")[:4] for name in queries.names("schema/")]
    recorded = bare.rows("MATCH (m:SchemaMigration) RETURN m.version AS v ORDER BY v")
    assert [row["v"] for row in recorded] == versions
    assert [hit.id for hit in similar(bare, "old", "e0", 3)] == nearest
    more = load(bare, "old", [], [*RING, Triple("e0", "next", "new", "train")], source="ring")
    assert (more.facts_created, more.entities_created) == (1, 1)
    told = write_vectors(
        bare, "third", {}, Target(graph="old"), ["e0", "e1", "new"], np.eye(3, 4, dtype=np.float32)
    )
    assert told["replaced"] == "second/graph"
    assert undo(bare, "third")["restored"] == "second/graph"
    assert undo(bare, "second") == {
        "vectors": 6,
        "predicted": 1,
        "answers": 0,
        "restored": "first/graph",
    }
    assert undo(bare, "first")["vectors"] == 6
    assert written_runs(bare) == []
    # What the source has no more leaves, of what the first version wrote, too.
    replaced = load(bare, "old", [], RING[:2], source="ring", replace=True)
    assert replaced.facts_removed == 5
    left = bare.rows("MATCH (:Entity)-[r]->(:Entity) RETURN r.split AS split ORDER BY split")
    assert [row["split"] for row in left] == ["test", "train", "train"]
    counted("upgrades", "a store of the first schema, loaded again, written, undone", 1, survived=1)


def test_a_store_of_a_newer_kgplatform_is_refused_and_left_alone(
    bare: Store, settings: Settings
) -> None:
    migrate(bare)
    bare.command("CREATE (:SchemaMigration {version: 'V999', name: 'later', checksum: 'x'})")
    before = _schema_of(bare)
    with pytest.raises(SchemaError, match=r"newer kgplatform.*V999") as caught:
        load(bare, "g", [], RING, source="ring")
    assert "upgrade" in caught.value.hint
    with pytest.raises(SchemaError, match="newer"), open_store(settings):
        pass
    assert _schema_of(bare) == before
    assert bare.rows("MATCH (n:KnowledgeGraph|Entity) RETURN n") == []
    counted("upgrades", "a store of a newer schema opened", 2, refused=2)


def test_a_store_whose_schema_was_changed_is_refused(bare: Store) -> None:
    migrate(bare)
    bare.command("MATCH (m:SchemaMigration {version: 'V001'}) SET m.checksum = 'x'")
    with pytest.raises(SchemaError, match=r"V001.*differs"):
        migrate(bare)


def test_a_cut_migration_is_completed_by_the_next(
    bare: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(bare)
    whole = _schema_of(bare)
    files = len(queries.names("schema/"))
    cuts = sorted(drawn("migration").sample(range(2 * files), points(3, 2 * files)))
    for cut in cuts:
        _strip(bare)
        left = iter(range(cut))

        def step(sent: Callable[..., object], left: Iterator[int] = left) -> Callable[..., object]:
            def send(*args: object, **params: object) -> object:
                if next(left, None) is None:
                    raise ConnectionResetError
                return sent(*args, **params)

            return send

        with monkeypatch.context() as patched:
            # A migration is two steps a change: the change itself, then its record.
            patched.setattr(bare, "command", step(bare.command))
            patched.setattr(bare, "run", step(bare.run))
            with pytest.raises(ConnectionResetError):
                migrate(bare)
        assert _schema_of(bare) != whole
        migrate(bare)
        assert _schema_of(bare) == whole
    counted("upgrades", "a migration cut between two steps", len(cuts), survived=len(cuts))


def test_migrations_at_once_make_one_schema(bare: Store, settings: Settings) -> None:
    migrate(bare)
    whole = _schema_of(bare)
    rounds = points(1, 5)
    for _ in range(rounds):
        _strip(bare)
        together = threading.Barrier(4)

        def work(together: threading.Barrier = together) -> None:
            with connected(settings) as own:
                together.wait(60)
                migrate(own)

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work) for _ in range(4)]:
                done.result()
        # Each version once: a record made twice would be here twice.
        assert _schema_of(bare) == whole
    counted("limits", "four migrations of one empty store at once", rounds, survived=rounds)
