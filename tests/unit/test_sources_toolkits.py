import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.sources import dglke, openke, pykeen
from kgplatform.sources.frames import from_array, from_frame
from kgplatform.sources.pykeen import from_triples_factory
from kgplatform.sources.source import Options, Source
from kgplatform.triples import RESERVED_RELATIONS, Entity, Reject, Triple

OPENKE = {
    "entity2id.txt": "3\nAda Lovelace\t0\nLondon\t1\nByron\t2\n",
    "relation2id.txt": "2\nbornIn\t0\nchildOf\t1\n",
    "train2id.txt": "2\n0 1 0\n0\t2\t1\n",
    "valid2id.txt": "1\n2 1 0\n",
    "test2id.txt": "0\n",
}
DGLKE = {
    "entities.dict": "0\tAda\n1\tLondon\n2\tByron\n",
    "relations.dict": "0\tbornIn\n1\tchildOf\n",
}


def folder(path: Path, files: dict[str, str]) -> str:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text, encoding="utf-8")
    return str(path)


def triples(source: Source) -> tuple[list[Triple], list[Reject]]:
    rejects: list[Reject] = []
    return list(source.triples(rejects.append)), rejects


def entities(source: Source) -> tuple[list[Entity], list[Reject]]:
    rejects: list[Reject] = []
    return list(source.entities(rejects.append)), rejects


def test_openke_gives_names_and_splits(tmp_path: Path) -> None:
    given = folder(tmp_path / "byron", {**OPENKE, "type_constrain.txt": "1\n0\t1\t0\n"})
    source = openke.open_source((given,), Options())
    expected = [
        Triple("Ada Lovelace", "bornIn", "London", "train"),
        Triple("Ada Lovelace", "childOf", "Byron", "train"),
        Triple("Byron", "bornIn", "London", "valid"),
    ]
    assert triples(source) == (expected, [])
    assert triples(source) == (expected, [])  # a second pass begins anew
    assert entities(source) == ([Entity("Ada Lovelace"), Entity("London"), Entity("Byron")], [])
    assert (source.name, source.format) == ("byron", "openke")
    assert source.notes == ("not loaded: type_constrain.txt (not a file of facts or of names)",)


def test_openke_rejects_rows_with_their_line(tmp_path: Path) -> None:
    rows = "4\n0 1 0\n0 7 0\n\n0 1\n0 1 9\n"
    given = folder(tmp_path, {**OPENKE, "train2id.txt": rows, "valid2id.txt": "0\n"})
    train = str(tmp_path / "train2id.txt")
    assert triples(openke.open_source((given,), Options())) == (
        [Triple("Ada Lovelace", "bornIn", "London", "train")],
        [
            Reject(train, 3, "tail 7 is no id of entity2id.txt", "0 7 0", "bornIn"),
            Reject(train, 5, "2 fields where head, tail and relation belong", "0 1"),
            Reject(train, 6, "relation 9 is no id of relation2id.txt", "0 1 9"),
        ],
    )


def test_openke_rejects_what_has_an_unusable_name(tmp_path: Path) -> None:
    given = folder(
        tmp_path, {**OPENKE, "relation2id.txt": "2\nPREDICTED\t0\nchildOf\t1\n", "test2id.txt": "0"}
    )
    good, rejects = triples(openke.open_source((given,), Options()))
    assert good == [Triple("Ada Lovelace", "childOf", "Byron", "train")]
    assert [reject.line for reject in rejects] == [2, 2]
    assert "relation PREDICTED is reserved for the platform" in rejects[0].reason


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train2id.txt", "3\n0 1 0\n0 2 1\n", "2 rows, but its first line says 3"),
        ("entity2id.txt", "2\nA\t0\nB\t1\nC\t2\n", "3 rows, but its first line says 2"),
        ("test2id.txt", "0 1 0\n", "line 1: '0 1 0' is not the number of rows"),
        ("test2id.txt", "", "is empty"),
        ("valid2id.txt", "1\n0 \0 0\n", "is not a text file: NUL byte on line 2"),
        ("entity2id.txt", "2\nA\t0\nB\tx\n", "line 3: 'B\\tx' is not a name, a tab and an id"),
        ("entity2id.txt", "2\nA\t0\nB\t0\n", "line 3: the id 0 has a name already"),
        ("entity2id.txt", "2\nA\t0\nA\t1\n", "line 3: 'A' has the id 1 here and 0 above"),
    ],
)
def test_openke_fails_before_reading(tmp_path: Path, name: str, text: str, message: str) -> None:
    given = folder(tmp_path, {**OPENKE, name: text})
    with pytest.raises(InputError, match="^" + str(tmp_path / name)) as caught:
        openke.open_source((given,), Options())
    assert message in str(caught.value)
    assert caught.value.hint


