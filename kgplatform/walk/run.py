"""A run folder of a walker: everything to walk again, the facts included.

``walker.json`` has settings and names; ``walker.safetensors`` the policy and the facts that are
walked on. The vectors in ``weights.safetensors`` are those of the policy's entities, to be written
and searched as those of any run.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from kgplatform.errors import RunError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.parsed import parsed_json
from kgplatform.training.artifacts import (
    CARD_FILE,
    TRAIN_AGAIN,
    WEIGHTS_FILE,
    Run,
    git_commit,
    load_vocabulary,
    save_run,
    save_tensors,
    save_vocabulary,
    versions,
    write_atomically,
)
from kgplatform.training.vector_run import vector_config
from kgplatform.walk.env import Walks
from kgplatform.walk.graph import action_table
from kgplatform.walk.policy import Policy
from kgplatform.walk.queries import KnownEnds, known_ends
from kgplatform.walk.settings import WalkerSettings, settings_of
from kgplatform.walk.task import Task

MODEL = "walker"
SETTINGS_FILE = "walker.json"
POLICY_FILE = "policy.safetensors"
FACTS_FILE = "facts.safetensors"
_TRAIN = "kgp train walker makes one that does"


@dataclass(frozen=True, eq=False)
class Walker:
    """A trained policy and the graph that it walks on.

    Attributes:
        policy: With the weights that were best on validation.
        settings: How it was trained.
        walks: The training facts.
        known: What they answer.
        snapshot: All facts with their split.
        said: What else the run's file says: ``encoder`` and its digest, with questions in words.
    """

    policy: Policy
    settings: WalkerSettings
    walks: Walks
    known: KnownEnds
    snapshot: KGSnapshot
    said: Mapping[str, Any]

    def log_policy(self, scores: Tensor) -> Tensor:
        """Log-probabilities of actions from the policy's scores, [W, A]."""
        return torch.log_softmax(scores / self.settings.probability_temperature, dim=1)


def new_policy(settings: WalkerSettings, task: Task) -> Policy:
    """A policy with weights drawn by torch's own generator."""
    return Policy(
        task.snapshot.num_entities,
        task.snapshot.num_relations,
        width=settings.embedding_dim,
        hidden=settings.hidden,
        dropout=settings.dropout,
        texts=task.texts,
    )


def begin_run(
    folder: Path,
    task: Task,
    settings: WalkerSettings,
    steps: int,
    source: Mapping[str, Any],
    said: Mapping[str, Any],
) -> Run:
    """Make the folder of a training; ``run.json`` is left to whoever can resume it."""
    snapshot = task.snapshot
    folder.mkdir(parents=True, exist_ok=True)
    save_vocabulary(folder, snapshot.entities, ())
    values = {
        "settings": settings.to_json(),
        "steps": steps,
        "relations": list(snapshot.relations),
        "texts": 0 if task.texts is None else int(task.texts.shape[1]),
        **said,
    }
    text = json.dumps(values, ensure_ascii=False, indent=2)
    write_atomically(folder / SETTINGS_FILE, text + "\n")
    facts = {"facts": snapshot.triples().int(), "split": snapshot.split}
    save_tensors(folder / FACTS_FILE, facts)
    config = vector_config(MODEL, settings.embedding_dim, reciprocal=False)
    return Run(
        id=folder.name,
        folder=folder,
        config=dataclasses.replace(config, seed=settings.seed),
        source={**source, "task": MODEL},
        snapshot_digest=task.given.digest,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        versions=versions(),
        commit=git_commit(),
    )


def save_policy(folder: Path, policy: Policy) -> None:
    """Keep a policy's weights, as those of the run."""
    save_tensors(folder / POLICY_FILE, policy.state_dict())


def finish_run(run: Run, policy: Policy, card: Callable[[Run], str], **results: Any) -> Run:
    """Complete a folder: the vectors of entities, what was reached, and the card of all that."""
    vectors = policy.entity.detach()
    nothing = torch.empty(0, vectors.shape[1])
    save_tensors(run.folder / WEIGHTS_FILE, {"entity": vectors, "relation": nothing})
    run = dataclasses.replace(run, complete=True, **results)
    write_atomically(run.folder / CARD_FILE, card(run))
    # Last: what is complete is not resumed.
    save_run(run)
    return run


def load_policy(folder: Path, policy: Policy) -> Policy:
    """Set a policy to the weights that a folder holds, in evaluation mode."""
    policy.load_state_dict(load_file(folder / POLICY_FILE))
    return policy.eval()


def read_settings(run: Run) -> tuple[WalkerSettings, dict[str, Any]]:
    """How a run is trained, and what else its file says.

    Raises:
        RunError: It is another kind of run, or its file is damaged.
    """
    path = run.folder / SETTINGS_FILE
    if run.source.get("task") != MODEL:
        raise RunError(f"run {run.id} does not walk", hint=_TRAIN)
    try:
        said = parsed_json(path.read_text(encoding="utf-8"))
        return settings_of(said.pop("settings")), said
    except (OSError, ValueError, TypeError, KeyError, UsageError) as error:
        detail = " ".join(str(error).split())
        raise RunError(f"{path} cannot be read: {detail}", hint=TRAIN_AGAIN) from None


def load_walker(run: Run) -> Walker:
    """A run, ready to walk, on the CPU.

    Raises:
        RunError: It is another kind of run, or its files are damaged.
    """
    settings, said = read_settings(run)
    entities, _ = load_vocabulary(run)
    try:
        relations = tuple(said.pop("relations"))
        columns = load_file(run.folder / FACTS_FILE)
        facts = columns["facts"].long()
        snapshot = KGSnapshot(
            entities, relations, facts[:, [0, 2]].T.contiguous(), facts[:, 1], columns["split"]
        )
        count = len(entities), len(relations)
        width = said.pop("texts")
        policy = Policy(
            *count,
            width=settings.embedding_dim,
            hidden=settings.hidden,
            dropout=settings.dropout,
            texts=torch.zeros(1, width) if width else None,
        )
        load_policy(run.folder, policy)
        table = action_table(snapshot.triples("train"), *count, settings.max_actions)
        walks = Walks(table, said.pop("steps"))
    except (OSError, ValueError, TypeError, KeyError, SafetensorError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:300]
        raise RunError(f"{run.folder} cannot be read: {detail}", hint=TRAIN_AGAIN) from None
    return Walker(policy, settings, walks, known_ends(snapshot), snapshot, said)
