"""People's decisions as files: examples for the judge, and hard negatives for the next training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError
from kgplatform.facts.fit_judge import Example


def write_decisions_file(path: Path, decisions: Sequence[dict[str, Any]]) -> int:
    """Write decisions: rejected facts as TSV where the name ends so, else all as JSON Lines.

    Args:
        path: Where to.
        decisions: As :func:`kgplatform.store.review.read_decisions` gives them.

    Returns:
        How many were written.

    Raises:
        InputError: The file cannot be written.
    """
    if path.suffix == ".tsv":
        rejected = [each for each in decisions if each["status"] == "rejected"]
        lines = ["\t".join((one["head"], one["relation"], one["tail"])) for one in rejected]
    else:
        lines = [json.dumps(_plain(each), ensure_ascii=False) for each in decisions]
    try:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}", hint="name a file in a folder of yours"
        ) from None
    return len(lines)


def examples_of(decisions: Sequence[dict[str, Any]]) -> list[Example]:
    """Decisions as examples for the judge; those without numbers are left out."""
    return [
        Example(json.loads(one["features"]), one["relation"], one["status"] == "accepted")
        for one in decisions
        if one["features"]
    ]


def _plain(decision: dict[str, Any]) -> dict[str, Any]:
    features = decision["features"]
    return {
        **decision,
        "at": str(decision["at"]),
        "features": json.loads(features) if features else {},
    }
