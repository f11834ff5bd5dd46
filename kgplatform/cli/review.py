"""``kgp review``: what texts say and no policy could decide, for a person."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.extract_tools import judging_options
from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import emit, json_option, note, progress_bar, table

if TYPE_CHECKING:
    from kgplatform.facts.review import Applied

SHORT = 12
"""Characters of an id that are shown: enough to name a candidate."""

SENTENCE_SHOWN = 90


@click.group()
def review() -> None:
    """Look at facts that texts state, and accept or reject them."""


@review.command(name="list")
@click.option("--graph", default="default", show_default=True, help="Graph of the candidates.")
@click.option(
    "--status",
    type=click.Choice(["staged", "accepted", "rejected"]),
    default="staged",
    show_default=True,
    help="What has become of them.",
)
@click.option("--entity", help="Only those about it: an id or a name.")
@click.option("--relation", help="Only those of it.")
@click.option("--limit", default=20, show_default=True, help="How many.")
@json_option
def list_(
    graph: str, status: str, entity: str | None, relation: str | None, limit: int, as_json: bool
) -> None:
    """List candidates, the most doubtful first, each with a sentence that states it."""
    from kgplatform.connection import open_store
    from kgplatform.store.review import list_candidates

    with open_store() as store:
        found = list_candidates(store, graph, status, entity, relation, limit)
    rows = [
        [
            each["id"][:SHORT],
            f"{each['confidence']:.2f}",
            f"{each['head_name']} {each['relation']} {each['tail_name']}",
            " ".join((each["text"] or "").split())[:SENTENCE_SHOWN],
        ]
        for each in found
    ]
    text = table(["id", "probability", "fact", "sentence"], rows)
    emit(
        {"graph": graph, "status": status, "candidates": found},
        as_json,
        text if rows else f"graph {graph!r} has no such candidates that are {status}",
    )


@review.command()
@click.argument("candidate")
@click.option("--graph", default="default", show_default=True, help="Graph of the candidate.")
@json_option
def show(candidate: str, graph: str, as_json: bool) -> None:
    """Show CANDIDATE (an id or its beginning): sentences, places, reasons, neighbours."""
    from kgplatform.connection import open_store
    from kgplatform.facts.review import candidate_ids
    from kgplatform.store.review import show_candidate

    with open_store() as store:
        (found_id,) = candidate_ids(store, graph, [candidate])
        found = show_candidate(store, graph, found_id)
    emit({"graph": graph, **found}, as_json, _shown(found))


def _shown(found: dict[str, Any]) -> str:
    own = found["candidate"]
    said = f"{found['head_name']} {own['relation']} {found['tail_name']}"
    lines = [
        f"{said}: {own['status']}, probability {own['confidence']:.2f}",
        f"id {own['id']}; head {own['head']}{_new(found['head_new'])}, "
        f"tail {own['tail']}{_new(found['tail_new'])}",
    ]
    if own.get("proposed"):
        lines.append("the relation is a proposal: the schema does not have it")
    if own.get("reason"):
        lines += ["reasons:", *(f"  {each}" for each in own["reason"].split("; "))]
    lines.append("stated by:")
    for one in found["evidence"]:
        place = f"{one['offset'] + one['start']}-{one['offset'] + one['end']}"
        lines.append(f"  {' '.join(one['text'].split())}")
        lines.append(
            f"    {one['title']} ({one['document']}), characters {place}; {one['extractor']}, "
            f"{one['confidence']:.2f}"
        )
    for title, key in (("between them", "between"), ("head", "of_head"), ("tail", "of_tail")):
        if found[key]:
            lines.append(f"asserted, {title}: {'; '.join(found[key])}")
    return "\n".join(lines)


def _new(new: bool) -> str:
    return " (new)" if new else ""


def _deciding(function: Callable[..., None]) -> Callable[..., None]:
    """The flags of the commands by which a person decides."""
    options = (
        click.argument("candidates", nargs=-1, required=True),
        click.option(
            "--graph", default="default", show_default=True, help="Graph of the candidates."
        ),
        click.option("--by", help="Who decides.  [default: the user of this machine]"),
        click.option("--why", help="Why; kept with the decision."),
        json_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


@review.command()
@_deciding
def accept(
    candidates: tuple[str, ...], graph: str, by: str | None, why: str | None, as_json: bool
) -> None:
    """Make facts of CANDIDATES (ids or their beginnings)."""
    _decide(candidates, graph, "accepted", by, why, as_json)


@review.command()
@_deciding
def reject(
    candidates: tuple[str, ...], graph: str, by: str | None, why: str | None, as_json: bool
) -> None:
    """Reject CANDIDATES; facts that were made of them leave the graph."""
    _decide(candidates, graph, "rejected", by, why, as_json)


@review.command()
@click.argument("candidates", nargs=-1, required=True)
@click.option("--graph", default="default", show_default=True, help="Graph of the candidates.")
@json_option
def reopen(candidates: tuple[str, ...], graph: str, as_json: bool) -> None:
    """Take back decisions on CANDIDATES: they wait for review, and the policy holds again."""
    _decide(candidates, graph, "staged", None, None, as_json)


def _decide(
    candidates: tuple[str, ...],
    graph: str,
    status: str,
    by: str | None,
    why: str | None,
    as_json: bool,
) -> None:
    from kgplatform.connection import open_store
    from kgplatform.facts.review import candidate_ids, decide

    with open_store() as store:
        ids = candidate_ids(store, graph, candidates)
        done = decide(store, graph, ids, status, by=by or getpass.getuser(), why=why)
    data = {"graph": graph, "status": status, **_data(done)}
    shown = {"graph": graph, "candidate": ids[0]}
    emit_linked(data, as_json, _told(done, status), "show_candidate", **shown)


@review.command()
@click.option("--graph", default="default", show_default=True, help="Graph of the names.")
@click.option(
    "--status",
    type=click.Choice(["merged", "doubtful", "split", "joined"]),
    default="doubtful",
    show_default=True,
    help="What has become of them.",
)
@click.option("--limit", default=20, show_default=True, help="How many.")
@json_option
def names(graph: str, status: str, limit: int, as_json: bool) -> None:
    """List names that were, or may be, taken for another's, the most doubtful first."""
    from kgplatform.connection import open_store
    from kgplatform.store.name_pairs import list_name_pairs

    with open_store() as store:
        found = list_name_pairs(store, graph, status, limit)
    rows = [
        [
            each["id"],
            f"{each['score']:.2f}",
            each["other_name"],
            each["kept_name"],
            each["document"],
        ]
        for each in found
    ]
    text = table(["id", "probability", "name", "taken for", "document"], rows)
    emit({"graph": graph, "status": status, "pairs": found}, as_json, text)


