"""One connection to Neo4j: managed transactions, and foreign errors mapped in one place."""

from __future__ import annotations

import contextlib
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import neo4j
from neo4j import exceptions as foreign

from kgplatform import queries
from kgplatform.errors import (
    AuthenticationError,
    DatabaseStoppedError,
    QueryRefusedError,
    SchemaError,
    StoreError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
    UsageError,
)
from kgplatform.hosts import CERTIFICATE_REMEDY, fault_of_certificate, is_loopback, shown_uri
from kgplatform.store.deadline import seconds_left

T = TypeVar("T")

BLOCKS_AHEAD = 8
"""Records that the server may send before they are asked for, where one is a whole block."""

RECORDS_AHEAD = 10_000
"""The same for records of a few values."""


log = logging.getLogger(__name__)

MEETINGS = ("DeadlockDetected", "EquivalentSchemaRuleAlreadyExists", "IndexAlreadyExists")
"""How a command fails that met another. ``IF NOT EXISTS`` does not see an index or a constraint
that another is just making, and fails on it a moment later; done again, it sees it."""

DEADLOCK_PAUSES = (0.1, 0.4, 1.6, 3.2)
"""Seconds at most before a command that met another is repeated."""

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


RETRY_SECONDS, FIRST_PAUSE = 30.0, 1.0
"""How long a transaction is tried again after a passing fault, and the first pause, in seconds."""

MEMORY_TRIES = 2
"""How often a transaction is tried that the server has not the memory for: another's may have
taken it up for a moment."""

MEMORY_SETTINGS = ("dbms.memory.transaction.total.max", "db.memory.transaction.max")

_MEMORY_SETTING = re.compile(r"\b(?:dbms|db|server)\.memory(?:\.[a-z_]+)+")

_STOPPED = re.compile(
    r"TransactionLogError|encountered a critical error|No space left on device|Disk quota exceeded"
)
"""What Neo4j says when it could not write its log, and to whoever comes after that."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one writing statement did.

    Attributes:
        rows: The records that it returned.
        nodes_created: Nodes that it made.
        relationships_created: Relationships that it made.
    """

    rows: list[dict[str, Any]]
    nodes_created: int
    relationships_created: int

    @property
    def row(self) -> dict[str, Any]:
        """The only record."""
        (row,) = self.rows
        return row


class _Unlogged(list[Any]):
    """A list among the parameters that the driver's log does not write out.

    The driver formats the parameters of every statement for its log, whether or not anybody
    listens; for vectors that takes ten times as long as sending them (docs/log.md).
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"[{len(self)} values]"


def _sent(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are handed to the driver."""
    return {
        name: _Unlogged(value) if type(value) is list else value for name, value in params.items()
    }


