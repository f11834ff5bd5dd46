"""Plausibility by texts: for entities that no model of the graph has seen.

By a run of `kgp train text-link`, which asks and answers by texts; or, without one, by an encoder
alone: how near the tail's text is to the head's text with the relation's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from kgplatform.facts.records import CandidateFact
from kgplatform.text.encode import TextEncoder, text_vectors
from kgplatform.text.relations import relation_words

if TYPE_CHECKING:
    from kgplatform.joint.text_run import TextLinkRun

QUESTIONS_AT_ONCE = 256


class Scores(Protocol):
    """What scores all of its entities as answers."""

    @property
    def entities(self) -> Sequence[str]:
        """entity_ids, [N]."""
        ...

    @property
    def relations(self) -> Sequence[str]:
        """Names, [R]."""
        ...

    def tails(self, head: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """Of (h, r, ?), [n], [n] → [n, N]."""
        ...

    def heads(self, relation: np.ndarray, tail: np.ndarray) -> np.ndarray:
        """Of (?, r, t), [n], [n] → [n, N]."""
        ...


@dataclass(frozen=True, eq=False)
class TextPlausibility:
    """How well candidates stand among all that could stand in their place, by texts.

    Attributes:
        scores: By which model.
    """

    scores: Scores

    @cached_property
    def _index(self) -> tuple[dict[str, int], dict[str, int]]:
        return (
            {name: row for row, name in enumerate(self.scores.entities)},
            {name: row for row, name in enumerate(self.scores.relations)},
        )

    def features(self, candidates: Sequence[CandidateFact]) -> dict[str, np.ndarray]:
        """Columns of the group ``text``, float64 [n]; NaN where a text is not known.

        The mean of both scores in standard deviations from their query's mean; and the logarithms
        of the ranks of tail and head as shares of all entities.
        """
        entity, relation = self._index
        rows = [
            (row, entity[each.head], relation[each.relation], entity[each.tail])
            for row, each in enumerate(candidates)
            if each.head in entity and each.tail in entity and each.relation in relation
        ]
        found = {
            name: np.full(len(candidates), np.nan)
            for name in ("text_score", "text_tail_rank", "text_head_rank")
        }
        for start in range(0, len(rows), QUESTIONS_AT_ONCE):
            row, head, kind, tail = np.array(rows[start : start + QUESTIONS_AT_ONCE]).T
            of_tail = _standing(self.scores.tails(head, kind), tail)
            of_head = _standing(self.scores.heads(kind, tail), head)
            found["text_score"][row] = (of_tail[0] + of_head[0]) / 2
            found["text_tail_rank"][row] = of_tail[1]
            found["text_head_rank"][row] = of_head[1]
        return found


def _standing(scores: np.ndarray, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard score and log share of the rank of each row's answer, [n, N], [n] → [n], [n]."""
    own = scores[np.arange(len(answer)), answer][:, None]
    spread = np.maximum(scores.std(axis=1), 1e-9)
    standard = (own[:, 0] - scores.mean(axis=1)) / spread
    # Realistic among ties, the answer itself counted once.
    rank = (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) + 1) / 2
    return standard, np.log(rank / scores.shape[1])


@dataclass(frozen=True, eq=False)
class TextLinkScores:
    """By a run of links by text, with whatever entities were added to it."""

    run: TextLinkRun

    @property
    def entities(self) -> Sequence[str]:
        """entity_ids, new ones last."""
        return self.run.entities

    @property
    def relations(self) -> Sequence[str]:
        """Names."""
        return self.run.relations

    @torch.no_grad()
    def tails(self, head: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """Of (h, r, ?), [n, N]."""
        scores = self.run.model.score_tails(torch.from_numpy(head), torch.from_numpy(relation))
        return np.asarray(scores.double().numpy())

    @torch.no_grad()
    def heads(self, relation: np.ndarray, tail: np.ndarray) -> np.ndarray:
        """Of (?, r, t), [n, N]."""
        scores = self.run.model.score_heads(torch.from_numpy(relation), torch.from_numpy(tail))
        return np.asarray(scores.double().numpy())


@dataclass(frozen=True, eq=False)
class EncoderScores:
    """By an encoder alone: nothing is trained.

    Attributes:
        entities: entity_ids, [N].
        relations: Names, [R].
        answers: Vectors of length 1 of each entity's text, [N, D].
        said: Vectors of the relations' words, [R, D].
    """

    entities: Sequence[str]
    relations: Sequence[str]
    answers: np.ndarray
    said: np.ndarray

    def tails(self, head: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """Of (h, r, ?), [n, N]."""
        return np.asarray((self.answers[head] + self.said[relation]) @ self.answers.T)

    def heads(self, relation: np.ndarray, tail: np.ndarray) -> np.ndarray:
        """Of (?, r, t), [n, N]."""
        return self.tails(tail, relation)


def by_encoder(
    encoder: TextEncoder, texts: Mapping[str, str], relations: Sequence[str]
) -> TextPlausibility:
    """Plausibility by an encoder alone.

    Args:
        encoder: Reads names and descriptions.
        texts: By entity_id, new ones too.
        relations: Names.
    """
    answers = text_vectors(encoder, list(texts.values())).astype(np.float64)
    answers /= np.maximum(np.linalg.norm(answers, axis=1, keepdims=True), 1e-9)
    said = text_vectors(encoder, [relation_words(each) for each in relations])
    return TextPlausibility(
        EncoderScores(tuple(texts), tuple(relations), answers, said.astype(np.float64))
    )


def by_text_link(
    run: TextLinkRun, encoder: TextEncoder, texts: Mapping[str, str]
) -> TextPlausibility:
    """Plausibility by a run of links by text.

    Args:
        run: Of `kgp train text-link`.
        encoder: The one that it was trained with.
        texts: Of entities that it does not know, by id; others are passed over.

    Raises:
        UsageError: The encoder is another one.
    """
    from kgplatform.joint.text_run import with_new_entities

    known = set(run.entities)
    new = {entity: text for entity, text in texts.items() if entity not in known}
    return TextPlausibility(TextLinkScores(with_new_entities(run, encoder, new) if new else run))
