import gzip
from pathlib import Path

import pytest

from kgplatform.errors import InputError
from kgplatform.sources.folder import find
from kgplatform.sources.records import read_triples
from kgplatform.triples import Reject

ROW = "warsaw\tcapital_of\tpoland\n"


def no_reject(reject: Reject) -> None:
    pytest.fail(str(reject))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return folder


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_splits_come_from_the_names_train_first(tmp_path: Path) -> None:
    source = find(write(tmp_path, test_tsv=ROW, dev_txt=ROW, train_csv="a,b,c\n"))
    assert [(f.table.path.name, f.split) for f in source.triples] == [
        ("train.csv", "train"),
        ("dev.txt", "valid"),
        ("test.tsv", "test"),
    ]
    assert [t.split for t in read_triples(source, no_reject)] == ["train", "valid", "test"]


def test_what_is_not_a_fact_is_ignored_and_said(tmp_path: Path) -> None:
    write(tmp_path, train_tsv=ROW, test_negatives_tsv=ROW, relation2text_tsv="a\tb\n")
    source = find(write(tmp_path, graph_tsv=ROW, readme_txt="hello"))
    assert names(source.ignored) == [
        "graph.tsv",
        "readme.txt",
        "relation2text.tsv",
        "test_negatives.tsv",
    ]
    assert len(list(read_triples(source, no_reject))) == 1


@pytest.mark.parametrize("name", ["graph_tsv", "triples_tsv", "mine_tsv"])
def test_one_file_of_triples_needs_no_split(tmp_path: Path, name: str) -> None:
    source = find(write(tmp_path, **{name: ROW}, readme_txt="hello", my_negatives_tsv=ROW))
    assert [f.split for f in source.triples] == [None]
    assert names(source.ignored) == ["my_negatives.tsv", "readme.txt"]


def test_edges_are_preferred_to_a_table_of_another_name(tmp_path: Path) -> None:
    source = find(write(tmp_path, edges_csv="a,b,c\n", other_csv="a,b,c\n"))
    assert [f.table.path.name for f in source.triples] == ["edges.csv"]
    assert names(source.ignored) == ["other.csv"]


def test_a_folder_of_entities_alone_is_a_source(tmp_path: Path) -> None:
    source = find(write(tmp_path, entities_csv="id,name\na,A\n"))
    assert source.triples == ()
    assert len(source.entities) == 1


def test_a_file_with_an_entity_header_is_entities(tmp_path: Path) -> None:
    source = find(write(tmp_path, people_csv="id,name\na,A\n") / "people.csv")
    assert (len(source.triples), len(source.entities)) == (0, 1)


def test_entities_of_the_caller_replace_those_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, train_tsv=ROW, entity2text_tsv="a\tA\n", mine_csv="id,name\na,B\n")
    source = find(tmp_path, entities=tmp_path / "mine.csv")
    assert [f.table.path.name for f in source.entities] == ["mine.csv"]
    assert names(source.ignored) == ["entity2text.tsv"]


def test_columns_that_nothing_reads_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, a_csv="Subject,Predicate,Object,weight\na,b,c,1\n") / "a.csv"
    assert find(path).triples[0].unused == ("weight",)


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        ({"test_tsv": ROW}, "no train file", "add train.tsv"),
        ({"valid_tsv": ROW, "dev_tsv": ROW}, "two files for the split valid", "move one"),
        ({"a_txt": ROW, "b_txt": ROW}, "several files that may be", "name one of them"),
        ({"readme_txt": "hello"}, "holds no triples (only readme.txt)", "train.tsv"),
        ({}, "has no files", "train.tsv"),
        ({"entities_csv": "a,A\n"}, "does not name the columns", "id, name, description"),
        ({"graph_csv": "from,kind,to\na,b,c\n"}, "no column relation", "head, relation, tail"),
    ],
)
def test_a_folder_that_is_not_clear_is_refused(
    tmp_path: Path, files: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        find(write(tmp_path, **files))
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path, countries_tsv=ROW)
    with pytest.raises(InputError, match="no such file") as caught:
        find(tmp_path / "countrys.tsv")
    assert caught.value.hint == f"did you mean {tmp_path / 'countries.tsv'}?"
    with pytest.raises(InputError) as caught:
        find(tmp_path / "nowhere" / "a.tsv")
    assert "does not exist either" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "is empty", "head, relation, tail"),
        (b"\xef\xbb\xbf", "holds no rows", "head, relation, tail"),
        (b"\n\n", "holds no rows", "head, relation, tail"),
        (b"a\tb\tc\nd\te\t\xe9\n", "not UTF-8: line 2, byte 10", "iconv -f ISO-8859-1"),
        (b"a\tb\tc\nd\te\t\xc3", "not UTF-8: line 2, byte 10", "iconv"),
        ("a\tb\tc\n".encode("utf-16"), "UTF-16", "iconv -f UTF-16"),
        (b"a\tb\tc\n\x00\t\t", "NUL byte on line 2 (byte 6)", "UTF-8"),
        (gzip.compress(ROW.encode()), "compressed (gzip)", "decompress"),
        (b"PK\x03\x04...", "compressed (zip)", "decompress"),
    ],
)
def test_a_file_that_is_no_text_is_refused_whole(
    tmp_path: Path, content: bytes, message: str, hint: str
) -> None:
    path = tmp_path / "graph.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        find(path)
    assert message in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize("before", [2**20 - 1, 2**20, 2**20 + 1, 2**20 + 7])
def test_a_fault_far_into_a_file_is_placed_exactly(tmp_path: Path, before: int) -> None:
    path = tmp_path / "graph.tsv"
    line = "ä\tb\tc\n".encode()
    text = (line * (before // len(line) + 1))[:before].rstrip(b"\xc3")
    path.write_bytes(text + b"\xff\n")
    with pytest.raises(InputError) as caught:
        find(path)
    assert f"line {text.count(10) + 1}, byte {len(text)}" in str(caught.value)


def test_a_character_across_two_chunks_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "graph.tsv"
    path.write_bytes(b"a\tb\t" + b"c" * (2**20 - 5) + "ä\n".encode())
    assert find(path).triples[0].table.lines == 1


def test_text_without_separators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither tabs nor commas"):
        find(write(tmp_path, graph_txt="warsaw capital_of poland\n"))