def test_openke_needs_its_files(tmp_path: Path) -> None:
    files = {name: text for name, text in OPENKE.items() if name != "relation2id.txt"}
    with pytest.raises(InputError, match=r"relation2id\.txt"):
        openke.open_source((folder(tmp_path, files),), Options())
    with pytest.raises(InputError, match="is a file"):
        openke.open_source((str(tmp_path / "train2id.txt"),), Options())
    with pytest.raises(UsageError, match="alone"):
        openke.open_source((str(tmp_path), str(tmp_path)), Options())
    with pytest.raises(UsageError, match="names its own columns"):
        openke.open_source((str(tmp_path),), Options(columns=("h", "r", "t")))


BORN = Triple("Ada", "bornIn", "London", "train")
CHILD = Triple("Ada", "childOf", "Byron", "train")


@pytest.mark.parametrize(
    "files",
    [
        {"train.txt": "Ada\tbornIn\tLondon\nAda\tchildOf\tByron\n"},
        {"train.tsv": "0\t0\t1\n0\t1\t2\n"},
        {"train.csv": "0,0,1\n0,1,2\n"},
        {"train.txt": "0|0|1\n0|1|2\n"},
        {"train.csv": '"Ada";"bornIn";"London"\n"Ada";"childOf";"Byron"\n'},
        {
            "train.txt": "0 , 0,1\n0,1,2\n",
            "entities.dict": '0,"Ada"\n1,"London" \n2,"Byron"\n',
            "relations.dict": '0,"bornIn"\n1,"childOf" \n',
        },
        {
            "train.tsv": "0\t0\t1\n0\t1\t2\n",
            "entities.dict": "Ada\t0\nLondon\t1\nByron\t2\n",
            "relations.dict": "bornIn\t0\nchildOf\t1\n",
        },
    ],
)
def test_dglke_finds_names_or_ids(tmp_path: Path, files: dict[str, str]) -> None:
    source = dglke.open_source((folder(tmp_path / "kg", {**DGLKE, **files}),), Options())
    assert triples(source) == ([BORN, CHILD], [])
    assert entities(source) == ([Entity("Ada"), Entity("London"), Entity("Byron")], [])
    assert (source.name, source.format) == ("kg", "dglke")


@pytest.mark.parametrize(
    ("order", "rows"),
    [
        ("hrt", "Ada\tbornIn\tLondon\nAda\tchildOf\tByron\n"),
        ("htr", "Ada\tLondon\tbornIn\nAda\tByron\tchildOf\n"),
        ("rht", "bornIn\tAda\tLondon\nchildOf\tAda\tByron\n"),
        ("rth", "bornIn\tLondon\tAda\nchildOf\tByron\tAda\n"),
        ("thr", "London\tAda\tbornIn\nByron\tAda\tchildOf\n"),
        ("trh", "London\tbornIn\tAda\nByron\tchildOf\tAda\n"),
    ],
)
def test_dglke_columns_stand_in_any_order(tmp_path: Path, order: str, rows: str) -> None:
    given = folder(tmp_path / f"raw_udd_{order}", {"train.tsv": rows})
    assert triples(dglke.open_source((given,), Options())) == ([BORN, CHILD], [])
    in_names = folder(tmp_path / "a", {f"train_raw_udd_{order}.tsv": rows})
    single = str(Path(in_names) / f"train_raw_udd_{order}.tsv")
    assert triples(dglke.open_source((single,), Options()))[0] == [
        Triple("Ada", "bornIn", "London"),
        Triple("Ada", "childOf", "Byron"),
    ]
    columns = tuple({"h": "head", "r": "rel", "t": "tail"}[letter] for letter in order)
    plain = folder(tmp_path / "b", {"train.tsv": rows})
    assert triples(dglke.open_source((plain,), Options(columns=columns))) == ([BORN, CHILD], [])


