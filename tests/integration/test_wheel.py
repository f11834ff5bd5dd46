"""The package as users get it: built, installed into an environment of its own, and run."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
WHERE = (
    "import kgplatform, kgplatform.queries as q; "
    "print(kgplatform.__file__); print(q.folder()); print(len(q.names()))"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_cypher_files_the_locks_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    cypher = {
        f"kgplatform/{path.relative_to(REPOSITORY).as_posix()}"
        for path in (REPOSITORY / "cypher").rglob("*.cypher")
    }
    assert cypher
    assert cypher <= names
    assert "kgplatform/py.typed" in names
    assert any(name.endswith(".lock") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "cypher/", "docs/")) for name in names)
    assert not any(name.endswith(".jar") for name in names)


def test_installed_wheel_finds_its_cypher_inside_the_package(wheel: Path, tmp_path: Path) -> None:
    python = _environment(tmp_path / "venv")
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    package, folder, count = _run(python, "-c", WHERE, cwd=tmp_path).split()
    assert Path(package).is_relative_to(tmp_path)
    assert Path(folder) == Path(package).parent / "cypher"
    assert int(count) == len(list((REPOSITORY / "cypher").rglob("*.cypher")))
    for command in ("kgp", "kgplatform"):
        assert "Commands:" in _run(python.parent / command, "--help", cwd=tmp_path)


def test_editable_install_finds_the_repository_s_cypher(tmp_path: Path) -> None:
    python = _environment(tmp_path / "venv")
    flags = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    _run(python, "-m", "pip", "install", *flags, "--editable", REPOSITORY)
    package, folder, _ = _run(python, "-c", WHERE, cwd=tmp_path).split()
    assert Path(package) == REPOSITORY / "kgplatform" / "__init__.py"
    assert Path(folder) == REPOSITORY / "cypher"


def _environment(folder: Path) -> Path:
    """A virtual environment that sees this one's dependencies, but not its kgplatform."""
    _run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    (own,) = (folder / "lib").glob("python*/site-packages")
    # A path file adds the folder itself; path files inside it, an editable install's among
    # them, are not followed.
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
