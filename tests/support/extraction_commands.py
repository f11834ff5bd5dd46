"""What ``kgp extract`` needs in tests: a schema, a judge of known odds, what a model answers."""

from __future__ import annotations

import json
import math
from pathlib import Path

from extraction_stages import PATTERNS, PROPOSED

from kgplatform.facts.fit_judge import Example, fit_judge
from kgplatform.facts.judge_model import save_judge

SCHEMA = """
labels:
  Person: A human being.
  City: A city.
  Country: A country.
relations:
  CAPITAL_OF:
    heads: [City]
    tails: [Country]
    words: [capital of]
  BORDERS:
    heads: [Country]
    tails: [Country]
    words: [border]
    symmetric: true
  BORN_IN:
    heads: [Person]
    tails: [City]
    words: [born in]
open: true
"""


def write_schema(folder: Path) -> Path:
    """The schema as a file."""
    path = folder / "schema.yaml"
    path.write_text(SCHEMA, encoding="utf-8")
    return path


def write_judge(folder: Path) -> Path:
    """A judge that has seen true what two documents state, and of the rest two of three."""
    examples = [
        Example(
            {"sources": math.log(sources), "link_odds": float(odds)},
            "BORDERS",
            sources > 1 or i > 0,
        )
        for odds in range(8)
        for i in range(3)
        for sources in (1, 2, 2)
    ]
    path = folder / "judge.json"
    save_judge(fit_judge(examples, "examples of these tests"), path)
    return path


def answer(document: str) -> str:
    """What a language model says of a document that has the patterns' sentences."""
    facts = [
        {"head": match[1], "relation": relation, "tail": match[2], "when": None}
        for relation, pattern in PATTERNS.items()
        for match in pattern.finditer(document)
    ]
    for fact in facts:
        if fact["relation"] == PROPOSED:
            fact["relation"] = "said_to_like"
    return json.dumps({"facts": facts})


def write_documents(folder: Path, texts: dict[str, str]) -> Path:
    """A folder of documents."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder
