"""Neo4j's jars: the exact ones of the lock file, checked, in a cache that projects share.

An artefact comes from the cache, from a folder that the user names, from the local Maven
repository, or else over the network. Whatever its source, its bytes must have the lock's
SHA-256 before it gets its name in the cache, and it gets it whole: so an interrupted
download goes on where it stopped, and a damaged file is replaced.
"""

import errno
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

from kgplatform.errors import ServerError
from kgplatform.progress import Progress, silent
from kgplatform.server.config import MIB, NEO4J_VERSION
from kgplatform.server.locks import held
from kgplatform.settings import Settings

WORKERS = 8
PAUSES = (1.0, 3.0, 9.0)
"""Seconds waited before each repetition of a failed download."""

ARCHIVES = "classes-*.jsa"
"""The archives of classes that ``shared_classes`` keeps beside the jars."""

SECONDS_PER_ANSWER = 30
SPACE_LEFT_OVER = 100 * MIB
STAGE = f"Neo4j {NEO4J_VERSION} (MB)"
OFFLINE_HINT = (
    "connect to the network (a proxy: set HTTPS_PROXY) and repeat, what is there is kept; "
    "or set KGP_JARS to a folder that holds the jars"
)


@dataclass(frozen=True)
class Jar:
    """One artefact of the lock file.

    Attributes:
        group: Its Maven group, ``org.neo4j``.
        artifact: Its name in the group.
        packaging: What kind of file it is, ``jar``.
        classifier: Which of several of that name and version; mostly empty.
        version: Its exact version.
        sha256: What its bytes hash to, in hexadecimal.
        size: Its bytes.
    """

    group: str
    artifact: str
    packaging: str
    classifier: str
    version: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """Its file name, unique within the lock."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"

    @property
    def maven_path(self) -> Path:
        """Where it lies in a Maven repository."""
        return Path(*self.group.split("."), self.artifact, self.version, self.name)


Fetch = Callable[[Jar, Path], Path]
"""Brings a jar into a folder of its own and says where it lies; raises if it cannot."""


def read_lock() -> list[Jar]:
    """Every jar of Neo4j, from the lock file in this package."""
    text = (resources.files(__package__) / f"neo4j-{NEO4J_VERSION}.lock").read_text()
    return [_parse(line) for line in text.splitlines() if line and not line.startswith("#")]


def folder(settings: Settings) -> Path:
    """The shared folder of this version's jars."""
    return settings.kgp_cache.expanduser().resolve() / f"neo4j-{NEO4J_VERSION}"


def missing(jars: Iterable[Jar], where: Path) -> list[Jar]:
    """The jars that are not in ``where``, or not with the bytes that the lock wants."""
    jars = list(jars)
    with ThreadPoolExecutor(WORKERS) as pool:
        whole = pool.map(lambda jar: is_whole(where / jar.name, jar), jars)
        return [jar for jar, good in zip(jars, whole, strict=True) if not good]


def is_whole(path: Path, jar: Jar) -> bool:
    """Whether a file is there and has the size and hash of the lock."""
    try:
        if path.stat().st_size != jar.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except OSError:
        return False


def download(jar: Jar, staging: Path) -> Path:
    """Fetch one jar over the network, by its exact coordinate."""
    # Here, not at the top: the import alone costs a third of a second.
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=staging, timeout=SECONDS_PER_ANSWER)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    return Path(component.artifact(jar.classifier, jar.packaging).resolve())


def ensure(settings: Settings, progress: Progress = silent, fetch: Fetch = download) -> Path:
    """Have all jars in the cache, and return its folder.

    Raises:
        ServerError: One cannot be had, its bytes are wrong at every source, or the disk is
            full; what was fetched until then stays in the cache.
    """
    where = folder(settings)
    wanted = read_lock()
    if not missing(wanted, where):
        return where
    try:
        where.mkdir(parents=True, exist_ok=True)
        with held(where / ".lock", "another download of Neo4j", progress):
            # Looked at again: whoever held the lock may have brought them all.
            lacking = missing(wanted, where)
            _check_space(where, sum(jar.size for jar in lacking))
            _bring(lacking, where, _sources(settings), progress, fetch)
            # What Java made of the jars that were there before holds for those alone.
            for archive in where.glob(ARCHIVES):
                archive.unlink()
    except OSError as error:
        raise _disk_error(error, where) from error
    return where


