"""Exports: tools read them, loading gives the same graph, and what does not fit is said."""

import csv
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.graph.features import feature
from kgplatform.graph.interchange import INTERCHANGE, export, to_networkx
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.sources import open_source
from kgplatform.sources.source import Options
from kgplatform.triples import RESERVED_RELATIONS, Entity, Reject, Triple, fault_of_name

SOURCES = {
    "pykeen": "table",
    "openke": "openke",
    "dglke": "dglke",
    "torchkge": "table",
    "ampligraph": "table",
    "parquet": "table",
    "ntriples": "rdf",
    "graphml": "graphml",
    "neo4j-csv": "neo4j-csv",
}
"""Format → the source that reads it."""

KEEPS_UNSPLIT = {"parquet", "graphml", "neo4j-csv"}
KEEPS_ISOLATED = {"openke", "parquet", "graphml", "neo4j-csv"}
HOSTILE = ["Ada Lovelace", 'O\'Hara; "x"', "`tick`", "łódź, 東京", "a|b", "<b>&amp;", "1", "%41"]

TRIPLES = [
    Triple("Ada", "born in", "London", "train"),
    Triple("Byron", "born in", "London", "train"),
    Triple("Ada", "child of", "Byron", "valid"),
    Triple("Byron", "knows", "Ada", "test"),
]


def loaded(path: Path, form: str) -> KGSnapshot:
    """What `kgp load` would read, every row of it."""
    rejects: list[Reject] = []
    source = open_source((str(path),), Options(), SOURCES[form])
    triples = list(source.triples(rejects.append))
    entities = list(source.entities(rejects.append))
    assert rejects == []
    return with_isolated(triples, entities)


def with_isolated(triples: list[Triple], entities: list[Entity]) -> KGSnapshot:
    """A snapshot of facts and of entities without any."""
    loops = [Triple(entity.entity_id, "\0", entity.entity_id) for entity in entities]
    graph = from_triples([*triples, *loops])
    if not loops:
        return graph
    assert graph.relations[0] == "\0"
    keep = graph.edge_type > 0
    return dataclasses.replace(
        graph,
        relations=graph.relations[1:],
        edge_index=graph.edge_index[:, keep],
        edge_type=graph.edge_type[keep] - 1,
        split=graph.split[keep],
    )


def all_in_train(triples: list[Triple]) -> list[Triple]:
    return [triple._replace(split=triple.split or "train") for triple in triples]


names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1)
    .map(str.strip)
    .filter(lambda name: fault_of_name("id", name) is None and not name.startswith('"')),
)
relations = names.filter(lambda name: name not in RESERVED_RELATIONS)
splits = st.sampled_from(("train", "valid", "test", None))


@pytest.mark.parametrize("form", sorted(SOURCES))
@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.tuples(names, relations, names), splits, min_size=1, max_size=8))
def test_what_is_exported_is_loaded_again(
    form: str, facts: dict[tuple[str, str, str], str | None]
) -> None:
    triples = [Triple(*names, split=split) for names, split in facts.items()]  # type: ignore[arg-type]
    # A split file of train is what folders of tables begin with.
    triples.append(Triple("Ada", "born in", "London", "train"))
    triples = list({(t.head, t.relation, t.tail): t for t in triples}.values())
    alone = [Entity("alone")] if form in KEEPS_ISOLATED else []
    expected = triples if form in KEEPS_UNSPLIT else all_in_train(triples)
    if form == "ntriples":
        expected = [triple._replace(split=None) for triple in triples]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"out{'.nt' * (form == 'ntriples')}{'.graphml' * (form == 'graphml')}"
        try:
            export(with_isolated(triples, alone), path, form)
        except InputError as error:
            # Only what a format says that it cannot hold may be refused.
            if form != "ampligraph" or "missing value" not in str(error):
                raise
            return
        assert loaded(path, form).digest == with_isolated(expected, alone).digest


@pytest.mark.parametrize("form", sorted({"pykeen", "openke", "dglke", "torchkge", "neo4j-csv"}))
@pytest.mark.parametrize("name", ["a\tb", "a\nb", " a", "a\u2028b"])
def test_a_name_that_does_not_fit_is_refused_by_name(tmp_path: Path, form: str, name: str) -> None:
    with pytest.raises(InputError, match="cannot hold the entity") as caught:
        export(from_triples([Triple(name, "r", "b")]), tmp_path / "out", form)
    assert repr(name) in str(caught.value)
    assert "parquet" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_names_that_pandas_would_misread_are_refused(tmp_path: Path) -> None:
    for form, name in (("pykeen", '"a" b'), ("ampligraph", "NA"), ("ampligraph", "null")):
        with pytest.raises(InputError, match="cannot hold"):
            export(from_triples([Triple(name, "r", "b")]), tmp_path / "out", form)


