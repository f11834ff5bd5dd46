"""Neo4j's classes, read and verified once a machine instead of at every start.

Java can keep the classes of a class path in an archive that later processes map into memory
(class data sharing, JEP 310). For Neo4j's nineteen thousand that is a third of the processor
time of a start. The archive lies beside the jars; a Java that cannot use it ignores it.
"""

import gzip
import hashlib
import logging
import shutil
import subprocess
import tempfile
from contextlib import suppress
from importlib import resources
from pathlib import Path

from kgplatform.progress import Progress, silent
from kgplatform.server.config import MIB, NEO4J_VERSION
from kgplatform.server.java import Java
from kgplatform.server.locks import held
from kgplatform.settings import environment_of_children

SPACE = 400 * MIB
"""An archive takes about 160 MB."""

SECONDS = 600
STAGE = "preparing Java, once"

log = logging.getLogger(__name__)


def class_path(jars: Path) -> str:
    """The jars of a folder as a class path, sorted: an archive holds for one order alone."""
    return ":".join(str(jar) for jar in sorted(jars.glob("*.jar")))


def java_arguments(java: Java, jars: Path, progress: Progress = silent) -> list[str]:
    """The options by which a Java finds Neo4j's classes, in an archive where one can be made.

    Args:
        java: The Java that will run.
        jars: The folder of Neo4j's jars; the archive is kept there.
        progress: Told when an archive is made, which takes some 15 seconds.
    """
    archive = jars / f"classes-{_key(java, jars)}.jsa"
    if not archive.exists():
        try:
            with held(jars / ".lock", "another preparation of Java", progress):
                # Looked at again: whoever held the lock may have made it.
                if not archive.exists():
                    _make(java, jars, archive, progress)
        except OSError as error:
            log.debug("no archive of classes: %s", error)
    arguments = ["-cp", class_path(jars)]
    if archive.exists() and archive.stat().st_size:
        # Verified: a damaged archive is left aside by Java instead of ending it.
        arguments += [f"-XX:SharedArchiveFile={archive}", "-XX:+VerifySharedSpaces"]
    return arguments


def _key(java: Java, jars: Path) -> str:
    """What an archive holds for: this build of Java and these jars, where they are."""
    told = f"{java.build}\n{class_path(jars)}"
    return f"{java.major}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _make(java: Java, jars: Path, archive: Path, progress: Progress) -> None:
    if shutil.disk_usage(jars).free < SPACE:
        return
    progress(STAGE, 0, 1)
    for other in jars.glob(f"classes-{java.major}-*.jsa"):
        other.unlink()
    with tempfile.TemporaryDirectory(prefix=".classes-", dir=jars) as name:
        listed = Path(name) / "classes"
        listed.write_bytes(gzip.decompress(_class_list()))
        made = Path(name) / archive.name
        command = [str(java.path), "-Xshare:dump", "-XX:+UseParallelGC", "-Xlog:disable"]
        command += [f"-XX:SharedClassListFile={listed}", f"-XX:SharedArchiveFile={made}"]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*command, "-cp", class_path(jars)],
                env=environment_of_children(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        if not made.exists():
            # Empty: this Java cannot do it, and is not asked again at each start.
            log.debug("this Java makes no archive of classes")
            made.touch()
        made.replace(archive)
    progress(STAGE, 1, 1)


def _class_list() -> bytes:
    return (resources.files(__package__) / f"neo4j-{NEO4J_VERSION}.classes.gz").read_bytes()
