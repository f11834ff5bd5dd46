"""The command line in this process, against the session's server."""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kgplatform.cli import main
from kgplatform.settings import Settings


@dataclass(frozen=True)
class Ended:
    """A command that has run: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout, which must be one JSON value and nothing else."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Kgp = Callable[..., Ended]
"""``kgp("load", path, "--json")``; see the fixture."""


@pytest.fixture
def kgp(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kgp:
    """Run a command in a folder of the test's own, connected by the environment alone."""
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    for name in ("NEO4J_USER", "NEO4J_DATABASE", "KGP_HEAP", "KGP_JARS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NEO4J_URI", settings.neo4j_uri)
    monkeypatch.setenv("NEO4J_USERNAME", settings.neo4j_username)
    monkeypatch.setenv("NEO4J_PASSWORD", settings.neo4j_password.get_secret_value())
    monkeypatch.setenv("KGP_HOME", str(tmp_path / ".kgplatform"))
    monkeypatch.setenv("KGP_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main([str(arg) for arg in args])
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, out.getvalue(), err.getvalue())

    return run
