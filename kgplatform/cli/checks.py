"""What ``kgp doctor`` looks at, a function a check."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from kgplatform.server import ServerInfo
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store

OLDEST = (5, 26)
"""The first Neo4j with dynamic relationship types, which loading uses (decision 0004)."""


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at.
        outcome: ``warn`` for what works but deserves a look, ``fail`` for what does not.
        detail: What was found.
        fix: What to do about it; empty when nothing need be done.
    """

    name: str
    outcome: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """The same for JSON."""
        return {str(key): str(value) for key, value in asdict(self).items()}


def run(settings: Settings) -> list[Check]:
    """Make every check that these settings call for; none changes anything."""
    from kgplatform import server

    if settings.neo4j_uri:
        password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else None
        login = (settings.neo4j_uri, settings.neo4j_username, password, settings.neo4j_database)
        return [*_database(*login), check_torch()]
    info = server.running(settings)
    local = [check_java(), check_jars(settings), check_disk(settings), check_memory(settings)]
    local.append(check_ports(settings, info))
    if info is None:
        answer = [Check("server", "warn", "no local server is running", "kgp up")]
    else:
        answer = _database(info.uri, info.username, info.password, None)
    return [*local, *answer, check_torch()]


def probe(uri: str, username: str, password: str | None) -> str:
    """The version of the server at this address, asked once: no waiting for it to come up.

    Raises:
        UsageError: The address is not one of Neo4j's.
        UnavailableError: No server answers there.
        AuthenticationError: It refused the login.
    """
    import neo4j
    from neo4j.exceptions import DriverError, Neo4jError

    from kgplatform.errors import UsageError
    from kgplatform.hosts import shown_uri
    from kgplatform.store.client import map_error

    if not re.match(r"(bolt|neo4j)(\+s|\+ssc)?://.", uri):
        raise UsageError(
            f"{shown_uri(uri)!r} is not an address of Neo4j's protocol",
            hint="set NEO4J_URI to bolt://host:7687, neo4j://host or neo4j+s://host",
        )
    auth = None if password is None else (username, password)
    try:
        with neo4j.GraphDatabase.driver(uri, auth=auth, connection_timeout=10) as driver:
            return str(driver.get_server_info().agent).removeprefix("Neo4j/")
    except (Neo4jError, DriverError) as error:
        raise map_error(error, shown_uri(uri)) from error


def check_java() -> Check:
    """A Java that can run Neo4j."""
    from kgplatform.errors import ServerError
    from kgplatform.server.java import find_java

    try:
        java = find_java()
    except ServerError as error:
        return Check("java", "fail", str(error), error.hint)
    if java.note:
        return Check("java", "warn", java.note, "unset JAVA_HOME, or set it to a fitting Java")
    return Check("java", "ok", f"Java {java.major} of {java.origin}")


def check_jars(settings: Settings) -> Check:
    """Neo4j's jars, whole and in the cache."""
    from kgplatform.server import jars

    wanted, where = jars.read_lock(), jars.folder(settings)
    lacking = jars.missing(wanted, where)
    if not lacking:
        return Check("jars", "ok", f"{len(wanted)} in {where}, as in the lock file")
    size = sum(jar.size for jar in lacking) // 1_000_000
    detail = f"{len(lacking)} of {len(wanted)} not in {where} or damaged ({size} MB to fetch)"
    return Check("jars", "warn", detail, "kgp up fetches them")


def check_disk(settings: Settings) -> Check:
    """Room for the data and the jars."""
    from kgplatform.server import jars
    from kgplatform.server.config import MIB, folders
    from kgplatform.server.process import SPACE_TO_START

    for folder in (folders(settings).home, jars.folder(settings)):
        existing = _nearest_existing(folder)
        free = shutil.disk_usage(existing).free
        if free < SPACE_TO_START:
            detail = f"{free // MIB} MiB free in {existing}"
            return Check("disk", "fail", detail, "make room, or set KGP_HOME and KGP_CACHE")
        if not os.access(existing, os.W_OK):
            fix = "give write permission, or set KGP_HOME and KGP_CACHE"
            return Check("disk", "fail", f"{existing} cannot be written", fix)
    return Check("disk", "ok", f"{free // MIB:,} MiB free")