@review.command()
@click.argument("pairs", nargs=-1, required=True)
@click.option("--graph", default="default", show_default=True, help="Graph of the names.")
@json_option
def split(pairs: tuple[str, ...], graph: str, as_json: bool) -> None:
    """Say of PAIRS (ids of `names`) that they are two; the next `kgp extract` does so."""
    _decide_names(pairs, graph, "split", as_json)


@review.command()
@click.argument("pairs", nargs=-1, required=True)
@click.option("--graph", default="default", show_default=True, help="Graph of the names.")
@json_option
def join(pairs: tuple[str, ...], graph: str, as_json: bool) -> None:
    """Say of PAIRS (ids of `names`) that they are one; the next `kgp extract` does so."""
    _decide_names(pairs, graph, "joined", as_json)


def _decide_names(pairs: tuple[str, ...], graph: str, status: str, as_json: bool) -> None:
    from kgplatform.connection import open_store
    from kgplatform.store.name_pairs import decide_name_pairs

    with open_store() as store:
        done = decide_name_pairs(store, graph, pairs, status)
    data = {"graph": graph, "status": status, "decided": done}
    emit(data, as_json, f"{done:,} pairs {status}; the same `kgp extract` again brings it about")


@review.command()
@click.option("--graph", default="default", show_default=True, help="Graph of the candidates.")
@json_option
def apply(graph: str, as_json: bool) -> None:
    """Take over statuses that were set by hand, in Browser for example."""
    from kgplatform.connection import open_store
    from kgplatform.facts.review import apply_marked

    with open_store() as store:
        done, wrong = apply_marked(store, graph)
    if wrong:
        note(f"no status, so left as they are: {', '.join(each[:SHORT] for each in wrong[:5])}")
    data = {"graph": graph, "wrong": wrong, **_data(done)}
    emit_linked(data, as_json, _told(done, "decided on"), "show_candidates", graph=graph, limit=10)


