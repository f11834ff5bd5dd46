"""``kgp demo``: from nothing to an enriched graph, in the steps that a user would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.demo_full import REST, TOTAL, check_extras, heading, tell_the_rest
from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import json_option, note, progress_bar, table

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.store.writeback import Target
    from kgplatform.training.artifacts import Run
    from kgplatform.training.predict import PredictedLink

GRAPH = "countries"
MODELS = ("transe", "gcn")
LINKS_SHOWN = 5
RELATIONS = ("BORDERS", "SPEAKS", "NEAR")
LINKS_A_RELATION = 30
LINKS_DRAWN = 20
STEPS = 6

# Shown at the end: queries of cypher/browser with what each is asked.
QUERIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("browser/find_nearest", {"entity": "Poland", "top_k": 5}),
    ("browser/show_predictions", {"entity": "Brazil"}),
    ("browser/find_surprising_facts", {"limit": 5}),
)
ROWS_SHOWN = 6


@click.command()
@click.option("--full", is_flag=True, help="All of the story; needs the extra nlp.")
@json_option
def demo(full: bool, as_json: bool) -> None:
    """Load the world's countries, train on them, write back, and look at the result.

    Starts a local Neo4j unless NEO4J_URI names one, and leaves it running: look at the graph
    in Browser, then `kgp down`. With --full it goes on, each step by the command that you would
    type: questions learnt by all three strategies, search, questions, facts out of notes and their
    review, recommendation, explanation, a text, and a guide in Browser.
    """
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.writeback import Target

    if full:
        check_extras()
    settings = load_settings()
    click.get_current_context().meta[TOTAL] = STEPS + (REST if full else 0)
    login = _step_server(settings)
    with open_store(settings) as store:
        data: dict[str, Any] = {"graph": _step_load(store)}
        snapshot, runs = _step_train(store, settings)
        best = max(runs, key=lambda run: float(run.metrics["valid"]["mrr"]))
        target = Target(graph=GRAPH)
        # The better one on validation is written last: the last one written is in use.
        _step_write(store, sorted(runs, key=lambda run: run is best), target)
        links = _step_predict(store, best, snapshot, target)
        answers = _step_ask(store)
        rest = tell_the_rest(store, settings, GRAPH, STEPS + 1, as_json) if full else []
    data |= {
        "runs": [{"run": run.id, "metrics": dict(run.metrics)} for run in runs],
        "active_run": best.id,
        "predicted": [vars(link) for link in links],
        "queries": answers,
        **({"commands": rest} if full else {}),
        **login,
    }
    ending, shown = _ending(links, login), {"graph": GRAPH, "run": best.id}
    emit_linked(data, as_json, ending, "show_predicted", **shown, limit=LINKS_DRAWN)


def _step_server(settings: Settings) -> dict[str, Any]:
    from kgplatform import server

    if settings.neo4j_uri:
        heading(1, "the Neo4j that NEO4J_URI names")
        return {"browser": None, "username": settings.neo4j_username, "password": None}
    heading(1, "a local Neo4j (the first time, its files are fetched)")
    with progress_bar() as progress:
        info = server.start(settings, progress)
    return {"browser": info.browser, "username": info.username, "password": info.password}


def _step_load(store: Store) -> dict[str, int]:
    from kgplatform.sources.countries import countries
    from kgplatform.store.load import load

    heading(2, f"the countries of the world, into graph {GRAPH!r}")
    entities, triples = countries()
    with progress_bar() as progress:
        counts = load(store, GRAPH, entities, triples, source="countryinfo", progress=progress)
    note(
        f"{len(entities):,} entities and {len(triples):,} facts "
        f"({counts.facts_created:,} of them new)"
    )
    return {"entities": len(entities), "facts": len(triples), "created": counts.facts_created}


def _step_train(store: Store, settings: Settings) -> tuple[KGSnapshot, list[Run]]:
    from kgplatform import queries
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.cli.results import metrics_table
    from kgplatform.training.artifacts import new_run_id
    from kgplatform.training.config import resolve_config
    from kgplatform.training.loop import train

    heading(3, f"train {' and '.join(MODELS)} on what a Cypher query names")
    source: dict[str, Any] = {
        "cypher": queries.get("read/project_countries"),
        "params": {"graph": GRAPH},
        "graph": GRAPH,
    }
    runs = []
    with progress_bar() as progress:
        snapshot, source = snapshot_of_source(store, source, progress)
    for model in MODELS:
        folder = settings.kgp_runs / new_run_id(model, settings.kgp_runs)
        with progress_bar() as progress:
            config = resolve_config(model, snapshot, {})
            run = train(snapshot, config, folder, source=source, progress=progress)
        note(f"{model}, {run.epochs} epochs in {run.seconds:.0f} s:\n{metrics_table(run.metrics)}")
        runs.append(run)
    return snapshot, runs


def _step_write(store: Store, runs: list[Run], target: Target) -> None:
    from kgplatform.cli.write import run_properties
    from kgplatform.store.writeback import write_vectors
    from kgplatform.training.artifacts import entity_vectors

    heading(4, "write the vectors back, each run's under its own property and index")
    for run in runs:
        keys, vectors = entity_vectors(run)
        properties = run_properties(run, target)
        with progress_bar() as progress:
            write_vectors(store, run.id, properties, target, keys, vectors, progress)
    note(f"active: {runs[-1].id}, the better one on validation")


def _step_predict(
    store: Store, run: Run, snapshot: KGSnapshot, target: Target
) -> list[PredictedLink]:
    from kgplatform.cli.write import links_table, run_properties, stored
    from kgplatform.store.links import write_links
    from kgplatform.training.predict import predict_links

    heading(5, f"predict what the facts do not say, with {run.config.model}")
    predicted = [
        predict_links(run, snapshot, relation=relation, top_k=LINKS_A_RELATION)
        for relation in RELATIONS
    ]
    rows = [stored(link) for links in predicted for link in links]
    with progress_bar() as progress:
        write_links(store, run.id, run_properties(run, target), target, rows, progress)
    for links in predicted:
        note(f"{links_table(links[:LINKS_SHOWN])}\n")
    return [link for links in predicted for link in links[:1]]


def _step_ask(store: Store) -> list[dict[str, Any]]:
    from kgplatform import queries

    heading(6, "ask the enriched graph (these queries are in cypher/browser)")
    answers = []
    for name, params in QUERIES:
        text = queries.get(name)
        rows = store.rows(text, graph=GRAPH, **params)
        title = text.splitlines()[0].removeprefix("// ")
        columns = list(rows[0]) if rows else ["(no rows)"]
        cells = [[_cell(row[column]) for column in columns] for row in rows[:ROWS_SHOWN]]
        asked = ", ".join(f"{key} = {value}" for key, value in params.items())
        note(f"\n{name} ({asked}): {title}\n{table(columns, cells)}")
        answers.append({"query": name, "params": params, "rows": rows})
    return answers


def _ending(links: list[PredictedLink], login: dict[str, Any]) -> str:
    lines = ["", "the likeliest link of each relation, now in the graph as PREDICTED:"]
    lines += [
        f"  {link.head} -{link.relation}-> {link.tail}   (confidence {link.confidence:.2f})"
        for link in links
    ]
    if login["browser"] is not None:
        lines += [
            "",
            f"Neo4j Browser: {login['browser']}",
            f"  user {login['username']}, password {login['password']}",
            "  `kgp browser install` puts a guide through this graph into it.",
            "The server stays up; `kgp down` stops it. What the run predicts, drawn:",
        ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
