"""Rejected rows: their file, their counts, and the relation that they are counted under."""

import os
from pathlib import Path

import networkx
import pytest

from kgplatform.errors import InputError
from kgplatform.sources import open_source, rejects
from kgplatform.sources.graphs import from_networkx
from kgplatform.sources.rejects import RejectsFile
from kgplatform.sources.source import Source
from kgplatform.triples import Reject, Triple

EMPTY_HEAD = Reject("g.tsv", 2, "head is empty", "\tr\tb", "r")


def relations_of(source: Source) -> list[str | None]:
    found: list[Reject] = []
    list(source.triples(found.append))
    return [reject.relation for reject in found]


@pytest.mark.parametrize(
    ("name", "text", "format_name"),
    [
        ("g.tsv", "a\tr\tb\n\tr\tb\na\t\tb\n", "table"),
        ("g.csv", "head,relation,tail\na,r,b\n,r,b\na,PREDICTED,b\n", "table"),
        ("g.csv", ":START_ID,:TYPE,:END_ID\na,r,b\n,r,b\na,,b\n", "neo4j-csv"),
        ("raw_udd_hrt/train.txt", "a\tr\tb\n\tr\tb\na\t\tb\n", "dglke"),
        (
            "g.nt",
            "<http://x.y/a> <http://x.y/r> <http://x.y/b> .\n"
            f"<http://x.y/{'a' * 1100}> <http://x.y/r> <http://x.y/b> .\n"
            f"<http://x.y/a> <http://x.y/{'r' * 1100}> <http://x.y/b> .\n",
            "rdf",
        ),
        (
            "g.json",
            '{"type":"node","id":"0","labels":["A"],"properties":{"name":"a"}}\n'
            '{"type":"relationship","id":"0","label":"r","start":{"id":"0"}}\n'
            '{"type":"relationship","id":"1","label":"","start":{"id":"0"},"end":{"id":"0"}}\n',
            "apoc",
        ),
    ],
)
def test_a_reject_has_the_relation_where_that_is_usable(
    tmp_path: Path, name: str, text: str, format_name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    given = path if format_name != "dglke" else path.parent
    known, unknown = relations_of(open_source([str(given)], None, format_name))
    assert known is not None
    assert known.endswith("r")
    assert unknown is None


def test_edges_of_networkx_have_their_relation() -> None:
    graph = networkx.MultiDiGraph([("", "b", "r"), ("", "b", {"relation": "s"}), ("", "b")])
    assert relations_of(from_networkx(graph, "g")) == ["r", "s", "RELATED_TO"]


def test_rejects_are_counted_by_relation_and_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejects, "NAMES_COUNTED", 2)
    with RejectsFile(tmp_path / "bad.tsv") as bad:
        for relation in ("r", "r", None, "s"):
            bad.add(Reject("g.tsv", 1, f"reason {relation}", "row", relation))
        bad.add_conflicts([Triple("a", "r", "b", "test")], total=4)
    assert bad.count == 8
    # Of the third relation and reason on, they are counted together; so memory stays bounded.
    assert bad.by_relation == {"r": 3, None: 5}
    assert bad.by_reason == {"reason r": 2, "reason None": 1, rejects.OTHER_REASONS: 5}
    assert len((tmp_path / "bad.tsv").read_text().splitlines()) == 6


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("rows", [1, 10_000])
def test_a_full_disk_under_the_rejects_is_told(tmp_path: Path, rows: int) -> None:
    """One row still fits into the buffer, so that its failure comes at the end."""
    path = tmp_path / "bad.tsv"
    path.symlink_to("/dev/full")

    def reject() -> None:
        with RejectsFile(path) as bad:
            for _ in range(rows):
                bad.add(EMPTY_HEAD)

    with pytest.raises(InputError, match=r"bad\.tsv: No space left") as full:
        reject()
    assert "--rejects" in full.value.hint


def test_a_device_is_not_removed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with RejectsFile(pipe):
        pass
    assert pipe.exists()


@pytest.mark.parametrize("name", [".", "missing/bad.tsv"])
def test_a_place_for_rejects_is_looked_at_before_the_load(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(InputError, match="cannot be written"),
        RejectsFile(tmp_path / name),
    ):
        pass
