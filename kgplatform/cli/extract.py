"""``kgp extract``: facts out of documents, into the graph as far as they are sure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.extract_tools import extraction_options
from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import emit, json_option, note, progress_bar
from kgplatform.cli.stopping import stopped_promptly

if TYPE_CHECKING:
    from kgplatform.facts.stage_records import ExtractionCounts
    from kgplatform.progress import Progress
    from kgplatform.sources.rejects import RejectsFile
    from kgplatform.sources.source import Source

AGAIN = "the same command again goes on where this one stopped; nothing is paid for twice"
REASONS_SHOWN = 5


@click.command()
@click.argument("documents", nargs=-1, required=True)
@click.option("--graph", default="default", show_default=True, help="Graph of the facts.")
@extraction_options
@click.option(
    "--replace", is_flag=True, help="Take back what came from documents that are not there now."
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Documents that are written at once.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="File for what cannot be used.  [default: GRAPH.rejects.tsv]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be found; write nothing.")
@json_option
def extract(
    documents: tuple[str, ...],
    graph: str,
    tools: dict[str, Any],
    replace: bool,
    batch: int,
    rejects: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read facts out of DOCUMENTS (files, folders) and put those that are sure into the graph.

    What is found becomes a candidate with the sentences that state it. A judge says how likely it
    is true; from --accept on it is a fact of the graph, up to --reject it is none, and what lies
    between waits for `kgp review`. A relation that the schema does not have always waits.

    The same again reads nothing and changes nothing; of documents that have changed, what only
    they supported is taken back. `kgp undo` takes back all of it.

    \b
    kgp extract notes/ --graph films --schema films.yaml
    kgp extract *.pdf --graph films --schema films.yaml --llm gguf:model.gguf
    """
    from kgplatform.cli.extract_tools import opened_tools
    from kgplatform.connection import open_store
    from kgplatform.facts.pipeline import extract_documents, extraction_id
    from kgplatform.facts.stages import stages_of
    from kgplatform.settings import load_settings
    from kgplatform.sources import open_source
    from kgplatform.sources.rejects import REJECTS_ENDING, RejectsFile

    settings = load_settings()
    source = open_source(documents, format_name="documents")
    for line in source.notes:
        note(line)
    path = rejects or Path(f"{graph.replace('/', '_')}{REJECTS_ENDING}")
    with (
        stopped_promptly(AGAIN),
        RejectsFile(path) as rejected,
        open_store(settings) as store,
        progress_bar() as progress,
    ):
        opened = opened_tools(settings, store, graph, tools, source.name)
        stages = stages_of(store, graph, opened, progress)
        told = _Told(progress, _count(source), stages.read.spent)
        counts = extract_documents(
            store,
            graph,
            source,
            stages,
            on_reject=rejected.add,
            replace=replace,
            dry_run=dry_run,
            batch=batch,
            progress=told,
        )
        run = extraction_id(graph, source.name, stages.read.name)
        spent = stages.read.spent()
    data = _data(counts, spent, rejected)
    data = {"run": run, "graph": graph, "extractor": stages.read.name, "dry_run": dry_run, **data}
    text = _text(counts, spent, rejected, run, dry_run)
    if dry_run:
        emit(data, as_json, text)
    else:
        emit_linked(data, as_json, text, "show_candidates", graph=graph, limit=10)


class _Told:
    """Shows documents of how many, so that the time left is known, with facts and cost."""

    def __init__(self, progress: Progress, total: int, spent: Any) -> None:
        self._progress = progress
        self._total = total
        self._spent = spent

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self._progress(stage, done, self._total if stage == "documents" else total)
        if stage == "documents" and (cost := self._spent().get("cost")):
            # In cents: a bar counts in whole numbers.
            self._progress("cost in hundredths", round(100 * cost), None)


def _count(source: Source) -> int:
    """How many documents there are, by reading them once: that is little beside extraction."""
    return sum(1 for _ in source.documents(lambda _: None))


def _data(
    counts: ExtractionCounts, spent: dict[str, float], rejected: RejectsFile
) -> dict[str, Any]:
    return {
        "documents": {
            "read": counts.documents,
            "done_before": counts.done_before,
            "created": counts.loaded.created,
            "replaced": counts.loaded.replaced,
            "removed": counts.documents_removed,
        },
        "chunks": counts.chunks,
        "failed_chunks": counts.failed_chunks,
        "facts": {
            "extracted": counts.extracted,
            "invented": counts.invented,
            "dropped": counts.dropped,
            "unusable": counts.unusable,
            "created": counts.facts_created,
        },
        "candidates": counts.candidates,
        "accepted": counts.statuses["accepted"],
        "staged": counts.statuses["staged"],
        "rejected": counts.statuses["rejected"],
        "candidates_removed": counts.candidates_removed,
        "new_entities": counts.new_entities,
        "merged": counts.merged,
        "spent": spent,
        "seconds": round(counts.seconds, 3),
        "reasons": dict(rejected.by_reason.most_common()),
        "rejects": rejected.count,
        "rejects_file": str(rejected.path) if rejected.count else None,
    }


def _text(
    counts: ExtractionCounts,
    spent: dict[str, float],
    rejected: RejectsFile,
    run: str,
    dry_run: bool,
) -> str:
    a_minute = 60 * (counts.documents - counts.done_before) / max(counts.seconds, 1e-9)
    lines = [
        f"{counts.documents:,} documents, {counts.done_before:,} of them read before; "
        f"{counts.chunks:,} chunks read ({a_minute:,.0f} documents a minute)",
        f"{counts.extracted:,} facts found: {counts.invented:,} with an end that the text does not "
        f"have, {counts.dropped:,} that fit no relation of the schema or were said twice",
        f"{counts.new_entities:,} new entities; {counts.merged:,} names taken for another's",
        f"{counts.candidates:,} candidates: {counts.statuses['accepted']:,} accepted, "
        f"{counts.statuses['staged']:,} wait for review, {counts.statuses['rejected']:,} rejected; "
        f"{counts.facts_created:,} facts new in the graph",
    ]
    if counts.candidates_removed or counts.documents_removed:
        lines.append(
            f"taken back: {counts.candidates_removed:,} candidates, "
            f"{counts.documents_removed:,} documents"
        )
    if counts.failed_chunks:
        lines.append(
            f"{counts.failed_chunks:,} chunks could not be read; the next call tries again"
        )
    if spent:
        cost = f", cost {spent['cost']:.2f}" if "cost" in spent else ""
        lines.append(
            f"{spent['requests']:,} questions ({spent['cached']:,} answered before), "
            f"{spent['prompt_tokens']:,} tokens read, {spent['answer_tokens']:,} written{cost}"
        )
    if rejected.count:
        lines.append(f"{rejected.count:,} could not be used, see {rejected.path}:")
        reasons = rejected.by_reason.most_common(REASONS_SHOWN)
        lines += [f"  {number:,} times: {reason}" for reason, number in reasons]
    lines.append("nothing was written" if dry_run else f"`kgp undo {run}` takes it back")
    return "\n".join(lines)
