"""``kill -9`` of the server while commands write; it starts again, and so does the command."""

import pytest
from campaign import drawn, points
from fault_attempts import Scene, counted_attempts, kill_server, prepare
from writing_commands import WRITING, commands

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", commands() if points(0, 1) else commands()[:1])
def test_a_server_killed_during_a_command_loses_nothing(scene: Scene, name: str) -> None:
    made = prepare(scene, WRITING[name])
    random = drawn(f"server {name}")
    attempts = [kill_server(scene, made, random) for _ in range(points(1, 4))]
    counted_attempts(f"server killed during `kgp {name}`", attempts)
