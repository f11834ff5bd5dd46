import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgplatform.sources.folder import find
from kgplatform.sources.records import read_entities, read_triples
from kgplatform.triples import MAX_NAME, Entity, Reject, Triple


def triples_of(path: Path, text: str) -> tuple[list[Triple], list[Reject]]:
    path.write_bytes(text.encode())
    rejects: list[Reject] = []
    return list(read_triples(find(path), rejects.append)), rejects


def entities_of(folder: Path, **files: str) -> tuple[list[Entity], list[Reject]]:
    for stem, text in files.items():
        (folder / f"{stem}.tsv").write_text(text, encoding="utf-8")
    rejects: list[Reject] = []
    return list(read_entities(find(folder), rejects.append)), rejects


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\tc\n",
        "a\tb\tc",
        "a\tb\tc\r\n",
        "\ufeffa\tb\tc\n",
        "\n\na\tb\tc\n\n",
        "head\trelation\ttail\na\tb\tc\n",
        "Tail\tHEAD\tRelation\nc\ta\tb\n",
        "s\tp\to\na\tb\tc\n",
        "target\tsource\ttype\nc\ta\tb\n",
        " a\tb \t c \n",
        "a\tb\tc\t\n",
    ],
)
def test_one_triple_written_in_many_ways(tmp_path: Path, text: str) -> None:
    assert triples_of(tmp_path / "g.tsv", text) == ([Triple("a", "b", "c")], [])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_is_cut_at_what_its_first_line_holds(tmp_path: Path, separator: str) -> None:
    text = separator.join(["a", '"b ""quoted"""', "c"])
    assert triples_of(tmp_path / "g.csv", text) == ([Triple("a", 'b "quoted"', "c")], [])


def test_quotes_in_tsv_are_letters(tmp_path: Path) -> None:
    assert triples_of(tmp_path / "g.tsv", '"a\tb\t5" disk\n') == (
        [Triple('"a', "b", '5" disk')],
        [],
    )


