"""How much of what is written about an entity its graph supports: with the graph's facts, by a
template and by language models, and by the models alone.

From the repository's root, with two GGUF files (tests/benchmarks/small_models.py and
language_models.py say where they come from)::

    OMP_NUM_THREADS=1 KGP_LLM_THREADS=1 python tests/benchmarks/generating.py FOLDER \
        --model smollm2=gguf:SMOLLM2 --model qwen=gguf:QWEN --entities 30

The demo's graph; countries with at least twelve facts, drawn by the seed. All texts are checked by
words, names and spaCy's rules (kgplatform.answer.check), none of which is the writer. ``--sample``
writes claims with their sentences and verdicts, to be judged by hand; ``--judged`` reads them back.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from own_server import own_server
from pydantic import BaseModel, ConfigDict, Field

from kgplatform.answer.check import Claim, check, open_checker
from kgplatform.answer.lines import Line, lines_about
from kgplatform.answer.readings import Named
from kgplatform.answer.write_text import (
    KEY,
    MOST_SENTENCES,
    TOKENS_A_SENTENCE,
    by_model,
    split_sentences,
)
from kgplatform.errors import LanguageModelError
from kgplatform.sources.countries import countries
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.statements import Statement
from kgplatform.text.llm.load import load_model
from kgplatform.text.llm.protocol import LanguageModel, Message
from kgplatform.text.llm.structured import ask_list
from kgplatform.triples import fact_id

GRAPH = "countries"
LEAST_FACTS = 12
MOST = 30
SEED = 0
VERDICTS = ("supported", "contradicted", "absent", "unread")
COLUMNS = ("writer", "entity", "sentence", "head", "relation", "tail", "verdict", "by", "right")

ALONE = """You write for an encyclopaedia and answer with JSON: {"sentences": [...]}.
Write a short paragraph about the subject from what you know: the region that it is in, its
neighbours, its capital, its languages, its currency and its time zone.
Each sentence has "sentence", its text."""


class Alone(BaseModel):
    """A sentence that cites nothing."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})

    sentence: Annotated[str, Field(min_length=1, max_length=500)]


def subjects(count: int) -> dict[str, tuple[str, list[Line]]]:
    """Countries with their names and what is stated of them, in the order of a draw by the seed."""
    entities, triples = countries()
    names = {each.entity_id: each.name or each.entity_id for each in entities}
    found: dict[str, list[Statement]] = {}
    for each in sorted(triples, key=lambda t: (t.relation, t.head, t.tail)):
        statement = Statement(
            fact_id(GRAPH, each.head, each.relation, each.tail),
            each.head,
            names[each.head],
            each.relation,
            each.tail,
            names[each.tail],
            "asserted",
            1.0,
            ("countryinfo",),
        )
        for end in (each.head, each.tail):
            found.setdefault(end, []).append(statement)
    ids = sorted(each.entity_id for each in entities if "Country" in each.types)
    enough = [each for each in ids if len(found.get(each, ())) >= LEAST_FACTS]
    drawn = random.Random(SEED).sample(enough, MOST)[:count]
    return {each: (names[each], lines_about(each, found[each])) for each in drawn}


def alone(model: LanguageModel, name: str) -> list[str]:
    """What a model says of a subject from what it knows."""
    messages = (
        Message("system", ALONE),
        Message("user", f"Write the paragraph about {name}, as JSON."),
    )
    most = MOST_SENTENCES
    listed = ask_list(
        model, messages, Alone, most=most, max_tokens=most * TOKENS_A_SENTENCE, key=KEY
    )
    return [text for item in listed.items for text in split_sentences(item.sentence)]


def written(
    models: dict[str, LanguageModel],
    told: dict[str, tuple[str, list[Line]]],
    minutes: float,
    first: dict[str, int],
) -> dict[str, dict[str, list[str]]]:
    """Texts by writer and subject, as sentences; all of one subject, then the next, in the time."""
    texts: dict[str, dict[str, list[str]]] = {"template": {}}
    begun = time.monotonic()
    for done, (key, (name, lines)) in enumerate(told.items()):
        if done and time.monotonic() - begun > 60 * minutes:
            print(f"{done} of {len(told)} subjects in {minutes} minutes")
            break
        texts["template"][key] = [line.text for line in lines]
        for label, model in models.items():
            if done >= first.get(label, len(told)):
                continue
            for way in ("facts", "alone"):
                try:
                    if way == "facts":
                        said = [each.text for each in by_model(model, name, lines)]
                    else:
                        said = alone(model, name)
                except LanguageModelError as error:
                    print(f"{label} {way} {key}: {error}")
                    said = []
                texts.setdefault(f"{label}, {way}", {})[key] = said
        spent = time.process_time()
        print(f"{key}: {time.monotonic() - begun:.0f} s, {spent:.0f} of the processor", flush=True)
    return texts


