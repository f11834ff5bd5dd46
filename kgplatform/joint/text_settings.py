"""The settings of links by text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt
from pydantic import TypeAdapter, ValidationError

from kgplatform.errors import UnknownNameError, UsageError

Count = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0), Lt(1)]
Positive = Annotated[float, Gt(0), Lt(float("inf"))]


@dataclass(frozen=True)
class TextLinkSettings:
    """Everything that decides what a training computes, beside the facts and the texts.

    Attributes:
        neighbours: Whether the texts of training neighbours are read beside an entity's own.
        hidden: Length of the layers' vectors.
        bases: Matrices that those of all relations' neighbours are made of.
        dropout: Share of numbers that is set to zero in training.
        alone: Share of entities that in training are read as if they had no neighbours, so that
            those that have none are read well, too.
        temperature: What scores are divided by at the start; it is learnt.
        negatives: Entities drawn for each batch beside its own.
        epochs: Most rounds over the training facts.
        batch_size: Facts in a step.
        learning_rate: At its highest.
        weight_decay: Of AdamW.
        patience: Epochs without improvement on validation before the training stops.
        half: Whether matrices are multiplied in bfloat16, where the processor is quicker with it.
        seed: Of every random choice.
    """

    neighbours: bool = True
    hidden: Count = 512
    bases: Count = 2
    dropout: Share = 0.1
    alone: Share = 0.1
    temperature: Positive = 0.05
    negatives: Count = 1024
    epochs: Count = 10
    batch_size: Count = 1024
    learning_rate: Positive = 0.001
    weight_decay: Annotated[float, Ge(0)] = 0.01
    patience: Count = 3
    half: bool = False
    seed: Annotated[int, Ge(0)] = 0


def settings_of(given: Mapping[str, Any]) -> TextLinkSettings:
    """Settings by name, values as themselves or as a command line's texts; defaults for the rest.

    Raises:
        UnknownNameError: There is no such setting.
        UsageError: A value is of the wrong type or out of its range.
    """
    names = [field.name for field in dataclasses.fields(TextLinkSettings)]
    for name in given:
        if name not in names:
            raise UnknownNameError("setting", name, names)
    try:
        return TypeAdapter(TextLinkSettings).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise UsageError(
            f"setting {name} cannot be {first['input']!r}", hint=f"{name}: {first['msg']}"
        ) from None
