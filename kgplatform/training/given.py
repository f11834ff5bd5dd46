"""Settings by name, from a command line's strings or a file's values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


Range = tuple[tuple[str, ...], Callable[[float], bool], str]
"""Settings, what their numbers may be, and how to say so."""


def at_least(low: float) -> Callable[[float], bool]:
    """Whether a number is finite, and this or more."""
    return lambda value: low <= value < float("inf")


AT_LEAST_0 = at_least(0), "a finite number, at least 0"
ABOVE_0 = (lambda value: 0 < value < float("inf")), "a finite number above 0"
BELOW_1 = (lambda value: 0 <= value < 1), "at least 0 and below 1"


def check_choices(settings: object, kinds: Mapping[str, Any]) -> None:
    """Refuse what is none of a setting's choices.

    Raises:
        UsageError: Naming the first one.
    """
    for name, kind in kinds.items():
        allowed = choices_of(kind)
        if allowed and getattr(settings, name) not in allowed:
            raise wrong_setting(name, getattr(settings, name), f"one of {listed(allowed)}")


def check_ranges(settings: object, ranges: Iterable[Range]) -> None:
    """Refuse numbers out of their range.

    Raises:
        UsageError: Naming the first one.
    """
    for names, fits, wanted in ranges:
        for name in names:
            if not fits(getattr(settings, name)):
                raise wrong_setting(name, getattr(settings, name), wanted)


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
