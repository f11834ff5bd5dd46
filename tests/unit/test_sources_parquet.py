from datetime import date
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from kgplatform.errors import InputError
from kgplatform.sources.folder import find, open_source
from kgplatform.sources.records import read_entities, read_triples
from kgplatform.sources.source import Options
from kgplatform.triples import Entity, Reject, Triple


def no_reject(reject: Reject) -> None:
    pytest.fail(str(reject))


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def test_columns_are_found_by_name_and_others_left_on_disk(tmp_path: Path) -> None:
    path = write(
        tmp_path / "g.parquet",
        {
            "vector": [[0.1, 0.2], [0.3, 0.4]],
            "Target": ["b", "é"],
            "weight": [0.5, None],
            "source": pyarrow.array(["a", "a"]).dictionary_encode(),
            "split": ["dev", None],
            "type": pyarrow.array(["r", "s"], pyarrow.large_string()),
        },
    )
    source = open_source((str(path),), Options())
    assert list(source.triples(no_reject)) == [
        Triple("a", "r", "b", "valid", properties={"weight": 0.5}),
        Triple("a", "s", "é"),
    ]
    assert source.notes == ("g.parquet: columns not read: vector",)
    assert source.name == "g.parquet"


def test_splits_of_a_folder_and_its_entities(tmp_path: Path) -> None:
    for name, tail in (("train", "b"), ("test", "c")):
        write(tmp_path / f"{name}.parquet", {"h": ["a"], "r": ["r"], "t": [tail]})
    write(
        tmp_path / "entities.parquet",
        {"id": ["a", "b"], "types": [["X", "Y"], []], "name": ["A", None]},
    )
    files = find(tmp_path)
    assert list(read_triples(files, no_reject)) == [
        Triple("a", "r", "b", "train"),
        Triple("a", "r", "c", "test"),
    ]
    assert list(read_entities(files, no_reject)) == [
        Entity("a", "A", types=("X", "Y")),
        Entity("b"),
    ]


def test_whole_numbers_and_bytes_of_text_are_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "g.parquet",
        {"head": [1, 2], "relation": [b"r", "ż".encode()], "tail": [3, -4]},
    )
    assert list(read_triples(find(path), no_reject)) == [
        Triple("1", "r", "3"),
        Triple("2", "ż", "-4"),
    ]


def test_rows_that_are_no_triples_are_rejected_by_their_number(tmp_path: Path) -> None:
    path = write(
        tmp_path / "g.parquet",
        {
            "head": ["a", None, "a\x07", "a", "x" * 2_000],
            "relation": ["r", "r", "r", "MENTIONED_IN", "r"],
            "tail": ["b"] * 5,
            "weight": [1.0, 1.0, 1.0, 1.0, 1.0],
        },
        row_group_size=2,
    )
    rejects: list[Reject] = []
    assert len(list(read_triples(find(path), rejects.append))) == 1
    assert [(r.line, r.reason) for r in rejects] == [
        (2, "head is empty"),
        (3, "head holds a control character"),
        (4, "relation MENTIONED_IN is reserved for the platform"),
        (5, "head is longer than 1000 characters"),
    ]
    assert rejects[0].text == "\tr\tb\t1.0"
    assert len(rejects[3].text) == 1_000


@pytest.mark.parametrize("value", [b"\xff", {"x": 1}, True, date(2020, 1, 2), [1, 2]])
def test_a_value_that_is_no_name_is_rejected(tmp_path: Path, value: object) -> None:
    path = write(tmp_path / "g.parquet", {"head": [value], "relation": ["r"], "tail": ["b"]})
    rejects: list[Reject] = []
    assert list(read_triples(find(path), rejects.append)) == []
    assert rejects[0].reason == f"head is neither text nor a number: {value}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\tc\n", "cannot be read as Parquet"),
        (b"", "cannot be read as Parquet"),
        (b"PAR1 cut", "cannot be read as Parquet"),
    ],
)
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "g.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        find(path)


def test_a_file_that_is_damaged_inside_is_an_error_with_its_name(tmp_path: Path) -> None:
    names = [f"name{i}" for i in range(2_000)]
    columns = {"head": names, "relation": names, "tail": names}
    path = write(tmp_path / "g.parquet", columns, compression="zstd")
    content = bytearray(path.read_bytes())
    content[100:2_000] = bytes(1_900)
    path.write_bytes(content)
    files = find(path)
    with pytest.raises(InputError, match=r"g\.parquet cannot be read as Parquet"):
        list(read_triples(files, no_reject))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"head": ["a"], "tail": ["b"]}, "it has no column relation (it has head, tail)"),
        ({"x": ["a"]}, "it has no column head"),
        (dict.fromkeys(("head", "relation", "tail"), pyarrow.array([], "string")), "no rows"),
    ],
)
def test_a_table_without_triples_is_refused(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        find(write(tmp_path / "g.parquet", columns))
    assert message in str(caught.value)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.parquet"
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["head", "head"])
    parquet.write_table(table, path)
    with pytest.raises(InputError, match="two columns with the name head"):
        find(path)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(
    lambda name: "n" + name.strip() + "n"
)
ROWS = st.tuples(
    NAMES, NAMES, NAMES, st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=1, max_size=8))
def test_what_is_written_as_parquet_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str, str, float | None]]
) -> None:
    heads, relations, tails, weights = (list(column) for column in zip(*rows, strict=True))
    path = write(
        tmp_path / "g.parquet",
        {
            "head": heads,
            "relation": relations,
            "tail": tails,
            "weight": pyarrow.array(weights, "float64"),
        },
        row_group_size=3,
    )
    assert [
        (t.head, t.relation, t.tail, (t.properties or {}).get("weight"))
        for t in read_triples(find(path), no_reject)
    ] == rows
