"""A project's server through its life: crashes, stale files, taken ports, wrong surroundings.

The tests of this file share one project and follow one another: a start costs seconds.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import neo4j
import psutil
import pytest

from kgplatform import server as local
from kgplatform.errors import AuthenticationError, ServerError
from kgplatform.server import jars
from kgplatform.server.config import folders, read_state
from kgplatform.server.java import find_java
from kgplatform.server.shared_classes import java_arguments
from kgplatform.settings import Settings

KEYS, CANARY = ("KGP_LLM_API_KEY", "OPENAI_API_KEY", "KGP_API_KEYS"), "canary-of-a-key"

UP = [sys.executable, "-c", "from kgplatform.cli import main; main()", "up", "--json"]


@pytest.fixture(scope="module")
def project(
    server: local.ServerInfo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A second project, beside the session's server; its path has a space in it."""
    home = tmp_path_factory.mktemp("second") / "my project"
    settings = Settings(neo4j_uri=None, kgp_home=home, kgp_heap="512m")
    yield settings
    local.stop(settings)


def begin_up(settings: Settings) -> subprocess.Popen[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(Path.home()),
        "KGP_HOME": str(settings.kgp_home),
        "KGP_HEAP": "512m",
        **dict.fromkeys(KEYS, CANARY),
    }
    return subprocess.Popen(
        UP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def counted(info: local.ServerInfo) -> int:
    with neo4j.GraphDatabase.driver(info.uri, auth=(info.username, info.password)) as driver:
        return int(driver.execute_query("MATCH (n:Kept) RETURN count(n) AS n").records[0]["n"])


def write_one(info: local.ServerInfo) -> None:
    with neo4j.GraphDatabase.driver(info.uri, auth=(info.username, info.password)) as driver:
        driver.execute_query("CREATE (:Kept)")


def test_two_ups_at_once_start_one_server_beside_another_project(
    server: local.ServerInfo, project: Settings
) -> None:
    ups = [begin_up(project) for _ in range(2)]
    told = [up.communicate(timeout=240) for up in ups]
    assert [up.returncode for up in ups] == [0, 0], told
    first, second = (json.loads(out) for out, _ in told)
    assert first["pid"] == second["pid"] != server.pid
    assert first["uri"] == second["uri"] != server.uri
    assert first["browser"] != server.browser
    # What lives on for days has none of the keys of whoever started it.
    inherited = psutil.Process(first["pid"]).environ()
    assert inherited["HOME"] == str(Path.home())
    assert CANARY not in inherited.values()
    info = local.start(project)
    assert info.pid == first["pid"]
    assert info.password != server.password
    write_one(info)
    assert counted(info) == 1
    assert counted(server) == 0


def test_the_other_projects_password_is_refused(
    server: local.ServerInfo, project: Settings
) -> None:
    info = local.start(project)
    with (
        pytest.raises(neo4j.exceptions.AuthError),
        neo4j.GraphDatabase.driver(info.uri, auth=("neo4j", server.password)) as driver,
    ):
        driver.verify_connectivity()


def test_a_changed_password_is_an_error_that_names_the_file(project: Settings) -> None:
    file = folders(project).password
    right = file.read_text()
    file.write_text("something else\n")
    try:
        with pytest.raises(AuthenticationError) as caught:
            local.start(project)
    finally:
        file.write_text(right)
    assert str(file) in caught.value.hint + str(caught.value)
    assert local.start(project).password == right.strip()


def test_the_classes_come_from_an_archive_that_holds_for_this_java(project: Settings) -> None:
    java, folder = find_java(), jars.folder(project)
    (archive,) = folder.glob(f"classes-{java.major}-*.jsa")
    info = local.start(project)
    assert f"-XX:SharedArchiveFile={archive}" in psutil.Process(info.pid).cmdline()
    # With -Xshare:on a Java that cannot use its archive ends.
    command = [str(java.path), "-Xshare:on", "-XX:+UseParallelGC", *java_arguments(java, folder)]
    done = subprocess.run(
        [*command, "-Xlog:class+load", "org.neo4j.cli.AdminTool", "help"],
        env={"NEO4J_HOME": str(folders(project).home)},
        capture_output=True,
        text=True,
    )
    loaded = [
        line for line in done.stdout.splitlines() if "org.neo4j." in line and "source:" in line
    ]
    assert done.returncode == 0
    shared = [line for line in loaded if "shared objects file" in line]
    assert len(shared) > 100
    assert len(shared) > 0.8 * len(loaded)


def test_a_lost_state_file_does_not_lose_the_server(project: Settings) -> None:
    info = local.start(project)
    file = folders(project).state
    kept = file.read_text()
    file.unlink()
    try:
        # No second server is begun on the same data; the first is found by its command line.
        with pytest.raises(ServerError, match="on which ports") as caught:
            local.start(project)
        assert str(info.pid) in caught.value.hint
    finally:
        file.write_text(kept)


def test_after_a_crash_and_a_killed_up_the_next_up_works(project: Settings) -> None:
    before = local.start(project)
    os.kill(before.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before.pid)] if psutil.pid_exists(before.pid) else [], 10)
    assert local.running(project) is None
    up = begin_up(project)
    try:
        until = time.monotonic() + 60
        while local.running(project) is None and time.monotonic() < until:
            time.sleep(0.05)
        up.kill()
    finally:
        up.communicate(timeout=60)
    begun = local.running(project)
    assert begun is not None
    after = local.start(project)
    assert after.pid == begun.pid != before.pid
    assert (after.uri, after.password) == (before.uri, before.password)
    assert counted(after) == 1


