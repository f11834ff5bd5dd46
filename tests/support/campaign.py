"""The campaign of faults and attacks: how long it runs, what it draws from, what it counted.

A plain test run is short. ``KGP_FAULTS=long`` is the whole campaign, ``KGP_FAULTS_SEED=1``
another draw of it, and ``KGP_FAULTS_RESULTS=counts.jsonl`` names a file that gets what was
counted, of which ``python tests/support/campaign.py counts.jsonl`` makes the tables of
docs/reliability.md.
"""

import json
import os
import random
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

LONG = os.environ.get("KGP_FAULTS") == "long"
SEED = int(os.environ.get("KGP_FAULTS_SEED", "0"))


@dataclass(frozen=True)
class Counted:
    """What one kind of fault or input came to.

    Attributes:
        part: Of the campaign: ``kills``, ``concurrency``, ``limits``, ``input``, ``secrets``,
            ``undo`` or ``upgrades``.
        what: The fault, and what it was tried on.
        tried: How often.
        outcomes: How often each outcome, such as ``survived``, ``refused``, ``lost``.
    """

    part: str
    what: str
    tried: int
    outcomes: dict[str, int]


def points(short: int, long: int) -> int:
    """How often to try: in a plain test run, and in the whole campaign."""
    return long if LONG else short


def drawn(name: str) -> random.Random:
    """The random numbers of one test: the same in every run with the same seed."""
    return random.Random(f"{SEED} {name}")


def counted(part: str, what: str, tried: int, **outcomes: int) -> None:
    """Keep a count, in the file that ``KGP_FAULTS_RESULTS`` names, if it names one."""
    place = os.environ.get("KGP_FAULTS_RESULTS")
    if place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(Counted(part, what, tried, outcomes))) + "\n")


def tables(counts: Iterable[Counted]) -> str:
    """The counts as Markdown, one table for each part; the latest count of a fault is told."""
    latest = {(count.part, count.what): count for count in counts}
    lines: list[str] = []
    for part in dict.fromkeys(part for part, _ in latest):
        lines += [f"### {part.capitalize()}", "", "| what | tried | outcomes |", "|---|---|---|"]
        for count in latest.values():
            if count.part == part:
                came = ", ".join(f"{name} {n:,}" for name, n in count.outcomes.items())
                lines.append(f"| {count.what} | {count.tried:,} | {came} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8") as told:
        print(tables(Counted(**json.loads(line)) for line in told))
