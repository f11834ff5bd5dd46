"""The folder of a run: everything to repeat, resume, inspect and write back a training."""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from kgplatform import __version__
from kgplatform.errors import RunError, UnknownNameError, UsageError
from kgplatform.models import Edges, LinkModel
from kgplatform.parsed import check_inside, parsed_json
from kgplatform.saved import saving
from kgplatform.training.config import TrainingConfig, config_from_json

log = logging.getLogger(__name__)

RUN_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.md"
VOCABULARY = {"entity_id": "entities.arrow", "relation": "relations.arrow"}
"""Files of names, by their column."""

MOMENT, MOMENT_LENGTH = "%Y%m%d-%H%M%S", 15
"""What the ids of runs begin with: local time."""

TRAIN_AGAIN = "train again, or name another run (kgp runs list)"


@dataclass(frozen=True)
class Run:
    """A training and everything to repeat it, as ``run.json`` has it.

    Attributes:
        id: Name of the run and of its folder.
        folder: Where it is.
        config: The resolved settings, the seed among them.
        source: Where the triples came from: graph, or query, parameters and key.
        snapshot_digest: SHA-256 of the snapshot it was trained on.
        created: Local time at its start, ISO 8601 with offset.
        versions: Of Python and of the packages that decide the result.
        commit: Of the repository around the working folder, if there is one.
        metrics: ``valid`` and ``test``, each with ``mrr``, ``hits_at_1``, ``hits_at_3``,
            ``hits_at_10``, ``mean_rank``, ``count``, and the same by ``head`` and ``tail``.
        best_epoch: Epoch of the weights that were kept; 0 while there are none.
        epochs: Epochs that were trained.
        seconds: Time spent training, interruptions not counted.
        complete: Whether the training came to its end.
    """

    id: str
    folder: Path
    config: TrainingConfig
    source: Mapping[str, Any]
    snapshot_digest: str
    created: str
    versions: Mapping[str, str]
    commit: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    best_epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    complete: bool = False

    def to_json(self) -> dict[str, Any]:
        """What ``run.json`` holds; the folder is left out, so that it can be moved."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del values["folder"]
        return values | {"config": self.config.to_json()}


def new_run_id(model: str, folder: Path) -> str:
    """A name like ``20261123-221530-distmult-3f9a``: sorts by time, fits any file system.

    Args:
        model: What the run is of.
        folder: Where it is to be. The new name comes after all that are there, with a later time
            than the clock's if need be: a clock that was put back, or the end of summer time,
            does not make an older run the newest.
    """
    now = datetime.now().replace(microsecond=0)
    moments = (_moment(path.name) for path in folder.glob("[0-9]*"))
    last = max((moment for moment in moments if moment is not None), default=None)
    if last is not None and last >= now:
        now = last + timedelta(seconds=1)
    return f"{now:{MOMENT}}-{model}-{secrets.token_hex(2)}"


def _moment(run_id: str) -> datetime | None:
    """The time that a run's id begins with; None where it was named otherwise."""
    try:
        return datetime.strptime(run_id[:MOMENT_LENGTH], MOMENT)
    except ValueError:
        return None


def versions() -> dict[str, str]:
    """Versions of what decides a result."""
    return {
        "kgplatform": __version__,
        "python": platform.python_version(),
        # With the build (+cu130, +cpu), which the package's metadata lacks.
        "torch": str(torch.__version__),
        "torch-geometric": version("torch-geometric"),
        "numpy": np.__version__,
    }


