"""Packages that not everybody needs."""

from __future__ import annotations

from kgplatform.errors import UsageError


def missing(extra: str, wanted: str) -> UsageError:
    """What to raise where an optional package cannot be imported.

    Args:
        extra: Name of the extra in ``pyproject.toml`` that brings it.
        wanted: What cannot be done without.
    """
    return UsageError(
        f"{wanted} needs a package that is not installed",
        hint=f"pip install 'kgplatform[{extra}]'",
    )
