"""No network at all: what was fetched works, and what was not says so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from campaign import counted

UP = "ip link set lo up"
"""In a network of its own a process finds even its own addresses only then."""

KGP = f"{sys.executable} -m kgplatform"


def _alone(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the shell in a network that nobody else is in."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "KGP_CACHE") if name in os.environ}
    return subprocess.run(
        ["unshare", "--map-root-user", "--net", "sh", "-c", f"{UP} && {script}"],
        cwd=folder,
        env={**kept, "KGP_HEAP": "512m", "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(autouse=True)
def allowed(tmp_path: Path) -> None:
    tools = shutil.which("unshare") and shutil.which("ip")
    if not tools or _alone("true", tmp_path).returncode:
        pytest.skip("this system lets nobody make a network of his own (unshare, ip)")


@pytest.mark.slow
def test_without_a_network_what_was_fetched_works(tmp_path: Path) -> None:
    (tmp_path / "facts.tsv").write_text("Ada\tknows\tBela\nBela\tknows\tCyd\n")
    steps = (
        "up",
        "load facts.tsv --graph g",
        "encode --graph g --write",
        "search Bela --graph g --json",
        "down",
    )
    ended = _alone(" && ".join(f"{KGP} {step}" for step in steps), tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "2 facts created" in ended.stdout
    assert '"Bela"' in ended.stdout
    counted("limits", "commands without a network", len(steps), worked=len(steps))


def test_without_a_network_what_was_not_fetched_says_so(tmp_path: Path) -> None:
    ended = _alone(f"{KGP} up", tmp_path, KGP_CACHE=str(tmp_path / "empty"))
    assert ended.returncode == 1
    assert "cannot fetch" in ended.stderr
    assert "connect to the network" in ended.stderr
    assert "KGP_JARS" in ended.stderr
    assert "Traceback" not in ended.stderr
    counted("limits", "commands that need a network, without one", 1, told=1)