def checked(
    store: Store,
    texts: dict[str, dict[str, list[str]]],
    told: dict[str, tuple[str, list[Line]]],
) -> dict[str, dict[str, list[tuple[str, tuple[Claim, ...]]]]]:
    """Claims of each sentence, by writer and subject."""
    checker = open_checker(store, GRAPH)
    found: dict[str, dict[str, list[tuple[str, tuple[Claim, ...]]]]] = {}
    for writer, of_writer in texts.items():
        for key, sentences in of_writer.items():
            topic = Named(-1, -1, (key,), told[key][0])
            material = "" if writer.endswith("alone") else _material(told[key][1])
            claims = check(checker, sentences, topic, material)
            pairs = list(zip(sentences, claims, strict=True))
            found.setdefault(writer, {})[key] = pairs
    return found


def _material(lines: Sequence[Line]) -> str:
    return " ".join(line.text for line in lines)


def report(
    found: dict[str, dict[str, list[tuple[str, tuple[Claim, ...]]]]],
    told: dict[str, tuple[str, list[Line]]],
) -> list[dict[str, Any]]:
    """A row a writer."""
    rows = []
    for writer, of_writer in found.items():
        claims = [c for pairs in of_writer.values() for _, of_one in pairs for c in of_one]
        counts = {verdict: sum(c.verdict == verdict for c in claims) for verdict in VERDICTS}
        stated = [c for c in claims if c.relation is not None]
        of_relations = sum(c.verdict == "supported" for c in stated)
        total = counts["supported"] + counts["contradicted"] + counts["absent"]
        said = sum(
            len({c.statement for _, of_one in pairs for c in of_one if c.verdict == "supported"})
            for pairs in of_writer.values()
        )
        facts = sum(
            len({s.id for line in told[key][1] for s in line.statements}) for key in of_writer
        )
        rows.append(
            {
                "writer": writer,
                "texts": sum(bool(pairs) for pairs in of_writer.values()),
                "sentences": sum(map(len, of_writer.values())),
                "silent": sum(not of_one for pairs in of_writer.values() for _, of_one in pairs),
                **counts,
                "faithfulness": round(counts["supported"] / total, 3) if total else None,
                "of_relations": round(of_relations / len(stated), 3) if stated else None,
                "facts_said": round(said / facts, 3),
            }
        )
    return rows


def sample(
    found: dict[str, dict[str, list[tuple[str, tuple[Claim, ...]]]]], path: Path, count: int
) -> None:
    """As many claims of each verdict, drawn by the seed from all writers but the template."""
    draw = random.Random(SEED)
    every = [
        (writer, key, sentence, claim)
        for writer, of_writer in found.items()
        if writer != "template"
        for key, pairs in of_writer.items()
        for sentence, of_one in pairs
        for claim in of_one
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(COLUMNS)
        for verdict in VERDICTS:
            of_verdict = [each for each in every if each[3].verdict == verdict]
            for writer, key, sentence, claim in draw.sample(
                of_verdict, min(count, len(of_verdict))
            ):
                plain = " ".join(sentence.split())
                about = (claim.head, claim.relation or "", claim.tail, claim.verdict, claim.by)
                table.writerow((writer, key, plain, *about, ""))


def judged(path: Path) -> None:
    """How many claims of each verdict a person found right."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for verdict in VERDICTS:
        of_verdict = [row for row in rows if row["verdict"] == verdict and row["right"]]
        right = sum(row["right"] == "1" for row in of_verdict)
        print(f"{verdict}: {right} of {len(of_verdict)} right")


def main() -> None:
    """Write, check and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", default=[], metavar="LABEL=MODEL")
    parser.add_argument("--entities", type=int, default=30)
    parser.add_argument(
        "--first", action="append", default=[], metavar="LABEL=N", help="A model's first N alone."
    )
    parser.add_argument("--minutes", type=float, default=600, help="No new subject after these.")
    parser.add_argument("--sample", type=int, default=20, help="Claims of each verdict.")
    parser.add_argument("--judged", type=Path)
    given = parser.parse_args()
    if given.judged:
        judged(given.judged)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    names = dict(each.split("=", 1) for each in given.model)
    told = subjects(given.entities)
    models: dict[str, LanguageModel] = {
        label: load_model(name, given.folder / "answers") for label, name in names.items()
    }
    first = {label: int(count) for label, count in (each.split("=") for each in given.first)}
    texts = written(models, told, given.minutes, first)
    told = {key: told[key] for key in texts["template"]}
    (given.folder / "texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1))
    with own_server() as (store, _):
        load(store, GRAPH, *countries(), source="countryinfo")
        found = checked(store, texts, told)
    plain = {
        writer: {
            key: [(sentence, [asdict(claim) for claim in of_one]) for sentence, of_one in pairs]
            for key, pairs in of_writer.items()
        }
        for writer, of_writer in found.items()
    }
    (given.folder / "claims.json").write_text(json.dumps(plain, ensure_ascii=False, indent=1))
    rows = report(found, told)
    (given.folder / "report.json").write_text(json.dumps(rows, indent=1))
    print("\t".join(rows[0]))
    for row in rows:
        print("\t".join(str(value) for value in row.values()))
    sample(found, given.folder / "sample.tsv", given.sample)


if __name__ == "__main__":
    main()
