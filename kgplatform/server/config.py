"""How the local Neo4j is set up: its folders, ports, memory and configuration file."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from kgplatform.settings import Settings

NEO4J_VERSION = "5.26.30"
HOST = "127.0.0.1"
USERNAME = "neo4j"
BOLT_PORT = 7687
HTTP_PORT = 7474
PORT_PAIRS = 100
"""How many pairs of neighbouring ports are tried before the system is asked for any."""

MIB = 1024 * 1024
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")

# What Neo4j's own launcher passes (its neo4j.conf, `server.jvm.additional`), without what
# only a dedicated machine wants: AlwaysPreTouch would take the whole heap at once. And the
# collector for throughput: G1 keeps pauses short for many users at once, and on few cores an
# export through it takes a quarter longer (docs/log.md).
JVM_OPTIONS = (
    "-XX:+UseParallelGC",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+UnlockExperimentalVMOptions",
    "-XX:+TrustFinalNonStaticFields",
    "-XX:+DisableExplicitGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Djdk.nio.maxCachedBufferSize=1024",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dlog4j2.disable.jmx=true",
    "-Dlog4j.layout.jsonTemplate.maxStringLength=32768",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
)

OWNERS_ALONE = 0o700
"""The mode of a folder that its owner alone can open."""


@dataclass(frozen=True)
class Folders:
    """Where one project's server keeps its things; ``home`` holds all the rest."""

    home: Path

    @property
    def conf(self) -> Path:
        """The folder of ``neo4j.conf``."""
        return self.home / "conf"

    @property
    def data(self) -> Path:
        """The databases."""
        return self.home / "data"

    @property
    def logs(self) -> Path:
        """Neo4j's logs and what it printed while it started."""
        return self.home / "logs"

    @property
    def console(self) -> Path:
        """What the running server printed; begun anew at each start."""
        return self.logs / "console.log"

    @property
    def password(self) -> Path:
        """The login's password, readable by its owner only."""
        return self.home / "password"

    @property
    def state(self) -> Path:
        """Ports and process of the last start."""
        return self.home / "server.json"

    @property
    def lock(self) -> Path:
        """Held while a server is being started or stopped."""
        return self.home / "server.lock"

    @property
    def guide(self) -> Path:
        """The port of the guide that Browser plays, where one is installed."""
        return self.home / "guide.json"


@dataclass(frozen=True)
class Ports:
    """The two ports that a server listens on."""

    bolt: int
    http: int


@dataclass(frozen=True)
class State:
    """What is remembered of the last start; the ports outlive the process."""

    version: str
    ports: Ports
    pid: int | None


def folders(settings: Settings) -> Folders:
    """The folders of this project's server; nothing is made."""
    return Folders(settings.kgp_home.expanduser().resolve() / "neo4j")


def read_state(where: Folders) -> State | None:
    """What the last start left, or None if there was none or its file is of no use."""
    try:
        told = json.loads(where.state.read_text())
        ports = Ports(int(told["ports"]["bolt"]), int(told["ports"]["http"]))
        pid = told["pid"]
        return State(str(told["version"]), ports, None if pid is None else int(pid))
    except (OSError, ValueError, TypeError, KeyError):
        # Nothing in it is needed: ports are chosen and processes found without it.
        return None


def write_state(where: Folders, state: State) -> None:
    """Remember a start, whole or not at all."""
    write_private(where.state, json.dumps(asdict(state), indent=2) + "\n")


