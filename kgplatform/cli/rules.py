"""``kgp rules``: Horn rules of a graph, what they predict, and what they add to a model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import emit, json_option, progress_bar, table
from kgplatform.cli.rules_report import (
    combined,
    combined_text,
    listed_rules,
    predictions_text,
    rules_table,
    set_data,
    set_text,
    write_back,
)
from kgplatform.cli.source import source_options
from kgplatform.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.progress import Progress
    from kgplatform.rules.files import RuleSet
    from kgplatform.settings import Settings

SHOWN = 20
"""Rules that are listed for a person who did not say how many."""

top_option = click.option(
    "--top", type=click.IntRange(min=1), default=SHOWN, show_default=True, help="How many to list."
)
max_length_option = click.option(
    "--max-length", type=int, default=3, show_default=True, help="Most atoms of a body: 1 to 3."
)
written_option = click.option(
    "--written",
    type=click.IntRange(min=1),
    default=1_000,
    show_default=True,
    help="Most rules to write, the surest first.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print the Cypher and the counts; write nothing."
)


class MiningGroup(click.Group):
    """A group that mines where no command of it is named: ``kgp rules --graph G``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Arguments, ``mine`` put before them if they begin with a flag."""
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h")):
            args = ["mine", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or which one may have been meant."""
        if args and args[0] not in self.commands:
            raise UnknownNameError("command of `kgp rules`", args[0], self.commands)
        return super().resolve_command(ctx, args)


@click.group(cls=MiningGroup)
def rules() -> None:
    """Mine Horn rules and use them (RULES: an id, the start of one, or `latest`).

    `kgp rules --graph G` is `kgp rules mine --graph G`.
    """


