"""``kgp explain``: why a link, an answer, a recommendation or a class is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.answer.explanation import Explanation
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.training.artifacts import Run

NO_RUN = "none"
LATEST = "latest"
WALKER, JOINT, RECOMMEND = "walker", "joint", "recommend"


@click.command()
@click.argument("head", required=False)
@click.argument("relation", required=False)
@click.argument("tail", required=False)
@click.option("--run", "name", help="A run, or none.  [default: latest]")
@click.option("--question", help="Ask in words, of --graph or of a walker's --run.")
@click.option(
    "--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Most of each kind."
)
@click.option("--counterfactual", is_flag=True, help="Take facts away in turn.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it: .png, .svg or .html.")
@click.option("--write", "write_back", is_flag=True, help="Write the paths for Browser to draw.")
@click.option("--dry-run", is_flag=True, help="With --write: print the Cypher, write nothing.")
@click.option("--graph", help="The graph of kgplatform's own nodes.  [default: the run's]")
@click.option("--label", help="With --write, of a walker: label of your own nodes.")
@click.option("--key", help="With --write, of a walker: the property that identifies them.")
@json_option
def explain(
    head: str | None,
    relation: str | None,
    tail: str | None,
    name: str | None,
    question: str | None,
    top_k: int,
    counterfactual: bool,
    plot: Path | None,
    write_back: bool,
    dry_run: bool,
    graph: str | None,
    label: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Say why HEAD RELATION TAIL holds or may hold, and what that hangs on.

    Paths with the confidence and source of each fact; rules that give the link, with their
    support; with a run of a model, what it thinks of the link and the training facts that are
    most like it. With --counterfactual, what changes without each of the facts that matter. A
    fact that the graph has is explained without itself.

    With --question and --graph: why the answer of `kgp ask` is given. Of a run of `kgp train
    recommend`, with HEAD for whom and TAIL what: why it is recommended.

    Of a walker's run: the ways by which it comes from HEAD by RELATION to TAIL, or to its best
    answers. Of a run of `kgp train joint-classify`, with HEAD alone: what text and graph are worth
    to the class of HEAD, and the training texts most like it.

    \b
    kgp explain poland BORDERS lithuania --graph countries --run none --counterfactual
    kgp explain poland BORDERS lithuania --graph countries --plot why.png
    kgp explain --question "What is the capital of Poland?" --graph countries
    kgp explain steroid affects --run latest
    kgp explain --question "what is the nationality of the wife of john_milton ?"
    """
    from kgplatform.settings import load_settings

    settings = load_settings()
    run = None if question and graph and not name else _run(settings, name, graph)
    where = (graph, label, key)
    if run is not None and run.config.model == WALKER:
        if plot is not None:
            raise UsageError("ways of a walker are not drawn here", hint="use --write and Browser")
        _explain_walk(
            settings,
            run,
            (head, relation, tail),
            question,
            (top_k, counterfactual),
            (write_back, dry_run),
            where,
            as_json,
        )
        return
    if label or key:
        raise UsageError("--label and --key are for a walker's run", hint="give --graph")
    if run is not None and run.config.model == JOINT and relation is None and head is not None:
        _explain_class(settings, run, head, top_k, plot, as_json)
        return
    found, graph = _explained(
        settings, run, (head, relation, tail), question, (top_k, counterfactual), graph
    )
    _shown(settings, found, graph, run, plot, (write_back, dry_run), as_json)


def _run(settings: Settings, name: str | None, graph: str | None) -> Run | None:
    """The run that is meant; without a name the latest, of the graph if one is named."""
    from kgplatform.training.artifacts import find_run, list_runs, load_run

    if name == NO_RUN:
        return None
    if name is not None or graph is None:
        try:
            return load_run(find_run(settings.kgp_runs, name or LATEST))
        except UsageError:
            if name is not None:
                raise
            return None
    runs = [each for each in list_runs(settings.kgp_runs) if each.source.get("graph") == graph]
    return next((each for each in reversed(runs) if each.complete and _ranks_links(each)), None)


def _ranks_links(run: Run) -> bool:
    """Whether a run's model can be asked of a link."""
    from kgplatform.models import VECTORS_ONLY

    ranked = any("mrr" in values for values in run.metrics.values())
    return ranked and run.config.model not in VECTORS_ONLY