def test_dglke_weights_splits_and_rejects(tmp_path: Path) -> None:
    given = folder(
        tmp_path / "udd_htr",
        {
            **DGLKE,
            "valid.txt": "2\t1\t0\n",
            "train.txt": "0\t1\t0\t0.5\n0\t2\t1\theavy\n0\t5\t1\n0\n0\t2\t1\tnan\n0\t2\t1\t2\n",
            "notes.md": "",
        },
    )
    source = dglke.open_source((given,), Options())
    good, rejects = triples(source)
    assert good == [
        Triple("Ada", "bornIn", "London", "train", properties={"weight": 0.5}),
        Triple("Ada", "childOf", "Byron", "train", properties={"weight": 2.0}),
        Triple("Byron", "bornIn", "London", "valid"),
    ]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (2, "weight 'heavy' is not a finite number"),
        (3, "tail 5 is no id of entities.dict"),
        (4, "1 column where 3 or 4 belong"),
        (5, "property weight is not a finite number"),
    ]
    assert source.notes == ("not loaded: notes.md (not a file of facts or of names)",)


def test_dglke_names_that_are_numbers_are_names(tmp_path: Path) -> None:
    files = {
        "entities.dict": "0\t1\n1\t0\n",
        "relations.dict": "0\thypernym\n",
        "train.txt": "1\thypernym\t0\n",
    }
    given = folder(tmp_path, files)
    assert triples(dglke.open_source((given,), Options()))[0] == [
        Triple("1", "hypernym", "0", "train")
    ]


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("a", {"valid.txt": "a\tb\tc\n"}, "no train file"),
        ("b", {**DGLKE, "train.txt": "Ada\tLondon\tbornIn\n"}, "neither names nor ids"),
        ("udd_hrt", {"train.txt": "0\t0\t1\n"}, "entities.dict or relations.dict is missing"),
        ("raw_udd_hhh", {"train.txt": "a\tb\tc\n"}, "hhh in its name is no order"),
        ("c", {"train.txt": "a b c\n"}, "line 1: 'a b c' has not 3 or 4 fields"),
        ("d", {**DGLKE, "entities.dict": "0\tAda\nx\ty\n", "train.txt": "0\t0\t0\n"}, "line 2"),
        ("e", {"train.txt": "a\tb\tc\n", "training.tsv": "a\tb\tc\n"}, "two files"),
    ],
)
def test_dglke_fails_before_reading(
    tmp_path: Path, name: str, files: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=name) as caught:
        dglke.open_source((folder(tmp_path / name, files),), Options())
    assert message in str(caught.value)
    assert caught.value.hint


def test_dglke_columns_must_have_all_three(tmp_path: Path) -> None:
    given = folder(tmp_path, {"train.txt": "a\tb\tc\n"})
    with pytest.raises(UsageError, match="have no relation"):
        dglke.open_source((given,), Options(columns=("head", "tail", "weight")))


def test_pykeen_nations_has_its_published_sizes() -> None:
    source = pykeen.open_source(("pykeen:Nations",), Options())
    good, rejects = triples(source)
    sizes = {split: sum(t.split == split for t in good) for split in ("train", "valid", "test")}
    # https://pykeen.readthedocs.io: 1592 training, 199 validation, 201 testing triples.
    assert sizes == {"train": 1592, "valid": 199, "test": 201}
    assert rejects == []
    assert len(entities(source)[0]) == 14
    assert Entity("brazil") in entities(source)[0]
    assert {t.head for t in good} | {t.tail for t in good} == {
        entity.entity_id for entity in entities(source)[0]
    }
    # The first rows of the three files that PyKEEN ships.
    assert Triple("netherlands", "militaryalliance", "uk", "train") in good
    assert Triple("cuba", "timesinceally", "india", "valid") in good
    assert Triple("poland", "ngoorgs3", "ussr", "test") in good
    assert source.name == "pykeen:nations"


def test_pykeen_suggests_a_name() -> None:
    with pytest.raises(UnknownNameError, match="natoins") as caught:
        pykeen.open_source(("pykeen:natoins",), Options())
    assert "did you mean 'nations'?" in caught.value.hint


def test_pykeen_notes_a_split_that_is_not_published() -> None:
    source = pykeen.open_source(("pykeen:hetionet",), Options())
    assert "at random" in source.notes[0]


def test_pykeen_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pykeen.datasets", None)
    with pytest.raises(UsageError, match="needs the package pykeen") as caught:
        pykeen.open_source(("pykeen:nations",), Options())
    assert caught.value.hint == "pip install pykeen"


