"""JSON and YAML that somebody else wrote, as values: whatever is wrong with it is a ValueError."""

from __future__ import annotations

import json
from typing import Any


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
                line = self.peek_event().start_mark.line + 1
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
