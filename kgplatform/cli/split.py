"""``kgp split``: a graph's facts into train, valid and test, kept in the graph."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, progress_bar, table

if TYPE_CHECKING:
    import numpy as np

    from kgplatform.graph.split import Leaks

TWICE_SHOWN = 5


@click.command()
@click.option("--graph", default="default", show_default=True, help="The graph.")
@click.option(
    "--by",
    type=click.Choice(["random", "relation", "time", "chronological", "inductive", "given"]),
    default="random",
    show_default=True,
    help="How facts are set aside.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed, same split.")
@click.option("--valid-share", type=float, default=0.1, show_default=True, help="Of the facts.")
@click.option("--test-share", type=float, default=0.1, show_default=True, help="Of the facts.")
@click.option(
    "--time", metavar="PROPERTY", help="The facts' property, with --by time or chronological."
)
@click.option("--clear", is_flag=True, help="Take it back: each fact has its source's split.")
@click.option("--dry-run", is_flag=True, help="Print the Cypher and the counts; write nothing.")
@json_option
def split(
    graph: str,
    by: str,
    seed: int,
    valid_share: float,
    test_share: float,
    time: str | None,
    clear: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Split a graph's facts into train, valid and test, and keep that on the relationships.

    All facts between two entities stay together, unless --by chronological. Every training takes
    the split from then on; what the source said is kept, and --clear brings it back.
    """
    from kgplatform.connection import open_store
    from kgplatform.errors import UsageError
    from kgplatform.graph.split import find_leaks, time_overlap
    from kgplatform.graph.split_graph import split_of_facts
    from kgplatform.settings import load_settings
    from kgplatform.store.splits import clear_splits, planned_statements, read_facts, write_splits

    if (by in ("time", "chronological")) != (time is not None):
        raise UsageError(
            "--by time or chronological and --time go together", hint="--by time --time since"
        )
    with open_store(load_settings()) as store, progress_bar() as progress:
        if clear:
            if dry_run:
                raise UsageError("--clear has no --dry-run", hint="it only takes back `kgp split`")
            cleared = clear_splits(store, graph, progress)
            text = f"graph {graph!r}: {cleared:,} facts have the split of their source again"
            emit({"graph": graph, "cleared": cleared}, as_json, text)
            return
        facts = read_facts(store, graph, time)
        snapshot, codes = split_of_facts(
            facts,
            by,  # type: ignore[arg-type]  # click has checked it
            seed,
            valid_share,
            test_share,
        )
        data = {"graph": graph, "by": by, "seed": seed, **_counts(codes)}
        leaks = find_leaks(snapshot)
        data |= _leaks_data(leaks)
        overlap = time_overlap(snapshot)
        if overlap is not None:
            data["overlap"] = asdict(overlap)
        if dry_run:
            data["statements"] = planned_statements()
            emit(data, as_json, "\n".join([*data["statements"], _text(data, leaks), NOTHING]))
            return
        record = {"split_by": by, "split_seed": seed}
        record |= {"split_valid": valid_share, "split_test": test_share}
        data["written"] = write_splits(store, facts, codes, record, progress)
    emit(data, as_json, _text(data, leaks))


NOTHING = "nothing was written"


def _counts(codes: np.ndarray) -> dict[str, Any]:
    from kgplatform.triples import SPLITS

    return {name: int((codes == code).sum()) for code, name in enumerate(SPLITS)}


def _leaks_data(leaks: Leaks) -> dict[str, Any]:
    return {
        "leaking_pairs": leaks.pairs,
        "unseen_entities": leaks.unseen_entities,
        "unseen_relations": leaks.unseen_relations,
        "repeated_relations": [list(pair) for pair in leaks.repeated],
        "inverse_relations": [list(pair) for pair in leaks.inverse],
    }


def _text(data: dict[str, Any], leaks: Leaks) -> str:
    rows = [[name, f"{data[name]:,}"] for name in ("train", "valid", "test")]
    lines = [table(["split", "facts"], rows)]
    if leaks.pairs:
        lines.append(f"{leaks.pairs:,} facts of valid and test join two entities as train does")
    if leaks.unseen_entities:
        lines.append(f"{leaks.unseen_entities:,} entities of valid and test are not in train")
    if overlap := data.get("overlap"):
        lines.append(
            f"the future begins at {overlap['since']}: {overlap['train_after']:,} facts of train "
            f"are later, {overlap['held_before']:,} of valid and test earlier"
        )
    told = [(*pair, "repeats") for pair in leaks.repeated]
    told += [(*pair, "turns round") for pair in leaks.inverse]
    for first, second, share, how in told[:TWICE_SHOWN]:
        lines.append(f"{second} {how} {share:.0%} of {first}; a pair's facts are split together")
    if len(told) > TWICE_SHOWN:
        lines.append(f"{len(told) - TWICE_SHOWN} more such pairs of relations: --json lists them")
    return "\n".join(lines)
