"""Vectors of another toolkit, by the names of what they stand for, and their checks."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError, UsageError
from kgplatform.parsed import parsed_json


@dataclass(frozen=True)
class Opening:
    """What may be done to read a toolkit's files.

    Attributes:
        trust_pickle: Whether a file that may run any code as it is opened may be opened.
        python: The interpreter of the environment in which the toolkit is installed; None for
            this one.
    """

    trust_pickle: bool = False
    python: Path | None = None


@dataclass(frozen=True)
class Score:
    """A score function of ours that equals the toolkit's, up to a constant.

    Attributes:
        model: Name in ``kgplatform.models.MODELS``.
        norm: p of the distance of TransE and RotatE.
        reciprocal: Whether the relations have a second half for the opposite direction.
    """

    model: Literal["transe", "distmult", "complex", "rotate"]
    norm: Literal[1, 2] = 2
    reciprocal: bool = False


@dataclass(frozen=True, eq=False)
class Vectors:
    """What was trained elsewhere.

    Attributes:
        tool: The toolkit.
        model: What it calls its model; empty where its files do not say.
        entities: Names of the entities, [N].
        values: Their vectors, finite float32 [N, d].
        relations: Names of the relations, [R].
        relation_values: Their rows as ``score`` has them, float32 [R, d'] or [2R, d']; None where
            they are not needed.
        score: How triples are scored; None where no model of ours does it so, or nothing says.
    """

    tool: str
    model: str
    entities: tuple[str, ...]
    values: np.ndarray
    relations: tuple[str, ...] = ()
    relation_values: np.ndarray | None = None
    score: Score | None = None

    def __post_init__(self) -> None:
        _check(self.values, self.entities, "entity")
        if self.relation_values is not None:
            factor = 2 if self.score is not None and self.score.reciprocal else 1
            _check(self.relation_values, self.relations * factor, "relation", factor)


def _check(values: np.ndarray, names: tuple[str, ...], kind: str, repeats: int = 1) -> None:
    if values.ndim != 2 or not values.shape[1] or len(values) != len(names):
        raise InputError(
            f"{len(names):,} names of {kind} vectors, but vectors of shape {values.shape}",
            hint="the files are of two trainings, or one of them is cut",
        )
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if wrong.size:
        raise InputError(
            f"{wrong.size:,} {kind} vectors hold NaN or infinity, the first that of "
            f"{names[int(wrong[0])]!r}",
            hint="train again with a smaller learning rate",
        )
    if len(set(names)) * repeats != len(names):
        twice = next(name for name in names if names.count(name) > repeats)
        raise InputError(
            f"the name {twice!r} has more than one vector", hint="vectors are joined by name"
        )


def in_order(names: Mapping[int, str], file: Path) -> tuple[str, ...]:
    """Names by row from names by id.

    Raises:
        InputError: The ids are not 0, 1, 2, …
    """
    if sorted(names) != list(range(len(names))):
        raise InputError(
            f"{file}: the ids are not 0 to {len(names) - 1}",
            hint="without an id for each row it is open what the vectors stand for",
        )
    return tuple(names[row] for row in range(len(names)))


def check_trust(path: Path, opening: Opening) -> None:
    """Refuse a pickle that nobody has said to be trusted.

    Raises:
        UsageError: Nobody has.
        InputError: It is missing.
    """
    if not path.exists():
        raise InputError(f"there is no {path}", hint="check the path")
    if not opening.trust_pickle:
        raise UsageError(
            f"{path} is a pickle, which can run any code when it is opened",
            hint="if you made it yourself, or trust who did, add --trust-pickle",
        )


def open_trusted(path: Path, opening: Opening) -> Any:
    """Open a whole pickled object, if its user has said so.

    Raises:
        UsageError: Nobody has.
        InputError: It is missing or damaged.
    """
    check_trust(path, opening)
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, AttributeError) as error:
        raise _damaged(path, error) from None


def open_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, by name; nothing else in it is opened.

    Args:
        path: Safetensors, JSON of lists, or a file of ``torch.save`` that holds tensors alone.

    Raises:
        InputError: It is something else, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix == ".json":
            with path.open(encoding="utf-8") as file:
                listed = parsed_json(file.read())
            return {
                name: torch.tensor(value, dtype=torch.float32) for name, value in listed.items()
            }
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds more than tensors: {' '.join(str(error).split())[:120]}",
            hint="save the weights alone: torch.save(model.state_dict(), path)",
        ) from None
    # What torch meets in a damaged file ends in errors of any kind, also in KeyError and the like.
    except (OSError, SafetensorError, EOFError, MemoryError, ArithmeticError) as error:
        raise _damaged(path, error) from None
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _damaged(path, error) from None
    if not isinstance(loaded, Mapping):
        raise InputError(
            f"{path} holds a {type(loaded).__name__}, not tensors by name",
            hint="save the weights alone: torch.save(model.state_dict(), path)",
        )
    return {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}


def joined(
    tensors: Mapping[str, Tensor], choices: tuple[tuple[str, ...], ...], path: Path
) -> np.ndarray:
    """The table under the first of several choices of keys; several keys stand side by side.

    Returns:
        float32 [N, d].

    Raises:
        InputError: None of the choices is there.
    """
    for keys in choices:
        if all(key in tensors for key in keys):
            return torch.cat([tensors[key].float() for key in keys], dim=1).numpy()
    listed = " or ".join(" and ".join(keys) for keys in choices)
    raise InputError(
        f"{path} has no {listed} (it has {', '.join(sorted(tensors)[:8])})",
        hint="name the file that holds the model's weights",
    )


def _damaged(path: Path, error: Exception) -> InputError:
    detail = " ".join(str(error).split())[:200]
    return InputError(f"{path} cannot be read: {detail}", hint="save or fetch it again")
