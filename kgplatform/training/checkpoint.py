"""The state of a training as one safetensors file: atomic, and never a pickle."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from kgplatform.errors import RunError
from kgplatform.parsed import parsed_json
from kgplatform.training.sharded import Shard, in_shards

CHECKPOINT_FILE = Path("checkpoint") / "state.safetensors"


@dataclass
class Counters:
    """Where a training stands, beside its tensors.

    Attributes:
        epoch: Epochs done.
        best_mrr: Best validation MRR so far; -1 before the first evaluation.
        best_epoch: Its epoch.
        waited: Evaluations since then.
        seconds: Time spent training so far.
    """

    epoch: int = 0
    best_mrr: float = -1.0
    best_epoch: int = 0
    waited: int = 0
    seconds: float = 0.0


def checkpoint_of(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    counters: Counters,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What ``checkpoint/state.safetensors`` holds.

    One file holds all of it, so that no kill can leave parts of two moments: tensors under
    ``model.*``, ``optimizer.<parameter>.<name>`` and ``generator``; the rest, which JSON
    repeats exactly, in the file's metadata.
    """
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {"generator": generator.get_state()}
    tensors |= {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, values in state["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    metadata = {
        "counters": json.dumps(vars(counters)),
        "param_groups": json.dumps(state["param_groups"]),
    }
    return tensors, metadata


def load_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    shard: Shard | None = None,
) -> Counters:
    """Set model, optimizer and generator to what the checkpoint holds; of a shard, its rows.

    Raises:
        RunError: There is no checkpoint, or it is corrupt.
    """
    path = folder / CHECKPOINT_FILE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: _read(file, name, shard) for name in file.keys()}  # noqa: SIM118
        weights = _under("model.", tensors)
        if shard is not None:
            with torch.no_grad():
                shard.rows.copy_(weights.pop("entity"))
        # What is left out of a shard's weights is the table, which has been copied.
        model.load_state_dict(weights, strict=shard is None)
        states: dict[int, dict[str, Any]] = {}
        for name, value in _under("optimizer.", tensors).items():
            index, key = name.split(".", 1)
            states.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict(
            {"state": states, "param_groups": parsed_json(metadata["param_groups"])}
        )
        generator.set_state(tensors["generator"])
        return _counters(metadata["counters"])
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        detail = " ".join(str(error).split())
        raise RunError(
            f"checkpoint {path} cannot be read: {detail}", hint="train again from the start"
        ) from None


def _counters(text: str) -> Counters:
    """Where a training stands, if there can be such a place.

    Raises:
        ValueError: There cannot.
        TypeError: There cannot.
    """
    found = Counters(**parsed_json(text))
    whole = (found.epoch, found.best_epoch, found.waited)
    if any(type(value) is not int or not 0 <= value < 1 << 53 for value in whole):
        raise ValueError(f"its counters are {text[:200]}")
    if not all(math.isfinite(value) for value in (found.best_mrr, found.seconds)):
        raise ValueError(f"its counters are {text[:200]}")
    return found


def _read(file: Any, name: str, shard: Shard | None) -> Tensor:
    """A tensor of the file, or the rows of it that are in a shard."""
    if shard is not None and in_shards(name):
        rows: Tensor = file.get_slice(name)[shard.here]
        return rows
    whole: Tensor = file.get_tensor(name)
    return whole


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
