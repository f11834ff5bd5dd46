"""The documentation of the service as one page, made of its OpenAPI description.

Without scripts: those of the usual pages come from somebody else's server, into a page in which
people type their keys, and do not come at all where there is no network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
pre, code { font: 14px/1.4 ui-monospace, monospace; background: #f4f4f2; padding: .1rem .3rem }
pre { padding: .8rem; overflow-x: auto } td, th { text-align: left; padding: .1rem .8rem .1rem 0 }
h2 { margin: 2.5rem 0 .3rem } .method { color: #666; font-weight: normal }
"""


def docs_page(described: Mapping[str, Any], url: str) -> str:
    """An HTML page.

    Args:
        described: The OpenAPI description.
        url: The service's address, for its examples.
    """
    schemas = described["components"]["schemas"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>",
        f"<title>{escape(described['info']['title'])}</title><style>{_STYLE}</style>",
        f"<h1>{escape(described['info']['title'])} {escape(described['info']['version'])}</h1>",
        *_paragraphs(described["info"]["description"]),
    ]
    if "security" in described:
        parts.append(
            "<p>A key is needed: <code>Authorization: Bearer KEY</code> or "
            "<code>X-API-Key: KEY</code>.</p>"
        )
    parts.append("<p>All details: <a href=/openapi.json>openapi.json</a>.</p>")
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts += _operation(method, path, operation, schemas, url)
    return "\n".join(parts)


def _operation(
    method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any], url: str
) -> Iterator[str]:
    yield f"<h2><span class=method>{method.upper()}</span> {escape(path)}</h2>"
    yield from _paragraphs(operation.get("description", ""))
    body = operation.get("requestBody")
    if body is None:
        yield f"<pre>{escape(f'curl -s {url}{path}')}</pre>"
        return
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = schemas[name]
    yield "<table><tr><th>field<th>default<th>"
    for field, told in schema["properties"].items():
        default = "" if field in schema.get("required", ()) else json.dumps(told.get("default"))
        yield (
            f"<tr><td><code>{escape(field)}</code><td>{escape(default)}"
            f"<td>{escape(told.get('description', ''))}"
        )
    yield "</table>"
    for example in schema.get("examples", []):
        data = json.dumps(example, ensure_ascii=False)
        command = f"curl -s {url}{path} -H 'Content-Type: application/json' \\\n  -d '{data}'"
        yield f"<pre>{escape(command)}</pre>"


def _paragraphs(text: str) -> list[str]:
    return [f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip()]
