"""Real faults of every command that writes: killed clients, killed servers, cut connections.

After each the same command again, and the same graph and the same run as if nothing had been;
readers of vectors meanwhile find the old set or the new one. ``KGP_FAULTS=long`` disturbs all
commands, at some hundreds of points; a plain test run two of them, by the seed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from campaign import LONG, drawn, points
from extraction_commands import answer
from fault_attempts import (
    CUT_AT,
    counted_attempts,
    cut,
    kill_at_file,
    kill_bulk_load,
    kill_client,
    kill_overtaken,
    kill_server,
)
from fault_scenes import Scene, begun_scene, prepare
from warm_commands import AtFile
from writing_commands import BULK, IN_LANES, WALKERS, WRITING, commands

from kgplatform.settings import Settings

pytestmark = pytest.mark.slow

of_the_long_campaign = pytest.mark.skipif(not LONG, reason="of the long campaign")


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory,
    digest: Callable[..., str],
    model_servers: Callable[..., Any],
) -> Iterator[Scene]:
    """A server that may be killed, with a schema and nothing else, and a folder to work in."""
    settings = Settings(neo4j_uri=None, kgp_home=tmp_path_factory.mktemp("killed"), kgp_heap="512m")
    folder = tmp_path_factory.mktemp("attempts")
    model = model_servers(lambda heard: answer(heard.document))
    with begun_scene(settings, folder, model.url, digest) as scene:
        yield scene


@pytest.mark.parametrize("name", commands())
def test_a_killed_command_is_completed_by_the_same_again(scene: Scene, name: str) -> None:
    made, random = prepare(scene, WRITING[name]), drawn(f"client {name}")
    attempts = [kill_client(scene, made, random) for _ in range(points(2, 12))]
    counted_attempts(f"client killed during `kgp {name}`", attempts)


@pytest.mark.parametrize("name", IN_LANES if LONG else ["write"])
def test_what_overtakes_is_not_taken_for_all(scene: Scene, name: str) -> None:
    made, random = prepare(scene, WRITING[name]), drawn(f"overtaken {name}")
    attempts = [kill_overtaken(scene, made, random) for _ in range(points(1, 10))]
    counted_attempts(f"client killed during `kgp {name}`, one connection late", attempts)


def test_an_import_that_was_killed_is_made_anew(scene: Scene) -> None:
    """Its folder once stood in the way of the same command, or was a run without metrics."""
    made = prepare(scene, WRITING["import-embeddings"])
    places = [AtFile(number, after) for number in range(1, made.put + 1) for after in (False, True)]
    tried = places if LONG else [places[0], places[7]]
    attempts = [kill_at_file(scene, made, place) for place in tried]
    counted_attempts("client killed at each file of `kgp import-embeddings`", attempts)


@pytest.mark.parametrize("name", WALKERS if LONG else list(WALKERS)[:1])
def test_a_walker_that_was_killed_ends_as_one_that_was_not(scene: Scene, name: str) -> None:
    """Killed at drawn files and anywhere, and before the last file, which once came too late."""
    made, random = prepare(scene, WALKERS[name]), drawn(f"client {name}")
    places = [AtFile(number, after) for number in range(1, made.put) for after in (False, True)]
    tried = [*random.sample(places, points(1, 19)), AtFile(made.put, False)]
    attempts = [kill_at_file(scene, made, place) for place in tried]
    attempts += [kill_client(scene, made, random) for _ in range(points(1, 10))]
    counted_attempts(f"client killed during `kgp {name}`", attempts)


@pytest.mark.parametrize("name", commands())
def test_a_connection_cut_anywhere_is_survived_or_told(scene: Scene, name: str) -> None:
    made, random = prepare(scene, WRITING[name]), drawn(f"cut {name}")
    messages = [kind for kind in CUT_AT if made.seen[kind]]
    # A cut on COMMIT leaves its outcome unknown: the repetition must find out.
    tried = messages * 3 if LONG else ["COMMIT", random.choice(messages)]
    attempts = [cut(scene, made, random, message) for message in tried]
    counted_attempts(f"connection cut during `kgp {name}`", attempts)


@pytest.mark.parametrize("name", commands() if LONG else commands()[:1])
def test_a_server_killed_during_a_command_loses_nothing(scene: Scene, name: str) -> None:
    made, random = prepare(scene, WRITING[name]), drawn(f"server {name}")
    attempts = [kill_server(scene, made, random) for _ in range(points(1, 3))]
    counted_attempts(f"server killed during `kgp {name}`", attempts)


@of_the_long_campaign
def test_a_killed_bulk_load_is_completed_by_the_same_again(scene: Scene) -> None:
    made, random = prepare(scene, BULK), drawn("bulk")
    attempts = [kill_bulk_load(scene, made, random) for _ in range(points(0, 8))]
    counted_attempts("client killed during `kgp load --bulk`", attempts)
