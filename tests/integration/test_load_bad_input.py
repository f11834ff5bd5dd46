"""``kgp load`` of what is wrong: what the user is told, the exit code, and what is in the graph."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store

GOOD = "a\tr\tb\nb\tr\tc\n"
ROWS = "".join(f"e{i}\tr\te{i * 7 % 1000}\n" for i in range(1000))
HOSTILE = "x`]->() DETACH DELETE n //"


def facts_of(store: Store, graph: str) -> set[tuple[str, str, str]]:
    rows = store.rows(
        "MATCH (h {graph: $graph})-[r]->(t) RETURN h.id AS head, type(r) AS relation, t.id AS tail",
        graph=graph,
    )
    return {(row["head"], row["relation"], row["tail"]) for row in rows}


BAD = {
    "a cut gzip": ("g.tsv.gz", gzip.compress(ROWS.encode())[:2000], ["cut", "fetch"]),
    "Latin-1": ("g.tsv", "a\tr\tb\né\tr\tb\n".encode("latin-1"), ["line 2, byte 6", "iconv"]),
    "Latin-1 far down": ("g.tsv", ROWS.encode() * 9 + b"\xe9\tr\tb\n", ["line 9001, byte"]),
    "UTF-16": ("g.tsv", GOOD.encode("utf-16"), ["UTF-16", "iconv -f UTF-16"]),
    "UTF-16 without its mark": ("g.tsv", GOOD.encode("utf-16-le"), ["NUL", "iconv -f UTF-16LE"]),
    "no text": ("g.tsv", bytes(range(256)) * 9, ["NUL byte on line 1", "UTF-8"]),
    "a zip": ("g.tsv", b"PK\x03\x04" + bytes(99), ["zip archive", "unzip"]),
    "nothing in it": ("g.tsv", b"", ["is empty", "head, relation, tail"]),
    "RDF, line 70,000": (
        "g.nt",
        b"<http://x.y/a> <http://x.y/r> <http://x.y/b> .\n" * 69_999
        + b"<http://x.y/a> <http://x.y/r <http://x.y/b> .\n",
        ["line 70000", "g.nt"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_cannot_be_read_leaves_no_fact(
    kgp: Any, store: Store, graph_name: str, case: str
) -> None:
    name, content, words = BAD[case]
    Path(name).write_bytes(content)
    ended = kgp("load", name, "--graph", graph_name)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert "fix:" in ended.err
    for word in words:
        assert word in ended.err
    assert facts_of(store, graph_name) == set()
    assert not list(Path().glob("*.rejects.tsv"))


def test_a_corrected_file_is_loaded_by_the_same_command(kgp: Any, graph_name: str) -> None:
    path = Path("g.nt")
    good = "<http://x.y/a> <http://x.y/r> <http://x.y/b> .\n"
    path.write_text(good + "<http://x.y/a> <http://x.y/r\n")
    load = ("load", "g.nt", "--graph", graph_name)
    assert kgp(*load).code == 1
    path.write_text(good)
    assert kgp(*load, "--json").json["created"] == 1


MANY = (
    "head,relation,tail\n"
    "a,r,b\n"
    "only,two\n"
    ",r,b\n"
    f"a,r,{'x' * 10_000_000}\n"
    "a,s,b\x07\n"
    "a,PREDICTED,b\n"
    f'a,"{HOSTILE}",b\n'
    "`a`,r,```\n"
)
"""Five rows of which nothing can be made: two of r, one of s, two of no relation to be had."""


def test_bad_rows_are_counted_by_relation_and_nothing_else_is_touched(
    kgp: Any, store: Store, graph_name: str, digest: Callable[..., str]
) -> None:
    Path("other.tsv").write_text(GOOD)
    kgp("load", "other.tsv", "--graph", f"{graph_name}-other")
    before = digest(store)
    Path("many.csv").write_text(MANY)
    load = ("load", "many.csv", "--graph", graph_name)
    dry = kgp(*load, "--dry-run", "--json").json
    assert digest(store) == before
    assert dry["relations"] == {
        "r": {"facts": 2, "rejected": 2},
        "s": {"facts": 0, "rejected": 1},
        HOSTILE: {"facts": 1, "rejected": 0},
    }
    assert (dry["triples"], dry["rejected"], len(dry["problems"])) == (3, 5, 5)
    assert dry["reasons"]["head is empty"] == 1
    assert "line 3: 2 columns where 3 belong" in dry["problems"][0]
    told = kgp(*load, "--dry-run")
    assert told.code == 0
    header = next(line for line in told.out.splitlines() if line.startswith("relation"))
    assert header.split() == ["relation", "facts", "rejected"]
    assert "(no relation)" in told.out
    assert "many.csv, line 4: head is empty" in told.out
    loaded = kgp(*load, "--json").json
    assert loaded["relations"] == {
        "r": {"created": 2, "unchanged": 0, "rejected": 2},
        "s": {"created": 0, "unchanged": 0, "rejected": 1},
        HOSTILE: {"created": 1, "unchanged": 0, "rejected": 0},
    }
    assert (loaded["created"], loaded["rejected"]) == (3, 5)
    expected = {("a", "r", "b"), ("a", HOSTILE, "b"), ("`a`", "r", "```")}
    assert facts_of(store, graph_name) == expected
    kept = Path(loaded["rejects_file"]).read_text()
    assert len(kept.splitlines()) == 6
    assert len(kept) < 10_000
    again = kgp(*load)
    assert again.code == 0
    table = [line.split() for line in again.out.splitlines()]
    assert ["relation", "created", "unchanged", "rejected"] in table
    assert ["r", "0", "2", "2"] in table
    assert ["s", "0", "0", "1"] in table
    assert ["(no", "relation)", "0", "0", "2"] in table
    (record,) = store.rows("MATCH (l:Load {graph: $graph}) RETURN l", graph=graph_name)
    assert (
        record["l"].items()
        >= {"source": "many.csv", "created": 0, "unchanged": 3, "rejected": 5}.items()
    )
    assert len(record["l"]["hash"]) == 64
    assert record["l"]["seconds"] > 0
    assert record["l"]["finished"]
    kgp("rm", "--graph", graph_name)
    assert digest(store) == before


def test_strict_fails_at_the_first_reject_and_is_completed_without(
    kgp: Any, store: Store, graph_name: str
) -> None:
    Path("many.csv").write_text(MANY)
    load = ("load", "many.csv", "--graph", graph_name)
    strict = kgp(*load, "--strict")
    assert strict.code == 1
    assert "many.csv, line 3: 2 columns" in strict.err
    assert facts_of(store, graph_name) == set()
    assert kgp(*load, "--strict", "--dry-run").code == 1
    assert kgp(*load, "--json").json["created"] == 3


def test_conflicts_of_splits_count_for_their_relation(kgp: Any, graph_name: str) -> None:
    Path("g.tsv").write_text("a\tr\tb\ttrain\na\tr\tb\ttest\na\ts\tb\ttrain\n")
    loaded = kgp("load", "g.tsv", "--graph", graph_name, "--json").json
    assert loaded["relations"]["r"] == {"created": 1, "unchanged": 0, "rejected": 1}
    assert (loaded["rejected"], loaded["conflicts"]) == (1, 1)


def test_a_file_that_changes_while_it_is_read_is_told_and_completed(
    kgp: Any, store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("g.tsv")
    path.write_text(ROWS * 40)
    write = Store.write

    def cut_meanwhile(self: Store, work: Any) -> Any:
        path.write_text(ROWS[:5000])
        return write(self, work)

    load = ("load", "g.tsv", "--graph", graph_name)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", cut_meanwhile)
        changed = kgp(*load)
    assert changed.code == 1
    assert "g.tsv was changed while it was read" in changed.err
    path.write_text(ROWS)
    again = kgp(*load, "--json").json
    assert again["created"] + again["unchanged"] == 1000
    assert len(facts_of(store, graph_name)) == 1000


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["g.tsx"], 1, ["no such file", "did you mean g.tsv?"]),
        (["nowhere/g.tsv"], 1, ["no such file", "nowhere does not exist"]),
        (["empty"], 1, ["empty holds no triples", "train.tsv"]),
        (["images"], 1, ["only a.png"]),
        (["folder.tsv"], 1, ["folder.tsv holds no triples"]),
        (["/dev/null"], 1, ["not a regular file"]),
        (["g.tsv", "--format", "tabel"], 2, ["did you mean 'table'?"]),
        (["g.tsv", "--format", "rdf"], 1, ["g.tsv", ".ttl"]),
        (["g.tsv", "--query", "SELECT *"], 2, ["endpoint"]),
        (["g.tsv", "--rejects", "g.tsv"], 2, ["--rejects"]),
        (["g.tsv", "--rejects", "nowhere/bad.tsv"], 1, ["--rejects"]),
        (["g.tsv", "--rejets", "x"], 2, ["--rejects"]),
        (["g.tsv", "--graph", ""], 1, ["name of the graph is empty"]),
        ([], 2, ["SOURCE"]),
        (["sparql:"], 2, ["sparql: is not the address"]),
        (["sparql:ftp://127.0.0.1/x"], 2, ["sparql:https://"]),
        (["sparql:http://127.0.0.1:1/x"], 1, ["127.0.0.1:1", "check the address"]),
        (["sparql:http://no-such-host.invalid/x"], 1, ["no-such-host.invalid", "check"]),
    ],
)
def test_what_cannot_be_loaded_is_told_with_its_remedy(
    kgp: Any, args: list[str], code: int, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgplatform.sources.sparql_download.PAUSES", ())
    Path("g.tsv").write_text(GOOD)
    for folder in ("empty", "images", "folder.tsv"):
        Path(folder).mkdir()
    Path("images/a.png").write_bytes(b"\x89PNG")
    ended = kgp("load", *args)
    assert ended.code == code
    assert ended.out == ""
    assert "Traceback" not in ended.err
    for word in words:
        assert word in ended.err
    assert Path("g.tsv").read_text() == GOOD


def test_a_byte_order_mark_is_no_part_of_the_first_name(
    kgp: Any, store: Store, graph_name: str
) -> None:
    Path("header.csv").write_bytes(b"\xef\xbb\xbfhead,relation,tail\na,r,b\n")
    Path("rows.csv").write_bytes(b"\xef\xbb\xbfa,r,c\n")
    for name in ("header.csv", "rows.csv"):
        assert kgp("load", name, "--graph", graph_name, "--json").json["created"] == 1
    assert facts_of(store, graph_name) == {("a", "r", "b"), ("a", "r", "c")}


def test_a_folder_is_loaded_again_though_rejects_lie_in_it(kgp: Any, graph_name: str) -> None:
    Path("facts.tsv").write_text(GOOD + "bad\n")
    for created in (2, 0):
        ended = kgp("load", ".", "--graph", graph_name, "--json")
        assert (ended.json["created"], ended.json["rejected"]) == (created, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_rejects_on_a_full_disk_end_the_load_and_leave_the_device(
    kgp: Any, graph_name: str
) -> None:
    Path("facts.tsv").write_text(GOOD + "bad\n")
    load = ("load", "facts.tsv", "--graph", graph_name, "--json")
    full = kgp(*load, "--rejects", "/dev/full")
    assert full.code == 1
    assert "/dev/full: No space left on device" in full.err
    assert "make room" in full.err
    assert Path("/dev/full").exists()
    done = kgp(*load).json
    assert (done["created"] + done["unchanged"], done["rejected"]) == (2, 1)


def test_the_data_of_a_load_are_json_alone(kgp: Any, graph_name: str) -> None:
    Path("facts.tsv").write_text(GOOD)
    ended = kgp("load", "facts.tsv", "--graph", graph_name, "--json")
    assert json.loads(ended.out)["seconds"] > 0
    assert {"facts_per_second", "hash", "rejected", "reasons", "problems"} <= ended.json.keys()
