"""What users bring, as iterators of records.

``FORMATS`` names the formats, ``detect`` finds out which one a source has, and ``open_source``
opens it. Each format is a module with ``open_source(given, options) -> Source``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from kgplatform.errors import UnknownNameError, UsageError
from kgplatform.sources.detect import detect
from kgplatform.sources.source import Options, Source

FORMATS: dict[str, str] = {
    "table": "kgplatform.sources.folder",
    "neo4j-csv": "kgplatform.sources.neo4j_csv",
    "apoc": "kgplatform.sources.apoc",
    "rdf": "kgplatform.sources.rdf",
    "sparql": "kgplatform.sources.sparql",
    "graphml": "kgplatform.sources.graphml",
    "openke": "kgplatform.sources.openke",
    "dglke": "kgplatform.sources.dglke",
    "pykeen": "kgplatform.sources.pykeen",
    "documents": "kgplatform.sources.documents",
}


def open_source(
    given: Sequence[str], options: Options | None = None, format_name: str | None = None
) -> Source:
    """Open what a user names.

    Args:
        given: One or several paths, or an address such as ``sparql:URL`` or ``pykeen:NAME``.
        options: What the user says of it.
        format_name: A key of ``FORMATS``; None to find out by looking.

    Raises:
        UnknownNameError: There is no such format.
        InputError: Nothing is there, or it cannot be read.
        UsageError: The format does not take several paths, or a query.
    """
    name = format_name or detect(given)
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    if options is not None and options.query is not None and name != "sparql":
        raise UsageError(
            f"a query says what is read of an endpoint, and {' '.join(given)} is {name}",
            hint="leave the query out, or name the endpoint as sparql:URL",
        )
    source: Source = import_module(FORMATS[name]).open_source(tuple(given), options or Options())
    return source
