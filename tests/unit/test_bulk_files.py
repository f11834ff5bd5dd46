"""Bulk loads without a server: files, what comes again, and swaps that are cut anywhere."""

import csv
import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.errors import StoreError
from kgplatform.server import swap
from kgplatform.server.config import Folders
from kgplatform.store.bulk import facts
from kgplatform.store.bulk.files import BulkFiles, write_files
from kgplatform.store.bulk.tables import MOST_COLUMNS, Kinds
from kgplatform.store.bulk.values import dump, field_of, kind_of, restore
from kgplatform.triples import Entity, Triple, Value, fact_id


def rows_of(files: BulkFiles) -> list[list[str]]:
    """The fields of all relationships, plain ones and those with properties."""
    rows = []
    for table in files.relationships:
        for path in table.files:
            with path.open(encoding="utf-8", newline="") as lines:
                rows += list(csv.reader(lines, delimiter="\t"))
    return rows


def test_facts_have_the_identity_and_hash_of_a_load_over_bolt(tmp_path: Path) -> None:
    triples = [
        Triple("ä", "r", "🦉", "train"),
        Triple("b", 'has "part"', "x" * 1000),
        Triple("b", "r", "c", properties={"weight": 0.5}),
        Triple("c", "r", "c", "test", properties={}),
    ]
    entities = [Entity("b", "B", types=("T",)), Entity("alone")]
    files = write_files(tmp_path, "gräph", entities, triples, source="s")
    expected = {fact_id("gräph", t.head, t.relation, t.tail) for t in triples}
    assert {row[2] for row in rows_of(files)} == expected
    told = hashlib.sha256("".join(map(repr, entities)).encode())
    for t in triples:
        key = fact_id("gräph", t.head, t.relation, t.tail)
        told.update(f"{key}{t.split}{t.properties}".encode())
    assert files.counts.hash == told.hexdigest()
    assert files.counts.entities_created == 6


def test_what_comes_again_in_any_batch_is_one_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "BATCH", 7)
    ring = [Triple(f"e{i}", "r", f"e{i + 1}", "train") for i in range(40)]
    again = [Triple(t.head, t.relation, t.tail, "train", source="inner") for t in ring[10:30]]
    other = [Triple(t.head, t.relation, t.tail, "test") for t in reversed(ring[5:15])]
    described = [Triple("e3", "r", "e4", None, properties={"weight": 2})]
    files = write_files(tmp_path, "g", [], [*ring, *again, *other, *described], source="s")
    rows = {row[2]: row for row in rows_of(files)}
    assert len(rows) == len(rows_of(files)) == 40
    assert files.counts.created == Counter(r=40)
    assert files.counts.unchanged == Counter(r=21)
    assert files.counts.num_conflicts == 10
    assert files.counts.conflicts == other
    assert rows[fact_id("g", "e12", "r", "e13")][3:6] == ["r", "train", "s\x1fs#inner"]
    assert rows[fact_id("g", "e3", "r", "e4")][3:] == ["r", "train", "s", "2"]
    assert rows[fact_id("g", "e1", "r", "e2")][3:6] == ["r", "train", "s"]


def test_the_first_conflicts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgplatform.store.bulk.repeats.CONFLICTS_KEPT", 5)
    ring = [Triple(f"e{i}", "r", f"e{i + 1}", "train") for i in range(20)]
    other = [Triple(t.head, t.relation, t.tail, "test") for t in ring]
    files = write_files(tmp_path, "g", [], [*ring, *other], source="s")
    assert files.counts.num_conflicts == 20
    assert files.counts.conflicts == other[:5]


def test_types_of_one_property_go_to_tables_of_their_own() -> None:
    kinds = Kinds()
    kinds.add({"p": 1, "q": "x"})
    kinds.add({"p": 1})
    kinds.add({"p": "text", "{brace}": 1})
    assert kinds.layouts() == [{"p": "long", "q": "string"}, {"p": "string", "q": "string"}]
    for number in range(2 * MOST_COLUMNS):
        kinds.add({f"n{number}": True})
    assert all(len(layout) == MOST_COLUMNS for layout in kinds.layouts())
    assert "p" in kinds.layouts()[0]


