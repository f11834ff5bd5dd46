"""Question sets for tests/benchmarks/joint_qa.py: PathQuestion, and one of our own making."""

from __future__ import annotations

from pathlib import Path

from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.joint.qa_questions import Question
from kgplatform.triples import Triple

DATA = Path(__file__).parents[3] / "shared" / "data"


def path_question(hops: int, data: Path = DATA) -> tuple[KGSnapshot, list[Question]]:
    """PathQuestion (Zhou et al. 2018, "An Interpretable Reasoning Network"), 2 or 3 hops.

    A line is question, ``answer(answer/answer/)``, ``subject#relation#entity#…#<end>#answer``.
    The topic is not read from the path: the question names it.
    """
    folder = data / "pathquestion"
    graph = (folder / f"{hops}H-kb.txt").read_text("utf-8").splitlines()
    snapshot = from_triples(Triple(*line.split("\t")) for line in graph)
    questions = []
    lines = (folder / f"PQ-{hops}H.txt").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        text, answers, path = line.split("\t")
        given = answers[answers.index("(") + 1 : -1]
        steps = path.split("#")
        questions.append(
            Question(
                text,
                tuple(filter(None, given.split("/"))),
                path=tuple(steps[1 : steps.index("<end>") : 2]),
                line=number,
            )
        )
    return snapshot, questions
