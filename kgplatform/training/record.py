"""What a training writes into its run's folder while it runs, if it is the process that writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.artifacts import (
    METRICS_FILE,
    Run,
    save_run,
    save_tensors,
    save_vocabulary,
    write_atomically,
)
from kgplatform.training.distributed import Group
from kgplatform.training.rejected import Fact, write_rejected
from kgplatform.training.sharded import Shard


@dataclass(frozen=True)
class Record:
    """The folder of a training that runs. All processes call it, and the first one writes.

    Attributes:
        folder: Where.
        group: The processes of the training.
        shard: This one's rows of the entity table, if they are in shards.
    """

    folder: Path
    group: Group
    shard: Shard | None

    def begin(self, snapshot: KGSnapshot, rejected: Sequence[Fact] = ()) -> None:
        """Make the folder, with the names of the snapshot, and the facts that were rejected."""
        if self.group.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_vocabulary(self.folder, snapshot.entities, snapshot.relations)
            if rejected:
                write_rejected(self.folder, rejected)
            (self.folder / METRICS_FILE).touch()

    def run(self, run: Run) -> None:
        """Write ``run.json``."""
        if self.group.first:
            save_run(run)

    def line(self, line: Mapping[str, Any]) -> None:
        """Add a line to ``metrics.jsonl``."""
        if self.group.first:
            with (self.folder / METRICS_FILE).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def tensors(
        self, name: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> None:
        """Write weights or a checkpoint, tables in shards as whole ones."""
        if self.shard is not None:
            tensors = self.shard.gathered(tensors)
        if self.group.first:
            save_tensors(self.folder / name, tensors, metadata)

    def forget_after(self, epoch: int) -> None:
        """Cut ``metrics.jsonl`` back to the checkpoint; a kill may have left half a line."""
        if not self.group.first:
            return
        path, kept = self.folder / METRICS_FILE, []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
            except json.JSONDecodeError:
                break
            if values["epoch"] > epoch:
                break
            kept.append(line + "\n")
        write_atomically(path, "".join(kept))
