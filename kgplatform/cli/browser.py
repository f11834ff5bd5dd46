"""``kgp browser``: Neo4j Browser with a guide, a style and saved queries of this graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar

if TYPE_CHECKING:
    from kgplatform.browser.editor import Value
    from kgplatform.settings import Settings

graph_option = click.option("--graph", help="The graph.  [default: the largest]")


@click.group()
def browser() -> None:
    """Make Neo4j Browser the home of your graph: guide, style, saved queries, links."""


@browser.command()
@graph_option
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the guide.  [default: a free one]"
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the saved queries and the style go.  [default: browser in KGP_HOME]",
)
@click.option("--remove", "removing", is_flag=True, help="Take guide and style out again.")
@click.option("--dry-run", is_flag=True, help="Say what would be set; change nothing.")
@json_option
def install(
    graph: str | None,
    port: int | None,
    folder: Path | None,
    removing: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let Browser play the guide and take the style by itself, after each login.

    The local server is started anew for it, once; the guide is served in the background, by
    `kgp up` as well, until `kgp down`. The saved queries are written as files: a zip that Browser
    imports, and a CSV that the newer Query tab imports. For a server that NEO4J_URI names, it
    prints what to set there.
    """
    from kgplatform.browser import install as installing
    from kgplatform.settings import load_settings

    settings = load_settings()
    if removing:
        _remove(settings, dry_run, as_json)
        return
    if dry_run:
        planned = _planned(settings, port)
        lines = _config_lines(planned["config"])
        emit(planned, as_json, "\n".join([*lines, "nothing was changed"]))
        return
    # First, as it finds out whether there is such a graph.
    files = _files(settings, folder, graph)
    if not settings.neo4j_uri:
        with progress_bar() as progress:
            guide = installing.install(settings, port, graph, progress)
        data: dict[str, Any] = {"guide": guide.address, "configured": guide.configured}
        text = _installed_text(data)
    else:
        data = _planned(settings, port)
        text = _remote_text(data)
    emit({**data, "files": list(map(str, files))}, as_json, "\n".join([text, _files_text(files)]))


@browser.command()
@graph_option
@click.option("--port", type=click.IntRange(1, 65535), help="The port.  [default: a free one]")
@click.option("--origin", "origins", multiple=True, help="Another Browser's, e.g. https://host.")
@json_option
def serve(graph: str | None, port: int | None, origins: tuple[str, ...], as_json: bool) -> None:
    """Serve guide, style and saved queries on this machine, until Ctrl-C.

    They are made of what the graph holds when they are asked for. A Browser that is not of this
    machine can read them only if --origin names it.
    """
    from kgplatform.browser.serve import choose_guide_port, guide_base, open_server
    from kgplatform.settings import load_settings

    settings = load_settings()
    with open_server(settings, port or choose_guide_port(), graph, origins) as server:
        base = guide_base(server.server_port)
        play, style = f":play {base}/guide.html", f":style {base}/style.json"
        data = {"address": base, "play": play, "style": style}
        emit(data, as_json, f"{base}\nin Browser:\n  {play}\n  {style}\nCtrl-C ends it")
        server.serve_forever()


@browser.command(name="open")
@click.option("--query", help="A query of cypher/browser, e.g. show_entity.")
@click.option("--cypher", help="Cypher of your own, or a command of Browser such as :schema.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A value of --query.")
@graph_option
@click.option("--print", "printing", is_flag=True, help="Print the address; open nothing.")
@json_option
def open_(
    query: str | None,
    cypher: str | None,
    params: tuple[str, ...],
    graph: str | None,
    printing: bool,
    as_json: bool,
) -> None:
    """Open Browser, with a query in its editor if one is named.

    Values that --param does not give are taken from the graph: an entity that it has, a run, a
    candidate. The password is never in the address: `kgp status --show-password` prints it.

    \b
    kgp browser open --query show_entity --param entity=Poland
    kgp browser open --cypher "MATCH (n:Country) RETURN n LIMIT 25"
    """
    import webbrowser

    from kgplatform.browser.address import browser_address
    from kgplatform.browser.editor import deep_link
    from kgplatform.errors import UnavailableError, UsageError
    from kgplatform.settings import load_settings

    settings = load_settings()
    if query and cypher:
        raise UsageError("--query and --cypher exclude each other", hint="leave one of them")
    if not query and (params or graph):
        raise UsageError("--param and --graph belong to --query", hint="add --query NAME")
    address = browser_address(settings)
    if address is None:
        raise UnavailableError("no local Neo4j is running here", hint="start it with `kgp up`")
    text = _query_text(settings, query, params, graph) if query else cypher
    link = deep_link(address, text) if text else address
    opened = not printing and not as_json and webbrowser.open(link)
    emit({"browser_link": link, "opened": opened, "cypher": text}, as_json, link)


