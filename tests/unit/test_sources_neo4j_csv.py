import gzip
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kgplatform.errors import InputError, UsageError
from kgplatform.sources import open_source as open_any
from kgplatform.sources.neo4j_csv import open_source
from kgplatform.sources.source import Options, Source
from kgplatform.triples import Entity, Reject, Triple, Value

MOVIES = """movieId:ID,title,year:int,:LABEL
tt1,"Stalker, or the Zone",1979,Movie;Drama
tt2,Solaris,,Movie
"""
ACTORS = """personId:ID,name,:LABEL
p1,Alisa Freindlich,Actor
"""
ROLES = """:START_ID,role,:END_ID,:TYPE,takes:int
p1,"Stalker's ""Wife""\",tt1,ACTED_IN,3
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def opened(*paths: Path) -> Source:
    return open_source(tuple(str(path) for path in paths), Options())


def read(source: Source) -> tuple[list[Entity], list[Triple], list[tuple[str, int, str]]]:
    rejects: list[Reject] = []
    entities, triples = list(source.entities(rejects.append)), list(source.triples(rejects.append))
    return entities, triples, [(Path(r.file).name, r.line, r.reason) for r in rejects]


def values_of(folder: Path, header: str, *rows: str) -> tuple[list[Entity], list[str]]:
    """The nodes of one file whose other columns are ``header``, and why the rest are rejected."""
    text = "\n".join([f":ID,{header}", *(f"n{i},{row}" for i, row in enumerate(rows))])
    entities, _, rejects = read(opened(write(folder, nodes=text) / "nodes.csv"))
    return entities, [reason for _, _, reason in rejects]


def test_nodes_and_relationships_of_a_folder(tmp_path: Path) -> None:
    folder = write(tmp_path, movies=MOVIES, actors=ACTORS, roles=ROLES)
    source = opened(folder)
    assert read(source) == (
        [
            Entity("p1", "Alisa Freindlich", None, ("Actor",), {"personId": "p1"}),
            Entity(
                "tt1",
                "Stalker, or the Zone",
                None,
                ("Movie", "Drama"),
                {"movieId": "tt1", "title": "Stalker, or the Zone", "year": 1979},
            ),
            Entity("tt2", "Solaris", None, ("Movie",), {"movieId": "tt2", "title": "Solaris"}),
        ],
        [Triple("p1", "ACTED_IN", "tt1", properties={"role": 'Stalker\'s "Wife"', "takes": 3})],
        [],
    )
    assert source.notes == ()
    assert (source.name, source.format) == (tmp_path.name, "neo4j-csv")
    assert read(source) == read(source)


def test_files_one_by_one_are_one_source_and_are_recognised(tmp_path: Path) -> None:
    folder = write(tmp_path, movies=MOVIES, roles=ROLES)
    source = open_any([str(folder / "movies.csv"), str(folder / "roles.csv")])
    assert (source.format, source.name) == ("neo4j-csv", "movies.csv and 1 more")
    entities, triples, _ = read(source)
    assert (len(entities), len(triples)) == (2, 1)


@pytest.mark.parametrize("header", ["movies-header", "movies_header", "movies.header", "movies"])
def test_headers_in_files_of_their_own(tmp_path: Path, header: str) -> None:
    head, *rows = MOVIES.splitlines()
    if header == "movies":
        header = "movies_Header"
    write(tmp_path, **{header: head + "\n"}, movies=rows[0] + "\n")
    (tmp_path / "movies-part2.csv.gz").write_bytes(gzip.compress(rows[1].encode()))
    source = opened(tmp_path)
    assert [entity.entity_id for entity in read(source)[0]] == ["tt2", "tt1"]
    assert source.notes == ()


def test_the_rows_under_another_files_header_keep_their_lines(tmp_path: Path) -> None:
    write(tmp_path, **{"n-header": ":ID;x:int", "n": "a;1\nb;no\n\nc;2;3\n"})
    entities, _, rejects = read(opened(tmp_path / "n-header.csv", tmp_path / "n.csv"))
    assert entities == [Entity("a", properties={"x": 1})]
    assert rejects == [
        ("n.csv", 2, "x: 'no' is no int"),
        ("n.csv", 4, "3 columns where 2 belong"),
    ]


def test_the_longest_header_name_wins(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "a-header": ":ID,x",
            "a-b-header": ":ID,y",
            "a-b": "n1,1",
            "a-1": "n2,2",
            "ab": "n3,3",
        },
    )
    source = opened(tmp_path)
    assert read(source)[0] == [
        Entity("n2", properties={"x": "2"}),
        Entity("n1", properties={"y": "1"}),
    ]
    assert source.notes == ("not loaded: ab.csv (no file here is its header)",)


def test_what_is_not_loaded_is_told(tmp_path: Path) -> None:
    write(tmp_path, movies=MOVIES, notes="a,b\n", none="", **{"x-header": ":ID,a\n"})
    (tmp_path / "readme.md").write_text("hello")
    assert opened(tmp_path).notes == (
        "not loaded: none.csv (it is empty)",
        "not loaded: readme.md (not a CSV file)",
        "not loaded: notes.csv (no file here is its header)",
        "x-header.csv: no file here has rows for this header",
    )


def test_equal_ids_of_two_spaces_stay_apart(tmp_path: Path) -> None:
    write(
        tmp_path,
        movies=":ID(Movie),name\n1,Mirror\n",
        people="id:ID(Person),name\n1,Margarita\n,Nobody\n",
        roles=":START_ID(Person),:END_ID(Movie),:TYPE\n1,1,ACTED_IN\n1,,ACTED_IN\n",
    )
    entities, triples, rejects = read(opened(tmp_path))
    assert entities == [Entity("Movie/1", "Mirror"), Entity("Person/1", "Margarita")]
    assert triples == [Triple("Person/1", "ACTED_IN", "Movie/1")]
    assert rejects == [("people.csv", 3, "id is empty"), ("roles.csv", 3, "tail is empty")]


def test_one_space_needs_no_prefix(tmp_path: Path) -> None:
    write(tmp_path, n=":ID(All)\n1\n2\n", r=":START_ID(All),:END_ID(All),:TYPE\n1,2,R\n")
    assert read(opened(tmp_path))[:2] == ([Entity("1"), Entity("2")], [Triple("1", "R", "2")])


def test_ids_without_a_space_do_not_pass_for_those_of_one(tmp_path: Path) -> None:
    write(tmp_path, a=":ID(A)\n1\n", b=":ID\nA/1\n1\n")
    entities, _, rejects = read(opened(tmp_path))
    assert entities == [Entity("A/1"), Entity("1")]
    assert rejects == [("b.csv", 2, "id 'A/1' begins as the ids of another id space do")]


def test_without_a_type_column_the_relation_is_the_files_name(tmp_path: Path) -> None:
    write(tmp_path, KNOWS=":START_ID,:END_ID\na,b\n")
    source = opened(tmp_path / "KNOWS.csv")
    assert read(source)[1] == [Triple("a", "KNOWS", "b")]
    assert source.notes == (
        "KNOWS.csv: no :TYPE column; the relation is KNOWS, by the file's name",
    )


def test_the_relation_of_parts_is_that_of_their_header(tmp_path: Path) -> None:
    write(tmp_path, KNOWS_header=":START_ID,:END_ID\n", KNOWS_1="a,b\n")
    assert read(opened(tmp_path))[1] == [Triple("a", "KNOWS", "b")]


ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("int", "-5", -5),
        ("long", "9223372036854775807", 2**63 - 1),
        ("byte", " 7 ", 7),
        ("short", "7", 7),
        ("float", "2.5e3", 2500.0),
        ("double", "1", 1.0),
        ("boolean", "TRUE", True),
        ("boolean", "false", False),
        ("string", " a ", " a "),
        ("char", "x", "x"),
        ("STRING", "x", "x"),
        ("date", "2018-05-10", date(2018, 5, 10)),
        ("localtime", "12:50:35.556", time(12, 50, 35, 556_000)),
        ("time", "12:50:35", time(12, 50, 35, tzinfo=UTC)),
        ("time", "125035Z", time(12, 50, 35, tzinfo=UTC)),
        ("time{timezone:+02:00}", "12:50", time(12, 50, tzinfo=timezone(timedelta(hours=2)))),
        ("localdatetime", "2015-07-04T19:32:24", datetime(2015, 7, 4, 19, 32, 24)),
        ("datetime", "2015-07-04T19:32:24Z", datetime(2015, 7, 4, 19, 32, 24, tzinfo=UTC)),
        ("datetime", "2015-07-04T19:32", datetime(2015, 7, 4, 19, 32, tzinfo=UTC)),
        (
            "datetime{timezone:Europe/Zurich}",
            "2015-07-04T19:32",
            datetime(2015, 7, 4, 19, 32, tzinfo=ZURICH),
        ),
        (
            "datetime",
            "2015-07-04T19:32+02:00[Europe/Zurich]",
            datetime(2015, 7, 4, 19, 32, tzinfo=ZURICH),
        ),
        (
            "datetime",
            "2015-07-04T19:32[Europe/Zurich]",
            datetime(2015, 7, 4, 19, 32, tzinfo=ZURICH),
        ),
        ("duration", "P14DT16H12M", "P14DT16H12M"),
        ("float[]", "1;2.5", [1.0, 2.5]),
        ("string[]", "a;b c", ["a", "b c"]),
        ("boolean[]", "true;false", [True, False]),
        ("date[]", "2018-05-10", [date(2018, 5, 10)]),
    ],
)
def test_values_have_the_type_of_their_column(
    tmp_path: Path, kind: str, field: str, value: Value
) -> None:
    entities, faults = values_of(tmp_path, f"x:{kind}", field)
    assert faults == []
    assert entities == [Entity("n0", properties={"x": value})]
    assert entities[0].properties is not None
    assert type(entities[0].properties["x"]) is type(value)
    if isinstance(value, datetime | time):
        assert str(getattr(entities[0].properties["x"], "tzinfo", None)) == str(value.tzinfo)


@pytest.mark.parametrize(
    ("kind", "field", "fault"),
    [
        ("int", "1.5", "x: '1.5' is no int"),
        ("int", "1_000", "x: '1_000' is no int"),
        ("long", "9223372036854775808", "property x is a number of more than 64 bits"),
        ("float", "1_0.5", "x: '1_0.5' is no float"),
        ("double", "NaN", "property x is not a finite number"),
        ("boolean", "yes", "x: 'yes' is no boolean"),
        ("date", "10.5.2018", "x: '10.5.2018' is no date"),
        ("localtime", "12:00Z", "x: '12:00Z' is no localtime"),
        ("localdatetime", "2015-07-04T19:32Z", "is no localdatetime"),
        ("time{timezone:Europe/Zurich}", "12:00", "x: '12:00' is no time"),
        ("datetime", "2015-07-04T19:32[Nowhere/Land]", "is no datetime"),
        ("datetime", "0001-01-01T00:00+14:00[America/Lima]", "is no datetime"),
        ("float[]", "1;;2", "x: '1;;2' is no float[]"),
        ("int", "9" * 5_000, "is no int"),
    ],
)
def test_a_value_of_another_type_rejects_its_row(
    tmp_path: Path, kind: str, field: str, fault: str
) -> None:
    entities, faults = values_of(tmp_path, f"x:{kind}", field, "")
    assert [entity.entity_id for entity in entities] == ["n1"]
    assert entities[0].properties is None
    assert len(faults) == 1
    assert fault in faults[0]


def test_names_labels_and_ids_are_checked(tmp_path: Path) -> None:
    rows = ["n1,Run,x", "n2,Entity;Person; Person,x", "n\x07,,", "n4,A\x07,", "n5,,", "n6,A"]
    text = "\n".join([":ID,:LABEL,name", *rows])
    entities, _, rejects = read(opened(write(tmp_path, n=text) / "n.csv"))
    assert entities == [Entity("n2", "x", types=("Person",)), Entity("n5")]
    assert rejects == [
        ("n.csv", 2, "type Run is reserved for the platform"),
        ("n.csv", 4, "id holds a control character"),
        ("n.csv", 5, "type holds a control character"),
        ("n.csv", 7, "2 columns where 3 belong"),
    ]


def test_reserved_ignored_and_untyped_columns_are_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        n="x:ID,split,id:int,secret:IGNORE,where:point,description\na,1,2,3,{x:1},Said\n",
        r=":START_ID,:END_ID,:TYPE,split,sources\na,b,R,dev,x\na,c,R,never,x\n",
    )
    source = opened(tmp_path)
    entities, triples, rejects = read(source)
    assert entities == [Entity("a", description="Said", properties={"x": "a", "where": "{x:1}"})]
    assert triples == [Triple("a", "R", "b", "valid")]
    assert rejects == [("r.csv", 3, "split 'never' is none of train, valid, test")]
    assert source.notes == (
        "n.csv: columns not read: secret, split, id",
        "n.csv: kept as text: where",
        "r.csv: columns not read: sources",
    )


def test_a_relationship_that_may_not_be_is_rejected(tmp_path: Path) -> None:
    text = ":START_ID,:END_ID,:TYPE\na,b,PREDICTED\na,b,\na,b,R\n"
    _, triples, rejects = read(opened(write(tmp_path, r=text) / "r.csv"))
    assert triples == [Triple("a", "R", "b")]
    assert [(line, reason) for _, line, reason in rejects] == [
        (2, "relation PREDICTED is reserved for the platform"),
        (3, "relation is empty"),
    ]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (":ID,x:color\na,1\n", "field 'x:color' is of an unknown type", "boolean"),
        (":ID,x:int(\na,1\n", "field 'x:int(' is of an unknown type", "boolean"),
        (":ID,x:datetime{timezone:Mars}\na,1\n", "names an unknown time zone", "Europe/Warsaw"),
        (":ID,:ID\na,b\n", "neither of nodes nor of relationships", "one :ID"),
        (":ID,:START_ID\na,b\n", "neither of nodes nor of relationships", "one :ID"),
        (":START_ID,x\na,b\n", "neither of nodes nor of relationships", ":END_ID"),
        ("a,b\n1,2\n", "has no header, and no file beside it", "n-header.csv"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        opened(write(tmp_path, n=text) / "n.csv")
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_space_with_a_slash_is_refused_beside_others(tmp_path: Path) -> None:
    write(tmp_path, a=":ID(A/B)\n1\n", b=":ID(A)\n1\n")
    with pytest.raises(InputError, match="holds a slash"):
        opened(tmp_path)


def test_a_folder_without_headers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file has a header with :ID"):
        opened(write(tmp_path, a="1,2\n"))


def test_columns_and_entities_of_the_user_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, n=MOVIES) / "n.csv"
    for options in (Options(columns=("head",)), Options(entities=path)):
        with pytest.raises(UsageError, match="names its own columns"):
            open_source((str(path),), options)