def _bring(
    jars: list[Jar], where: Path, sources: list[Path], progress: Progress, fetch: Fetch
) -> None:
    total = _megabytes(sum(jar.size for jar in jars))
    done = 0
    given_up = threading.Event()
    with _staging(where) as staging, ThreadPoolExecutor(WORKERS) as pool:
        task = partial(
            _bring_one,
            where=where,
            staging=staging,
            sources=sources,
            fetch=fetch,
            given_up=given_up,
        )
        futures = {pool.submit(task, jar): jar for jar in jars}
        try:
            for future in as_completed(futures):
                future.result()
                done += futures[future].size
                progress(STAGE, _megabytes(done), total)
        except BaseException:
            # One that cannot be had (or Ctrl-C): the rest is not worth waiting for.
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _bring_one(
    jar: Jar,
    *,
    where: Path,
    staging: Path,
    sources: list[Path],
    fetch: Fetch,
    given_up: threading.Event,
) -> None:
    own = staging / jar.name
    local = _local_copy(jar, sources)
    if local is not None:
        own.mkdir()
        Path(shutil.copyfile(local, own / jar.name)).replace(where / jar.name)
        return
    problem = ""
    for pause in (0.0, *PAUSES):
        if given_up.wait(pause):
            return
        # Emptied each time: jgo refuses to write over what an attempt left behind.
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir()
        try:
            fetched = fetch(jar, own)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _DISK:
                raise
            # The class only: the text of network errors holds addresses and proxies' logins.
            problem = type(error).__name__
            continue
        if is_whole(fetched, jar):
            fetched.replace(where / jar.name)
            return
        problem = "its bytes differ from the lock file"
    raise ServerError(f"cannot fetch {jar.group}:{jar.name}: {problem}", hint=OFFLINE_HINT)


def _local_copy(jar: Jar, sources: list[Path]) -> Path | None:
    places = (source / name for source in sources for name in (jar.name, jar.maven_path))
    return next((place for place in places if is_whole(place, jar)), None)


@contextmanager
def _staging(where: Path) -> Iterator[Path]:
    # Beside the jars, so that the last step is a rename within one file system. The lock is
    # held: whatever staging folder lies here is from a process that was killed.
    for left in where.glob(".staging-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=".staging-", dir=where, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def _sources(settings: Settings) -> list[Path]:
    repository = os.environ.get("M2_REPO")
    named = [settings.kgp_jars.expanduser()] if settings.kgp_jars else []
    return [*named, Path(repository) if repository else Path.home() / ".m2" / "repository"]


def _check_space(where: Path, needed: int) -> None:
    free = shutil.disk_usage(where).free
    if free < needed + SPACE_LEFT_OVER:
        raise ServerError(
            f"Neo4j's jars need {_megabytes(needed + SPACE_LEFT_OVER)} MB in {where}, "
            f"{_megabytes(free)} MB are free",
            hint="make room, or set KGP_CACHE to a folder on another disk",
        )


_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def _disk_error(error: OSError, where: Path) -> ServerError:
    return ServerError(
        f"cannot keep Neo4j's jars in {where}: {error.strerror}",
        hint="make room or give write permission there, or set KGP_CACHE to another folder",
    )


def _megabytes(size: int) -> int:
    return -(-size // 1_000_000)


def _parse(line: str) -> Jar:
    coordinate, sha256, size = line.split(" ")
    group, artifact, packaging, *classifier, version = coordinate.split(":")
    return Jar(group, artifact, packaging, "".join(classifier), version, sha256, int(size))