def make_home(where: Folders) -> None:
    """Make the folder of the server and of all data; one that is there is closed to others."""
    where.home.mkdir(parents=True, exist_ok=True, mode=OWNERS_ALONE)
    if stat.S_IMODE(where.home.stat().st_mode) != OWNERS_ALONE:
        where.home.chmod(OWNERS_ALONE)


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Removed first: an old draft could have other permissions than those given here.
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def choose_ports(preferred: Ports | None) -> Ports:
    """Two free ports: those of the last start, the usual ones, or near to them.

    Another process can take one before the server does; the caller tries again then.
    """
    for ports in _candidates(preferred):
        if is_free(ports.bolt) and is_free(ports.http):
            return ports
    with socket.socket() as first, socket.socket() as second:
        first.bind((HOST, 0))
        second.bind((HOST, 0))
        return Ports(first.getsockname()[1], second.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        # As Java does: connections of the last server that linger do not block its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def heap_mib(settings: Settings) -> int:
    """The largest heap: as set, else a quarter of the machine, between 512 MiB and 8 GiB."""
    if settings.kgp_heap:
        number, unit = int(settings.kgp_heap[:-1]), settings.kgp_heap[-1]
        return number * (1024 if unit == "g" else 1)
    return min(max(512, _machine_mib() // 4), 8192)


def page_cache_mib(settings: Settings) -> int:
    """Neo4j's page cache: an eighth of the machine, and no more than the heap."""
    return min(max(128, _machine_mib() // 8), heap_mib(settings))


def write_config(where: Folders, ports: Ports, settings: Settings) -> None:
    """Write ``neo4j.conf`` anew from what is known now."""
    where.conf.mkdir(parents=True, exist_ok=True)
    config = _config(ports, settings) | guide_config(read_guide(where))
    lines = [f"{name}={value}" for name, value in config.items()]
    text = "# Written by `kgp up` at every start.\n" + "\n".join(lines) + "\n"
    write_private(where.conf / "neo4j.conf", text)


def read_guide(where: Folders) -> int | None:
    """The port of the guide that is installed, if one is."""
    try:
        return int(json.loads(where.guide.read_text())["port"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_guide_graph(where: Folders) -> str | None:
    """The graph that the installed guide is of; None for the largest."""
    try:
        return json.loads(where.guide.read_text())["graph"] or None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_guide(where: Folders, port: int | None, graph: str | None = None) -> None:
    """Install a guide, or none; the server takes it up at its next start."""
    if port is None:
        where.guide.unlink(missing_ok=True)
    else:
        make_home(where)
        write_private(where.guide, json.dumps({"port": port, "graph": graph}) + "\n")


def guide_config(port: int | None) -> dict[str, str]:
    """What makes Browser play a guide and take its style after the login."""
    if port is None:
        return {}
    base = f"http://{HOST}:{port}"
    return {
        # The style first: each opens a frame, and the guide, which takes longer, is to be on top.
        "browser.post_connect_cmd": f"style {base}/style.json; play {base}/guide.html",
        # The setting's name as 5.26 and Browser 5.24 have it; the last two are its default.
        "browser.remote_content_hostname_whitelist": f"{HOST},guides.neo4j.com,localhost",
    }


def jvm_options(settings: Settings) -> list[str]:
    """The options of the Java process; a small first heap that grows as it is needed."""
    heap = heap_mib(settings)
    return [f"-Xms{min(heap, 256)}m", f"-Xmx{heap}m", *JVM_OPTIONS]


def _config(ports: Ports, settings: Settings) -> dict[str, str]:
    heap = heap_mib(settings)
    return {
        "server.default_listen_address": HOST,
        "server.default_advertised_address": HOST,
        "server.bolt.listen_address": f"{HOST}:{ports.bolt}",
        "server.bolt.advertised_address": f"{HOST}:{ports.bolt}",
        "server.bolt.tls_level": "DISABLED",
        "server.http.listen_address": f"{HOST}:{ports.http}",
        "server.http.advertised_address": f"{HOST}:{ports.http}",
        "server.https.enabled": "false",
        # Read by Neo4j's launcher, which we are instead of; here SHOW SETTINGS finds them.
        "server.memory.heap.initial_size": f"{min(heap, 256)}m",
        "server.memory.heap.max_size": f"{heap}m",
        "server.memory.pagecache.size": f"{page_cache_mib(settings)}m",
        # One transaction too large fails by itself and does not take the server with it.
        "dbms.memory.transaction.total.max": f"{max(heap * 7 // 10, 256)}m",
        "dbms.security.auth_enabled": "true",
        # A query that is only read could otherwise read files of this machine.
        "dbms.security.allow_csv_import_from_file_urls": "false",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        # All is stopped and written by then; this would only wait ten seconds at the end.
        "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",
        # Otherwise a project without data takes half a gigabyte.
        "db.tx_log.preallocate": "false",
        "db.tx_log.rotation.retention_policy": "2 days 1G",
        "db.logs.query.enabled": "OFF",
    }


def _candidates(preferred: Ports | None) -> Iterator[Ports]:
    if preferred is not None:
        yield preferred
    for offset in range(PORT_PAIRS):
        yield Ports(BOLT_PORT + offset, HTTP_PORT + offset)


def _machine_mib() -> int:
    total = int(psutil.virtual_memory().total)
    # A container's limit, where there is one ("max" where not); psutil sees all the machine.
    with suppress(OSError, ValueError):
        total = min(total, int(CGROUP_LIMIT.read_text()))
    return total // MIB
