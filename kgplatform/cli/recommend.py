"""``kgp recommend``: what somebody may like next, and by which ways the graph leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kgplatform.cli.output import emit, json_option, table

if TYPE_CHECKING:
    from kgplatform.answer.recommend import Recommended

HOW = {
    "run": "",
    "fold_in": "the run does not know {entity}, who came later: by the mean of what they like",
    "popularity": "nothing that {entity} likes is known: what most like",
}


@click.command()
@click.argument("entity")
@click.option("--relation", help="What stands between a user and what they like.")
@click.option("--run", help="A run of `kgp train recommend`.  [default: the newest that fits]")
@click.option("--graph", help="Its graph.  [default: that of the run]")
@click.option(
    "--top-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many."
)
@click.option(
    "--paths", type=click.IntRange(min=0), default=3, show_default=True, help="Paths of each."
)
@click.option("--known", is_flag=True, help="Also what the graph says they like.")
@json_option
def recommend(
    entity: str,
    relation: str | None,
    run: str | None,
    graph: str | None,
    top_k: int,
    paths: int,
    known: bool,
    as_json: bool,
) -> None:
    """Recommend items to ENTITY, an id or a name, by a run of `kgp train recommend`.

    Each comes with the probability that ENTITY likes it, told by validation and a lower bound, and
    with paths over what ENTITY likes: facts shared with it, or others who like both. The likeliest
    come first: the chance that a walk from ENTITY which takes any relationship at each step goes
    that way, times the confidence of its facts. One who came after the run is told by the mean
    vector of what they like now; one of whom nothing is known gets what most like.

    \b
    kgp recommend ann --relation LIKES
    kgp recommend ann --run latest --top-k 5 --json
    """
    from kgplatform.answer.recommend import find_recommender, open_recommender
    from kgplatform.answer.recommend import recommend as find_recommended
    from kgplatform.answer.records import data_of
    from kgplatform.connection import open_store
    from kgplatform.errors import UsageError
    from kgplatform.settings import load_settings

    settings = load_settings()
    name = run or find_recommender(settings, graph, relation)
    with open_store(settings) as store:
        opened = open_recommender(store, settings, name)
        for flag, given, has in (
            ("--relation", relation, opened.trained.relation),
            ("--graph", graph, opened.graph),
        ):
            if given not in (None, has):
                raise UsageError(
                    f"run {opened.run} is of {has!r}, not {given!r}",
                    hint=f"{flag} {has}, or name another run",
                )
        found = find_recommended(opened, entity, top_k=top_k, include_known=known, paths=paths)
    data = {
        "entity": entity,
        "run": opened.run,
        "relation": opened.trained.relation,
        "by": found[0].by if found else None,
        "recommendations": [data_of(each) for each in found],
    }
    emit(data, as_json, _text(entity, found))


def _text(entity: str, found: list[Recommended]) -> str:
    if not found:
        return "nothing is left to recommend: they like all that the run knows"
    rows = [
        [
            each.name,
            "" if each.confidence is None else f"{each.confidence:.3f}",
            f"{each.score:.3f}",
            "yes" if each.known else "",
        ]
        for each in found
    ]
    columns = ["item (predicted)", "probability", "score", "known"]
    if not any(each.known for each in found):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    lines = [table(columns, rows)]
    for each in found:
        for path, chance in zip(each.paths, each.chances, strict=True):
            facts = ", ".join(
                f"{fact.head_name} {fact.relation} {fact.tail_name}" for fact in path.statements
            )
            lines.append(f"  {each.name}: {facts} (chance {chance:.2g})")
    if how := HOW[found[0].by]:
        lines.append(how.format(entity=entity))
    return "\n".join(lines)
