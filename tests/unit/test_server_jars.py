"""Jars come whole or not at all, from whichever source has the right bytes."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kgplatform.errors import ServerError
from kgplatform.server import jars
from kgplatform.server.jars import Jar
from kgplatform.settings import Settings


def make_jar(name: str, content: bytes) -> Jar:
    digest = hashlib.sha256(content).hexdigest()
    return Jar("org.example", name, "jar", "", "1.0", digest, len(content))


CONTENTS = {f"part{number}": os.urandom(1000 + number) for number in range(20)}
LOCK = [make_jar(name, content) for name, content in CONTENTS.items()]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(jars, "read_lock", lambda: LOCK)
    monkeypatch.setattr(jars, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "maven"))
    return Settings(neo4j_uri=None, kgp_cache=tmp_path / "cache", kgp_jars=tmp_path / "jars")


def fill(settings: Settings, *, maven: bool = False) -> Path:
    assert settings.kgp_jars is not None
    for jar in LOCK:
        path = settings.kgp_jars / (jar.maven_path if maven else jar.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENTS[jar.artifact])
    return settings.kgp_jars


def no_network(jar: Jar, staging: Path) -> Path:
    raise ConnectionError(f"https://user:secret@proxy refused {jar.name}")


def from_memory(jar: Jar, staging: Path) -> Path:
    path = staging / "deep" / jar.name
    path.parent.mkdir()
    path.write_bytes(CONTENTS[jar.artifact])
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_the_lock_names_each_jar_once_with_its_hash() -> None:
    lock = jars.read_lock()
    assert len({jar.name for jar in lock}) == len(lock) > 200
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) and jar.size > 0 for jar in lock)
    by_name = {jar.artifact: jar for jar in lock}
    assert by_name["neo4j-server"].group == "org.neo4j.app"
    assert by_name["neo4j-import-tool"].version == "5.26.30"
    native = [jar for jar in lock if jar.classifier]
    assert {jar.classifier for jar in native} >= {"linux-x86_64", "osx-aarch_64"}
    assert native[0].name == native[0].maven_path.name


@pytest.mark.parametrize("maven", [False, True])
def test_a_named_folder_serves_without_a_network(settings: Settings, maven: bool) -> None:
    fill(settings, maven=maven)
    where = jars.ensure(settings, fetch=no_network)
    assert names(where) == sorted(jar.name for jar in LOCK)


def test_the_local_maven_repository_serves_without_a_network(
    settings: Settings, tmp_path: Path
) -> None:
    fill(settings, maven=True).rename(tmp_path / "maven")
    assert jars.missing(LOCK, jars.ensure(settings, fetch=no_network)) == []


def test_a_damaged_jar_is_fetched_anew(settings: Settings) -> None:
    fill(settings)
    where = jars.ensure(settings, fetch=no_network)
    (where / LOCK[3].name).write_bytes(b"x" * LOCK[3].size)
    (where / LOCK[4].name).write_bytes(CONTENTS[LOCK[4].artifact][:-1])
    assert jars.missing(LOCK, where) == [LOCK[3], LOCK[4]]
    assert jars.missing(LOCK, jars.ensure(settings, fetch=no_network)) == []


def test_archives_of_classes_go_with_the_jars_that_they_were_made_of(settings: Settings) -> None:
    fill(settings)
    where = jars.ensure(settings, fetch=no_network)
    archive = where / "classes-21-0123456789abcdef.jsa"
    archive.touch()
    jars.ensure(settings, fetch=no_network)
    assert archive.exists()
    (where / LOCK[3].name).write_bytes(b"damaged")
    jars.ensure(settings, fetch=no_network)
    assert not archive.exists()


def test_a_folder_with_wrong_bytes_is_not_believed(settings: Settings) -> None:
    wrong = fill(settings) / LOCK[0].name
    wrong.write_bytes(b"x" * LOCK[0].size)
    where = jars.ensure(settings, fetch=from_memory)
    assert jars.missing(LOCK, where) == []


def test_an_interrupted_download_goes_on_where_it_stopped(settings: Settings) -> None:
    allowed = threading.Semaphore(9)

    def cut(jar: Jar, staging: Path) -> Path:
        path = from_memory(jar, staging)
        if not allowed.acquire(blocking=False):
            path.write_bytes(CONTENTS[jar.artifact][: jar.size // 2])
            raise ConnectionResetError
        return path

    with pytest.raises(ServerError, match="cannot fetch") as caught:
        jars.ensure(settings, fetch=cut)
    assert "KGP_JARS" in caught.value.hint
    where = jars.folder(settings)
    assert len(names(where)) == 9
    fetched: list[str] = []

    def note(jar: Jar, staging: Path) -> Path:
        fetched.append(jar.name)
        return from_memory(jar, staging)

    jars.ensure(settings, fetch=note)
    assert len(fetched) == len(LOCK) - 9
    assert names(where) == sorted(jar.name for jar in LOCK)


def test_a_failure_that_passes_is_repeated(settings: Settings) -> None:
    tried: set[str] = set()

    def flaky(jar: Jar, staging: Path) -> Path:
        path = from_memory(jar, staging)
        if jar.name not in tried:
            tried.add(jar.name)
            path.write_bytes(b"cut")
        return path

    assert jars.missing(LOCK, jars.ensure(settings, fetch=flaky)) == []


def test_what_a_killed_download_left_is_removed(settings: Settings) -> None:
    left = jars.folder(settings) / ".staging-old" / "part0-1.0.jar"
    left.mkdir(parents=True)
    (left / "part0-1.0.jar").write_bytes(b"half")
    where = jars.ensure(settings, fetch=from_memory)
    assert names(where) == sorted(jar.name for jar in LOCK)


def test_without_network_the_error_says_what_is_missing_and_nothing_secret(
    settings: Settings,
) -> None:
    with pytest.raises(ServerError) as caught:
        jars.ensure(settings, fetch=no_network)
    assert "ConnectionError" in str(caught.value)
    assert "secret" not in str(caught.value) + caught.value.hint


def test_a_full_disk_is_named(settings: Settings) -> None:
    def full(jar: Jar, staging: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ServerError, match="No space left on device") as caught:
        jars.ensure(settings, fetch=full)
    assert "KGP_CACHE" in caught.value.hint


def test_progress_reaches_its_total(settings: Settings) -> None:
    fill(settings)
    seen: list[tuple[int, int | None]] = []
    jars.ensure(settings, lambda stage, done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    assert seen == sorted(seen)


def test_two_at_once_download_once(settings: Settings) -> None:
    fetched: list[str] = []

    def note(jar: Jar, staging: Path) -> Path:
        fetched.append(jar.name)
        return from_memory(jar, staging)

    def bring() -> None:
        jars.ensure(settings, fetch=note)

    threads = [threading.Thread(target=bring) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fetched) == sorted(jar.name for jar in LOCK)


def test_a_killed_process_gives_its_lock_back(tmp_path: Path) -> None:
    from kgplatform.progress import silent
    from kgplatform.server.locks import held

    path = tmp_path / "lock"
    program = (
        "import sys, time; from pathlib import Path; from kgplatform.progress import silent\n"
        "from kgplatform.server.locks import held\n"
        f"with held(Path({str(path)!r}), 'x', silent): print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with held(path, "x", silent):
        pass
