"""Facts that people have rejected, as hard negatives of a training.

Where all entities compete for an answer, a rejected one does, too, but as one among many. Here it
counts as often as the setting ``rejected_weight`` says: w e^s in the sum of the softmax, as if it
had been drawn w times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from kgplatform.errors import InputError, TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.config import TrainingConfig
from kgplatform.training.known import Known, known_of_triples

REJECTED_FILE = "rejected.tsv"
"""Of a run's folder: what it was trained with, so that it can be resumed."""

Fact = tuple[str, str, str]


def read_rejected(path: Path) -> list[Fact]:
    """Facts of a file of head, relation and tail, as `kgp review export` writes it.

    Raises:
        InputError: It cannot be read, or a line has not three columns.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="give a TSV in UTF-8") from None
    found = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        columns = line.split("\t")
        if len(columns) != 3:
            raise InputError(
                f"{path}, line {number}: {len(columns)} columns, not head, relation, tail",
                hint="`kgp review export FILE.tsv` writes such a file",
            )
        found.append((columns[0], columns[1], columns[2]))
    return found


def write_rejected(folder: Path, facts: Sequence[Fact]) -> None:
    """Keep in a run's folder what it is trained with."""
    text = "".join("\t".join(fact) + "\n" for fact in facts)
    (folder / REJECTED_FILE).write_text(text, encoding="utf-8")


def known_rejected(
    facts: Sequence[Fact], snapshot: KGSnapshot, config: TrainingConfig, device: torch.device
) -> Known | None:
    """Rejected facts between the snapshot's entities, without those that it asserts.

    Raises:
        TrainingError: The settings have no use for them.
    """
    if not facts:
        return None
    if config.loss != "cross_entropy" or config.candidates == "answers":
        raise TrainingError(
            f"rejected facts are negatives of the cross-entropy of one answer, not of "
            f"loss={config.loss} with candidates={config.candidates}",
            hint="set loss=cross_entropy and candidates=all or sampled",
        )
    entity = {name: row for row, name in enumerate(snapshot.entities)}
    relation = {name: row for row, name in enumerate(snapshot.relations)}
    rows = {
        (entity[h], relation[r], entity[t])
        for h, r, t in facts
        if h in entity and r in relation and t in entity
    }
    rows -= set(map(tuple, snapshot.triples(None).tolist()))
    if not rows:
        return None
    return known_of_triples(torch.tensor(sorted(rows), device=device), snapshot.num_entities)


def rejected_answers(rejected: Known, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Rejected answers of a batch's questions.

    Args:
        rejected: Rejected facts.
        batch: Triples, [B, 3].

    Returns:
        Row of the question, 0 to B for (h, r, ?) and the rest for (?, r, t), and entity; [K] each.
    """
    head, relation, tail = batch.unbind(1)
    tails, heads = rejected.tails.of(head, relation), rejected.heads.of(tail, relation)
    row = torch.cat((tails[0], heads[0] + len(batch)))
    return row, torch.cat((tails[1], heads[1]))


def weighed(scores: Tensor, row: Tensor, column: Tensor, weight: float) -> Tensor:
    """Scores [Q, C] with log w added where a rejected answer stands."""
    return scores.index_put(
        (row, column), scores.new_tensor(math.log(weight)).expand(len(row)), accumulate=True
    )
