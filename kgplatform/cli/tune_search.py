"""``kgp tune search``: weights of the channels of a search, learned from examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kgplatform.cli.output import emit, json_option, progress_bar, table


@click.command()
@click.argument("examples", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--graph", default="default", show_default=True, help="The graph.")
@click.option(
    "--to",
    "weights",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where the weights are kept.",
)
@json_option
def search(examples: Path, graph: str, weights: Path, as_json: bool) -> None:
    """Learn what names, words, facts, vectors of texts and of the graph count for in a search.

    EXAMPLES has a text and the id or name of what is to be found for it, a tab between them, a line
    each; a few dozen do. What is gained is measured on examples that were not learned from, five
    parts in turn.

    \\b
    kgp tune search examples.tsv --graph countries --to weights.json
    kgp search "landlocked country on the Danube" --graph countries --weights weights.json
    """
    from kgplatform.answer.fuse import save_weights
    from kgplatform.answer.search import open_searcher
    from kgplatform.answer.search_learn import learn_weights, read_examples
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings

    settings = load_settings()
    read = read_examples(examples)
    with open_store(settings) as store, progress_bar() as progress:
        searcher = open_searcher(store, settings, graph)
        learned = learn_weights(searcher, read, progress)
    save_weights(learned.weights, weights)
    data: dict[str, Any] = {
        "weights": str(weights),
        "graph": graph,
        "channels": list(searcher.channels),
        "rank": dict(learned.weights.rank),
        "score": dict(learned.weights.score),
        **learned.weights.learned,
    }
    rows = [
        [channel, f"{data['rank'][channel]:.2f}", f"{data['score'][channel]:.2f}"]
        for channel in searcher.channels
    ]
    lines = [
        table(["channel", "rank", "score"], rows),
        f"{data['found']} of {data['examples']} right ones were among the candidates; MRR on "
        f"examples that were not learned from {data['mrr']:.3f}, with the usual ones "
        f"{data['mrr_usual']:.3f}",
        f"next: kgp search TEXT --graph {graph} --weights {weights}",
    ]
    emit(data, as_json, "\n".join(lines))
