import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest

from kgplatform.errors import InputError, UsageError
from kgplatform.sources.folder import find, open_source
from kgplatform.sources.records import read_triples
from kgplatform.sources.source import Options
from kgplatform.sources.tables import Table
from kgplatform.triples import Entity, Reject, Triple

ROW = "warsaw\tcapital_of\tpoland\n"


def no_reject(reject: Reject) -> None:
    pytest.fail(str(reject))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return folder


def tar(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("graph.tsv")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": zstd,
}


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
    path = write(tmp_path, a_csv="Subject,Predicate,Object,note\na,b,c,1\n") / "a.csv"
    assert find(path).triples[0].unused == ("note",)
    source = open_source((str(path),), Options())
    assert source.notes == ("a.csv: columns not read: note",)
    assert (source.name, source.format) == ("a.csv", "table")


def test_a_folder_opens_with_its_name_notes_and_records(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write(folder, train_tsv=ROW, entities_csv="id,name\nwarsaw,Warsaw\n", old_tsv=ROW)
    source = open_source((str(folder),), Options())
    assert source.name == "mine"
    assert source.notes == ("not loaded: old.tsv (not a file of facts or entities to load)",)
    for _ in range(2):  # each call is a new pass
        assert list(source.triples(no_reject)) == [
            Triple("warsaw", "capital_of", "poland", "train")
        ]
        assert list(source.entities(no_reject)) == [Entity("warsaw", "Warsaw")]


def test_the_entities_of_the_options_are_read(tmp_path: Path) -> None:
    write(tmp_path, graph_tsv=ROW, mine_csv="id,name\na,B\n")
    options = Options(entities=tmp_path / "mine.csv")
    source = open_source((str(tmp_path / "graph.tsv"),), options)
    assert list(source.entities(no_reject)) == [Entity("a", "B")]


def test_several_paths_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a_tsv=ROW, b_tsv=ROW)
    with pytest.raises(UsageError, match="not from 2") as caught:
        open_source((str(tmp_path / "a.tsv"), str(tmp_path / "b.tsv")), Options())
    assert "into a folder" in caught.value.hint


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
def test_compressed_files_are_read_as_what_they_hold(tmp_path: Path, ending: str) -> None:
    content = {
        "train.tsv": "\ufeffa\tr\tb\n",
        "dev.csv": '"c,d",r,e\n',
        "test.jsonl": '{"tail": "g", "head": "f", "relation": "r"}\n',
        "entities.csv": "id,name\na,A\n",
    }
    for name, text in content.items():
        (tmp_path / f"{name}.{ending}").write_bytes(COMPRESS[ending](text.encode()))
    source = open_source((str(tmp_path),), Options())
    assert list(source.triples(no_reject)) == [
        Triple("a", "r", "b", "train"),
        Triple("c,d", "r", "e", "valid"),
        Triple("f", "r", "g", "test"),
    ]
    assert list(source.entities(no_reject)) == [Entity("a", "A")]
    assert source.notes == ()


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
def test_files_in_several_compressed_pieces_are_read_whole(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"graph.tsv.{ending}"
    path.write_bytes(COMPRESS[ending](b"a\tr\tb\n") + COMPRESS[ending](b"c\tr\td\n"))
    assert [t.head for t in read_triples(find(path), no_reject)] == ["a", "c"]


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
def test_a_cut_compressed_file_is_refused_before_it_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"graph.tsv.{ending}"
    rows = "".join(f"head{i * 7919 % 10007}\tr\ttail{i}\n" for i in range(20_000))
    path.write_bytes(COMPRESS[ending](rows.encode())[:-2_000])
    with pytest.raises(InputError, match=r"graph\.tsv") as caught:
        find(path)
    assert "again" in caught.value.hint


def test_a_fault_in_a_compressed_file_is_placed_in_its_content(tmp_path: Path) -> None:
    path = tmp_path / "graph.tsv.gz"
    path.write_bytes(gzip.compress(b"a\tb\tc\nd\te\t\xe9\n"))
    with pytest.raises(InputError, match="not UTF-8: line 2, byte 10"):
        find(path)


def test_a_split_that_is_there_twice_by_its_compression_is_refused(tmp_path: Path) -> None:
    write(tmp_path, train_tsv=ROW)
    (tmp_path / "train.tsv.gz").write_bytes(gzip.compress(ROW.encode()))
    with pytest.raises(InputError, match="two files for the split train"):
        find(tmp_path)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "graph.tsv.gz"
    path.write_bytes(gzip.compress(b"a\tb\tc\n" + b"x" * (66 << 20), compresslevel=1))
    with pytest.raises(InputError, match="line 2 is longer than 64 MiB"):
        find(path)


def test_columns_without_a_header_are_read_by_their_names(tmp_path: Path) -> None:
    path = write(tmp_path, g_tsv="b\tx\t0.5\ta\tr\ty\n") / "g.tsv"
    options = Options(columns=("tail", "-", "weight", "subject", "relation", "source of it"))
    source = open_source((str(path),), options)
    assert list(source.triples(no_reject)) == [Triple("a", "r", "b", properties={"weight": 0.5})]
    assert source.notes == ("g.tsv: columns not read: source of it",)


@pytest.mark.parametrize(
    ("columns", "file", "message"),
    [
        (("head", "tail", "-"), {"g_tsv": "a\tb\tc\n"}, "do not say which one is the relation"),
        (("h", "head", "r", "t"), {"g_tsv": "a\tb\tc\td\n"}, "name h beside another"),
        (("head", "relation", "tail"), {"g_tsv": "tail\tr\th\n"}, "names its columns itself"),
        (("head", "relation", "tail"), {"g_jsonl": '{"h": "a"}\n'}, "names its columns itself: h"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    tmp_path: Path, columns: tuple[str, ...], file: dict[str, str], message: str
) -> None:
    (path,) = write(tmp_path, **file).iterdir()
    with pytest.raises(UsageError, match=message):
        find(path, columns=columns)


def test_the_plainest_column_name_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, g_csv="source,type,head,relation,tail\nwiki,x,a,r,b\n") / "g.csv"
    files = find(path)
    assert list(read_triples(files, no_reject)) == [Triple("a", "r", "b")]
    assert files.triples[0].unused == ("source", "type")


def test_a_header_of_triples_with_ids_is_not_one_of_entities(tmp_path: Path) -> None:
    path = write(tmp_path, g_csv="id,source,type,target\n1,a,r,b\n") / "g.csv"
    assert list(read_triples(find(path), no_reject)) == [Triple("a", "r", "b")]


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
        (gzip.compress(b""), "is empty", "head, relation, tail"),
        (b"PK\x03\x04...", "a zip archive", "unzip"),
        (lzma.compress(ROW.encode()), "compressed by xz", "unxz"),
        (gzip.compress(tar(ROW)), "a tar archive", "tar -xf"),
        (b"\x1f\x8bnothing of gzip", "graph.tsv", "again"),
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


def test_a_compressed_file_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    for ending, compress in COMPRESS.items():
        content = compress(ROW.encode() * 3)
        # Below four bytes, nothing shows that it is compressed.
        for length in range(4, len(content)):
            path = tmp_path / f"g.tsv.{ending}"
            path.write_bytes(content[:length])
            with pytest.raises(InputError):
                find(path)


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
    table = find(path).triples[0].table
    assert isinstance(table, Table)
    assert table.lines == 1


def test_text_without_separators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither tabs nor commas"):
        find(write(tmp_path, graph_txt="warsaw capital_of poland\n"))


@pytest.mark.parametrize("closed", ["folder", "folder/g.tsv"])
def test_what_this_user_may_not_read_is_told(tmp_path: Path, closed: str) -> None:
    path = tmp_path / "folder" / "g.tsv"
    path.parent.mkdir()
    path.write_text("a\tr\tb\n")
    (tmp_path / closed).chmod(0)
    as_root = os.geteuid() == 0
    if as_root:
        # Root may read everything, so somebody else tries.
        os.seteuid(65534)
    try:
        with pytest.raises(InputError, match="Permission denied") as refused:
            open_source((str(path),), Options())
    finally:
        if as_root:
            os.seteuid(0)
        (tmp_path / closed).chmod(0o700)
    assert "read" in refused.value.hint or "permission" in refused.value.hint
