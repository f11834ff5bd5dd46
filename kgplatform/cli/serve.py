"""``kgp serve`` and ``kgp mcp``: the graph for programs and for assistants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kgplatform.cli.output import emit, json_option, note

if TYPE_CHECKING:
    from kgplatform.service.config import ServiceConfig


F = TypeVar("F", bound=Callable[..., Any])


def opened_options(function: F) -> F:
    """What is opened: graphs, runs, a language model."""
    options = (
        click.option(
            "--graph", "graphs", multiple=True, help="A graph to speak of.  [default: default]"
        ),
        click.option(
            "--run",
            "runs",
            multiple=True,
            help="A run that recommends, answers or explains.  [default: the newest that fit]",
        ),
        click.option("--llm", metavar="MODEL", help="What writes: gguf:PATH, openai:MODEL, a URL."),
        click.option(
            "--without",
            multiple=True,
            metavar="DOOR",
            help="Not to be opened: search, recommend, ask, generate or explain.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8_000,
    show_default=True,
    help="Its port; 0 takes a free one.",
)
@opened_options
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="API keys, KEY or NAME:KEY a line, in a file that only you can read (mode 600).",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=50.0,
    show_default=True,
    help="Requests a second of each key (without keys: of each address); 0: as many as come.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Seconds that an answer may take.",
)
@click.option(
    "--writing-timeout",
    type=click.FloatRange(min=0.1),
    default=120.0,
    show_default=True,
    help="Seconds where a language model writes, or a link is explained.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Requests that are worked on at once.",
)
@click.option("--origin", "origins", multiple=True, help="A web page whose scripts may ask (CORS).")
@json_option
def serve(as_json: bool, key_file: Path | None, **given: Any) -> None:
    """Answer over HTTP: search, questions, recommendations, explanations.

    Keys come from KGP_API_KEYS or --key-file alone; without any, the service listens on this
    machine's loopback address only. /docs describes what can be asked, /health/ready says whether
    it can be, /metrics is for Prometheus. Ctrl-C ends what is under way, then the service.

    \b
    kgp serve --graph countries
    curl -s localhost:8000/similar -H 'Content-Type: application/json' -d '{"entity": "Poland"}'
    """
    import os

    from kgplatform.errors import UsageError
    from kgplatform.settings import SERVICE_KEYS, load_settings

    try:
        from kgplatform.service.run import listening_socket, make_server
    except ImportError as error:
        raise UsageError(
            f"the service needs the package {error.name}", hint="pip install 'kgplatform[serve]'"
        ) from None
    from kgplatform.service.config import ServiceConfig, check
    from kgplatform.service.engine import open_engine
    from kgplatform.service.keys import read_keys

    given["graphs"] = given["graphs"] or ("default",)
    keys = read_keys(os.environ.get(SERVICE_KEYS), key_file)
    config = check(ServiceConfig(keys=keys, **given))
    bound = listening_socket(config.host, config.port)
    with bound, open_engine(load_settings(), config) as engine:
        _told(config, bound.getsockname()[1], as_json)
        make_server(engine).run(sockets=[bound])


def _told(config: ServiceConfig, port: int, as_json: bool) -> None:
    host = f"[{config.host}]" if ":" in config.host else config.host
    url = f"http://{host}:{port}"
    data = {"url": url, "docs": f"{url}/docs", "graphs": list(config.graphs)}
    emit(data, as_json, f"{url} answers about {', '.join(config.graphs)}; see {url}/docs")
    if not config.keys:
        note("no API keys: it listens to this machine only, and to every user of it")


@click.command()
@opened_options
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds that an answer may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the tools as JSON, and end.")
def mcp(as_json: bool, **given: Any) -> None:
    """Let an assistant use the graph: a server of the Model Context Protocol on stdin and stdout.

    The assistant starts it; tell it this command. Over HTTP, `kgp serve` has the same tools at
    /mcp, with its keys and limits. No tool changes the graph.

    \b
    {"mcpServers": {"graph": {"command": "kgp", "args": ["mcp", "--graph", "countries"]}}}
    """
    import asyncio

    from kgplatform.errors import UsageError
    from kgplatform.settings import load_settings

    try:
        from kgplatform.service.mcp_server import make_mcp
    except ImportError as error:
        raise UsageError(
            f"tools for assistants need the package {error.name}",
            hint="pip install 'kgplatform[mcp]'",
        ) from None
    from kgplatform.service.config import ServiceConfig, check
    from kgplatform.service.engine import open_engine
    from kgplatform.service.work import Pool

    given["graphs"] = given["graphs"] or ("default",)
    config = check(ServiceConfig(**given))
    with open_engine(load_settings(), config) as engine:
        pool = Pool(config.workers, config.waiting)
        server = make_mcp(engine, pool)
        if as_json:
            tools = asyncio.run(server.list_tools())
            emit([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools], True, "")
            return
        server.run("stdio")
        pool.close()