def _query_text(settings: Settings, query: str, params: tuple[str, ...], graph: str | None) -> str:
    from kgplatform.browser.contents import read_contents
    from kgplatform.browser.editor import filled, params_of
    from kgplatform.connection import open_store
    from kgplatform.errors import UnknownNameError, UsageError

    known = params_of(query)
    given: dict[str, Value] = {}
    for each in params:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"--param {each!r} has no value", hint="write --param NAME=VALUE")
        if name not in known:
            raise UnknownNameError(f"parameter of {query}", name, known)
        number = name in ("limit", "top_k")
        if number and not value.isdigit():
            raise UsageError(f"{name} is a whole number, not {value!r}", hint=f"--param {name}=50")
        given[name] = int(value) if number else value
    with open_store(settings) as store:
        contents = read_contents(store, graph)
    return filled(query, contents.params() | given)


def _remove(settings: Settings, dry_run: bool, as_json: bool) -> None:
    from kgplatform.browser.install import installed, remove

    there = installed(settings) is not None
    if there and not dry_run:
        with progress_bar() as progress:
            remove(settings, progress)
    said = "would be taken out" if dry_run else "taken out"
    emit(
        {"removed": there and not dry_run}, as_json, f"the guide: {said if there else 'not there'}"
    )


def _planned(settings: Settings, port: int | None) -> dict[str, Any]:
    from kgplatform.browser.serve import GUIDE_PORT, guide_base
    from kgplatform.server.config import folders, guide_config, read_guide

    known = None if settings.neo4j_uri else read_guide(folders(settings))
    port = port or known or GUIDE_PORT
    return {"guide": guide_base(port), "configured": False, "config": guide_config(port)}


def _files(settings: Settings, folder: Path | None, graph: str | None) -> list[Path]:
    from kgplatform import server
    from kgplatform.browser.install import write_files

    if not settings.neo4j_uri and server.running(settings) is None:
        note("the saved queries are written when the local server runs: `kgp up`, then this again")
        return []
    return write_files(settings, folder or settings.kgp_home / "browser", graph)


def _config_lines(config: dict[str, str]) -> list[str]:
    return [f"  {name}={value}" for name, value in config.items()]


def _installed_text(data: dict[str, Any]) -> str:
    when = "after each login" if data["configured"] else "after each login, from `kgp up` on"
    return f"Browser plays the guide of {data['guide']} {when}, and takes its style"


def _remote_text(data: dict[str, Any]) -> str:
    port = data["guide"].rpartition(":")[2]
    play = f":play {data['guide']}/guide.html"
    return "\n".join(
        [
            "NEO4J_URI names an existing server, whose settings are not changed from here. For",
            "everybody who logs in on a machine where the guide is served, set in its neo4j.conf",
            "and start it anew:",
            *_config_lines(data["config"]),
            f"Serve the guide: kgp browser serve --port {port} --origin ADDRESS-OF-BROWSER",
            f"Without that setting, type in Browser: {play}",
            f"                                       :style {data['guide']}/style.json",
        ]
    )


def _files_text(files: list[Path]) -> str:
    if not files:
        return ""
    archive, table, grass = files
    return (
        f"saved queries: drag {archive} into Browser; in the Query tab, import {table}\n"
        f"style, to drag into a Browser without the guide: {grass}"
    )