def check_memory(settings: Settings) -> Check:
    """Memory for the server's heap and page cache."""
    import psutil

    from kgplatform.server.config import MIB, heap_mib, page_cache_mib

    wanted = heap_mib(settings) + page_cache_mib(settings)
    free = int(psutil.virtual_memory().available) // MIB
    detail = f"the server may use up to {wanted:,} MiB, {free:,} MiB are available"
    if free < wanted:
        return Check("memory", "warn", detail, "close programs, or set KGP_HEAP to less (512m)")
    return Check("memory", "ok", detail)


def check_ports(settings: Settings, info: ServerInfo | None) -> Check:
    """The ports that the local server has, or would get."""
    from kgplatform.server.config import BOLT_PORT, choose_ports, folders, read_state

    if info is not None:
        return Check("ports", "ok", f"{info.uri}, {info.browser}")
    state = read_state(folders(settings))
    ports = choose_ports(state.ports if state else None)
    detail = f"{ports.bolt} and {ports.http} are free"
    if state is None and ports.bolt != BOLT_PORT:
        detail += "; the usual ones are taken by other programs"
    return Check("ports", "ok", detail)


def check_torch() -> Check:
    """PyTorch and the device that it would train on."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check("torch", "fail", f"cannot be imported: {error}", "pip install torch")
    if torch.cuda.is_available():
        return Check("torch", "ok", f"{torch.__version__} on {torch.cuda.get_device_name(0)}")
    return Check("torch", "ok", f"{torch.__version__}; no GPU is visible, the CPU trains")


def _database(uri: str, username: str, password: str | None, database: str | None) -> list[Check]:
    from kgplatform.errors import AuthenticationError, KGPlatformError
    from kgplatform.store.client import connect

    results: list[Check] = []
    try:
        probe(uri, username, password)
        with connect(uri, username, password, database) as store:
            results.append(Check("server", "ok", "it answers"))
            results.append(Check("login", "ok", f"as {username}"))
            for check in (check_version, check_vector_search, check_schema, check_indexes):
                results.append(check(store))
    except AuthenticationError as error:
        results += [Check("server", "ok", "it answers")]
        fix = "set NEO4J_USERNAME and NEO4J_PASSWORD to a login of this server"
        results += [Check("login", "fail", str(error), fix)]
    except KGPlatformError as error:
        results.append(Check("server", "fail", str(error), error.hint))
    return results


def check_version(store: Store) -> Check:
    """A Neo4j that is new enough."""
    version = store.version()
    parts = version.split(".")
    if tuple(int(part) for part in parts[:2] if part.isdigit()) < OLDEST:
        return Check("version", "fail", version, "use Neo4j 5.26 or newer")
    return Check("version", "ok", version)


def check_vector_search(store: Store) -> Check:
    """The procedure that searches vector indexes."""
    from kgplatform import queries

    if store.rows(queries.get("read/find_vector_search")):
        return Check("vector search", "ok", "db.index.vector.queryNodes")
    return Check("vector search", "fail", "the server has none", "use Neo4j 5.26 or newer")


def check_schema(store: Store) -> Check:
    """The constraints and indexes that loading makes."""
    from kgplatform import queries

    wanted = {name.split("/")[1].split("__")[0] for name in queries.names("schema/")}
    there = {row["version"] for row in store.rows(queries.get("read/list_migrations"))}
    lacking = sorted(wanted - there)
    if not lacking:
        return Check("schema", "ok", f"{len(wanted)} changes are applied")
    detail = f"{len(lacking)} of {len(wanted)} changes are not applied ({', '.join(lacking)})"
    return Check("schema", "warn", detail, "kgp load applies them")


def check_indexes(store: Store) -> Check:
    """Every index is online."""
    from kgplatform import queries

    rows = store.rows(queries.get("read/list_indexes"))
    failed = [row["name"] for row in rows if row["state"] == "FAILED"]
    if failed:
        fix = "drop and make them again (`kgp write` does for a run's vector index)"
        return Check("indexes", "fail", f"failed: {', '.join(failed)}", fix)
    waiting = [f"{row['name']} {row['percent']:.0f} %" for row in rows if row["state"] != "ONLINE"]
    if waiting:
        fix = "wait until they are filled; searches are slow or partial until then"
        return Check("indexes", "warn", f"being filled: {', '.join(waiting)}", fix)
    return Check("indexes", "ok", f"{len(rows)} online")


def _nearest_existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