class Transaction:
    """Statements that belong together; what they wrote appears as a whole or not at all."""

    def __init__(self, transaction: neo4j.Transaction | neo4j.ManagedTransaction) -> None:
        self._transaction = transaction

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """All records of a statement."""
        return self._transaction.run(query, _sent(params)).data()

    def stream(self, query: str, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Records of a statement as they arrive, each as its list of values."""
        for record in self._transaction.run(query, _sent(params)):
            yield record.values()

    def run(self, query: str, **params: Any) -> Outcome:
        """Run a statement to its end, with its counts."""
        result = self._transaction.run(query, _sent(params))
        rows = [dict(record) for record in result]
        counters = result.consume().counters
        return Outcome(rows, counters.nodes_created, counters.relationships_created)


class Store:
    """A Neo4j database; made by ``connect``."""

    def __init__(self, driver: neo4j.Driver, database: str | None) -> None:
        self._driver = driver
        self._database = database

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """All records of a reading statement, in a transaction of its own, retried.

        Raises:
            TimedOutError: It took longer than :func:`kgplatform.store.deadline.within` allows.
        """
        if seconds_left() is not None:
            return self._rows_in_time(query, params)
        return self._retried(neo4j.READ_ACCESS, lambda tx: tx.rows(query, **params))

    def _rows_in_time(self, query: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        # One exchange in place of the two of a managed transaction, and one repetition, for a
        # pooled connection that the server has closed meanwhile, in place of half a minute's.
        for last in (False, True):
            timed = neo4j.Query(query, timeout=seconds_left())
            try:
                with self._session(neo4j.READ_ACCESS) as session:
                    # Not data(): it looks into each value for nodes, which no file of ours returns,
                    # and took a third of a search's time in this process (docs/log.md).
                    return [dict(record) for record in session.run(timed, _sent(params))]
            except (foreign.Neo4jError, foreign.DriverError) as error:
                if last or not error.is_retryable():
                    raise map_error(error) from error
        raise AssertionError("the second round returns or raises")

    def state(self) -> str:
        """The server's bookmark of all that is committed; the same as long as nothing is."""
        with _mapped(), self._session(neo4j.READ_ACCESS) as session:
            session.execute_read(lambda tx: tx.run(queries.get("read/ping")).consume())
            return " ".join(sorted(session.last_bookmarks().raw_values))

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do ``work`` in one writing transaction.

        It is repeated when the server asks for that (a deadlock, a new leader), so ``work`` must
        give the same graph when it runs twice.

        Raises:
            TooLargeError: The server has not the memory for it; nothing of it is written.
        """
        return self._retried(neo4j.WRITE_ACCESS, work)

    def run(self, query: str, **params: Any) -> Outcome:
        """One writing statement in a transaction of its own, retried."""
        return self.write(lambda tx: tx.run(query, **params))

    def command(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """A statement that manages its own transactions: schema, ``CALL … IN TRANSACTIONS``.

        It must do no harm when it is repeated: the driver does not repeat it after a deadlock,
        as it does with a transaction of ours, so that is done here (``MEETINGS``).
        """
        with _mapped(), self._session(neo4j.WRITE_ACCESS) as session:
            for pause in DEADLOCK_PAUSES:
                try:
                    return session.run(query, _sent(params)).data()
                except (foreign.TransientError, foreign.ClientError) as error:
                    if not str(error.code).endswith(MEETINGS):
                        raise
                # Drawn, so that those who have met do not meet again.
                time.sleep(random.uniform(0.0, pause))  # noqa: S311
            return session.run(query, _sent(params)).data()

    @contextlib.contextmanager
    def reading(
        self, records_ahead: int = BLOCKS_AHEAD, seconds: float | None = None
    ) -> Iterator[Transaction]:
        """One reading transaction for several statements; the server refuses writes in it.

        Args:
            records_ahead: How many records may be under way before they are asked for.
            seconds: How long it may take; as the server is set up if None.
        """
        left = seconds_left()
        if left is not None:
            seconds = left if seconds is None else min(left, seconds)
        with (
            _mapped(),
            self._session(neo4j.READ_ACCESS, records_ahead) as session,
            session.begin_transaction(timeout=seconds) as transaction,
        ):
            yield Transaction(transaction)

    def explain(
        self, query: str, params: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], neo4j.ResultSummary]:
        """Columns and plan of a statement; nothing of it runs."""
        with _mapped(), self._session(neo4j.READ_ACCESS) as session:
            result = session.run(f"EXPLAIN {query}", dict(params))
            return tuple(result.keys()), result.consume()

    def version(self) -> str:
        """The server's version, for example ``5.26.30``."""
        with _mapped(), self._session(neo4j.READ_ACCESS) as session:
            summary = session.run(queries.get("read/ping")).consume()
            return str(summary.server.agent).removeprefix("Neo4j/")

    def _retried(self, access: str, work: Callable[[Transaction], T]) -> T:
        """Do work in a transaction, as the driver's own retries would, but for lack of memory.

        The server calls that a passing fault, as others may free some, and the driver would repeat
        the transaction for half a minute before whoever can halve a batch is told.
        """
        began, pause, lacking = time.monotonic(), FIRST_PAUSE, 0
        while True:
            try:
                with self._session(access) as session, session.begin_transaction() as transaction:
                    done = work(Transaction(transaction))
                    transaction.commit()
                    return done
            except (foreign.Neo4jError, foreign.DriverError) as error:
                mapped = map_error(error)
                lacking += isinstance(mapped, TooLargeError)
                given_up = lacking >= MEMORY_TRIES or time.monotonic() - began > RETRY_SECONDS
                if given_up or not error.is_retryable():
                    raise mapped from error
            time.sleep(random.uniform(0.8, 1.2) * pause)  # noqa: S311
            pause *= 2

    def _session(self, access: str, records_ahead: int = RECORDS_AHEAD) -> neo4j.Session:
        return self._driver.session(
            database=self._database, default_access_mode=access, fetch_size=records_ahead
        )


@contextlib.contextmanager
def connect(
    uri: str, username: str, password: str | None, database: str | None = None
) -> Iterator[Store]:
    """Open a connection, checked by a first exchange with the server.

    Args:
        uri: ``bolt://``, ``neo4j://``, ``bolt+s://``, ``neo4j+s://`` and their ``+ssc`` forms.
        username: The user.
        password: Its password; None for a server without authentication.
        database: The database; None for the user's default one.

    Raises:
        UsageError: The address is not one of Neo4j's.
        UnavailableError: No server answers there.
        AuthenticationError: It refused the login.
    """
    if uri.partition("://")[0] not in SCHEMES:
        # The driver also takes http://, as a preview that lacks what is needed here.
        raise UsageError(
            f"the address cannot be used: {shown_uri(uri)}",
            hint=f"NEO4J_URI begins with bolt:// or neo4j:// (one of {', '.join(SCHEMES)})",
        )
    if is_exposed(uri):
        log.warning(
            "login and data go to %s unencrypted: use %s if it can",
            shown_uri(uri),
            shown_uri(uri.replace("://", "+s://", 1)),
        )
    auth = None if password is None else (username, password)
    with _mapped(shown_uri(uri)):
        driver = neo4j.GraphDatabase.driver(
            uri,
            auth=auth,
            user_agent="kgplatform",
            notifications_min_severity="OFF",
            connection_timeout=10,
        )
        with driver:
            store = Store(driver, database)
            # Asked once and not retried: nothing at the address is known at once.
            store.version()
            yield store


def is_exposed(uri: str) -> bool:
    """Whether what is sent to an address passes a network where others could read it.

    A name without a dot is one of the network that containers of one machine share.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:  # no address at all, as the driver will say
        return False
    host = parts.hostname or ""
    return "+" not in parts.scheme and ("." in host or ":" in host) and not is_loopback(host)


@contextlib.contextmanager
def _mapped(uri: str = "") -> Iterator[None]:
    try:
        yield
    except (foreign.Neo4jError, foreign.DriverError) as error:
        raise map_error(error, uri) from error


def map_error(
    error: foreign.Neo4jError | foreign.DriverError, uri: str = ""
) -> StoreError | UsageError:
    """Our error for one of the driver's, with what the user can do about it."""
    place = f" at {uri}" if uri else ""
    message = shown_uri(" ".join(str(getattr(error, "message", None) or error).split()))
    code = str(getattr(error, "code", None) or "")
    if code == "Neo.ClientError.Security.AuthenticationRateLimit":
        return AuthenticationError(
            f"the database{place} takes no login after several wrong ones: wait some seconds, "
            "and check NEO4J_USERNAME and NEO4J_PASSWORD"
        )
    if isinstance(error, foreign.AuthError) or code.startswith("Neo.ClientError.Security"):
        return AuthenticationError(
            f"the database{place} refused the login ({message.rstrip('.')}): "
            "check NEO4J_USERNAME and NEO4J_PASSWORD"
        )
    if isinstance(error, foreign.ConfigurationError):
        return UsageError(f"the address cannot be used{place}: {message}", hint="check NEO4J_URI")
    if isinstance(error, foreign.Neo4jError):
        return _map_server_error(code, message)
    if fault := fault_of_certificate(error):
        return UnavailableError(
            f"the certificate of the database{place} is refused, and no login was sent: {fault}",
            hint=f"{CERTIFICATE_REMEDY}; NEO4J_URI with +ssc in place of +s takes any",
        )
    return UnavailableError(
        f"no Neo4j answers{place}: {message}",
        hint="start it (`kgp up` for the local one), then repeat; nothing is lost by repeating",
    )


def _map_server_error(code: str, message: str) -> StoreError:
    if _STOPPED.search(f"{code} {message}"):
        return DatabaseStoppedError(
            f"the database cannot write and has stopped, most often because its disk is full: "
            f"{message.rstrip('.')}",
            hint="make room on the server's disk, kill the server and start it anew (`kgp up` does "
            "both for the local one), then repeat; what was committed is kept",
        )
    if code == "Neo.TransientError.General.DatabaseUnavailable":
        return UnavailableError(
            f"the database is not open: {message}",
            hint="it starts, or could not be opened; `kgp up` waits for the local one and tells",
        )
    if code.startswith("Neo.ClientError.Statement"):
        return QueryRefusedError(f"the query was refused: {message}", hint="correct the query")
    if code.startswith("Neo.ClientError.Transaction.TransactionTimedOut"):
        return TimedOutError(
            "the query took longer than it was allowed to",
            hint="make it more selective, or allow it more seconds",
        )
    if code.startswith("Neo.ClientError.Schema"):
        return SchemaError(message, hint="see `kgp doctor`")
    if code == "Neo.ClientError.Database.DatabaseNotFound":
        return StoreError(message, hint="check NEO4J_DATABASE")
    if code.endswith("OutOfMemoryError"):
        named = _MEMORY_SETTING.search(message)
        # Where memory lacks only at the commit, the server does not say which one.
        setting = named[0] if named else " or ".join(MEMORY_SETTINGS)
        return TooLargeError(
            f"the server's memory is used up: {message}",
            hint=f"raise {setting} in its neo4j.conf (of the local server: a larger KGP_HEAP, then "
            "`kgp down` and `kgp up`), or ask for less at once; then repeat, nothing is half done",
        )
    if code.startswith("Neo.TransientError"):
        return StoreError(f"the server was too busy: {message}", hint="repeat in a while")
    return StoreError(f"{message} ({code})")
