"""Every example of docs/guide/joint.md and questions.md runs, its trainings cut short."""

import csv
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple

GUIDES = Path(__file__).parents[2] / "docs" / "guide"
CLASSIFY = tuple(f"--set={each}" for each in ("epochs=1", "width=8", "encoder=sgc"))
ASK = ("--set=epochs=1", "--set=hops=1")


def commands(guide: str) -> list[list[str]]:
    """The commands of a guide's fences, queries over several lines among their arguments."""
    text = "".join(re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)).replace("\\\n", " ")
    return [shlex.split(each) for each in re.split(r"^kgp ", text, flags=re.M) if each.strip()]


def test_the_examples_of_classification_run(kgp: Any, store: Store) -> None:
    guide = (GUIDES / "joint.md").read_text("utf-8")
    topics = ("art", "sport")
    said = [f"about {topics[at % 2]}, number {at}" for at in range(20)]
    entities = [
        Entity(f"a{at}", f"Article {at}", said[at], properties={"topic": topics[at % 2]})
        for at in range(20)
    ]
    facts = [Triple(f"a{at}", "NAMES", f"a{(at + 2) % 20}") for at in range(20)]
    load(store, "wiki", entities, facts, source="wiki")
    films = [Entity(f"f{at}", f"The Film {at}") for at in range(20)]
    load(store, "films", films, [Triple("f0", "SEQUEL_OF", "f1")], source="films")
    with Path("topics.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["description", "topic", "id"],
                *([said[at], topics[at % 2], f"a{at}"] for at in range(20)),
            ]
        )
    Path("reviews.csv").write_text(
        "text,genre\n" + "".join(f"I saw The Film {at},{'AB'[at % 2]}\n" for at in range(20))
    )
    ran = []
    for command in commands(guide):
        more = (*CLASSIFY, "--seeds", "1") if command[0] == "train" else ()
        if command[0] == "encode":
            pytest.importorskip("torchvision", reason="the extra `image` is not installed")
            draw_posters(store)
            more = ("--weights", "random")
        ended = kgp(*command, *more)
        assert ended.code == 0, f"{command}: {ended.err}"
        assert ended.out, command
        ran.append(command[0])
    assert ran == ["train"] * 3 + ["encode"]
    assert Path("films.rejects.tsv").read_text().count("there is no such file") == 1
    assert kgp("similar", "f1", "--graph", "films", "--kind", "image").code == 0


def draw_posters(store: Store) -> None:
    """Three posters, one of them missing."""
    from PIL import Image

    Path("posters").mkdir()
    for at in range(2):
        Image.new("RGB", (20, 30), (200 * at, 90, 40)).save(f"posters/{at}.jpg")
    store.run(
        "MATCH (e:Entity {graph: 'films'}) WHERE e.id IN ['f0', 'f1', 'f2'] "
        "SET e.poster = substring(e.id, 1) + '.jpg'"
    )


def test_the_examples_of_questions_run(kgp: Any, store: Store) -> None:
    guide = (GUIDES / "questions.md").read_text("utf-8")
    names = ["Ada", *(f"Person {at}" for at in range(1, 12))]
    people = [Entity(f"p{at}", name, types=("Person",)) for at, name in enumerate(names)]
    facts = [Triple(f"p{at}", "wife", f"p{(at + 5) % 12}") for at in range(12)]
    load(store, "family", people, facts, source="family")
    rows = [
        {"text": f"who is the wife of {name} ?", "id": f"p{at}", "answer": names[(at + 5) % 12]}
        for at, name in enumerate(names)
    ]
    lines = [f"{row['text']}\t{row['answer']}\n" for row in rows]
    Path("questions.tsv").write_text("question\tanswers\n" + "".join(lines))
    store.run(
        "UNWIND $rows AS row MATCH (e:Entity {graph: 'family', id: row.id}) "
        "CREATE (:Question {text: row.text, answers: [row.answer]})-[:ABOUT]->(e)",
        rows=rows,
    )
    found = commands(guide)
    assert len(found) == 3
    for command in found:
        ended = kgp(*command, *ASK)
        assert ended.code == 0, f"{command}: {ended.err}"
        assert "12" in ended.err, command
    example, _ = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    space: dict[str, Any] = {}
    exec(example, space)
    assert space["found"].name.startswith("Person")