def test_stop_is_clean_and_forgets_the_process(project: Settings) -> None:
    info = local.start(project)
    assert local.stop(project) is True
    assert not psutil.pid_exists(info.pid) or local.running(project) is None
    assert local.running(project) is None
    assert local.stop(project) is False
    assert "Stopped." in folders(project).console.read_text()
    state = read_state(folders(project))
    assert state is not None
    assert state.pid is None


def test_a_reused_pid_a_taken_port_and_a_wrong_java(
    project: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three obstacles in one start, since a start is dear; none of them stops it."""
    where = folders(project)
    state = json.loads(where.state.read_text())
    # This very process: alive, and no Neo4j.
    where.state.write_text(json.dumps(state | {"pid": os.getpid()}))
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'java version \"1.8.0_292\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", state["ports"]["http"]))
        taken.listen()
        info = local.start(project)
    assert info.pid != os.getpid()
    assert f":{state['ports']['http']}/" not in info.browser
    assert counted(info) == 1
    local.stop(project)


def test_too_large_a_heap_is_an_error_with_its_remedy(project: Settings) -> None:
    with pytest.raises(ServerError, match="memory") as caught:
        local.start(project.model_copy(update={"kgp_heap": "900000g"}))
    assert "KGP_HEAP" in caught.value.hint
    assert local.running(project) is None


def test_data_without_their_password_are_left_alone(project: Settings) -> None:
    file = folders(project).password
    file.rename(file.with_name("kept"))
    try:
        with pytest.raises(ServerError, match="missing") as caught:
            local.start(project)
    finally:
        file.with_name("kept").rename(file)
    assert "password" in caught.value.hint


def test_a_disk_that_fills_up_is_named(project: Settings) -> None:
    """A limit on the size of files stands in for the disk: the same failure of a write."""
    program = (
        "import resource, sys; from pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from kgplatform.cli import main; main(['up'])"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(Path.home()),
        "KGP_HOME": str(project.kgp_home),
        "KGP_HEAP": "512m",
        **dict.fromkeys(KEYS, CANARY),
    }
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    up = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    local.stop(project)
    assert up.returncode == 1, up.stdout + up.stderr
    assert "disk is full" in up.stderr
    assert "KGP_HOME" in up.stderr


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True
        ).returncode
    ):
        pytest.skip("only root can mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_too_little_room_is_an_error_before_anything_is_fetched(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ServerError, match="are free") as caught:
        local.start(Settings(neo4j_uri=None, kgp_home=tiny_disk / "home"))
    assert "KGP_HOME" in caught.value.hint
    with pytest.raises(ServerError, match="are free") as caught:
        local.start(
            Settings(neo4j_uri=None, kgp_home=tiny_disk / "home", kgp_cache=tiny_disk / "cache")
        )
    assert "KGP_CACHE" in caught.value.hint
    assert not list((tiny_disk / "home").rglob("*.jar"))


def test_damaged_data_are_named_and_can_be_begun_anew(project: Settings) -> None:
    where = folders(project)
    password = where.password.read_text()
    for name in ("neostore", "neostore.nodestore.db"):
        (where.data / "databases" / "neo4j" / name).write_bytes(os.urandom(8192))
    with pytest.raises(ServerError, match="cannot open its database") as caught:
        local.start(project)
    assert str(where.data) in caught.value.hint
    # The hint, followed: without data, the password of the file holds again.
    local.stop(project)
    where.data.rename(where.home / "damaged")
    info = local.start(project)
    assert info.password == password.strip()
    assert counted(info) == 0
