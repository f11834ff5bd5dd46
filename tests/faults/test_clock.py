"""A clock that is put back a day, put on a year, or stands still: the newest stays the newest."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from campaign import counted

import kgplatform
from kgplatform.graph.interchange import vector_tables
from kgplatform.retry_after import retry_after
from kgplatform.rules.files import new_set_id
from kgplatform.service.limits import Buckets
from kgplatform.store.client import Store
from kgplatform.store.rules import write_rules, written_set
from kgplatform.store.writeback import Target

RUNS = 4
START = datetime(2026, 3, 1, 12, 0, 0)

CLOCKS: dict[str, list[timedelta]] = {
    "put back a day": [timedelta(days=-day) for day in range(RUNS)],
    "put on a year and back": [timedelta(days=365 * (step % 2)) for step in range(RUNS)],
    "standing still": [timedelta()] * RUNS,
}

READERS = (
    "kgplatform.training.artifacts",
    "kgplatform.training.vector_run",
    "kgplatform.training.imported",
)
"""Modules that ask for the time when a run is made."""

Step = Callable[[int], None]


@pytest.fixture
def stepped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Step:
    """Put the clock to its n-th time."""
    now = START

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(now.timestamp(), tz)

    for module in READERS:
        monkeypatch.setattr(f"{module}.datetime", Clock)

    def step(number: int) -> None:
        nonlocal now
        now = START + CLOCKS[request.node.callspec.params["clock"]][number]

    return step


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_newest_run_is_the_last_that_was_made(
    kgp: Callable[..., Any], graph_name: str, tmp_path: Path, stepped: Step, clock: str
) -> None:
    (tmp_path / "facts.tsv").write_text("a\tr\tb\nb\tr\tc\n")
    vectors = np.eye(3, dtype=np.float32)
    vector_tables.write(tmp_path / "vectors.parquet", ["a", "b", "c"], vectors)
    assert kgp("load", "facts.tsv", "--graph", graph_name).code == 0
    made: list[str] = []
    for number in range(RUNS):
        stepped(number)
        words = ["import-embeddings", "vectors.parquet", "--from", "table", "--graph", graph_name]
        made.append(kgp(*words, "--json").json["run"])
        assert kgp("runs", "show", "latest", "--json").json["run"] == made[-1], clock
    listed = [each["run"] for each in kgp("runs", "list", "--json").json["runs"]]
    assert listed == made
    # Written in another order than they were made: the last that began to write is undone first.
    wrote = [*made[2:], *made[:2]]
    for run in wrote:
        assert kgp("write", run).code == 0
    undone = [kgp("undo", "latest", "--json").json["run"] for _ in range(RUNS)]
    assert undone == wrote[::-1]
    counted("limits", f"runs made, written and undone by a clock {clock}", RUNS, right=RUNS)


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_newest_rules_are_the_last_that_were_made(
    store: Store, target: Target, tmp_path: Path, stepped: Step, clock: str
) -> None:
    assert target.graph is not None
    made: list[str] = []
    for number in range(RUNS):
        stepped(number)
        made.append(new_set_id(tmp_path))
        (tmp_path / made[-1]).mkdir()
        created = (START + CLOCKS[clock][number]).isoformat()
        write_rules(store, made[-1], target.graph, {"created": created}, [{"text": "r(x, y)"}])
        assert written_set(store, "latest")[0] == made[-1]
    assert made == sorted(made)
    counted("limits", f"sets of rules by a clock {clock}", RUNS, right=RUNS)


def test_nothing_waits_by_the_clock_on_the_wall() -> None:
    """Time-outs, rates and pauses are measured by a clock that nobody puts."""
    for path in Path(kgplatform.__file__).parent.rglob("*.py"):
        assert not re.search(r"\btime\.time(_ns)?\(", path.read_text()), path


def test_a_rate_is_kept_by_a_clock_that_is_put(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, -86_400.0, 31_536_000.0, 0.0, 0.0])
    monkeypatch.setattr("time.time", lambda: next(moments, 0.0))
    buckets = Buckets(rate=0.001, burst=2)
    waits = [buckets.wait("key") for _ in range(4)]
    assert waits[:2] == [0.0, 0.0]
    assert all(900 < wait <= 1_000 for wait in waits[2:])


@pytest.mark.parametrize("off", [timedelta(days=-1), timedelta(days=365), timedelta()])
def test_a_moment_to_come_again_is_taken_by_the_clock_that_names_it(
    off: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2015, 10, 21, 7, 28, tzinfo=tz) + off

    monkeypatch.setattr("kgplatform.retry_after.datetime", Clock)
    there, again = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:17 GMT"
    assert retry_after(again, there) == 17.0
    assert retry_after("17", None) == 17.0
    assert retry_after(again, None) == max(0.0, 17.0 - off.total_seconds())
    assert retry_after("soon", there) is None
