"""``kgp project``: named projections, kept in the database."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.cli.source import query_text, source_of_projection, source_options
from kgplatform.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from kgplatform.graph.check_projection import Checked
    from kgplatform.graph.report import GraphReport
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.store.projections import Projection

SHOWN = 20
"""Relations, and pairs of them, that are listed for a person; --json has all."""

FEATURE = ("of", "name", "kind", "dimension")


class NamedGroup(click.Group):
    """A group in which a first word that is no command is the name of a projection to define."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """``NAME --cypher …`` as ``define NAME --cypher …``."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            if len(args) > 1 and not args[1].startswith("-"):
                # Two words: the first was to be a command, and was mistyped.
                raise UnknownNameError("command of `kgp project`", args[0], self.commands)
            args = ["define", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=NamedGroup)
def project() -> None:
    """Named projections: `kgp project NAME --cypher FILE`, then `kgp train … --project NAME`."""


@project.command()
@click.argument("name")
@source_options(own_nodes=True, named=False)
@click.option("--features", help="A query, or a file: RETURN entity, and a column a feature.")
@click.option("--labels", help="A query, or a file: RETURN entity, label[, split].")
@click.option("--edge-features", help="Likewise: RETURN head, relation, tail[, time], features.")
@click.option("--dry-run", is_flag=True, help="Check it and print the Cypher; keep nothing.")
@json_option
def define(
    name: str,
    source: dict[str, Any],
    features: str | None,
    labels: str | None,
    edge_features: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Define NAME: what is trained on, checked now and kept in the database.

    Its query returns head, relation, tail and, if you have them, split, weight and time; further
    queries return features and labels of entities, and features of edges. All of them take the
    same parameters, whose values here are the defaults. Another definition under the same name
    is a new version; NAME@1 is the first.

    \b
    kgp project friends --match '(h:Person)-[r:KNOWS]->(t:Person)' --label Person --key email
        --features 'MATCH (p:Person) RETURN p.email AS entity, p.age AS age, p.city AS city'
        --labels 'MATCH (p:Person) RETURN p.email AS entity, p.team AS label'
    """
    from kgplatform.connection import open_store
    from kgplatform.graph.check_projection import check_definition
    from kgplatform.settings import load_settings
    from kgplatform.store.projections import definition_of, save_projection

    if name in project.commands:
        raise UsageError(f"{name} is a command of `kgp project`", hint="give another name")
    more = {"features": features, "labels": labels, "edge_features": edge_features}
    further = {key: query_text(query) for key, query in more.items() if query is not None}
    definition = definition_of(source | further)
    with open_store(load_settings()) as store:
        checked = check_definition(store, definition)
        data: dict[str, Any] = {"projection": name}
        data["queries"] = [dataclasses.asdict(each) for each in checked]
        if dry_run:
            from kgplatform import queries

            data["statements"] = [queries.get("write/create_projection")]
            text = "\n".join([*data["statements"], _checked_text(checked), "nothing was written"])
        else:
            kept, new = save_projection(store, name, definition)
            data |= {"version": kept.version, "new": new}
            state = "defined" if new else "as it was"
            text = f"projection {name}, version {kept.version}: {state}\n{_checked_text(checked)}\n"
            text += f"next: kgp project show {name}   kgp train MODEL --project {name}"
    emit(data, as_json, text)


@project.command()
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--param", "params", multiple=True, metavar="K=V", help="Another value for it.")
@json_option
def show(name: str, params: tuple[str, ...], as_json: bool) -> None:
    """Show NAME: its queries, and what they find: relations, degrees, parts, leaks.

    For valid and test: how many of their facts train has turned round (inverse leakage), and
    relations that repeat another one or turn it round.
    """
    from kgplatform.cli.connection import resolved
    from kgplatform.connection import open_store
    from kgplatform.graph.projection import snapshot_of
    from kgplatform.graph.report import describe
    from kgplatform.settings import load_settings
    from kgplatform.store.projections import definition_of

    with open_store(load_settings()) as store, progress_bar() as progress:
        source = resolved(store, source_of_projection(name, params))
        snapshot, _ = snapshot_of(store, definition_of(source), progress)
    report = describe(snapshot)
    data = {**source, "digest": snapshot.digest, **dataclasses.asdict(report)}
    data |= {"features_found": _features(snapshot), "classes": _classes(snapshot)}
    emit(data, as_json, "\n\n".join(_report_texts(source, snapshot, report)))


@project.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List all projections, each with its newest version."""
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.projections import list_projections

    with open_store(load_settings()) as store:
        found = list_projections(store)
    rows = [[each.name, str(each.version), each.created[:19], _place(each)] for each in found]
    text = table(["name", "version", "created", "of"], rows) if rows else "no projections yet"
    data = [
        {"projection": each.name, "version": each.version, "created": each.created}
        | dataclasses.asdict(each.definition)
        for each in found
    ]
    emit({"projections": data}, as_json, text)


@project.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rm(name: str, yes: bool, as_json: bool) -> None:
    """Remove NAME with all its versions. Runs that were trained on it stay usable."""
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.projections import find_projection, remove_projection

    if "@" in name:
        raise UsageError("all versions are removed together", hint="leave the @ and what follows")
    with open_store(load_settings()) as store:
        find_projection(store, name)
        if not yes:
            click.confirm(f"remove projection {name}?", abort=True, err=True)
        removed = remove_projection(store, name)
    emit({"projection": name, "removed": removed}, as_json, f"removed {removed} versions of {name}")


def _place(projection: Projection) -> str:
    definition = projection.definition
    if definition.label:
        return f"nodes {definition.label}, by {definition.key}"
    return f"graph {definition.graph}" if definition.graph else "a query"


def _checked_text(checked: list[Checked]) -> str:
    for each in checked:
        if each.unused:
            note(f"{each.what}: columns that are not used: {', '.join(each.unused)}")
    rows = [
        [
            each.what,
            ", ".join(f"{name} ({kind})" for name, kind in each.columns),
            f"{each.estimated_rows:,.0f}",
            each.read,
        ]
        for each in checked
    ]
    return table(["query", "columns", "rows, about", "read"], rows) if rows else "a whole graph"


def _report_texts(source: dict[str, Any], snapshot: KGSnapshot, report: GraphReport) -> list[str]:
    mean, median, most, name = report.degree
    facts = [
        f"projection {source['projection']}, version {source['version']}: {report.facts:,} facts "
        f"of {len(report.relations):,} relations between {report.entities:,} entities",
        f"facts an entity: {mean:.1f} on average, {median:g} in the middle, {most:,} at most "
        f"({name})",
        f"parts that no fact joins: {report.components:,}; the largest has {report.largest:.1%} "
        "of the entities",
    ]
    if report.isolated:
        examples = ", ".join(report.isolated_examples)
        facts.append(f"entities without a fact: {report.isolated:,} ({examples}, …)")
    if report.loops:
        facts.append(f"facts from an entity to itself: {report.loops:,}")
    texts = ["\n".join(facts)]
    rows = [
        [each.name, f"{each.facts:,}", f"{each.heads:,}", f"{each.tails:,}", f"{each.reversed:.0%}"]
        for each in report.relations[:SHOWN]
    ]
    texts.append(table(["relation", "facts", "heads", "tails", "both ways"], rows))
    if (more := len(report.relations) - SHOWN) > 0:
        texts.append(f"{more} more relations: --json lists them")
    if report.splits:
        rows = [
            [each.name, f"{each.facts:,}", f"{each.reversed:.1%}", f"{each.repeated:.1%}"]
            for each in report.splits
        ]
        texts.append(table(["split", "facts", "turned round in train", "told in train"], rows))
    if told := _leak_lines(report):
        texts.append("\n".join(told))
    if found := _features(snapshot):
        rows = [
            [
                each["of"],
                each["name"],
                each["kind"],
                str(each["dimension"]),
                f"{each['present']:.1%}",
            ]
            for each in found
        ]
        texts.append(table([*FEATURE, "present"], rows))
    if classes := _classes(snapshot):
        rows = [[label, f"{number:,}"] for label, number in list(classes.items())[:SHOWN]]
        texts.append(table(["label", "entities"], rows))
    return texts


def _leak_lines(report: GraphReport) -> list[str]:
    leaks = report.leaks
    told = [(*pair, "repeats") for pair in leaks.repeated]
    told += [(*pair, "turns round") for pair in leaks.inverse]
    lines = [f"{second} {how} {share:.0%} of {first}" for first, second, share, how in told[:SHOWN]]
    if leaks.unseen_entities:
        lines.append(f"{leaks.unseen_entities:,} entities of valid and test are not in train")
    if leaks.unseen_relations:
        lines.append(f"{leaks.unseen_relations:,} relations of valid and test are not in train")
    return lines


def _features(snapshot: KGSnapshot) -> list[dict[str, Any]]:
    return [
        {
            "of": of,
            "name": each.name,
            "kind": each.kind,
            "dimension": each.dimension,
            "present": float(each.present.float().mean()),
        }
        for of, features in (("entities", snapshot.features), ("edges", snapshot.edge_features))
        for each in features
    ]


def _classes(snapshot: KGSnapshot) -> dict[str, int]:
    """Entities by label, the most frequent first."""
    labels = snapshot.labels
    if labels is None:
        return {}
    counts = labels.values[labels.present].bincount(minlength=len(labels.texts)).tolist()
    ranked = sorted(zip(labels.texts, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return dict(ranked)