def test_parquet_and_graphml_hold_tabs_and_newlines(tmp_path: Path) -> None:
    import networkx
    from pyarrow import parquet

    graph = from_triples([Triple(" a\tb\r\n", "r\ns", "c")])
    export(graph, tmp_path / "p", "parquet")
    assert parquet.read_table(tmp_path / "p" / "triples.parquet")["head"].to_pylist() == [
        " a\tb\r\n"
    ]
    export(graph, tmp_path / "g.graphml", "graphml")
    read = networkx.read_graphml(tmp_path / "g.graphml")
    assert list(read.edges(data="relation")) == [(" a\tb\r\n", "c", "r\ns")]
    with pytest.raises(InputError, match="XML has no such character"):
        export(from_triples([Triple("a\x01", "r", "b")]), tmp_path / "h.graphml", "graphml")


def test_openke_and_dglke_files_byte_for_byte(tmp_path: Path) -> None:
    graph = dataclasses.replace(
        from_triples(TRIPLES), weight=torch.tensor([1.0, 0.1, 2.5, 1e-9], dtype=torch.float32)
    )
    done = export(graph, tmp_path / "o", "openke")
    assert {p.name: p.read_bytes() for p in (tmp_path / "o").iterdir()} == {
        "entity2id.txt": b"3\nAda\t0\nByron\t1\nLondon\t2\n",
        "relation2id.txt": b"3\nborn in\t0\nchild of\t1\nknows\t2\n",
        # head, tail, relation
        "train2id.txt": b"2\n0 2 0\n1 2 0\n",
        "valid2id.txt": b"1\n0 1 1\n",
        "test2id.txt": b"1\n1 0 2\n",
    }
    assert done.not_held == ("weight",)
    export(graph, tmp_path / "d", "dglke")
    assert {p.name: p.read_bytes() for p in (tmp_path / "d").iterdir()} == {
        "train.tsv": b"Ada\tborn in\tLondon\t1.0\nByron\tborn in\tLondon\t2.5\n",
        "valid.tsv": b"Ada\tchild of\tByron\t0.1\n",
        "test.tsv": b"Byron\tknows\tAda\t0.000000001\n",
    }
    assert (tmp_path / "d" / "train.tsv").exists()


def test_torchkge_and_dgl_files_byte_for_byte(tmp_path: Path) -> None:
    graph = from_triples([Triple('A "x", y', "r", "B", "train"), Triple("B", "s", "B", "valid")])
    export(graph, tmp_path / "t", "torchkge")
    assert {p.name: p.read_bytes() for p in (tmp_path / "t").iterdir()} == {
        "train.csv": b'from,to,rel\n"A ""x"", y",B,r\n',
        "valid.csv": b"from,to,rel\nB,B,s\n",
    }
    export(graph, tmp_path / "d", "dgl")
    assert {p.name: p.read_bytes() for p in (tmp_path / "d").iterdir()} == {
        "meta.yaml": b"dataset_name: kgplatform\nnode_data:\n- file_name: nodes.csv\n"
        b"  ntype: entity\nedge_data:\n- file_name: edges_0.csv\n  etype:\n  - entity\n  - r\n"
        b"  - entity\n- file_name: edges_1.csv\n  etype:\n  - entity\n  - s\n  - entity\n",
        "entities.csv": b'node_id,entity\n0,"A ""x"", y"\n1,B\n',
        "nodes.csv": b"node_id\n0\n1\n",
        "edges_0.csv": b"src_id,dst_id,train_mask,valid_mask,test_mask\n0,1,1,0,0\n",
        "edges_1.csv": b"src_id,dst_id,train_mask,valid_mask,test_mask\n1,1,0,1,0\n",
    }


def test_pykeen_reads_its_export(tmp_path: Path) -> None:
    from pykeen.datasets.base import PathDataset

    hostile = [Triple(name, "r, s", "b", "train") for name in HOSTILE]
    # PyKEEN leaves out what has a relation that is not in train.
    hostile += [Triple("b", "child of", "Ada", "train"), Triple("b", "knows", "Ada", "train")]
    export(from_triples([*TRIPLES, *hostile]), tmp_path / "out", "pykeen")
    folder = tmp_path / "out"
    data = PathDataset(folder / "train.txt", folder / "test.txt", folder / "valid.txt")
    read = {tuple(row) for row in data.training.triples.tolist()}
    assert read == {
        (t.head, t.relation, t.tail) for t in [*TRIPLES, *hostile] if t.split == "train"
    }
    assert data.validation is not None
    assert data.validation.triples.tolist() == [["Ada", "child of", "Byron"]]


def test_torchkge_reads_its_export(tmp_path: Path) -> None:
    structures = pytest.importorskip("torchkge.data_structures", reason="TorchKGE is not installed")
    pandas = pytest.importorskip("pandas")

    export(from_triples(TRIPLES), tmp_path / "out", "torchkge")
    frame = pandas.read_csv(tmp_path / "out" / "train.csv", dtype=str, keep_default_na=False)
    graph = structures.KnowledgeGraph(df=frame)
    assert (graph.n_facts, set(graph.ent2ix)) == (2, {"Ada", "Byron", "London"})


