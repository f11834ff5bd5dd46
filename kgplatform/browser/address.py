"""Where the Browser of the database that is used is to be found."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from kgplatform import queries, server
from kgplatform.connection import open_store
from kgplatform.errors import KGPlatformError
from kgplatform.settings import Settings

AURA = ".databases.neo4j.io"
AURA_BROWSER = "https://browser.neo4j.io/"
HTTP_PORT = "7474"


def browser_address(settings: Settings) -> str | None:
    """The address of Browser: the local server's, the setting's, or the one that a server names.

    Returns:
        None where no local server runs. No address holds a password.
    """
    if not settings.neo4j_uri:
        info = server.running(settings)
        return None if info is None else info.browser
    if settings.kgp_browser:
        return settings.kgp_browser
    parts = urlsplit(settings.neo4j_uri)
    host = parts.hostname or "localhost"
    if host.endswith(AURA):
        named = f"{parts.scheme}://{settings.neo4j_username}@{host}"
        return f"{AURA_BROWSER}?dbms={quote(named, safe='')}"
    scheme, port = _told(settings)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/browser/"


def _told(settings: Settings) -> tuple[str, str]:
    """Scheme and port as the server tells them; the usual ones where it does not."""
    try:
        with open_store(settings) as store:
            rows = store.rows(queries.get("read/list_http_settings"))
    except KGPlatformError:
        return "http", HTTP_PORT
    told = {str(row["name"]): str(row["value"]) for row in rows}
    for scheme in ("http", "https"):
        port = told.get(f"server.{scheme}.advertised_address", "").rpartition(":")[2]
        if told.get(f"server.{scheme}.enabled") == "true" and port.isdigit():
            return scheme, port
    return "http", HTTP_PORT
