"""The Cypher statements of the platform, one a file under ``cypher/``, by name.

A file begins with ``//`` lines: what it does, its ``Params:`` and what it ``Returns:``.
The text goes to the server as it is, comments and all: stripping them would need a Cypher
parser, since ``//`` occurs inside IRIs.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from kgplatform.errors import KGPlatformError

_IN_WHEEL = Path(__file__).parent / "cypher"
_MARK = re.compile(r"\$\$(\w+)\$\$")
_IN_REPOSITORY = Path(__file__).parent.parent / "cypher"


def folder() -> Path:
    """The folder of ``.cypher`` files: inside the wheel, or the repository's own."""
    for candidate in (_IN_WHEEL, _IN_REPOSITORY):
        if candidate.is_dir():
            return candidate
    raise KGPlatformError(
        "the Cypher files of kgplatform are not installed", hint="reinstall the package"
    )


def names(under: str = "") -> list[str]:
    """Names of all statements, or of those below a folder such as ``"schema"``."""
    root = folder()
    found = (path.relative_to(root).with_suffix("") for path in root.rglob("*.cypher"))
    return sorted(name.as_posix() for name in found if name.as_posix().startswith(under))


@cache
def get(name: str) -> str:
    """The text of one statement, for example ``get("read/stream_triples")``.

    Raises:
        KeyError: There is no such statement; a mistake of ours, never of a user.
    """
    path = folder() / f"{name}.cypher"
    if not path.is_file():
        raise KeyError(name)
    return path.read_text(encoding="utf-8")


def quote(name: str) -> str:
    """A label, relationship type, property or index name as literal Cypher.

    The one way in which a dynamic name enters a statement. Backticks are doubled. Backslashes
    are written as Unicode escapes, because Neo4j decodes ``\\uXXXX`` *before* it parses:
    a name holding the escape of a backtick would otherwise end the quotation.

    Raises:
        ValueError: The name is empty or holds a NUL character.
    """
    if not name or "\0" in name:
        raise ValueError(f"not usable as a Neo4j name: {name!r}")
    return "`" + name.replace("\\", "\\u005c").replace("`", "``") + "`"


def fill(name: str, **identifiers: str | Sequence[str]) -> str:
    """A statement with its ``$$place$$`` marks filled by quoted names.

    Values never go this way: they are parameters. Only what Cypher cannot take as a
    parameter (a label, a type, a property or index name) does. Several labels are given as
    a sequence.

    Raises:
        KeyError: The statement has no such mark, or one that was not filled.
    """
    unused = set(identifiers)

    # One pass: a name that itself looks like a mark is never looked at again.
    def quoted(match: re.Match[str]) -> str:
        given = identifiers[match.group(1)]
        unused.discard(match.group(1))
        return ":".join(map(quote, [given] if isinstance(given, str) else given))

    text = _MARK.sub(quoted, get(name))
    if unused:
        raise KeyError(f"{name} has no mark for {', '.join(sorted(unused))}")
    return text