def test_split_column(tmp_path: Path) -> None:
    text = "a,b,c,Train\na,b,d,dev\na,b,e,\na,b,f,later\n"
    found, rejects = triples_of(tmp_path / "g.csv", text)
    assert [(t.tail, t.split) for t in found] == [("c", "train"), ("d", "valid"), ("e", None)]
    assert [(r.line, r.reason, r.text) for r in rejects] == [
        (4, "split 'later' is none of train, valid, test", "a,b,f,later")
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a\tb", "2 columns where 3 or 4 belong"),
        ("a", "1 column where 3 or 4 belong"),
        ("a\tb\tc\ttest\te", "5 columns where 3 or 4 belong"),
        ("\tb\tc", "head is empty"),
        ("a\t \tc", "relation is empty"),
        ("a\tb\t\u00a0", "tail is empty"),
        ("a\tb\tc\x07", "tail holds a control character"),
        ("a\rz\tb\tc", "head holds a control character"),
        ("a\tPREDICTED\tc", "relation PREDICTED is reserved for the platform"),
        (f"{'a' * (MAX_NAME + 1)}\tb\tc", "head is longer than 1000 characters"),
    ],
)
def test_a_bad_row_is_rejected_and_reading_goes_on(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "g.tsv"
    found, rejects = triples_of(path, f"a\tb\tc\n{row}\nd\te\tf\n")
    assert found == [Triple("a", "b", "c"), Triple("d", "e", "f")]
    kept = row if len(row) <= 1_000 else row[:999] + "…"
    relation = "b" if reason.startswith(("head", "tail")) else None
    assert rejects == [Reject(str(path), 2, reason, kept, relation)]


def test_a_weight_is_a_property_of_its_triple(tmp_path: Path) -> None:
    text = (
        "head,relation,tail,weight,split\n"
        "a,b,c,0.5,train\n"
        "a,b,d,-1e3,\n"
        "a,b,e,,test\n"
        "a,b,f,heavy,\n"
        "a,b,g,nan,\n"
        "a,b,h,inf,\n"
        "a,b,i,1_000,\n"
        ",b,j,heavy,\n"
    )
    found, rejects = triples_of(tmp_path / "g.csv", text)
    assert found == [
        Triple("a", "b", "c", "train", properties={"weight": 0.5}),
        Triple("a", "b", "d", properties={"weight": -1000.0}),
        Triple("a", "b", "e", "test"),
    ]
    assert [(r.line, r.reason) for r in rejects] == [
        (5, "weight 'heavy' is not a finite number"),
        (6, "weight 'nan' is not a finite number"),
        (7, "weight 'inf' is not a finite number"),
        (8, "weight '1_000' is not a finite number"),
        (9, "head is empty"),
    ]


def test_a_field_of_ten_megabytes_is_rejected_with_its_beginning(tmp_path: Path) -> None:
    long = "x" * 10_000_000
    for name, text, reason in (
        ("g.tsv", f"{long}\tb\tc\na\tb\tc\n", "head is longer than 1000 characters"),
        ("g.csv", f"{long},b,c\na,b,c\n", "head is longer than 1000 characters"),
        ("h.csv", f'a,b,"{long}"\na,b,c\n', "a field is longer than 4,000,000 characters"),
    ):
        found, rejects = triples_of(tmp_path / name, text)
        assert found == [Triple("a", "b", "c")]
        assert [(r.line, r.reason, len(r.text)) for r in rejects] == [(1, reason, 1_000)]


def test_under_a_header_every_row_has_its_width(tmp_path: Path) -> None:
    found, rejects = triples_of(tmp_path / "g.csv", "head,relation,tail\na,b,c,test\na,b,c\n")
    assert len(found) == 1
    assert rejects[0].reason == "4 columns where 3 belong"


def test_a_quoted_newline_keeps_the_line_numbers(tmp_path: Path) -> None:
    text = 'a,b,"c\r\nd"\r\nx,y\r\n"a\nb\nc",r\nq\n'
    found, rejects = triples_of(tmp_path / "g.csv", text)
    assert found == []
    assert [(r.line, r.reason) for r in rejects] == [
        (1, "tail holds a control character"),
        (3, "2 columns where 3 or 4 belong"),
        (4, "2 columns where 3 or 4 belong"),
        (7, "1 column where 3 or 4 belong"),
    ]


def test_a_quote_that_never_closes_costs_its_row_alone(tmp_path: Path) -> None:
    good = "".join(f"h{i},r,t{i}\n" for i in range(300))
    found, rejects = triples_of(tmp_path / "g.csv", f'a,b,c\na,"b,c\n{good}x,y\n')
    assert len(found) == 301
    assert [(r.line, r.text) for r in rejects] == [(2, 'a,"b,c'), (303, "x,y")]
    assert rejects[0].reason == "a quote that begins in this row is never closed"


def test_wrong_quoting_is_rejected(tmp_path: Path) -> None:
    found, rejects = triples_of(tmp_path / "g.csv", 'a,"b"x,c\na,b,c\n')
    assert found == [Triple("a", "b", "c")]
    assert rejects[0].line == 1
    assert rejects[0].reason.startswith("wrong quoting")


def test_a_triple_that_comes_twice_is_passed_on_twice(tmp_path: Path) -> None:
    assert len(triples_of(tmp_path / "g.tsv", "a\tb\tc\n" * 2)[0]) == 2


def test_a_file_of_nothing_but_faults_is_read_to_its_end(tmp_path: Path) -> None:
    found, rejects = triples_of(tmp_path / "g.tsv", "nothing here\n" * 3000)
    assert (len(found), len(rejects)) == (0, 3000)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(
    lambda name: "n" + name.strip() + "n"
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=8))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str, str]]
) -> None:
    path = tmp_path / "g.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    rejects: list[Reject] = []
    assert [(t.head, t.relation, t.tail) for t in read_triples(find(path), rejects.append)] == rows
    path = tmp_path / "g.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    assert [(t.head, t.relation, t.tail) for t in read_triples(find(path), rejects.append)] == rows
    assert rejects == []


def test_entities_with_a_header(tmp_path: Path) -> None:
    text = (
        "types\tID\tname\tdescription\n"
        "City|Place; City\twaw\tWarsaw\tA city, on a river\n"
        "\tkrk\t\t\n"
        "City\t\tNobody\t\n"
        "City\tx\n"
        "A\x07\ty\tY\t\n"
    )
    found, rejects = entities_of(tmp_path, entities=text)
    assert found == [
        Entity("waw", "Warsaw", "A city, on a river", ("City", "Place")),
        Entity("krk"),
    ]
    assert [(r.line, r.reason) for r in rejects] == [
        (4, "id is empty"),
        (5, "2 columns where 4 belong"),
        (6, "type holds a control character"),
    ]


def test_a_gloss_follows_the_name_where_there_are_no_long_texts(tmp_path: Path) -> None:
    text = "1\tstool, solid waste, of the body\n2\tvirus\n3\t, odd\n"
    found, _ = entities_of(tmp_path, entity2text=text)
    assert found == [
        Entity("1", "stool", "solid waste, of the body"),
        Entity("2", "virus"),
        Entity("3", ", odd"),
    ]


def test_long_texts_are_descriptions_and_names_stay_whole(tmp_path: Path) -> None:
    found, rejects = entities_of(
        tmp_path, entity2text="1\tWashington, D.C.\n", entity2textlong="1\tThe capital.\nbad\n"
    )
    assert found == [
        Entity("1", name="Washington, D.C."),
        Entity("1", description="The capital."),
    ]
    assert [r.line for r in rejects] == [2]
