"""Connections that are cut at each kind of message of Bolt; then the same command again."""

import pytest
from campaign import drawn, points
from fault_attempts import CUT_AT, Scene, counted_attempts, cut, prepare
from writing_commands import WRITING, commands

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", commands())
def test_a_connection_cut_anywhere_is_survived_or_told(scene: Scene, name: str) -> None:
    made = prepare(scene, WRITING[name])
    random = drawn(f"cut {name}")
    messages = [kind for kind in CUT_AT if made.seen[kind]]
    # A cut on COMMIT leaves its outcome unknown: the repetition must find out.
    tried = messages * 3 if points(0, 1) else ["COMMIT", random.choice(messages)]
    attempts = [cut(scene, made, random, message) for message in tried]
    counted_attempts(f"connection cut during `kgp {name}`", attempts)
