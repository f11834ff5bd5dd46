"""Training of links by text: each answer against those of the batch and some more."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.text_link import TextLink
from kgplatform.joint.text_neighbours import neighbours_of
from kgplatform.joint.text_settings import TextLinkSettings
from kgplatform.progress import Progress, silent
from kgplatform.training.known import Known, known_of_snapshot, known_of_triples
from kgplatform.training.metrics import metrics_of
from kgplatform.training.ranks import rank_triples

STAGE = "training on texts"

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Epoch:
    """A point of a learning curve; without validation facts there is no MRR."""

    epoch: int
    loss: float
    valid_mrr: float | None


def ignored(epoch: Epoch) -> None:
    """Tell nobody."""


def train_text_link(
    snapshot: KGSnapshot,
    texts: Tensor,
    settings: TextLinkSettings,
    progress: Progress = silent,
    watch: Callable[[Epoch], None] = ignored,
) -> tuple[TextLink, list[Epoch]]:
    """Train on a snapshot's training facts; the weights that were best on validation are kept.

    Args:
        snapshot: With its split.
        texts: Vectors of its entities' texts, float32 [N, D].
        settings: All else.
        progress: Told of steps.
        watch: Told of each epoch.

    Returns:
        The model in evaluation mode, and the learning curve.

    Raises:
        TrainingError: There is nothing to train on, or the loss is no number.
    """
    facts = snapshot.triples("train")
    if not len(facts) or snapshot.num_entities < 2:
        raise TrainingError(
            f"there is nothing to train on: {len(facts)} training facts of "
            f"{snapshot.num_entities} entities",
            hint="check the graph's name and the projection",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        neighbours = neighbours_of(facts, snapshot.num_entities, snapshot.num_relations)
        model = TextLink(texts, neighbours, settings)
        curve: list[Epoch] = []
        best: dict[str, Tensor] | None = None
        for epoch in _epochs(model, snapshot, facts, progress):
            curve.append(epoch)
            watch(epoch)
            bests = max(curve, key=lambda other: other.valid_mrr or 0.0)
            if bests is epoch or epoch.valid_mrr is None:
                best = copy.deepcopy(model.state_dict())
            elif epoch.epoch - bests.epoch >= settings.patience:
                break
    assert best is not None
    model.load_state_dict(best)
    return model.eval(), curve


def _epochs(
    model: TextLink, snapshot: KGSnapshot, facts: Tensor, progress: Progress
) -> Iterator[Epoch]:
    """Train an epoch, then say how good the model is."""
    settings = model.settings
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = math.ceil(len(facts) / settings.batch_size)
    total = steps * settings.epochs
    # A tenth of ten steps is one: torch would divide by the steps between the first and that one.
    warm_up = WARM_UP if total * WARM_UP > 1 else 0.0
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=total, pct_start=warm_up
    )
    known = known_of_triples(facts, snapshot.num_entities)
    everything = known_of_snapshot(snapshot, torch.device("cpu"))
    valid = snapshot.triples("valid")
    for epoch in range(1, settings.epochs + 1):
        model.train()
        lost, order = 0.0, torch.randperm(len(facts))
        for step, rows in enumerate(torch.split(order, settings.batch_size), 1):
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
                loss = batch_loss(model, facts, rows, known)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            lost += float(loss.detach()) * len(rows)
            progress(STAGE, (epoch - 1) * steps + step, total)
        if not math.isfinite(lost):
            raise TrainingError(
                f"the loss is no number in epoch {epoch}", hint="lower the setting learning_rate"
            )
        model.eval()
        mrr = metrics_of(rank_triples(model, valid, everything)).mrr if len(valid) else None
        yield Epoch(epoch, lost / len(facts), mrr)


def batch_loss(model: TextLink, facts: Tensor, rows: Tensor, known: Known) -> Tensor:
    """InfoNCE of both questions of some facts (van den Oord et al. 2018), a scalar.

    Each answer competes with all entities of the batch and some drawn ones, but not with other
    answers that are known. The batch's facts are hidden from the neighbours of all of them.

    Args:
        model: In training mode.
        facts: Training facts, int64 [E, 3].
        rows: Which of them, [B].
        known: Training facts by question.
    """
    head, relation, tail = facts[rows].unbind(1)
    drawn = torch.randint(model.num_entities, (model.settings.negatives,))
    candidates = torch.unique(torch.cat((head, tail, drawn)))
    place = torch.full((model.num_entities,), -1)
    place[candidates] = torch.arange(len(candidates))
    anchor, target = torch.cat((head, tail)), place[torch.cat((tail, head))]
    both = torch.cat((relation, relation + model.neighbours.num_relations // 2))
    questions, answers = model.questions(anchor, both, rows), model.answers(candidates, rows)
    scores = questions @ answers.T * model.log_scale.exp()
    hide = torch.zeros(scores.shape, dtype=torch.bool)
    for first, side, ends in ((0, known.tails, head), (len(rows), known.heads, tail)):
        row, answer = side.of(ends, relation)
        inside = place[answer] >= 0
        hide[row[inside] + first, place[answer[inside]]] = True
    hide[torch.arange(len(target)), target] = False
    return cross_entropy(scores.masked_fill(hide, -torch.inf).float(), target)
