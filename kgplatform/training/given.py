"""Settings by name, from a command line's strings or a file's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from kgplatform.errors import UnknownNameError, UsageError


def coerced(kinds: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, Any]:
    """Values of settings, each as its setting's type.

    Args:
        kinds: The type of each setting there is, as ``get_type_hints`` says it.
        given: Values of some of them; strings are read as that type.

    Raises:
        UnknownNameError: There is no such setting.
        UsageError: A value is of the wrong type.
    """
    values = {}
    for name, value in given.items():
        if name not in kinds:
            raise UnknownNameError("setting", name, kinds)
        values[name] = _coerced(name, kinds[name], value)
    return values


def choices_of(kind: Any) -> tuple[object, ...]:
    """What a setting may be, of one Literal or of several; empty if it has no list."""
    found: list[object] = []
    for part in get_args(kind):
        found += get_args(part) or (part,)
    return tuple(found)


def _coerced(name: str, kind: Any, value: object) -> Any:
    """The value as a setting's type, from that type or from a string.

    Raises:
        UsageError: It cannot be that.
    """
    choices = choices_of(kind)
    if choices:
        matching = [choice for choice in choices if str(choice) == str(value)]
        if not matching:
            raise wrong_setting(name, value, f"one of {listed(choices)}")
        return matching[0]
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if str(value).lower() not in words:
            raise wrong_setting(name, value, "true or false")
        return words[str(value).lower()]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong_setting(name, value, _KINDS[kind])
    if kind is int and isinstance(value, float):
        raise wrong_setting(name, value, _KINDS[kind])
    try:
        return kind(value)
    except ValueError:
        raise wrong_setting(name, value, _KINDS[kind]) from None


_KINDS = {int: "a whole number", float: "a number", str: "a word"}


def listed(choices: tuple[object, ...]) -> str:
    """Choices, for a person."""
    return ", ".join(str(choice) for choice in choices)


def wrong_setting(name: str, value: object, wanted: str) -> UsageError:
    """What to raise of a setting that is not what is wanted."""
    return UsageError(f"setting {name} cannot be {value!r}", hint=f"{name} must be {wanted}")