@rules.command()
@source_options(frozen=True)
@max_length_option
@click.option("--min-support", type=int, default=2, show_default=True, help="Least support.")
@click.option(
    "--min-confidence", type=float, default=0.001, show_default=True, help="Least confidence."
)
@click.option("--no-constants", is_flag=True, help="No rules that name entities.")
@top_option
@click.option("--write", "writing", is_flag=True, help="Write them into the graph as nodes.")
@written_option
@dry_run_option
@json_option
def mine(
    source: dict[str, Any],
    max_length: int,
    min_support: int,
    min_confidence: float,
    no_constants: bool,
    top: int,
    writing: bool,
    written: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Mine the rules of a graph, or of what a query names, from its training facts.

    Facts of valid and test are not looked at; facts without a split count as training facts.
    The rules are kept in a folder below `rules`.

    \b
    kgp rules --graph umls
    kgp rules --graph umls --max-length 2 --min-support 10 --write
    """
    from kgplatform.rules.evaluate import all_in_splits, train_matrices
    from kgplatform.rules.files import save_rules
    from kgplatform.rules.mine import MiningConfig, mine_rules
    from kgplatform.settings import load_settings

    config = MiningConfig(max_length, min_support, min_confidence, not no_constants)
    settings = load_settings()
    with progress_bar() as progress:
        snapshot, source = _snapshot(settings, source, progress)
        matrices = train_matrices(all_in_splits(snapshot))
        found = mine_rules(matrices, config, progress)
    kept = save_rules(settings.kgp_rules, snapshot, found, config, source, len(matrices.facts))
    data = set_data(kept) | {"listed": listed_rules(kept, None, top)}
    text = f"{set_text(kept)}\n\n{rules_table(data['listed'])}"
    if writing or dry_run:
        more, told = write_back(settings, kept, None, written, dry_run)
        data, text = data | more, f"{text}\n\n{told}"
    else:
        text += f"\n\nnext: kgp rules evaluate {kept.id}   kgp rules write {kept.id}"
    _emit(data, as_json, text)


@rules.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List all sets of rules, the newest last."""
    from kgplatform.rules.files import list_rules
    from kgplatform.settings import load_settings

    found = list_rules(load_settings().kgp_rules)
    rows = [
        [each.id, str(each.source.get("graph") or "(query)"), f"{each.rules:,}", f"{each.facts:,}"]
        for each in found
    ]
    text = table(["id", "graph", "rules", "facts"], rows) if rows else "no rules yet: `kgp rules`"
    emit({"sets": [set_data(each) for each in found]}, as_json, text)


@rules.command()
@click.argument("name", metavar="RULES")
@click.option("--relation", help="Only rules that predict this relation.")
@top_option
@json_option
def show(name: str, relation: str | None, top: int, as_json: bool) -> None:
    """Show the surest rules of RULES."""
    found = _find(name)
    listed = listed_rules(found, relation, top)
    emit(
        set_data(found) | {"listed": listed},
        as_json,
        f"{set_text(found)}\n\n{rules_table(listed)}",
    )


@rules.command()
@click.argument("name", metavar="RULES")
@json_option
def evaluate(name: str, as_json: bool) -> None:
    """Evaluate RULES alone on validation and test facts, as a model is evaluated.

    How long the rules may be is chosen on validation facts.
    """
    from kgplatform.cli.results import metrics_table
    from kgplatform.rules.apply import Applier
    from kgplatform.rules.evaluate import choose_length, evaluate_on_splits, train_matrices

    found = _find(name)
    with progress_bar() as progress:
        snapshot, loaded = _loaded(found, progress)
        if not len(snapshot.triples("valid")):
            raise UsageError(
                "the rules were mined from a graph without validation facts",
                hint="split it (`kgp split`), then mine again",
            )
        matrices = train_matrices(snapshot)
        length = choose_length(matrices, loaded, snapshot)
        applier = Applier(matrices, loaded[loaded.length <= length])
        metrics = evaluate_on_splits(applier, snapshot, progress)
    text = f"rules of length {length} at most, chosen on valid\n{metrics_table(metrics)}"
    emit({"rules": found.id, "max_length": length, "metrics": metrics}, as_json, text)


@rules.command()
@click.argument("name", metavar="RULES")
@click.argument("relation")
@click.option("--head", help="The entity id of the head; its tails are asked for.")
@click.option("--tail", help="The entity id of the tail; its heads are asked for.")
@click.option("--max-length", type=click.IntRange(1, 3), help="Only rules of so many atoms.")
@click.option(
    "--top-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many."
)
@json_option
def predict(
    name: str,
    relation: str,
    head: str | None,
    tail: str | None,
    max_length: int | None,
    top_k: int,
    as_json: bool,
) -> None:
    """Predict links of RELATION that the graph lacks, each with the rules that give it.

    \b
    kgp rules predict latest bordersWith --head poland
    """
    from kgplatform.rules.evaluate import train_matrices
    from kgplatform.rules.predict import RulePredictor

    found = _find(name)
    with progress_bar() as progress:
        snapshot, loaded = _loaded(found, progress)
    if max_length is not None:
        loaded = loaded[loaded.length <= max_length]
    predictor = RulePredictor(snapshot, train_matrices(snapshot), loaded)
    links = predictor.predict(relation, head=head, tail=tail, top_k=top_k)
    data = {"rules": found.id, "links": [asdict(link) | {"kind": "predicted"} for link in links]}
    emit(data, as_json, predictions_text(links))


@rules.command()
@click.argument("run")
@max_length_option
@json_option
def combine(run: str, max_length: int, as_json: bool) -> None:
    """Combine RUN's scores with rules of its training facts; report what is gained.

    How much the rules count is learned on validation facts, for each relation and side.
    """
    from kgplatform.cli.connection import snapshot_of_run
    from kgplatform.rules.mine import MiningConfig
    from kgplatform.settings import load_settings
    from kgplatform.training.artifacts import find_run, load_run

    config = MiningConfig(max_length=max_length)
    settings = load_settings()
    trained = load_run(find_run(settings.kgp_runs, run))
    with progress_bar() as progress:
        snapshot = snapshot_of_run(settings, trained.source, trained.snapshot_digest, progress)
        data = {"run": trained.id, **combined(trained, snapshot, config, progress)}
    emit(data, as_json, combined_text(data))


@rules.command()
@click.argument("name", metavar="RULES")
@click.option("--graph", help="The graph to write to; by default the one they are of.")
@written_option
@dry_run_option
@json_option
def write(name: str, graph: str | None, written: int, dry_run: bool, as_json: bool) -> None:
    """Write RULES into the graph, a node a rule; `kgp rules undo` takes them out."""
    from kgplatform.settings import load_settings

    data, text = write_back(load_settings(), _find(name), graph, written, dry_run)
    _emit(data, as_json, text)


def _emit(data: dict[str, Any], as_json: bool, text: str) -> None:
    """Print a set of rules, with a link to those that were written."""
    if "written" in data:
        emit_linked(data, as_json, text, "list_rules", graph=data["graph"])
    else:
        emit(data, as_json, text)


@rules.command()
@click.argument("name", metavar="RULES")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@json_option
def undo(name: str, dry_run: bool, as_json: bool) -> None:
    """Remove RULES from the graph, and nothing else; their folder stays."""
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.rules import remove_rules, written_set

    with open_store(load_settings()) as store:
        set_id, held = written_set(store, name)
        if dry_run:
            text = f"would remove {held:,} rules; nothing was removed"
            emit({"rules": set_id, "removed": 0, "would_remove": held}, as_json, text)
            return
        removed = remove_rules(store, set_id)
    emit({"rules": set_id, "removed": removed}, as_json, f"removed {removed:,} rules of {set_id}")


def _snapshot(
    settings: Settings, source: dict[str, Any], progress: Progress
) -> tuple[KGSnapshot, dict[str, Any]]:
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.connection import open_store
    from kgplatform.graph.snapshot_folder import describe_snapshot, open_snapshot

    if "snapshot" in source:
        folder = Path(source["snapshot"])
        return open_snapshot(folder), {**describe_snapshot(folder).source, **source}
    with open_store(settings) as store:
        return snapshot_of_source(store, source, progress)


def _find(name: str) -> RuleSet:
    from kgplatform.rules.files import find_rules
    from kgplatform.settings import load_settings

    return find_rules(load_settings().kgp_rules, name)


def _loaded(found: RuleSet, progress: Progress) -> tuple[KGSnapshot, Any]:
    """The snapshot that rules were mined from, every fact in a split, and the rules."""
    from kgplatform.cli.connection import snapshot_of_run
    from kgplatform.rules.evaluate import all_in_splits
    from kgplatform.rules.files import load_rules
    from kgplatform.settings import load_settings

    snapshot = snapshot_of_run(load_settings(), found.source, found.digest, progress)
    return all_in_splits(snapshot), load_rules(found, snapshot)
