"""The commands of docs/guide/browser.md run."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kgplatform.browser.serve import choose_guide_port
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "browser.md").read_text(encoding="utf-8")
COMMANDS = "".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)).splitlines()


@pytest.fixture
def places(store: Store) -> None:
    entities = [Entity("pl", "Poland", "", ("Country",)), Entity("de", "Germany", "", ("Country",))]
    load(store, "places", entities, [Triple("pl", "BORDERS", "de")], source="atlas")


def test_the_examples_run(kgp: Any, places: None, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert len(COMMANDS) == 6
    for command in COMMANDS:
        if "serve" not in command:
            ended = kgp(*shlex.split(command)[1:])
            assert ended.code == 0, f"{command}: {ended.err}"
            assert ended.out, command
    # The one with --print opens nothing.
    assert len(opened) == 3
    assert "cmd=edit" in opened[1]


def test_the_guide_is_served_until_ctrl_c(kgp: Any, places: None) -> None:
    (command,) = [line for line in COMMANDS if "serve" in line]
    port = choose_guide_port()
    args = shlex.split(command.replace("7400", str(port)))[1:]
    # The fixture has set the environment, which this process gets.
    serving = subprocess.Popen([sys.executable, "-m", "kgplatform", *args], env=os.environ)
    try:
        page, until = "", time.monotonic() + 60
        while not page and time.monotonic() < until:
            with (
                suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/guide.html", timeout=60) as answer,
            ):
                page = answer.read().decode()
            time.sleep(0.1)
        assert "What is in here" in page
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 130