def _explain_walk(
    settings: Settings,
    run: Run,
    ends: tuple[str | None, str | None, str | None],
    question: str | None,
    how: tuple[int, bool],
    writing: tuple[bool, bool],
    where: tuple[str | None, str | None, str | None],
    as_json: bool,
) -> None:
    """Answers of a walker, printed and written."""
    from kgplatform.cli.explain_walker import (
        walker_answers,
        walker_text,
        walker_written,
        written_text,
    )

    if (question is None) == (ends[0] is None or ends[1] is None):
        raise UsageError(
            "what is to be explained is not said", hint="give HEAD RELATION [TAIL], or --question"
        )
    data = walker_answers(settings, run, ends, question, *how)
    text = walker_text(data)
    write_back, dry_run = writing
    if write_back:
        data |= walker_written(settings, run, data, dry_run, where)
        text += "\n" + written_text(data)
    if "written" in data:
        shown = {"graph": data["graph"], "run": run.id}
        emit_linked(data, as_json, text, "show_answers", **shown, limit=10)
    else:
        emit(data, as_json, text)


def _explain_class(
    settings: Settings, run: Run, what: str, top_k: int, plot: Path | None, as_json: bool
) -> None:
    """What text and graph are worth to the class of an entity's texts, printed and drawn."""
    from kgplatform.answer.explain_class import explain_class
    from kgplatform.answer.records import data_of
    from kgplatform.cli.explain_text import explanation_text

    found = explain_class(settings, run, what, limit=top_k)
    data: dict[str, Any] = {"run": run.id, "explanations": [data_of(each) for each in found]}
    text = "\n\n".join(map(explanation_text, found))
    if plot is not None:
        from kgplatform.answer.picture import draw

        data["plot"] = str(draw(found[0], plot))
        text += f"\n{plot}"
    emit(data, as_json, text)


def _explained(
    settings: Settings,
    run: Run | None,
    ends: tuple[str | None, str | None, str | None],
    question: str | None,
    how: tuple[int, bool],
    graph: str | None,
) -> tuple[Explanation, str]:
    """An explanation of a link, an answer or a recommendation, and the graph that it is in."""
    from kgplatform.answer.explain import explain_link
    from kgplatform.answer.explainer import open_explainer
    from kgplatform.connection import open_store

    head, relation, tail = ends
    if question is not None and run is not None:
        raise UsageError(
            f"run {run.id} is no walker's", hint="name the --graph that is asked instead of a run"
        )
    if question is None and (head is None or relation is None or tail is None):
        raise UsageError(
            "a link has three parts", hint="give HEAD RELATION TAIL; a walker's run finds tails"
        )
    graph = graph or (run.source.get("graph") if run else None)
    if graph is None:
        raise UsageError("which graph is not said", hint="add --graph G")
    top_k, counterfactual = how
    with open_store(settings) as store, progress_bar() as progress:
        if question is not None:
            return _of_question(store, settings, graph, question, top_k, progress), graph
        assert head is not None
        assert relation is not None
        assert tail is not None
        if run is not None and run.config.model == RECOMMEND:
            from kgplatform.answer.explain_recommendation import explain_recommendation
            from kgplatform.answer.recommend import open_recommender

            recommender = open_recommender(store, settings, run.id)
            return explain_recommendation(recommender, head, tail, limit=top_k), graph
        explainer = open_explainer(store, settings, graph, run=run, progress=progress)
        found = explain_link(
            store,
            settings,
            graph,
            head,
            relation,
            tail,
            limit=top_k,
            counterfactuals=counterfactual,
            explainer=explainer,
        )
    return found, graph


def _of_question(
    store: Store, settings: Settings, graph: str, question: str, top_k: int, progress: Progress
) -> Explanation:
    """Why the surest answer to a question is given."""
    from kgplatform.answer.ask import ask, open_asker
    from kgplatform.answer.explain_answer import explain_answer

    asker = open_asker(store, settings, graph, progress=progress)
    return explain_answer(ask(asker, question, top_k=top_k), limit=top_k)[0]


def _shown(
    settings: Settings,
    found: Explanation,
    graph: str,
    run: Run | None,
    plot: Path | None,
    writing: tuple[bool, bool],
    as_json: bool,
) -> None:
    """Print an explanation; draw and write it if that is wanted."""
    from kgplatform.answer.records import data_of
    from kgplatform.cli.explain_text import explanation_text
    from kgplatform.cli.explain_write import write_explanation, written_text

    data: dict[str, Any] = {"graph": graph, **data_of(found)}
    text = explanation_text(found)
    if plot is not None:
        from kgplatform.answer.picture import draw

        data["plot"] = str(draw(found, plot))
        text += f"\n{plot}"
    write_back, dry_run = writing
    if write_back:
        data |= write_explanation(settings, found, graph, run, dry_run)
        text += "\n" + written_text(data)
    if "written" in data:
        emit_linked(data, as_json, text, "show_answers", graph=graph, run=data["run"], limit=10)
    else:
        emit(data, as_json, text)
