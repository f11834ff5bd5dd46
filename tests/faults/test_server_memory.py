"""A server with little memory, for real: what is too much at once goes on in smaller pieces.

Each command is prepared in small batches, and its outcome kept. Then it runs with the batches of
a user, which may be more than the server takes, and comes to the same graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import vector_readers
import writing_commands
from campaign import LONG, counted
from extraction_commands import answer
from fault_scenes import Prepared, Scene, begun_scene, prepare, restore, state
from warm_commands import Told
from writing_commands import BATCHES, WRITING

from kgplatform.server import config
from kgplatform.settings import Settings

pytestmark = pytest.mark.slow

OF_A_TRANSACTION, OF_ALL = "6m", "20m"
"""Neo4j takes memory for a transaction by 2 MiB, and does not start with much less."""

ENTITIES, FACTS = 2_000, 5_000

FITTING = {
    **BATCHES,
    "kgplatform.store.load": {"BATCH": 500},
    "kgplatform.store.writeback": {"VECTORS_A_BATCH": 250},
    "kgplatform.store.links": {"LINKS_A_BATCH": 100},
    "kgplatform.store.remove": {"ROWS": 500},
    "kgplatform.store.undo": {"ROWS": 500},
}
"""Batches that the server takes."""

HALVED = ("load", "load --replace")
"""Commands that are known to ask this server for more than it has."""


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory,
    digest: Callable[..., str],
    model_servers: Callable[..., Any],
) -> Iterator[Scene]:
    """A server with hardly any memory for transactions, and a folder to work in."""
    settings = Settings(neo4j_uri=None, kgp_home=tmp_path_factory.mktemp("poor"), kgp_heap="512m")
    folder = tmp_path_factory.mktemp("commands")
    model = model_servers(lambda heard: answer(heard.document))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writing_commands, "ENTITIES", ENTITIES)
        patched.setattr(writing_commands, "FACTS", FACTS)
        patched.setattr(vector_readers, "ENTITIES", ENTITIES)
        _give_little(patched)
        with begun_scene(settings, folder, model.url, digest, FITTING) as scene:
            yield scene


def _give_little(patched: pytest.MonkeyPatch) -> None:
    made = config._config

    def poor(*given: Any) -> dict[str, str]:
        return made(*given) | {
            "db.memory.transaction.max": OF_A_TRANSACTION,
            "dbms.memory.transaction.total.max": OF_ALL,
        }

    patched.setattr(config, "_config", poor)


def _of_a_user(scene: Scene, made: Prepared) -> Told:
    """Run a command with the batches that it has without us."""
    scene.values = {}
    try:
        return scene.start(made.words).wait()
    finally:
        scene.values = FITTING


SHORT = ("load",)


@pytest.mark.parametrize("name", WRITING if LONG else SHORT)
def test_what_is_too_much_for_the_server_goes_on_in_pieces(scene: Scene, name: str) -> None:
    made = prepare(scene, WRITING[name])
    restore(scene, made)
    told = _of_a_user(scene, made)
    assert "Traceback" not in told.err
    assert told.code == 0, told.err
    if name in HALVED:
        assert "the server has not the memory for" in told.err
    with scene.store() as store:
        assert state(scene, store, made.writing) == made.after
    counted("limits", f"`kgp {name}` on a server of little memory", 1, exact=1)
