"""The commands against a real server: the story from a file to predictions, and mistakes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgplatform.cli import COMMANDS
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.triples import SPLITS

METRICS = {"mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank"}
QUICK = ("--set", "epochs=4", "--set", "evaluate_every=2", "--set", "embedding_dim=8")
UMLS = Path(__file__).parents[3] / "shared" / "data" / "umls"


def command_line(*args: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, with nothing of the tester's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "from kgplatform.cli import main; main()", *args],
        cwd=cwd,
        env={**kept, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def secret_of(settings: Settings) -> str:
    assert settings.neo4j_password is not None
    return settings.neo4j_password.get_secret_value()


def write_facts(folder: Path, size: int = 30) -> None:
    """A folder with the three splits of a ring that is walked in steps, and names."""
    rows: dict[str, list[str]] = {split: [] for split in SPLITS}
    for number, (i, step) in enumerate((i, step) for i in range(size) for step in (1, 2, -1)):
        relation = "back" if step < 0 else "next"
        at = number % 10
        split = SPLITS[at - 7] if at > 7 else SPLITS[0]
        rows[split].append(f"e{i:02}\t{relation}\te{(i + step) % size:02}\n")
    folder.mkdir()
    for name, lines in rows.items():
        (folder / f"{name}.tsv").write_text("".join(lines))
    names = "".join(f"e{i:02}\tEntity {i}\n" for i in range(size))
    (folder / "entities.tsv").write_text("id\tname\n" + names)


@pytest.fixture
def loaded(kgp: Any, graph_name: str) -> str:
    """The name of a graph that was loaded by the command."""
    write_facts(Path("facts"))
    assert kgp("load", "facts", "--graph", graph_name).code == 0
    return graph_name


@pytest.fixture
def run(kgp: Any, loaded: str) -> str:
    """The id of a run trained on that graph."""
    return str(kgp("train", "distmult", "--graph", loaded, *QUICK, "--json").json["run"])


def test_the_story_from_a_file_to_predictions_and_back(
    kgp: Any, store: Store, graph_name: str, digest: Callable[..., str]
) -> None:
    write_facts(Path("facts"))
    told = kgp("load", "facts", "--graph", graph_name, "--json").json
    assert told.items() >= {"created": 90, "unchanged": 0, "rejected": 0}.items()
    assert told["rejects_file"] is None
    again = kgp("load", "facts", "--graph", graph_name, "--json").json
    assert (again["created"], again["unchanged"]) == (0, 90)

    trained = kgp("train", "distmult", "--graph", graph_name, *QUICK, "--json").json
    run = trained["run"]
    for split in ("valid", "test"):
        assert trained["metrics"][split].keys() >= METRICS
    assert Path(trained["folder"], "weights.safetensors").is_file()
    evaluated = kgp("evaluate", run, "--json").json
    assert evaluated == {"run": run, "metrics": trained["metrics"]}

    before = digest(store)
    dry = kgp("write", run, "--dry-run", "--json").json
    assert dry.items() >= {"run": run, "dry_run": True, "would_write": 30, "missing": 0}.items()
    assert any("CREATE VECTOR INDEX" in statement for statement in dry["statements"])
    assert digest(store) == before
    written = kgp("write", run, "--json").json
    assert written.items() >= {"run": run, "written": 30, "missing": 0, "replaced": None}.items()

    by_id = kgp("similar", "e03", "--graph", graph_name, "--top-k", 4, "--json").json
    by_name = kgp("similar", "Entity 3", "--graph", graph_name, "--top-k", 4, "--json").json
    assert by_id["hits"] == by_name["hits"]
    assert len(by_id["hits"]) == 4
    assert all(hit.keys() == {"id", "name", "score", "reasons"} for hit in by_id["hits"])
    scores = [hit["score"] for hit in by_id["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert "e03" not in {hit["id"] for hit in by_id["hits"]}

    with_vectors = digest(store)
    shown = kgp("predict", run, "--top-k", 7, "--json").json
    planned = kgp("predict", run, "--top-k", 7, "--write", "--dry-run", "--json").json
    assert planned["links"] == shown["links"]
    assert len(shown["links"]) == 7
    assert all(link["kind"] == "predicted" for link in shown["links"])
    assert digest(store) == with_vectors
    predicted = kgp("predict", run, "--top-k", 7, "--write", "--json").json
    assert predicted.items() >= {"written": 7, "known": 0, "missing": 0}.items()
    rows = store.rows(
        "MATCH (h:Entity {graph: $graph})-[p:PREDICTED]->(t) "
        "RETURN h.id AS head, p.relation AS relation, t.id AS tail, p.score AS score, "
        "p.confidence AS confidence, p.confidence AS probability, p.rank AS rank, "
        "p.support AS support, 'predicted' AS kind",
        graph=graph_name,
    )
    links = [
        link | {"support": link["support"] and link["support"]["rule"]} for link in shown["links"]
    ]
    assert sorted(rows, key=str) == sorted(links, key=str)
    assert all(link["rank"] >= 1 for link in links)
    calibration = shown["calibration"]
    assert calibration["negatives"] == "closed world among typed candidates"
    assert 0 <= calibration["expected_calibration_error"] <= 1
    assert {"low", "high", "count", "confidence", "true"} == calibration["reliability"][0].keys()
    (kept,) = store.rows("MATCH (r:Run {id: $run}) RETURN r.calibration_error AS error", run=run)
    assert kept["error"] == predicted["calibration"]["expected_calibration_error"]

    assert shown["rules"] is None
    mined = kgp("rules", "--graph", graph_name, "--json").json
    by_rules = kgp("predict", run, "--top-k", 7, "--json").json
    assert by_rules["rules"] == mined["rules"]
    given = [link["support"]["rule"] for link in by_rules["links"] if link["support"]]
    assert any("<-" in rule for rule in given)

    planned = kgp("undo", run, "--dry-run", "--json").json
    assert planned == {"run": run, "vectors": 30, "predicted": 7, "answers": 0}
    undone = kgp("undo", run, "--json").json
    assert undone == {
        "run": run,
        "vectors": 30,
        "predicted": 7,
        "answers": 0,
        "restored": None,
    }
    assert digest(store) == before


@pytest.mark.skipif(not UMLS.is_dir(), reason="shared/data/umls is not beside the repository")
def test_umls(kgp: Any, graph_name: str) -> None:
    told = kgp("load", UMLS, "--graph", graph_name, "--json").json
    lines = {split: (UMLS / f"{split}.tsv").read_text().splitlines() for split in SPLITS}
    assert told["created"] == len({line for split in lines.values() for line in split})
    assert told["rejected"] == 0
    settings = ("--set", "epochs=3", "--set", "evaluate_every=3", "--set", "embedding_dim=32")
    trained = kgp("train", "distmult", "--graph", graph_name, *settings, "--json").json
    assert trained["metrics"]["test"]["count"] == 2 * len(lines["test"])
    # Far above what chance gives 135 entities, far below what a whole training reaches.
    assert trained["metrics"]["test"]["mrr"] > 0.2


def test_text_for_a_person_stands_on_stdout_alone(kgp: Any, loaded: str) -> None:
    trained = kgp("train", "distmult", "--graph", loaded, *QUICK)
    assert trained.code == 0
    assert "mrr" in trained.out
    assert "kgp write" in trained.out
    assert "epoch 4 of 4" in trained.err
    written = kgp("write", "latest")
    assert "now active" in written.out
    assert "Entity" in kgp("similar", "e03", "--graph", loaded).out
    shown_links = kgp("predict", "latest").out
    assert "probability" in shown_links
    assert "expected calibration error" in shown_links
    assert "removed 30 vectors" in kgp("undo", "latest").out


def test_latest_of_an_undo_is_the_newest_run_that_has_written(kgp: Any, loaded: str) -> None:
    written = kgp("train", "distmult", "--graph", loaded, *QUICK, "--json").json["run"]
    assert kgp("write", "latest").code == 0
    assert kgp("train", "distmult", "--graph", loaded, *QUICK).code == 0
    assert kgp("undo", "latest", "--json").json["run"] == written
    nothing_left = kgp("undo", "latest")
    assert nothing_left.code == 1
    assert "has written nothing" in nothing_left.err


def test_another_folders_newest_run_is_not_undone_unnamed(
    kgp: Any, loaded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = kgp("train", "distmult", "--graph", loaded, *QUICK, "--json").json["run"]
    assert kgp("write", "latest").code == 0
    monkeypatch.setenv("KGP_RUNS", str(tmp_path / "elsewhere"))
    refused = kgp("undo", "latest")
    assert refused.code == 1
    assert "was not made in this folder" in refused.err
    assert kgp("undo", written, "--json").json["vectors"] == 30


def test_runs_are_listed_compared_drawn_and_removed(kgp: Any, loaded: str) -> None:
    assert kgp("runs", "--help").code == 0
    assert "no runs yet" in kgp("runs").out
    first = kgp("train", "distmult", "--graph", loaded, *QUICK, "--json").json["run"]
    more = (*QUICK, "--set", "seed=1", "--set", "learning_rate=0.05")
    second = kgp("train", "transe", "--graph", loaded, *more, "--json").json["run"]
    listed = kgp("runs", "list", "--json").json["runs"]
    assert [entry["run"] for entry in listed] == [first, second]
    assert first in kgp("runs").out
    shown = kgp("runs", "show", second, "--json").json
    assert shown["settings"]["seed"] == 1
    assert shown["metrics"] == listed[1]["metrics"]
    assert loaded in kgp("runs", "show", "latest").out
    compared = kgp("runs", "compare", first, second, "--json").json
    assert {"model", "seed", "learning_rate"} <= set(compared["differing"])
    assert "embedding_dim" not in compared["differing"]
    picture = Path(kgp("plot", first, "--json").json["picture"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert kgp("plot", first, "--to", "curve.svg").code == 0
    assert "<svg" in Path("curve.svg").read_text()
    assert kgp("runs", "rm", first, "--yes", "--json").json == {"removed": first}
    assert [entry["run"] for entry in kgp("runs", "list", "--json").json["runs"]] == [second]
    gone = kgp("runs", "show", first)
    assert gone.code == 2
    assert second in gone.err


def test_what_a_removed_run_wrote_can_still_be_undone(kgp: Any, run: str) -> None:
    assert kgp("write", run).code == 0
    assert kgp("runs", "rm", run, "--yes").code == 0
    assert kgp("undo", run, "--json").json["vectors"] == 30
    nothing = kgp("undo", run)
    assert nothing.code == 2
    assert "error: " in nothing.err


QUERY = """
// Facts of one graph, of some relations; the name below is a parameter.
MATCH (h:Entity {graph: $graph})-[r]->(t:Entity)
WHERE type(r) IN $relations
RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.split AS split;
"""


def test_a_query_as_text_or_file_with_parameters(kgp: Any, loaded: str) -> None:
    Path("facts.cypher").write_text(QUERY)
    params = ("--param", f"graph={loaded}", "--param", 'relations=["next", "back"]')
    runs = [
        kgp("train", "distmult", "--cypher", given, *params, *QUICK, "--json").json
        for given in (QUERY, "facts.cypher")
    ]
    assert runs[0]["metrics"] == runs[1]["metrics"]
    source = runs[1]["source"]
    assert source["cypher"] == QUERY
    assert source["params"] == {"graph": loaded, "relations": ["next", "back"]}
    # The run does not need the file again.
    Path("facts.cypher").unlink()
    assert kgp("evaluate", runs[1]["run"], "--json").json["metrics"] == runs[1]["metrics"]
    nowhere = kgp("write", runs[1]["run"])
    assert nowhere.code == 2
    assert "--graph" in nowhere.err
    written = kgp("write", runs[1]["run"], "--graph", loaded, "--json").json
    assert written["written"] == 30
    assert kgp("undo", runs[1]["run"]).code == 0


def test_a_users_own_nodes(kgp: Any, store: Store, graph_name: str) -> None:
    label = f"Person {graph_name}"
    store.run(
        "UNWIND range(0, 29) AS i MERGE (:$($label) {number: i}) WITH count(*) AS made "
        "UNWIND range(0, 29) AS i MATCH (a:$($label) {number: i}) "
        "UNWIND [1, 2, 3] AS step MATCH (b:$($label) {number: (i + step) % 30}) "
        "MERGE (a)-[:KNOWS]->(b)",
        label=label,
    )
    query = (
        "MATCH (a:$($label))-[r]->(b:$($label)) "
        "RETURN a.number AS head, type(r) AS relation, b.number AS tail"
    )
    trained = kgp(
        *("train", "distmult", "--cypher", query, "--param", f"label={label}"),
        *("--label", label, "--key", "number", *QUICK, "--json"),
    ).json
    refused = kgp("write", trained["run"])
    assert refused.code == 1
    remedy = refused.err.split("run: ", 1)[1].strip()
    store.command(remedy)
    written = kgp("write", trained["run"], "--json").json
    assert (written["written"], written["missing"]) == (30, 0)
    rows = store.rows(
        "MATCH (p:$($label)) WHERE p[$property] IS NOT NULL RETURN count(p) AS number",
        label=label,
        property=written["property"],
    )
    assert rows == [{"number": 30}]
    assert kgp("predict", trained["run"], "--top-k", 3, "--write", "--json").json["written"] == 3
    assert kgp("undo", trained["run"], "--json").json["predicted"] == 3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("train", "nosuch"), ("nosuch", "distmult", "gcn", "transe")),
        (("train", "distmul"), ("did you mean 'distmult'?",)),
        (("lod", "x"), ("did you mean 'load'?",)),
        (("train", "distmult", "--set", "epoch=3"), ("did you mean 'epochs'?",)),
        (("train", "distmult", "--set", "epochs"), ("NAME=VALUE",)),
        (("train", "distmult", "--set", "epochs=many"), ("epochs", "whole number")),
        (("train", "distmult", "--param", "a=1"), ("--cypher",)),
        (("train", "distmult", "--cypher", "RETURN 1", "--label", "A"), ("--key",)),
        (("train", "distmult", "--cypher", "no.cypher"), ("no.cypher",)),
        (("train", "distmult", "--config", "no.yaml"), ("no.yaml",)),
        (("train", "distmult", "--cypher", "RETURN 1 AS head"), ("relation", "tail")),
        (("evaluate", "nosuch"), ("no such run",)),
        (("write", "nosuch"), ("no such run",)),
        (("undo", "nosuch"), ("no such run",)),
        (("runs", "show", "nosuch"), ("no such run",)),
        (("similar", "e03", "--top-k", "0"), ("top-k",)),
        (("similar", "e03", "--top-k", "-3"), ("top-k",)),
        (("similar", "e03", "--nosuch"), ("No such option",)),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_the_remedy(
    kgp: Any, loaded: str, args: tuple[str, ...], words: tuple[str, ...]
) -> None:
    graph = () if args[0] != "similar" and "--set" not in args else ("--graph", loaded)
    ended = kgp(*args, *graph)
    assert ended.code == 2, ended.err
    assert ended.out == ""
    assert ended.err.lower().count("error: ") == 1
    assert "Traceback" not in ended.err
    for word in words:
        assert word in ended.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("load", "no-such-file.tsv"), ("no-such-file.tsv",)),
        (("load", "fact"), ("did you mean facts?",)),
        (("train", "distmult", "--graph", "no-such-graph"), ("no-such-graph", "graphs: ")),
        (("similar", "Entity 99"), ("Entity 99", "did you mean")),
        (("similar", "e03"), ("no vectors", "kgp write")),
    ],
    ids=" ".join,
)
def test_a_handled_failure_ends_with_1_and_the_remedy(
    kgp: Any, loaded: str, args: tuple[str, ...], words: tuple[str, ...]
) -> None:
    graph = ("--graph", loaded) if args[0] == "similar" else ()
    ended = kgp(*args, *graph)
    assert ended.code == 1, ended.err
    assert ended.out == ""
    assert ended.err.count("error: ") == 1
    assert "fix: " in ended.err
    assert "Traceback" not in ended.err
    for word in words:
        assert word in ended.err


def test_a_wrong_password_ends_with_4(settings: Settings, tmp_path: Path) -> None:
    write_facts(tmp_path / "facts")
    ended = command_line(
        *("load", "facts"),
        cwd=tmp_path,
        NEO4J_URI=str(settings.neo4j_uri),
        NEO4J_USERNAME="somebody",
        NEO4J_PASSWORD="wrong-pass-word",
    )
    assert ended.returncode == 4
    assert ended.stderr.count("error: ") == 1
    assert "NEO4J_PASSWORD" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "wrong-pass-word" not in ended.stdout + ended.stderr


def test_a_silent_address_ends_with_1(kgp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        monkeypatch.setenv("NEO4J_URI", f"bolt://user:uri-secret@127.0.0.1:{port}")
        ended = kgp("train", "distmult")
    assert ended.code in {1, 2}
    assert ended.err.count("error: ") == 1
    assert "uri-secret" not in ended.err
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NEO4J_URI", f"bolt://127.0.0.1:{silent.getsockname()[1]}")
        ended = kgp("train", "distmult")
    assert ended.code == 1
    assert "kgp up" in ended.err
    monkeypatch.delenv("NEO4J_URI")
    ended = kgp("train", "distmult")
    assert ended.code == 1
    assert "kgp up" in ended.err
    monkeypatch.setenv("NEO4J_URI", "http://127.0.0.1:7474")
    ended = kgp("train", "distmult")
    assert ended.code == 2
    assert "NEO4J_URI" in ended.err


def test_the_password_is_nowhere(settings: Settings, tmp_path: Path, graph_name: str) -> None:
    """Processes of their own: their output as a user has it, and every file they leave."""
    write_facts(tmp_path / "facts")
    secret = secret_of(settings)
    address = {"NEO4J_URI": str(settings.neo4j_uri), "NEO4J_PASSWORD": secret}
    for args in (
        ("load", "facts", "--graph", graph_name),
        ("train", "distmult", "--graph", graph_name, *QUICK, "--json"),
        ("write", "latest", "--json"),
        ("status", "--json"),
        ("similar", "nobody", "--graph", graph_name),
    ):
        ended = command_line(*args, cwd=tmp_path, **address)
        assert ended.returncode == int("nobody" in args), ended.stderr
        assert secret not in ended.stdout + ended.stderr
        if "--json" in args:
            json.loads(ended.stdout)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "run.json" for path in files)
    for path in files:
        assert secret.encode() not in path.read_bytes(), path


def test_help_is_light(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from kgplatform.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as ended: assert not ended.code\n"
        "heavy = {'torch', 'neo4j', 'pydantic', 'numpy', 'polars', 'pyarrow', 'rich', 'yaml'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "heavy: []" in ended.stdout
    for name in COMMANDS:
        assert name in ended.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(kgp: Any, name: str) -> None:
    ended = kgp(name, "--help")
    assert ended.code == 0
    assert "Usage: " in ended.out
    assert "--json" in ended.out or name in {"browser", "project", "review", "rules", "runs"}
