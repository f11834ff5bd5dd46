"""``kgp schema``: which labels and relations a graph has, as a file to extract facts by."""

from __future__ import annotations

from pathlib import Path

import click

from kgplatform.cli.output import emit, json_option, progress_bar


@click.command()
@click.argument("source", metavar="GRAPH|FILE")
@json_option
def schema(source: str, as_json: bool) -> None:
    """Print the labels and relations that GRAPH has, as YAML for editing; or check FILE.

    Of each relation: the labels that it joins, whether a head has one tail at most, whether it
    holds both ways, and an example, as the facts show them. Descriptions and further words are for
    you to add. A FILE that ends in .yaml or .yml is read and printed again as it was understood.

    \b
    kgp schema films > films.yaml
    kgp extract reviews/*.txt --graph films --schema films.yaml
    """
    from dataclasses import asdict

    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.observed_schema import schema_of_graph
    from kgplatform.text.extract.schema_file import read_schema, schema_yaml

    if source.endswith((".yaml", ".yml")):
        found = read_schema(Path(source))
    else:
        with open_store(load_settings()) as store, progress_bar() as progress:
            found = schema_of_graph(store, source, progress)
    emit(asdict(found), as_json, schema_yaml(found).rstrip())