def test_triples_factories_with_and_without_labels() -> None:
    from pykeen.triples import TriplesFactory

    labelled = TriplesFactory.from_labeled_triples(
        np.array([["Ada", "bornIn", "London"], ["Byron", "PREDICTED", "London"]]),
        create_inverse_triples=True,
    )
    source = from_triples_factory(labelled, "mine", split="test")
    assert triples(source) == (
        [Triple("Ada", "bornIn", "London", "test")],
        [
            Reject(
                "mine",
                2,
                "relation PREDICTED is reserved for the platform",
                "Byron\tPREDICTED\tLondon",
            )
        ],
    )
    assert [entity.entity_id for entity in entities(source)[0]] == ["Ada", "Byron", "London"]
    bare = from_triples_factory(labelled.to_core_triples_factory(), "mine")
    # Ids are given in alphabetical order: PREDICTED is 0 and bornIn is 1.
    assert set(triples(bare)[0]) == {Triple("0", "1", "2"), Triple("1", "0", "2")}
    assert "no labels" in bare.notes[0]
    with pytest.raises(UsageError, match="training"):
        from_triples_factory(labelled, "mine", split="training")  # type: ignore[arg-type]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_frames_of_torchkge(package: str) -> None:
    frames = pytest.importorskip(package)
    frame = frames.DataFrame(
        {"from": ["a ", "b", None], "to": ["x", "y", "z"], "rel": ["r", "PREDICTED", "r"]}
    )
    missing = list(frame["from"])[2]  # None or nan, by the version of pandas
    assert triples(from_frame(frame, "mine")) == (
        [Triple("a", "r", "x")],
        [
            Reject("mine", 2, "relation PREDICTED is reserved for the platform", "b\ty\tPREDICTED"),
            Reject("mine", 3, "head is missing", f"{missing}\tz\tr", "r"),
        ],
    )


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_frames_have_splits_weights_and_numbers(package: str) -> None:
    frames = pytest.importorskip(package)
    columns = {
        "split": ["dev", "later", None, "test"],
        "h": [1, 2, 3, 4],
        "r": ["r", "r", "r", "r"],
        "t": [5, 6, 7, 8],
        "note": ["", "", "", ""],
        "weight": [0.5, 1.0, None, 2.0],
    }
    source = from_frame(frames.DataFrame(columns), "mine")
    good, rejects = triples(source)
    assert good == [
        Triple("1", "r", "5", "valid", properties={"weight": 0.5}),
        Triple("3", "r", "7"),
        Triple("4", "r", "8", "test", properties={"weight": 2.0}),
    ]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (2, "split 'later' is none of train, valid, test")
    ]
    assert source.notes == ("columns not read: note",)
    bad = {"h": ["a", "a"], "r": ["r", "r"], "t": [1.5, 2.0], "weight": ["heavy", "inf"]}
    good, rejects = triples(from_frame(frames.DataFrame(bad), "mine"))
    assert (good, rejects[0].reason) == ([], "tail is '1.5', not text or a whole number")
    bad["t"] = ["b", "c"]
    good, rejects = triples(from_frame(frames.DataFrame(bad), "mine"))
    assert [reject.reason for reject in rejects] == [
        "weight 'heavy' is not a finite number",
        "property weight is not a finite number",
    ]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_frame_needs_three_columns_and_a_row(package: str) -> None:
    frames = pytest.importorskip(package)
    with pytest.raises(InputError, match="has no column relation and no column tail"):
        from_frame(frames.DataFrame({"head": ["a"], "other": ["b"]}), "mine")
    with pytest.raises(InputError, match="has no rows"):
        from_frame(frames.DataFrame({"head": [], "relation": [], "tail": []}), "mine")


names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=5)
relations = names.filter(lambda name: name not in RESERVED_RELATIONS)


@settings(deadline=None)
@given(st.lists(st.tuples(names, relations, names), min_size=1, max_size=20))
def test_an_array_comes_back(rows: list[tuple[str, str, str]]) -> None:
    expected = [Triple(*row) for row in rows]
    assert triples(from_array(np.array(rows), "mine")) == (expected, [])
    assert triples(from_array(np.array(rows, dtype=object), "mine")) == (expected, [])


def test_arrays_of_another_shape() -> None:
    for bad in ([["a", "b"]], ["a", "b", "c"], np.empty((0, 3)), [["a", "b", "c"], ["d"]]):
        with pytest.raises(InputError, match="mine"):
            from_array(bad, "mine")
    good, rejects = triples(from_array(np.array([["a", "r", None]], dtype=object), "mine"))
    assert (good, rejects[0].reason) == ([], "tail is missing")
