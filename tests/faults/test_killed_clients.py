"""``kill -9`` of commands that write; then the same command again, and the same graph and run."""

import pytest
from campaign import drawn, points
from fault_attempts import (
    AtFile,
    Scene,
    counted_attempts,
    kill_at_file,
    kill_bulk_load,
    kill_client,
    prepare,
)
from writing_commands import BULK, WRITING, commands

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", commands())
def test_a_killed_command_is_completed_by_the_same_again(scene: Scene, name: str) -> None:
    made = prepare(scene, WRITING[name])
    random = drawn(f"client {name}")
    attempts = [kill_client(scene, made, random) for _ in range(points(2, 12))]
    counted_attempts(f"client killed during `kgp {name}`", attempts)


def test_an_import_that_was_killed_is_made_anew(scene: Scene) -> None:
    """Its folder once stood in the way of the same command, or was a run without metrics."""
    made = prepare(scene, WRITING["import-embeddings"])
    places = [AtFile(number, after) for number in range(1, made.put + 1) for after in (False, True)]
    tried = places if points(0, 1) else [places[0], places[7], places[-3]]
    attempts = [kill_at_file(scene, made, place) for place in tried]
    counted_attempts("client killed at each file of `kgp import-embeddings`", attempts)


@pytest.mark.skipif(not points(0, 1), reason="of the long campaign: half a minute each")
def test_a_killed_bulk_load_is_completed_by_the_same_again(scene: Scene) -> None:
    made = prepare(scene, BULK)
    random = drawn("bulk")
    attempts = [kill_bulk_load(scene, made, random) for _ in range(points(0, 8))]
    counted_attempts("client killed during `kgp load --bulk`", attempts)
    scene.empty()
