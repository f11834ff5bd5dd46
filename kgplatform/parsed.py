"""JSON, YAML, arrays and folders that somebody else made: what is wrong is a ValueError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


def parsed_json(text: str | bytes) -> Any:
    """The value of a text in JSON.

    Raises:
        ValueError: It is none, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parsed_yaml(text: str) -> Any:
    """The value of a text in YAML, of YAML's own kinds alone.

    Aliases are refused: nine lines of them, each ten times the line before, are a value of a
    billion parts to whoever looks at all of it.

    Raises:
        ValueError: It is none, has an alias or a tag of Python's, is nested too deeply, or has a
            date or a number that there is not.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
                raise ValueError(f"line {line} has an alias (*), which is not read")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # The constructor of tags: `!!binary x` and the like.
    except (TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"a value cannot be read: {error}") from None


def parsed_array(path: Path, mmap_mode: Literal["c"] | None = None) -> np.ndarray:
    """The array of a file of NumPy, never unpickled.

    Args:
        path: The file.
        mmap_mode: ``c`` to map it, as ``numpy.load`` has it.

    Raises:
        ValueError: It is none, is cut, or holds objects.
        OSError: It cannot be read.
    """
    from tokenize import TokenError

    import numpy as np

    try:
        found = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    # Its header is read as Python's literals, by Python's own reader.
    except (EOFError, TokenError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"{path.name} is no array: {error or type(error).__name__}") from None
    if not isinstance(found, np.ndarray):
        raise ValueError(f"{path.name} holds several arrays")  # noqa: TRY004  # as all else
    return found


def check_inside(folder: Path) -> None:
    """See that no link in a folder leads out of it: by one, others would be read or written.

    Raises:
        ValueError: One does.
    """
    home = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(home):
            raise ValueError(f"{path.relative_to(folder)} is a link that leads out of the folder")
