"""The baseline: which kind of question is it, and what does that kind's path lead to.

TF-IDF of words and pairs of words, logistic regression over the paths of the training questions,
and the path walked from the topic. Where nobody gave paths, each question's is the shortest one
that leads to its answers and to little else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kgplatform.joint.qa_questions import Linked
from kgplatform.joint.qa_walks import Area, Walks, ways_of

MOST_PATHS = 2_000
"""Paths of one length that are looked at for one question."""


class Templates:
    """A classifier of questions, whose classes are paths.

    Args:
        questions: Those to learn from.
        walks: The graph.
        relations: Its relations.
    """

    def __init__(self, questions: Sequence[Linked], walks: Walks, relations: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self._walks = walks
        paths = paths_of(questions, walks, relations)
        labels = sorted(set(paths))
        self._paths = labels
        self._classifier: Any = None
        if len(labels) > 1:
            self._classifier = make_pipeline(
                TfidfVectorizer(
                    ngram_range=(1, 2), tokenizer=str.split, token_pattern=None, sublinear_tf=True
                ),
                LogisticRegression(C=100.0, max_iter=1000),
            )
            place = {path: at for at, path in enumerate(labels)}
            self._classifier.fit([_text(q) for q in questions], [place[path] for path in paths])

    def paths(self, questions: Sequence[Linked]) -> list[tuple[int, ...]]:
        """The path of each question."""
        if self._classifier is None:
            return [self._paths[0]] * len(questions)
        found = self._classifier.predict([_text(q) for q in questions]) if questions else []
        return [self._paths[at] for at in found]

    def hits(self, questions: Sequence[Linked]) -> np.ndarray:
        """Share of answers among what each question's path leads to, [n]."""
        found = []
        for question, path in zip(questions, self.paths(questions), strict=True):
            ends = self._walks.ends(question.topic, path)
            found.append(float(np.isin(ends, question.answers).mean()) if ends.size else 0.0)
        return np.array(found)


def _text(question: Linked) -> str:
    return " ".join(question.words)


def paths_of(
    questions: Sequence[Linked], walks: Walks, relations: Sequence[str]
) -> list[tuple[int, ...]]:
    """Of each question the path to its answers, as ways; the empty one if there is none.

    Of several that lead to the answers equally well, the one that most questions share.
    """
    options = []
    for question in questions:
        given = question.question.path
        ways = None if given is None else ways_of(given, relations)
        options.append([ways] if ways is not None else _leading(question, walks))
    shared = Counter(path for paths in options for path in paths)
    return [max(paths, key=lambda path: (shared[path], path), default=()) for paths in options]


def _leading(question: Linked, walks: Walks) -> list[tuple[int, ...]]:
    """The paths whose ends are the answers best (by F1), of the shortest length that has one."""
    area = walks.area(question.topic)
    wanted = set(np.flatnonzero(np.isin(area.nodes, question.answers)).tolist())
    ends: dict[tuple[int, ...], set[int]] = {(): {0}}
    best: list[tuple[int, ...]] = []
    top = 0.0
    for hop in range(len(area.hops)):
        ends = _longer(ends, area, hop)
        for path, nodes in ends.items():
            hit = len(nodes & wanted)
            quality = 2 * hit / (len(nodes) + len(question.answers))
            if quality > top:
                best, top = [], quality
            # A longer path must be better, not as good.
            if hit and quality == top and (not best or len(best[0]) == len(path)):
                best.append(path)
    return best


def _longer(
    ends: dict[tuple[int, ...], set[int]], area: Area, hop: int
) -> dict[tuple[int, ...], set[int]]:
    steps = area.hops[hop]
    following: dict[int, list[tuple[int, int]]] = {}
    for source, way, target in zip(
        steps.source.tolist(), steps.way.tolist(), steps.target.tolist(), strict=True
    ):
        following.setdefault(source, []).append((way, target))
    longer: dict[tuple[int, ...], set[int]] = {}
    for path, nodes in ends.items():
        for node in nodes:
            for way, target in following.get(node, ()):
                if (*path, way) in longer or len(longer) < MOST_PATHS:
                    longer.setdefault((*path, way), set()).add(target)
    return longer
