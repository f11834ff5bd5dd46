"""The disk of a local server that fills up, for real; then room, and the same again."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FACTS = 12_000
LARGE, SPARE = 400, 5
"""MiB of the disk while there is room, and MiB that are left on it when it is made small."""


@dataclass(frozen=True)
class Project:
    """A project whose folder ``.kgplatform``, with the server's data, is on a disk of its own."""

    folder: Path
    disk: Any

    def kgp(self, *args: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-c", "from kgplatform.cli import main; main()", *args],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(Path.home()),
                "KGP_HOME": str(self.disk.path),
                "KGP_HEAP": "512m",
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert "Traceback" not in ended.stderr
        return ended

    def done(self, *args: str) -> Any:
        ended = self.kgp(*args, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, disk_at: Any) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("project")
    with disk_at(folder / "disk", LARGE) as disk:
        project = Project(folder, disk)
        rows = (f"e{i}\tr{i % 3}\te{(i + 1) % FACTS}\n" for i in range(FACTS))
        (folder / "facts.tsv").write_text("".join(rows))
        try:
            yield project
        finally:
            disk.resize(LARGE)
            project.kgp("down")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["up without room, room, up", "room, down, up"])
def test_the_disk_of_a_local_server_fills_during_a_load(project: Project, way: str) -> None:
    load = ("load", "facts.tsv", "--graph", way)
    project.done("up")
    project.disk.leave(SPARE)
    for _ in range(2):
        # Neo4j says the cause to the first who writes, and to nobody after that.
        full = project.kgp(*load)
        assert full.returncode == 1
        assert "disk is full" in full.stderr
        assert f"MiB are free in {project.disk.path}" in full.stderr
        assert "`kgp up`" in full.stderr
    assert project.done("status")["running"] is False
    for step in way.split(", "):
        if step == "room":
            project.disk.resize(LARGE)
        elif step == "up without room":
            refused = project.kgp("up")
            assert refused.returncode == 1
            assert "MiB are free" in refused.stderr
        else:
            project.done(step)
    again = project.done(*load)
    assert again["created"] + again["unchanged"] == FACTS
    removed = project.done("rm", "--graph", way)
    assert (removed["entities"], removed["facts"]) == (FACTS, FACTS)
