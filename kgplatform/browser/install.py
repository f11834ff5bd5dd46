"""The guide installed beside the local server: configured, served, and found again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import psutil

from kgplatform import server
from kgplatform.browser.contents import read_contents
from kgplatform.browser.saved import as_csv, as_zip
from kgplatform.browser.serve import HOME_HEADER, choose_guide_port, guide_base, home_mark
from kgplatform.browser.style import as_grass, style_sheet
from kgplatform.connection import open_store
from kgplatform.errors import ServerError
from kgplatform.progress import Progress, silent
from kgplatform.server.config import (
    folders,
    guide_config,
    is_free,
    read_guide,
    read_guide_graph,
    write_guide,
    write_private,
)
from kgplatform.server.process import paused
from kgplatform.settings import Settings, environment_of_children

SECONDS_TO_START = 30


@dataclass(frozen=True)
class Guide:
    """A guide that is installed for the local server.

    Attributes:
        address: Where its pages are served.
        served: Whether they are, now.
        configured: Whether the server was started with it, so that Browser plays it.
    """

    address: str
    served: bool
    configured: bool


def installed(settings: Settings) -> Guide | None:
    """The guide of this project's local server, if one is installed."""
    port = None if settings.neo4j_uri else read_guide(folders(settings))
    if port is None:
        return None
    return Guide(guide_base(port), _is_served(settings, port), _is_configured(settings, port))


def install(
    settings: Settings,
    port: int | None = None,
    graph: str | None = None,
    progress: Progress = silent,
) -> Guide:
    """Make the local server's Browser play the guide and take the style after the login.

    A server that runs is started again, as it reads this at its start alone; one that does not
    run takes it up when it is started. The pages are served in the background until `kgp down`.

    Args:
        settings: Of the project; without ``NEO4J_URI``.
        port: The port to serve at; None for the one installed before, or a free one.
        graph: The graph that the guide begins with; None for the largest.
        progress: Told of the new start.

    Raises:
        ServerError: No port is free, or the server does not start again.
    """
    where = folders(settings)
    known = read_guide(where)
    if port is None and known is not None and (_is_served(settings, known) or is_free(known)):
        port = known
    elif port is None or (port != known and not is_free(port)):
        port = choose_guide_port(port)
    if (port, graph) != (known, read_guide_graph(where)):
        stop_serving(settings)
    write_guide(where, port, graph)
    _serve(settings, port)
    if server.running(settings) is not None and not _is_configured(settings, port):
        with paused(settings, progress):
            pass
    return Guide(guide_base(port), served=True, configured=_is_configured(settings, port))


def remove(settings: Settings, progress: Progress = silent) -> bool:
    """Take the guide out again; a server that runs with it is started again without it.

    Returns:
        False if none was installed.
    """
    where = folders(settings)
    port = read_guide(where)
    if port is None:
        return False
    stop_serving(settings)
    write_guide(where, None)
    if server.running(settings) is not None and _is_configured(settings, port):
        with paused(settings, progress):
            pass
    return True


def serve_installed(settings: Settings) -> Guide | None:
    """Serve the guide that is installed, if one is, before or while the local server runs.

    Where another program has taken its port, it moves to another one if the server is not yet up.
    """
    where = folders(settings)
    port = None if settings.neo4j_uri else read_guide(where)
    if port is None:
        return None
    if not _is_served(settings, port):
        if not is_free(port) and server.running(settings) is None:
            port = choose_guide_port()
            write_guide(where, port, read_guide_graph(where))
        _serve(settings, port)
    return installed(settings)


def stop_serving(settings: Settings) -> bool:
    """End the background server of the guide; False if none ran."""
    try:
        process = psutil.Process(int(json.loads(_state(settings).read_text())["pid"]))
        if not {"browser", "serve"} <= set(process.cmdline()):
            return False
        process.terminate()
        process.wait(10)
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return False
    finally:
        _state(settings).unlink(missing_ok=True)
    return True


def write_files(settings: Settings, folder: Path, graph: str | None = None) -> list[Path]:
    """Write the saved queries in both formats, and the style, to be imported by hand.

    Raises:
        KGPlatformError: The database does not answer, or has no such graph.
    """
    with open_store(settings) as store:
        contents = read_contents(store, graph)
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "kgplatform-queries.zip": as_zip(contents),
        "kgplatform-queries.csv": as_csv(contents).encode(),
        "kgplatform.grass": as_grass(style_sheet(contents)).encode(),
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in made]


def _serve(settings: Settings, port: int) -> None:
    """Start the server of the guide in the background, unless it runs."""
    if _is_served(settings, port):
        return
    home = settings.kgp_home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "kgplatform", "browser", "serve", "--port", str(port)]
    graph = read_guide_graph(folders(settings))
    with (home / "guide.log").open("wb") as output:
        child = subprocess.Popen(
            command if graph is None else [*command, "--graph", graph],
            env={**environment_of_children("neo4j_password"), "KGP_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + SECONDS_TO_START
    while not _is_served(settings, port):
        # Another kgp may have been quicker, and its server is about to answer at this port.
        ended = child.poll() is not None and is_free(port)
        if ended or time.monotonic() > until:
            raise ServerError(
                f"the guide cannot be served at port {port}",
                hint=f"see {home / 'guide.log'}, or name another port with --port",
            )
        time.sleep(0.1)
    if child.poll() is None:
        write_private(_state(settings), json.dumps({"pid": child.pid}) + "\n")
        # It outlives this process; without this, Popen would warn of a child that still runs.
        child.returncode = 0


def _is_served(settings: Settings, port: int) -> bool:
    with (
        suppress(OSError, HTTPException),
        urllib.request.urlopen(f"{guide_base(port)}/", timeout=5) as answer,  # noqa: S310
    ):
        return bool(answer.headers.get(HOME_HEADER) == home_mark(settings))
    return False


def _is_configured(settings: Settings, port: int) -> bool:
    try:
        text = (folders(settings).conf / "neo4j.conf").read_text()
    except OSError:
        return False
    return all(f"{name}={value}" in text for name, value in guide_config(port).items())


def _state(settings: Settings) -> Path:
    return settings.kgp_home.expanduser().resolve() / "guide-process.json"
