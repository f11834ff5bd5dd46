"""Training of links by text: each answer against those of the batch and some more."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
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


@dataclass(frozen=True)
class Epoch:
    """One line of a learning curve."""

    epoch: int
    loss: float
    valid_mrr: float


def train_text_link(
    snapshot: KGSnapshot,
    texts: Tensor,
    settings: TextLinkSettings,
    progress: Progress = silent,
    watch: Callable[[Epoch], None] = lambda _: None,
) -> tuple[TextLink, list[Epoch]]:
    """Train on a snapshot's training facts; the weights that were best on validation are kept.

    Args:
        snapshot: With its split.
        texts: Vectors of its entities' texts, float32 [N, D].
        settings: All else.
        progress: Told of steps.
        watch: Told of each epoch.
    """
    torch.manual_seed(settings.seed)
    facts = snapshot.triples("train")
    model = TextLink(
        texts, neighbours_of(facts, snapshot.num_entities, snapshot.num_relations), settings
    )
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = math.ceil(len(facts) / settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=steps * settings.epochs, pct_start=0.1
    )
    known = known_of_triples(facts, snapshot.num_entities)
    all_known = known_of_snapshot(snapshot, torch.device("cpu"))
    curve: list[Epoch] = []
    best, best_weights = -1.0, None
    for epoch in range(1, settings.epochs + 1):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(facts), generator=generator).split(settings.batch_size):
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
                loss = batch_loss(model, facts, rows, known, generator)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        model.eval()
        mrr = metrics_of(rank_triples(model, snapshot.triples("valid"), all_known)).mrr
        curve.append(Epoch(epoch, total / len(facts), mrr))
        watch(curve[-1])
        if mrr > best:
            best, best_weights = mrr, copy.deepcopy(model.state_dict())
        elif epoch - max(curve, key=lambda e: e.valid_mrr).epoch >= settings.patience:
            break
    model.load_state_dict(best_weights)
    return model.eval(), curve


def batch_loss(
    model: TextLink, facts: Tensor, rows: Tensor, known: Known, generator: torch.Generator
) -> Tensor:
    """InfoNCE of both questions of some facts, among the batch's entities and some drawn ones."""
    settings = model.settings
    head, relation, tail = facts[rows].unbind(1)
    drawn = torch.randint(model.num_entities, (settings.negatives,), generator=generator)
    candidates = torch.unique(torch.cat((head, tail, drawn)))
    place = torch.full((model.num_entities,), -1)
    place[candidates] = torch.arange(len(candidates))
    anchor = torch.cat((head, tail))
    back = relation + model.neighbours.num_relations // 2
    target = place[torch.cat((tail, head))]
    scores = model.questions(anchor, torch.cat((relation, back)), rows) @ model.answers(
        candidates, rows
    ).T
    scores = scores * model.log_scale.exp()
    hide = torch.zeros(scores.shape, dtype=torch.bool)
    for first, side, ends in ((0, known.tails, head), (len(rows), known.heads, tail)):
        row, answer = side.of(ends, relation)
        inside = place[answer] >= 0
        hide[row[inside] + first, place[answer[inside]]] = True
    hide[torch.arange(len(target)), target] = False
    return cross_entropy(scores.masked_fill(hide, -torch.inf), target)
