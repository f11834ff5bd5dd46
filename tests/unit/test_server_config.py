"""Ports, memory, files and diagnoses of the local server."""

import os
import socket
import stat
from pathlib import Path

import pytest

from kgplatform.errors import KGPlatformError, ServerError, UsageError
from kgplatform.server import config, diagnose, start
from kgplatform.server.config import HOST, Folders, Ports, State
from kgplatform.settings import Settings, load_settings


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    folders = Folders(tmp_path / "neo4j")
    folders.logs.mkdir(parents=True)
    return folders


def listening(address: str = HOST) -> socket.socket:
    taken = socket.socket()
    taken.bind((address, 0))
    taken.listen()
    return taken


def test_a_listening_port_is_not_free() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
        assert not config.is_free(port)
    assert config.is_free(port)
    with listening("0.0.0.0") as taken:
        assert not config.is_free(taken.getsockname()[1])


def test_the_ports_of_the_last_start_come_first() -> None:
    with listening() as one, listening() as two:
        free = Ports(one.getsockname()[1], two.getsockname()[1])
    assert config.choose_ports(free) == free
    with listening() as taken:
        blocked = Ports(free.bolt, taken.getsockname()[1])
        chosen = config.choose_ports(blocked)
    assert chosen != blocked
    assert chosen.bolt != chosen.http


def test_any_ports_will_do_when_all_pairs_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as taken:
        monkeypatch.setattr(config, "BOLT_PORT", taken.getsockname()[1])
        monkeypatch.setattr(config, "PORT_PAIRS", 1)
        chosen = config.choose_ports(None)
        assert config.is_free(chosen.bolt)
        assert config.is_free(chosen.http)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"ports": {"bolt": "x", "http": 1}, "pid": 1, "version": ""}']
)
def test_a_useless_state_file_is_as_none(where: Folders, text: str) -> None:
    where.state.write_text(text)
    assert config.read_state(where) is None


def test_state_is_read_as_it_was_written(where: Folders) -> None:
    state = State("5.26.30", Ports(7687, 7474), None)
    config.write_state(where, state)
    assert config.read_state(where) == state


def test_private_files_are_the_owners_alone(where: Folders) -> None:
    config.write_private(where.password, "secret")
    config.write_private(where.password, "other")
    assert where.password.read_text() == "other"
    assert stat.S_IMODE(where.password.stat().st_mode) == 0o600
    assert [path.name for path in where.home.iterdir()] == ["logs", "password"]


def test_the_folder_is_the_owners_alone_whatever_it_was(tmp_path: Path) -> None:
    open_to_all, umask = config.folders(Settings(neo4j_uri=None, kgp_home=tmp_path / "old")), 0
    open_to_all.home.mkdir(parents=True)
    open_to_all.home.chmod(0o777)
    new = config.folders(Settings(neo4j_uri=None, kgp_home=tmp_path / "new"))
    before = os.umask(umask)
    try:
        for where in (open_to_all, new):
            config.make_home(where)
            config.write_private(where.password, "secret")
            assert stat.S_IMODE(where.home.stat().st_mode) == 0o700
            assert stat.S_IMODE(where.password.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_the_server_listens_on_loopback_and_advertises_that(where: Folders) -> None:
    config.write_config(where, Ports(7690, 7480), Settings(neo4j_uri=None, kgp_heap="1g"))
    lines = (where.conf / "neo4j.conf").read_text().splitlines()
    for connector, port in (("bolt", 7690), ("http", 7480)):
        assert f"server.{connector}.listen_address=127.0.0.1:{port}" in lines
        assert f"server.{connector}.advertised_address=127.0.0.1:{port}" in lines
    assert "server.https.enabled=false" in lines
    assert "dbms.usage_report.enabled=false" in lines
    assert "dbms.security.auth_enabled=true" in lines
    assert "0.0.0.0" not in "\n".join(lines)


def test_memory_follows_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(neo4j_uri=None, kgp_heap=None)
    for machine, heap in ((1024, 512), (8 * 1024, 2048), (256 * 1024, 8192)):
        monkeypatch.setattr(config, "_machine_mib", lambda machine=machine: machine)
        assert config.heap_mib(settings) == heap
        assert 128 <= config.page_cache_mib(settings) <= heap


def test_memory_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(neo4j_uri=None, kgp_heap="2g")
    assert config.heap_mib(settings) == 2048
    assert "-Xmx2048m" in config.jvm_options(settings)
    monkeypatch.setenv("KGP_HEAP", "lots")
    with pytest.raises(UsageError, match="kgp_heap"):
        load_settings()


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(config, "CGROUP_LIMIT", limit)
    unlimited = config._machine_mib()
    limit.write_text("max\n")
    assert config._machine_mib() == unlimited
    limit.write_text(f"{256 * 1024 * 1024}\n")
    assert config._machine_mib() == 256


@pytest.mark.parametrize(
    ("told", "cause", "hint"),
    [
        ("java.io.IOException: No space left on device", "disk is full", "KGP_HOME"),
        ("Error: Could not reserve enough space for object heap", "memory", "KGP_HEAP"),
        ("java.lang.UnsupportedClassVersionError: x", "Java cannot run", "JAVA_HOME"),
        ("FileLockException: Lock file has been locked by another process", "same data", "stop"),
        ("java.nio.file.AccessDeniedException: /x", "cannot be written", "permission"),
        ("java.lang.NoClassDefFoundError: x", "jars are not complete", "kgp up"),
        ("INFO Starting...\nERROR Something new\n\tat a.b(C)", "ERROR Something new", "doctor"),
        ("", "said nothing", "doctor"),
    ],
)
def test_an_end_is_explained(where: Folders, told: str, cause: str, hint: str) -> None:
    where.console.write_text(told)
    error = diagnose.why_it_ended(where, Ports(1, 2))
    assert cause in str(error)
    assert hint in error.hint
    assert "\tat" not in str(error)


def test_a_taken_port_is_told_from_other_ends(where: Folders) -> None:
    where.console.write_text("Caused by: java.net.BindException: Address already in use")
    assert isinstance(diagnose.why_it_ended(where, Ports(1, 2)), diagnose.PortTakenError)


def test_no_server_is_started_beside_an_existing_one(tmp_path: Path) -> None:
    settings = Settings(neo4j_uri="bolt://user:secret@host", kgp_home=tmp_path / "home")
    with pytest.raises(UsageError) as caught:
        start(settings)
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_made_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(neo4j_uri=None, kgp_home=tmp_path / "file" / "home")
    with pytest.raises(ServerError) as caught:
        start(settings)
    assert "KGP_HOME" in caught.value.hint
    assert isinstance(caught.value, KGPlatformError)
