"""The login of the local server: a random password that only its owner can read."""

import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kgplatform import queries
from kgplatform.errors import ServerError
from kgplatform.server.config import Folders, write_private
from kgplatform.server.diagnose import explain

ADMIN_CLASS = "org.neo4j.cli.AdminTool"
QUICK = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A Java that lives for two seconds spends none of them on optimising."""


def read(where: Folders) -> str | None:
    """The password in the project's file, or None if there is none."""
    try:
        return where.password.read_text().strip() or None
    except OSError:
        return None


def ensure(where: Folders, java: Sequence[str]) -> None:
    """Give the server a random password before its first start.

    Neo4j never runs with its well-known first password, and the new one passes through
    files of mode 0600 alone: a command line could be read by every user of the machine.

    Args:
        where: The server's folders.
        java: The Java that runs Neo4j's tool, with the options that find its classes.

    Raises:
        ServerError: There are data and no password for them, or Neo4j's tool failed.
    """
    password = read(where)
    if (where.data / "databases" / "system").exists():
        if password is None:
            raise ServerError(
                f"there are data in {where.data}, and {where.password} is missing",
                hint="write the password into that file, or move the data away to begin anew",
            )
        return
    # Also with a password but no data (moved away): Neo4j would begin anew with its own.
    # Hexadecimal: a password that began with - would be an option to Neo4j's tool.
    password = password or secrets.token_hex(16)
    arguments = where.home / ".first-password"
    write_private(arguments, f"dbms\nset-initial-password\n{password}\n")
    try:
        _run_tool(where, java, arguments)
    finally:
        arguments.unlink(missing_ok=True)
    write_private(where.password, password + "\n")


def ask(uri: str, username: str, password: str) -> tuple[str, str]:
    """Log in and ask for the default database: its status, and what is wrong with it.

    A server answers though its database could not be started, because its files are damaged.
    Raises the driver's errors, for the caller to judge while the server starts.
    """
    from neo4j import READ_ACCESS, GraphDatabase

    with (
        GraphDatabase.driver(uri, auth=(username, password), connection_timeout=5) as driver,
        driver.session(database="system", default_access_mode=READ_ACCESS) as session,
    ):
        row = session.run(queries.get("read/show_default_database")).single(strict=True)
        return str(row["status"]), str(row["problem"])


def has_stopped(uri: str, username: str, password: str) -> bool:
    """Whether the server runs and its database does nothing more, as it could not write.

    Neo4j goes on to answer, and calls the database online; only a transaction is refused.
    """
    from neo4j import READ_ACCESS, GraphDatabase
    from neo4j.exceptions import DriverError, Neo4jError

    try:
        with (
            GraphDatabase.driver(uri, auth=(username, password), connection_timeout=5) as driver,
            driver.session(default_access_mode=READ_ACCESS) as session,
        ):
            session.run(queries.get("read/ping")).consume()
    except Neo4jError as error:
        return "encountered a critical error" in str(error.message)
    except (DriverError, OSError):
        return False
    return False


def _run_tool(where: Folders, java: Sequence[str], arguments: Path) -> None:
    done = subprocess.run(
        [*java, *QUICK, ADMIN_CLASS, f"@{arguments}"],
        cwd=where.home,
        env={"NEO4J_HOME": str(where.home), "NEO4J_CONF": str(where.conf)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise explain("Neo4j's tool could not set a password", done.stderr + done.stdout, where)
