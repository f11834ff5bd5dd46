"""An encoder's own weights trained on links: what Wang et al. 2022 (SimKGC) do, on few processors.

The upper layers learn, as their gradients cost least and matter most; the lower ones and the word
vectors stay. Head and tail of a fact are read by the same network, and a relation turns the head's
vector into a question; each tail competes with those of the batch. Afterwards the encoder is used
as any other: frozen, its vectors kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder
from kgplatform.training.known import Known, known_of_triples

STAGE = "tuning the encoder"
TOLD_EVERY = 20


@dataclass(frozen=True)
class TuneSettings:
    """How an encoder is trained on links.

    Attributes:
        facts: Training facts that are read, in random order, at most all of them once.
        layers: Upper layers that learn.
        batch_size: Facts in a step.
        learning_rate: Of the encoder's weights, falling to zero.
        head_rate: Of the relations' vectors.
        temperature: What similarities are divided by at the start; it is learnt.
        half: Whether matrices are multiplied in bfloat16.
        seed: Of the order.
    """

    facts: int = 20_000
    layers: int = 3
    batch_size: int = 128
    learning_rate: float = 1e-4
    head_rate: float = 1e-2
    temperature: float = 0.05
    half: bool = False
    seed: int = 0


class Turn(nn.Module):
    """What a relation makes of a head's vector, for either direction: scaled and shifted."""

    def __init__(self, width: int, num_relations: int, temperature: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_relations, width))
        self.shift = nn.Parameter(torch.zeros(num_relations, width))
        self.log_scale = nn.Parameter(torch.tensor(1 / temperature).log())

    def forward(self, vectors: Tensor, relation: Tensor) -> Tensor:
        """Questions of length 1, [B, D]."""
        return normalize(vectors * self.scale[relation] + self.shift[relation], dim=1)


def ignored(step: int, loss: float) -> None:
    """Tell nobody."""


def tune_encoder(
    encoder: TextEncoder,
    snapshot: KGSnapshot,
    texts: Sequence[str],
    settings: TuneSettings,
    watch: Callable[[int, float], None] = ignored,
    progress: Progress = silent,
) -> None:
    """Train the upper layers of an encoder in place, then freeze it again.

    Args:
        encoder: On the CPU; its digest changes.
        snapshot: With its split; its training facts are read.
        texts: Of the entities, [N].
        settings: All else.
        watch: Told of every few steps and their mean loss.
        progress: Told of facts.

    Raises:
        TrainingError: The encoder has no layers that could be told apart.
    """
    facts = snapshot.triples("train")
    torch.manual_seed(settings.seed)
    order = torch.randperm(len(facts))[: settings.facts]
    turn = Turn(encoder.dimension, 2 * snapshot.num_relations, settings.temperature)
    upper = upper_weights(encoder, settings.layers)
    optimizer = torch.optim.AdamW(
        [
            {"params": upper, "lr": settings.learning_rate},
            {"params": list(turn.parameters()), "lr": settings.head_rate, "weight_decay": 0.0},
        ]
    )
    batches = torch.split(order, settings.batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=len(batches))
    known = known_of_triples(facts, snapshot.num_entities)
    encoder.network.train()
    lost: list[float] = []
    for step, rows in enumerate(batches, 1):
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
            loss = _loss(encoder, turn, facts[rows], texts, known)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        lost.append(float(loss.detach()))
        progress(STAGE, min(step * settings.batch_size, len(order)), len(order))
        if step % TOLD_EVERY == 0 or step == len(batches):
            watch(step, sum(lost) / len(lost))
            lost = []
    encoder.network.requires_grad_(False).eval()
    # It was kept for weights that are no longer there.
    vars(encoder).pop("digest", None)


def upper_weights(encoder: TextEncoder, count: int) -> list[nn.Parameter]:
    """Weights of the last ``count`` layers, which are told to take gradients.

    Raises:
        TrainingError: The network is not made of a list of layers.
    """
    lists = [module for module in encoder.network.modules() if isinstance(module, nn.ModuleList)]
    layers = max(lists, key=len, default=None)
    if layers is None or not len(layers):
        raise TrainingError(
            f"the encoder {encoder.name!r} is not made of layers, so its upper ones cannot be told",
            hint="use it as it is",
        )
    chosen = [weight for layer in layers[-count:] for weight in layer.parameters()]
    for weight in chosen:
        weight.requires_grad_(True)
    return chosen


def _loss(
    encoder: TextEncoder, turn: Turn, facts: Tensor, texts: Sequence[str], known: Known
) -> Tensor:
    """InfoNCE in both directions of facts [B, 3], among the entities of the batch."""
    head, relation, tail = facts.unbind(1)
    entities, place = torch.unique(torch.cat((head, tail)), return_inverse=True)
    vectors = encoder.read(encoder.tokens([texts[entity] for entity in entities.tolist()])).pooled
    heads, tails = place.split(len(head))
    back = relation + len(turn.scale) // 2
    asked = torch.cat((heads, tails))
    target = torch.cat((tails, heads))
    scores = turn(vectors[asked], torch.cat((relation, back))) @ vectors.T * turn.log_scale.exp()
    hide = torch.zeros(scores.shape, dtype=torch.bool)
    # A question's own entity is no answer: in-batch it would be the hardest negative, and false.
    hide[torch.arange(len(asked)), asked] = True
    where = torch.full((len(texts),), -1)
    where[entities] = torch.arange(len(entities))
    for first, side, ends in ((0, known.tails, head), (len(head), known.heads, tail)):
        row, answer = side.of(ends, relation)
        inside = where[answer] >= 0
        hide[row[inside] + first, where[answer[inside]]] = True
    hide[torch.arange(len(target)), target] = False
    return cross_entropy(scores.masked_fill(hide, -torch.inf).float(), target)
