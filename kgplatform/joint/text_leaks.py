"""What texts give away: an answer's name in the text that it is asked with.

A gloss may say outright what a held-out fact says ("a colt is a young *horse*"). Whether a model
reads or merely finds the word is told by its ranks where the name occurs and where it does not, by
taking such names out of the texts, and by a training without any names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.metrics import metrics_of_ranks
from kgplatform.training.ranks import Ranks

MASKED = "something"
"""What stands in a text for a name that was taken out: a word, so that the sentence stays one."""


def pattern_of(name: str) -> re.Pattern[str] | None:
    """Finds a name as whole words in any case, its plural too; None for a name of no word."""
    words = re.findall(r"\w+", name)
    if not words:
        return None
    words_in_a_row = r"\W+".join(map(re.escape, words))
    return re.compile(rf"\b{words_in_a_row}(?:e?s)?\b", re.IGNORECASE)


def named_in(names: Sequence[str], texts: Sequence[str], facts: Tensor) -> Tensor:
    """Whether the tail's name is in the head's text, and the head's in the tail's.

    Args:
        names: Of all entities, [N].
        texts: Of all entities, [N].
        facts: int64 [n, 3].

    Returns:
        bool [n, 2]: of the question for the head, and of that for the tail, as in ``Ranks``.
    """
    patterns = {entity: pattern_of(names[entity]) for entity in _ends(facts)}

    def found(answer: int, anchor: int) -> bool:
        pattern = patterns[answer]
        return pattern is not None and pattern.search(texts[anchor]) is not None

    pairs = [(found(h, t), found(t, h)) for h, _, t in facts.tolist()]
    return torch.tensor(pairs, dtype=torch.bool).reshape(-1, 2)


def masked_texts(
    names: Sequence[str], texts: Sequence[str], snapshot: KGSnapshot
) -> dict[int, str]:
    """Texts without the names of what their entity is held out with, where that changes them.

    Args:
        names: Of all entities, [N].
        texts: Likewise.
        snapshot: Whose valid and test facts are not to be read off a text.

    Returns:
        The new text by entity.
    """
    changed: dict[int, str] = {}
    for split in ("valid", "test"):
        for head, _, tail in snapshot.triples(split).tolist():
            for anchor, answer in ((head, tail), (tail, head)):
                text = changed.get(anchor, texts[anchor])
                pattern = pattern_of(names[answer])
                if pattern is not None and (masked := pattern.sub(MASKED, text)) != text:
                    changed[anchor] = masked
    return changed


def by_named(ranks: Ranks, named: Tensor) -> dict[str, Any]:
    """Metrics of the questions whose answer the text names, and of the others.

    Args:
        ranks: Of n facts.
        named: bool [n, 2]; see :func:`named_in`.
    """
    every = torch.stack((ranks.head, ranks.tail), dim=1)
    parts: Mapping[str, Tensor] = {"named": every[named], "not_named": every[~named]}
    return {name: metrics_of_ranks(part).to_json() for name, part in parts.items() if len(part)}


def _ends(facts: Tensor) -> list[int]:
    ends: list[int] = torch.unique(facts[:, ::2]).tolist()
    return ends