def test_pyg_opens_its_export_with_its_own_classes_alone(tmp_path: Path) -> None:
    from torch_geometric.data import HeteroData
    from torch_geometric.data.storage import BaseStorage, EdgeStorage, NodeStorage

    graph = rich()
    done = export(graph, tmp_path / "out.pt", "pyg")
    allowed = [HeteroData, BaseStorage, NodeStorage, EdgeStorage]
    with torch.serialization.safe_globals(allowed):
        data = torch.load(tmp_path / "out.pt", weights_only=True)
    assert data["entity"].entity_id == list(graph.entities)
    edges = data["entity", "born in", "entity"]
    assert edges.edge_index.tolist() == [[0, 1], [2, 2]]
    assert edges.train_mask.tolist() == [True, True]
    assert edges.edge_weight.tolist() == [1.0, 2.5]
    assert edges.edge_time.tolist() == [1900, 1901]
    assert data["entity"].x.tolist() == [[1.5], [0.0], [2.0]]
    assert done.not_held == ()


def rich() -> KGSnapshot:
    """A snapshot with all that it may carry but labels."""
    return dataclasses.replace(
        from_triples(TRIPLES),
        weight=torch.tensor([1.0, 0.5, 2.5, 4.0]),
        time=torch.tensor([1900, 1950, 1901, 1999]),
        features=(feature("size", np.array([0, 2]), [1.5, 2], 3),),
    )


def test_networkx_and_neo4j_hold_features_weights_and_times(tmp_path: Path) -> None:
    graph = to_networkx(rich())
    assert graph.nodes["Ada"] == {"size": 1.5}
    assert graph.nodes["Byron"] == {}
    assert next(iter(graph.edges("Byron", data=True)))[2] == {
        "relation": "born in",
        "split": "train",
        "weight": 2.5,
        "time": 1901,
    }
    done = export(rich(), tmp_path / "out", "neo4j-csv")
    with (tmp_path / "out" / "nodes.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["id:ID", ":LABEL", "size:float"],
            ["Ada", "Entity", "1.5"],
            ["Byron", "Entity", ""],
            ["London", "Entity", "2.0"],
        ]
    assert (tmp_path / "out" / "relationships.csv").read_text().splitlines()[:2] == [
        ":START_ID,:END_ID,:TYPE,split,weight:double,time:long",
        "Ada,London,born in,train,1.0,1900",
    ]
    assert done.not_held == ()
    told = export(rich(), tmp_path / "t", "pykeen").not_held
    assert told == ("weight", "time", "features: size")


def test_triples_of_rdf_have_their_iris_again(tmp_path: Path) -> None:
    file = tmp_path / "in.ttl"
    file.write_text(
        "@prefix ex: <http://example.org/> .\n"
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n"
        "ex:dog skos:broader ex:animal . <urn:x:1> skos:broader ex:dog .\n"
    )
    source = open_source((str(file),), Options(), "rdf")
    triples = list(source.triples(lambda reject: pytest.fail(reject.reason)))
    assert triples[0] == Triple("ex:dog", "skos:broader", "ex:animal")
    export(from_triples(triples), tmp_path / "out.nt", "ntriples", prefixes=source.prefixes)
    broader = "<http://www.w3.org/2004/02/skos/core#broader>"
    assert set((tmp_path / "out.nt").read_text().splitlines()) == {
        f"<http://example.org/dog> {broader} <http://example.org/animal> .",
        f"<urn:x:1> {broader} <http://example.org/dog> .",
    }


def test_an_export_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = from_triples(TRIPLES)
    export(graph, tmp_path / "out", "openke")
    with pytest.raises(UsageError, match="exists"):
        export(graph, tmp_path / "out", "pykeen")
    export(graph, tmp_path / "out", "pykeen", force=True)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"train.txt", "valid.txt", "test.txt"}

    def full(*_: object) -> Iterator[str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kgplatform.graph.interchange.openke.write_lines", full)
    with pytest.raises(OSError, match="No space"):
        export(graph, tmp_path / "out", "openke", force=True)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"train.txt", "valid.txt", "test.txt"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    with pytest.raises(UnknownNameError, match="pyken"):
        export(graph, tmp_path / "x", "pyken")
    with pytest.raises(UsageError, match="not a folder"):
        export(graph, tmp_path / "x" / "y", "pykeen")


def test_every_format_is_written(tmp_path: Path) -> None:
    for form in INTERCHANGE:
        done = export(rich(), tmp_path / form, form)
        assert done.files
        assert (done.entities, done.facts) == (3, 4)
        target = tmp_path / form
        shutil.rmtree(target) if target.is_dir() else target.unlink()