def git_commit() -> str | None:
    """Commit of the repository around the working folder, or None."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, even if the process is killed."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with saving(temporary, path), temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors as safetensors, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with saving(temporary, path):
        save_file(plain, temporary, metadata=dict(metadata or {}))
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())


def save_run(run: Run) -> None:
    """Write ``run.json``."""
    text = json.dumps(run.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(run.folder / RUN_FILE, text + "\n")


def save_vocabulary(folder: Path, entities: Sequence[str], relations: Sequence[str]) -> None:
    """Write ``entities.arrow`` and ``relations.arrow``: names by index, one column each."""
    for column, names in (("entity_id", entities), ("relation", relations)):
        table = pa.table({column: pa.array(names, pa.string())})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        write_atomically(_vocabulary_path(folder, column), sink.getvalue().to_pybytes())


def load_run(folder: Path, *, allow_incomplete: bool = False) -> Run:
    """Read a run folder.

    Args:
        folder: The run's folder.
        allow_incomplete: Whether a training that has not come to its end will do.

    Raises:
        RunError: There is no run, it is corrupt, or it is incomplete.
    """
    path = folder / RUN_FILE
    try:
        check_inside(folder)
        values = parsed_json(path.read_text(encoding="utf-8"))
        config = config_from_json(values.pop("config"))
        run = Run(folder=folder, config=config, **values)
        _check_kinds(run)
    except FileNotFoundError:
        raise RunError(f"{folder} is no run: it has no {RUN_FILE}", hint=TRAIN_AGAIN) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        detail = " ".join(str(error).split())
        raise RunError(f"{path} cannot be read: {detail}", hint=TRAIN_AGAIN) from None
    if not run.complete and not allow_incomplete:
        raise RunError(
            f"run {run.id} is incomplete: its training was interrupted",
            hint=f"finish it: kgp train {config.model} --resume {run.id}",
        )
    return run


def _check_kinds(run: Run) -> None:
    """See that a run that was read holds what a run does.

    Raises:
        ValueError: A value is of another kind.
    """
    kinds: dict[str, type | tuple[type, ...]] = {
        **dict.fromkeys(("id", "snapshot_digest", "created"), str),
        **dict.fromkeys(("source", "versions", "metrics"), dict),
        **dict.fromkeys(("best_epoch", "epochs"), int),
        "commit": (str, type(None)),
        "seconds": (int, float),
        "complete": bool,
    }
    for name, kind in kinds.items():
        if not isinstance(getattr(run, name), kind):
            raise ValueError(f"{name} is {str(getattr(run, name))[:100]!r}")  # noqa: TRY004
    if not run.id or Path(run.id).name != run.id:
        raise ValueError(f"{run.id[:100]!r} is no name of a run")


def find_run(runs_folder: Path, name: str) -> Path:
    """The folder of a run by its id, a prefix that only one has, or ``latest``.

    Raises:
        UnknownNameError: No run or more than one has that name.
    """
    ids = _run_ids(runs_folder)
    if name == "latest" and ids:
        return runs_folder / ids[-1]
    matching = [name] if name in ids else [run_id for run_id in ids if run_id.startswith(name)]
    if len(matching) != 1 or not name:
        raise UnknownNameError("run", name, matching or ids)
    return runs_folder / matching[0]


def list_runs(runs_folder: Path) -> list[Run]:
    """All runs of a folder, oldest first, incomplete ones too; corrupt ones are logged."""
    runs = []
    for run_id in _run_ids(runs_folder):
        try:
            runs.append(load_run(runs_folder / run_id, allow_incomplete=True))
        except RunError as error:
            log.warning("%s", error)
    return runs


def load_model(run: Run) -> LinkModel:
    """The run's model with the weights that were best on validation, on the CPU.

    Raises:
        RunError: The weights are missing, corrupt, or of another shape.
    """
    entities, relations = load_vocabulary(run)
    path = run.folder / WEIGHTS_FILE
    try:
        tensors = load_file(path)
        model = build_model(
            run.config,
            len(entities),
            len(relations),
            edges=Edges(tensors["edge_index"], tensors["edge_type"])
            if run.config.encoder is not None
            else None,
            features=tensors.get("features"),
        )
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        detail = " ".join(str(error).split())
        raise RunError(f"{path} cannot be read: {detail}", hint=TRAIN_AGAIN) from None
    return model.eval()


def build_model(
    config: TrainingConfig,
    num_entities: int,
    num_relations: int,
    *,
    edges: Edges | None,
    features: Tensor | None,
) -> LinkModel:
    """A new model with weights drawn from the config's seed.

    Args:
        config: Names the model and its options.
        num_entities: N.
        num_relations: R.
        edges: Training edges, for encoders.
        features: What is known of entities, float32 [N, F], where ``inputs`` asks for it.
    """
    generator = torch.Generator().manual_seed(config.seed)
    score, encoder = config.score, None
    if config.encoder is not None:
        encoder = config.encoder.encoder(
            score.model.entity_width(config.embedding_dim),
            score.model.relation_width(config.embedding_dim),
            num_relations,
            layers=config.layers,
            generator=generator,
            **{name: getattr(config, name) for name in config.encoder.options},
        )
    return score.model(
        num_entities,
        num_relations,
        config.embedding_dim,
        reciprocal=config.reciprocal,
        features=features,
        table=config.inputs != "features",
        encoder=encoder,
        edges=edges,
        generator=generator,
        **{name: getattr(config, name) for name in score.options},
    )


def load_vocabulary(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """entity_ids by entity_index and relation names by relation index.

    Raises:
        RunError: A file is missing or corrupt.
    """
    names = []
    for column in ("entity_id", "relation"):
        path = _vocabulary_path(run.folder, column)
        try:
            with pa.ipc.open_file(pa.BufferReader(path.read_bytes())) as reader:
                listed = reader.read_all()[column]
            # Places of texts are believed by Arrow, wherever in memory they are.
            listed.validate(full=True)
            names.append(tuple(listed.cast(pa.string()).to_pylist()))
        except (OSError, ValueError, pa.ArrowException, KeyError) as error:
            detail = " ".join(str(error).split())
            raise RunError(f"{path} cannot be read: {detail}", hint=TRAIN_AGAIN) from None
    return names[0], names[1]


def entity_vectors(run: Run) -> tuple[tuple[str, ...], np.ndarray]:
    """entity_ids and their vectors as the model scores them, float32 [N, d].

    Raises:
        RunError: A file is missing or corrupt, or a vector holds NaN or infinity.
    """
    entities, _ = load_vocabulary(run)
    with torch.no_grad():
        vectors = load_model(run).entity_vectors().to(torch.float32).numpy()
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        row = int(bad[0])
        raise RunError(
            f"the vector of entity {entities[row]!r} (row {row}) is not finite; "
            f"{bad.size} of {len(entities)} are not",
            hint="train again with a lower learning_rate or more regularization",
        )
    return entities, vectors


def is_begun(folder: Path) -> bool:
    """Whether a folder without ``run.json`` holds what a killed process has left of a run."""
    ours = {CARD_FILE, WEIGHTS_FILE, *VOCABULARY.values()}
    known = {*ours, RUN_FILE, *(f"{name}.tmp" for name in (*ours, RUN_FILE))}
    return folder.is_dir() and all(path.name in known for path in folder.iterdir())


def _run_ids(runs_folder: Path) -> list[str]:
    """Ids of the folder's runs in the order of their making."""
    files = runs_folder.glob(f"*/{RUN_FILE}")
    # No two ids have the same time unless they were made at once: see `new_run_id`.
    ordered = sorted(files, key=lambda file: (_made(file), file.parent.name))
    return [file.parent.name for file in ordered]


def _made(file: Path) -> datetime:
    """When a run was made: by its id, or, of one that was given a name, by its record."""
    if moment := _moment(file.parent.name):
        return moment
    try:
        created = datetime.fromisoformat(parsed_json(file.read_text("utf-8"))["created"])
        return created.astimezone().replace(tzinfo=None)
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return datetime.min


def _vocabulary_path(folder: Path, column: str) -> Path:
    return folder / VOCABULARY[column]
