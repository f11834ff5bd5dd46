"""``kgp up``, ``down``, ``status`` and ``doctor``: the Neo4j that is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar, table

if TYPE_CHECKING:
    from kgplatform.server import ServerInfo
    from kgplatform.settings import Settings

show_password_option = click.option(
    "--show-password", is_flag=True, help="Print the local server's password, too."
)


@click.command()
@show_password_option
@json_option
def up(show_password: bool, as_json: bool) -> None:
    """Start this project's local Neo4j, or find it running.

    With NEO4J_URI set, nothing is started: the server it names is asked whether it answers.
    """
    from kgplatform import server
    from kgplatform.settings import load_settings

    settings = load_settings()
    if settings.neo4j_uri:
        data = _existing(settings)
        note("NEO4J_URI names an existing server; none is started")
    else:
        from kgplatform.browser.install import serve_installed

        serve_installed(settings)
        with progress_bar() as progress:
            info = server.start(settings, progress)
        data = _local(info, answers=True, show_password=show_password or not as_json)
        data["guide"] = _guide(settings)
    emit(data, as_json, _text(data))


@click.command()
@json_option
def down(as_json: bool) -> None:
    """Stop this project's local Neo4j; its data stay."""
    from kgplatform import server
    from kgplatform.errors import UsageError
    from kgplatform.settings import load_settings

    settings = load_settings()
    if settings.neo4j_uri:
        raise UsageError(
            "NEO4J_URI names an existing server, which kgplatform does not stop",
            hint="unset NEO4J_URI to stop this project's local server",
        )
    from kgplatform.browser.install import stop_serving

    stop_serving(settings)
    stopped = server.stop(settings)
    emit({"stopped": stopped}, as_json, "stopped" if stopped else "no local server was running")


@click.command()
@show_password_option
@json_option
def status(show_password: bool, as_json: bool) -> None:
    """Say which Neo4j is used and whether it answers."""
    from kgplatform import server
    from kgplatform.cli.checks import probe
    from kgplatform.errors import UnavailableError
    from kgplatform.server.login import has_stopped
    from kgplatform.settings import load_settings

    settings = load_settings()
    if settings.neo4j_uri:
        data = _existing(settings)
    else:
        info = server.running(settings)
        try:
            answers = info is not None and bool(probe(info.uri, info.username, info.password))
            if info and answers and has_stopped(info.uri, info.username, info.password):
                note("the database could not write and has stopped; `kgp up` starts it anew")
                answers = False
        except UnavailableError:
            answers = False
        data = _local(info, answers, show_password)
        data["guide"] = _guide(settings)
    emit(data, as_json, _text(data))


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check all that kgplatform needs, and print the fix of what is wrong."""
    from kgplatform.cli import checks
    from kgplatform.settings import load_settings

    results = checks.run(load_settings())
    failed = any(check.outcome == "fail" for check in results)
    rows = [[check.outcome, check.name, check.detail] for check in results]
    fixes = [f"fix {check.name}: {check.fix}" for check in results if check.fix]
    emit(
        {"ok": not failed, "checks": [check.as_dict() for check in results]},
        as_json,
        "\n".join([table(["", "check", "found"], rows), *fixes]),
    )
    return 1 if failed else 0


def _existing(settings: Settings) -> dict[str, Any]:
    from kgplatform.cli.checks import probe
    from kgplatform.hosts import shown_uri

    uri = str(settings.neo4j_uri)
    password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else None
    version = probe(uri, settings.neo4j_username, password)
    return {
        "running": True,
        "managed": False,
        "uri": shown_uri(uri),
        "browser": None,
        "version": version,
        "username": settings.neo4j_username,
    }


def _local(info: ServerInfo | None, answers: bool, show_password: bool) -> dict[str, Any]:
    if info is None:
        return {"running": False, "managed": True, "uri": None, "browser": None, "version": None}
    data: dict[str, Any] = {
        "running": answers,
        "managed": True,
        "uri": info.uri,
        "browser": info.browser,
        "version": info.version,
        "username": info.username,
        "password_file": str(info.home / "password"),
        "pid": info.pid,
        "home": str(info.home),
    }
    return data | {"password": info.password} if show_password else data


def _guide(settings: Settings) -> dict[str, Any] | None:
    """The guide that Browser plays, if `kgp browser install` has installed one."""
    from dataclasses import asdict

    from kgplatform.browser.install import installed

    found = installed(settings)
    return None if found is None else asdict(found)


def _guide_text(guide: dict[str, Any] | None) -> str:
    if guide is None:
        return "none; `kgp browser install` installs one"
    if not guide["served"]:
        return f"{guide['address']}/guide.html, not served: `kgp up` does"
    if not guide["configured"]:
        return f"{guide['address']}/guide.html, from the next start of the server on"
    return f"{guide['address']}/guide.html, played after the login"


def _text(data: dict[str, Any]) -> str:
    if data["uri"] is None:
        return "no local server is running; `kgp up` starts one"
    kind = "local server" if data["managed"] else "existing server"
    state = "answers" if data["running"] else "does not answer yet (starting, or stuck)"
    lines = [f"Neo4j {data['version']}, {kind}, {state}"]
    shown = ("browser", "uri", "username", "password", "password_file")
    lines += [f"  {key.replace('_', ' '):<14}{data[key]}" for key in shown if data.get(key)]
    if "guide" in data:
        lines.append(f"  {'guide':<14}{_guide_text(data['guide'])}")
    return "\n".join(lines)
