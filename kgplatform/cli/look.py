"""The address that shows in Browser what a command wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgplatform.cli.output import emit

if TYPE_CHECKING:
    from kgplatform.browser.editor import Value


def emit_linked(
    data: dict[str, Any], as_json: bool, text: str, query: str, **params: Value
) -> None:
    """Print a command's result as :func:`emit` does, with a link to look at what it wrote.

    Args:
        data: The result; printed with ``browser_link``, null where no Browser is known.
        as_json: Whether to print it as JSON.
        text: The result for a person.
        query: A query of cypher/browser.
        params: Its values; ``limit`` is 50 unless given.
    """
    from kgplatform.browser.address import browser_address
    from kgplatform.browser.editor import deep_link, filled
    from kgplatform.settings import load_settings

    address = browser_address(load_settings())
    link = None if address is None else deep_link(address, filled(query, {"limit": 50} | params))
    emit({**data, "browser_link": link}, as_json, f"{text}\nlook: {link}" if link else text)