VALUES: list[Value] = [
    'a\n\t"\\',
    True,
    -(2**63),
    -0.0,
    1e-320,
    dt.date(1, 1, 1),
    dt.time(3, 4, 5, 6),
    dt.time(3, 4, tzinfo=dt.UTC),
    dt.datetime(2020, 1, 2, 3, 4, 5, 6),
    dt.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
    [dt.datetime(2020, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=-5)))],
    [1, 2],
    ["", "\x1f"],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_spilled_value_is_the_same_afterwards(value: Value) -> None:
    read = restore(dump([value]))[0]
    assert repr(read) == repr(value)
    assert kind_of(read) == kind_of(value)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_a_list_is_a_field_only_if_it_can_be_read_again(texts: list[str]) -> None:
    field = field_of(list(texts), "string[]")
    if field is None:
        assert texts == [""] or any("\x1f" in text for text in texts)
    else:
        assert field[1:-1].replace('""', '"').split("\x1f") == texts


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("cut", range(12))
def test_a_swap_that_is_cut_anywhere_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool, cut: int
) -> None:
    where = Folders(tmp_path / "neo4j")
    for kind in ("databases", "transactions"):
        for database in ("system",) if fresh else ("system", swap.DATABASE):
            (where.data / kind / database).mkdir(parents=True)
            (where.data / kind / database / "store").write_text("old")
        (tmp_path / "import" / kind / swap.DATABASE).mkdir(parents=True)
        (tmp_path / "import" / kind / swap.DATABASE / "store").write_text("new")
    before = tree(where.home)
    steps = iter(range(100))
    done = swap.Import("g", "s")

    class CutError(BaseException):
        pass

    def cutting(function: object) -> object:
        def wrapped(*args: object, **kwargs: object) -> object:
            if next(steps) == cut:
                raise CutError
            return function(*args, **kwargs)  # type: ignore[operator]

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("rename", "mkdir", "replace"):
            patch.setattr(Path, name, cutting(getattr(Path, name)))
        try:
            swap.swap(where, tmp_path / "import", done)
            whole = True
        except CutError:
            whole = False
    noted = swap.uncompleted(where)
    swap.recover(where)
    swap.recover(where)
    assert swap.uncompleted(where) == noted
    if noted is None:
        assert not whole
        assert tree(where.home) == before
    else:
        assert noted == done
        after = tree(where.home)
        assert after.pop("import.json")
        assert set(after.values()) == {"old", "new"}
        assert {name for name, text in after.items() if text == "old"} == {
            "data/databases/system/store",
            "data/transactions/system/store",
        }


@pytest.mark.parametrize("module", ["digests", "rows"])
def test_a_killed_process_is_an_error_and_not_a_part_of_the_facts(
    tmp_path: Path, module: str
) -> None:
    def killing() -> Iterator[Triple]:
        for number in range(3 * facts.BATCH):
            if number == facts.BATCH:
                (process,) = (
                    child
                    for child in psutil.Process().children()
                    # What other tests started and ended has no command any more.
                    if child.status() != psutil.STATUS_ZOMBIE
                    and f"kgplatform.store.bulk.{module}" in child.cmdline()
                )
                process.kill()
            yield Triple(f"e{number}", "r", "e0")

    with pytest.raises(StoreError, match="ended with code -9"):
        write_files(tmp_path, "g", [], killing(), source="s")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["facts-0.csv", "keys-3"])
def test_a_full_disk_is_the_error_whichever_process_meets_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    triples = [Triple(f"e{number}", "r", "e0") for number in range(1000)]
    with pytest.raises(OSError, match="No space left"):
        write_files(tmp_path, "g", [], triples, source="s")
