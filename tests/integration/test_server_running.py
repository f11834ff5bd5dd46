"""The session's server, looked at from outside: who can reach it, and what it tells them."""

import base64
import contextlib
import json
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from kgplatform import server as local
from kgplatform.errors import AuthenticationError
from kgplatform.settings import Settings
from kgplatform.store.client import connect


def kgp(*args: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with nothing of the tester's settings."""
    return subprocess.run(
        [sys.executable, "-c", "from kgplatform.cli import main; main()", *args],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def query_api(server: local.ServerInfo, password: str) -> Any:
    address = server.browser.replace("/browser/", "/db/neo4j/query/v2")
    login = base64.b64encode(f"{server.username}:{password}".encode()).decode()
    request = urllib.request.Request(
        address,
        data=json.dumps({"statement": "RETURN 1 + 1 AS two"}).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_browser_answers_on_the_http_port(server: local.ServerInfo) -> None:
    with urllib.request.urlopen(server.browser, timeout=30) as answer:
        assert answer.status == 200
        assert "text/html" in answer.headers["Content-Type"]
        assert b"neo4j" in answer.read().lower()


def test_the_query_api_takes_the_login_and_no_other(server: local.ServerInfo) -> None:
    assert query_api(server, server.password)["data"]["values"] == [[2]]
    for wrong in ("neo4j", ""):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            query_api(server, wrong)


def test_only_loopback_listens(server: local.ServerInfo) -> None:
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(server.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    # Java may write an IPv4 address as one of IPv6.
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    port = int(server.uri.rsplit(":", 1)[1])
    for *_, address in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET):
        if not str(address[0]).startswith("127."):
            with socket.socket() as outside:
                assert outside.connect_ex(address) != 0


def test_the_password_is_in_its_file_alone(server: local.ServerInfo) -> None:
    password = server.password.encode()
    holders = [
        path.name
        for path in server.home.rglob("*")
        if path.is_file() and path.stat().st_size < 50_000_000 and password in path.read_bytes()
    ]
    assert holders == ["password"]
    assert stat.S_IMODE((server.home / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700
    process = psutil.Process(server.pid)
    assert server.password not in " ".join(process.cmdline())
    assert server.password not in str(process.environ())
    assert server.password not in repr(server)


def test_a_new_project_takes_little_room(tmp_path: Path) -> None:
    # Not the session's server, which holds what other tests have loaded.
    settings = Settings(neo4j_uri=None, kgp_home=tmp_path, kgp_heap="512m")
    home = local.start(settings).home
    try:
        blocks = sum(path.stat().st_blocks for path in home.rglob("*") if path.is_file())
    finally:
        local.stop(settings)
    assert 0 < blocks * 512 < 100_000_000


def test_a_second_start_finds_the_first(server: local.ServerInfo) -> None:
    settings = Settings(neo4j_uri=None, kgp_home=server.home.parent)
    assert local.start(settings) == server
    assert local.running(settings) == server


def test_status_and_doctor_of_the_local_server(server: local.ServerInfo, tmp_path: Path) -> None:
    home = str(server.home.parent)
    told = kgp("status", "--json", cwd=tmp_path, KGP_HOME=home)
    assert told.returncode == 0, told.stderr
    data = json.loads(told.stdout)
    expected = {"running": True, "managed": True, "uri": server.uri, "browser": server.browser}
    assert data.items() >= expected.items()
    assert data["version"] == server.version
    assert server.password not in told.stdout + told.stderr
    shown = kgp("status", "--json", "--show-password", cwd=tmp_path, KGP_HOME=home)
    assert json.loads(shown.stdout)["password"] == server.password
    checked = kgp("doctor", "--json", cwd=tmp_path, KGP_HOME=home)
    assert checked.returncode == 0, checked.stdout
    outcomes = {check["name"]: check["outcome"] for check in json.loads(checked.stdout)["checks"]}
    assert outcomes.items() >= {"server": "ok", "login": "ok", "vector search": "ok"}.items()
    assert outcomes["java"] != "fail"


def test_with_an_existing_server_none_is_started(server: local.ServerInfo, tmp_path: Path) -> None:
    existing = {"NEO4J_URI": server.uri, "NEO4J_USERNAME": "neo4j"}
    right = existing | {"NEO4J_PASSWORD": server.password}
    up = kgp("up", "--json", cwd=tmp_path, **right)
    assert up.returncode == 0, up.stderr
    assert json.loads(up.stdout)["managed"] is False
    assert json.loads(up.stdout)["version"] == server.version
    assert "none is started" in up.stderr
    down = kgp("down", cwd=tmp_path, **right)
    assert down.returncode == 2
    assert "NEO4J_URI" in down.stderr
    doctor = kgp("doctor", cwd=tmp_path, **right)
    assert doctor.returncode == 0, doctor.stdout
    assert "Java" not in doctor.stdout
    assert list(tmp_path.iterdir()) == []
    assert psutil.pid_exists(server.pid)


def wait_until_forgiven(server: local.ServerInfo) -> None:
    """After three wrong logins in a row the server refuses the right one, too, for 5 seconds."""
    for _ in range(20):
        with (
            contextlib.suppress(AuthenticationError),
            connect(server.uri, server.username, server.password),
        ):
            return
        time.sleep(1)
    raise AssertionError("the server takes no login any more")


def test_a_wrong_login_and_a_silent_address(
    server: local.ServerInfo, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wrong = {"NEO4J_URI": server.uri, "NEO4J_PASSWORD": "not-the-password"}
    request.addfinalizer(lambda: wait_until_forgiven(server))
    for command in ("up", "status"):
        refused = kgp(command, cwd=tmp_path, **wrong)
        assert refused.returncode == 4, refused.stderr
        assert "not-the-password" not in refused.stdout + refused.stderr
    doctor = kgp("doctor", "--json", cwd=tmp_path, **wrong)
    assert doctor.returncode == 1
    failed = [c for c in json.loads(doctor.stdout)["checks"] if c["outcome"] == "fail"]
    assert [check["name"] for check in failed] == ["login"]
    assert failed[0]["fix"]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"bolt://127.0.0.1:{silent.getsockname()[1]}"
        gone = kgp("status", cwd=tmp_path, NEO4J_URI=address, NEO4J_PASSWORD="x")
    assert gone.returncode == 1
    assert "no Neo4j answers" in gone.stderr
    assert "Traceback" not in gone.stderr
    web = kgp("status", cwd=tmp_path, NEO4J_URI="http://user:secret@127.0.0.1:7474")
    assert web.returncode == 2
    assert "bolt://" in web.stderr
    assert "secret" not in web.stderr


def test_without_a_server_status_says_so(tmp_path: Path) -> None:
    told = kgp("status", "--json", cwd=tmp_path)
    assert told.returncode == 0
    assert json.loads(told.stdout)["running"] is False
    stopped = kgp("down", "--json", cwd=tmp_path)
    assert json.loads(stopped.stdout) == {"stopped": False}
    assert list(tmp_path.iterdir()) == []
