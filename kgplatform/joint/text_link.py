"""Links by text: a question's vector from the head's text, an answer's from the tail's.

A bi-encoder over vectors of a language model that stay as they are, after Wang et al. 2022,
"SimKGC: Simple Contrastive Knowledge Graph Completion with Pre-trained Language Models", with the
texts of training neighbours beside an entity's own. Nothing is learnt of an entity itself, so that
one which training never saw is asked about and found by its text.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from kgplatform.joint.text_neighbours import Neighbours, Surroundings, surroundings
from kgplatform.joint.text_settings import TextLinkSettings

ROWS_AT_ONCE = 4096
"""Entities whose vectors are made at a time where those of all are."""


class Around(nn.Module):
    """Neighbours' texts as one hidden vector: R-GCN's sum over relations by few matrices.

    Schlichtkrull et al. 2018, "Modeling Relational Data with Graph Convolutional Networks", eq. 3;
    beside it, how many neighbours there are by each relation.

    Args:
        width: Length of a text's vector, D.
        hidden: Length of what comes out, H.
        num_relations: In both directions, 2R.
        bases: Matrices that those of all relations are made of.
    """

    def __init__(self, width: int, hidden: int, num_relations: int, bases: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.randn(num_relations, bases) / bases**0.5)
        self.basis = nn.Linear(bases * width, hidden)
        self.counts = nn.Linear(num_relations, hidden, bias=False)

    def forward(self, around: Surroundings, size: int) -> Tensor:
        """What is around ``size`` entities, [size, H]; zero neighbours give the bias."""
        bases = self.share.shape[1]
        share = self.share[around.relation]
        mixed = [
            around.text.new_zeros(size, around.text.shape[1]).index_add(
                0, around.row, around.text * share[:, base : base + 1]
            )
            for base in range(bases)
        ]
        counts = around.text.new_zeros(size, self.share.shape[0])
        counts[around.row, around.relation] = torch.log1p(around.count)
        out: Tensor = self.basis(torch.cat(mixed, dim=1)) + self.counts(counts)
        return out


class Tower(nn.Module):
    """From a text to a vector of length 1: the text's own, and what is learnt to be added to it.

    Args:
        width: Length of a text's vector, D.
        settings: Sizes.
        num_relations: In both directions.
        asks: Whether it makes questions, for each relation others, or answers.
    """

    def __init__(
        self, width: int, settings: TextLinkSettings, num_relations: int, *, asks: bool
    ) -> None:
        super().__init__()
        hidden = settings.hidden
        self.first = nn.Linear(width, hidden)
        self.around: Around | None = None
        if settings.neighbours:
            self.around = Around(width, hidden, num_relations, settings.bases)
        self.scale: nn.Embedding | None = None
        self.own: nn.Embedding | None = None
        if asks:
            self.scale = nn.Embedding(num_relations, hidden)
            self.shift = nn.Embedding(num_relations, hidden)
            self.own = nn.Embedding(num_relations, width)
            nn.init.ones_(self.scale.weight)
            nn.init.normal_(self.shift.weight, std=0.5)
            nn.init.ones_(self.own.weight)
        self.middle = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, width)
        nn.init.zeros_(self.last.bias)
        self.norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(
        self,
        text: Tensor,
        around: Surroundings | None,
        place: Tensor,
        relation: Tensor | None = None,
    ) -> Tensor:
        """Vectors of length 1, [B, D].

        Args:
            text: Vectors of U entities' texts, [U, D].
            around: What is around them.
            place: Which of them is meant, [B].
            relation: What is asked of each, [B], if it makes questions.
        """
        hidden = self.first(self.dropout(text))
        if self.around is not None and around is not None:
            hidden = hidden + self.around(around, len(text))
        hidden, text = hidden[place], text[place]
        hidden = self.norm(hidden)
        if self.scale is not None and relation is not None:
            hidden = hidden * self.scale(relation) + self.shift(relation)
        hidden = self.dropout(gelu(hidden))
        hidden = hidden + self.dropout(gelu(self.middle(hidden)))
        own = text if self.own is None or relation is None else text * self.own(relation)
        return normalize(own + self.last(hidden), dim=1)


class TextLink(nn.Module):
    """Scores links by texts; ranked as a link model is (``kgplatform.training.ranks.Scorer``).

    Args:
        texts: Vectors of all entities' texts, float32 [N, D]; not trained.
        neighbours: Of the training facts.
        settings: Sizes and shares.
    """

    texts: Tensor

    def __init__(self, texts: Tensor, neighbours: Neighbours, settings: TextLinkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.neighbours = neighbours
        self.register_buffer("texts", texts, persistent=False)
        width, relations = texts.shape[1], neighbours.num_relations
        self.question = Tower(width, settings, relations, asks=True)
        self.answer = Tower(width, settings, relations, asks=False)
        self.log_scale = nn.Parameter(torch.tensor(1 / settings.temperature).log())
        self._answers: Tensor | None = None

    @property
    def num_entities(self) -> int:
        """Entities that are ranked."""
        return len(self.texts)

    def surroundings(self, entities: Tensor, hidden: Tensor | None = None) -> Surroundings | None:
        """Training neighbours of entities [B], facts by their rows ``hidden`` left out.

        In training some entities are taken for such as have none.
        """
        if not self.settings.neighbours:
            return None
        found = surroundings(self.neighbours, self.texts, entities, hidden)
        if not self.training or not self.settings.alone:
            return found
        return found.of_rows(torch.rand(len(entities)) >= self.settings.alone)

    def questions(self, anchor: Tensor, relation: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Vectors of (anchor, relation, ?), [B, D]; relations in both directions."""
        # Each anchor once, however many questions of a batch are about it.
        entities, place = torch.unique(anchor, return_inverse=True)
        around = self.surroundings(entities, hidden)
        vectors: Tensor = self.question(self.texts[entities], around, place, relation)
        return vectors

    def answers(self, entities: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Vectors of entities as answers, [B, D]."""
        around = self.surroundings(entities, hidden)
        place = torch.arange(len(entities))
        vectors: Tensor = self.answer(self.texts[entities], around, place)
        return vectors

    def train(self, mode: bool = True) -> TextLink:
        """Set the mode and forget vectors of earlier weights."""
        self._answers = None
        return super().train(mode)

    @torch.no_grad()
    def all_answers(self) -> Tensor:
        """Vectors of all entities as answers, [N, D], made once in evaluation mode."""
        if self._answers is None:
            every = torch.arange(self.num_entities)
            self._answers = torch.cat(
                [self.answers(rows) for rows in torch.split(every, ROWS_AT_ONCE)]
            )
        return self._answers

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (h, r, e) for all entities, or for ``candidates`` [N'], as [B, N]."""
        answers = self.all_answers()
        among = answers if candidates is None else answers[candidates]
        return self.questions(head, relation) @ among.T * self.log_scale.exp()

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (e, r, t) for all entities, or for ``candidates`` [N'], as [B, N]."""
        return self.score_tails(tail, relation + self.neighbours.num_relations // 2, candidates)