@review.command()
@click.option("--graph", default="default", show_default=True, help="Graph of the candidates.")
@judging_options
@json_option
def auto(graph: str, tools: dict[str, Any], as_json: bool) -> None:
    """Judge all candidates again that no person has decided on, and do what the policy says.

    After a new training, with a judge fitted anew, or with other limits.
    """
    from kgplatform.cli.extract_tools import judging_tools
    from kgplatform.connection import open_store
    from kgplatform.facts.review import apply_marked, judge_all_again
    from kgplatform.facts.stages import GraphJudge
    from kgplatform.settings import load_settings

    settings = load_settings()
    with open_store(settings) as store, progress_bar() as progress:
        judging = GraphJudge(store, graph, judging_tools(settings, store, graph, tools), progress)
        apply_marked(store, graph)
        done = judge_all_again(store, graph, judging, progress)
    data = {"graph": graph, **_data(done)}
    emit_linked(data, as_json, _told(done, "judged"), "show_candidates", graph=graph, limit=10)


@review.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--graph", default="default", show_default=True, help="Graph of the decisions.")
@click.option(
    "--judge",
    type=click.Path(path_type=Path),
    help="Judge to begin with.  [default: the one that comes with the package]",
)
@json_option
def fit(file: Path, graph: str, judge: Path | None, as_json: bool) -> None:
    """Teach a judge by the decisions, and write it to FILE for `--judge`."""
    from kgplatform.cli.extract_tools import judge_of
    from kgplatform.connection import open_store
    from kgplatform.facts.decisions import examples_of
    from kgplatform.facts.fit_judge import taught_judge
    from kgplatform.facts.judge_model import save_judge
    from kgplatform.store.review import read_decisions

    with open_store() as store:
        examples = examples_of(read_decisions(store, graph))
    said = f"{len(examples)} decisions on graph {graph!r}"
    save_judge(taught_judge(judge_of(judge), examples, said), file)
    data = {"graph": graph, "file": str(file), "examples": len(examples)}
    emit(data, as_json, f"a judge taught by {len(examples):,} decisions: {file}")


@review.command()
@click.option("--graph", default="default", show_default=True, help="Graph of the decisions.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def export(file: Path, graph: str, as_json: bool) -> None:
    """Write all decisions to FILE: JSON Lines of who, when, why, and the numbers behind each.

    With the ending .tsv, the rejected facts alone, as head, relation and tail: hard negatives for
    `kgp train MODEL --rejected FILE`.
    """
    from kgplatform.connection import open_store
    from kgplatform.facts.decisions import write_decisions_file
    from kgplatform.store.review import read_decisions

    with open_store() as store:
        decisions = read_decisions(store, graph)
    written = write_decisions_file(file, decisions)
    data = {"graph": graph, "file": str(file), "decisions": len(decisions), "written": written}
    emit(data, as_json, f"{written:,} of {len(decisions):,} decisions written to {file}")


def _data(done: Applied) -> dict[str, int]:
    return {
        "decided": done.decided,
        "facts_created": done.facts_created,
        "missing": done.missing,
    }


def _told(done: Applied, status: str) -> str:
    text = f"{done.decided:,} candidates {status}: {done.facts_created:,} facts made"
    if done.missing:
        text += f"; of {done.missing:,} an end is not in the graph any more"
    return text
