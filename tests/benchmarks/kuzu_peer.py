"""Kuzu's own back end for PyG, in a process of its own, since some releases end theirs."""

import importlib.util
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from torch_geometric.loader import NeighborLoader

WAIT = 600
"""Seconds for its load, and for a batch."""


def why_not() -> str | None:
    """Why Kuzu cannot be measured here; None if it can."""
    if importlib.util.find_spec("kuzu") is None:
        return (
            "kuzu is not installed: pip install kuzu==0.4.2 (docs/benchmarks.md says why this one)"
        )
    return None


class Kuzu:
    """Batches from Kuzu; ``ended`` says why there are none any more."""

    def __init__(self, pipe: Connection, process: multiprocessing.process.BaseProcess) -> None:
        self._pipe, self._process = pipe, process

    def batch(self, seeds: list[int]) -> int:
        """Make a batch; how many nodes it has.

        Raises:
            RuntimeError: Its process has ended.
        """
        self._pipe.send(seeds)
        return self.answer()

    def answer(self) -> int:
        """What the process says next."""
        waited = time.monotonic()
        while not self._pipe.poll(1):
            if not self._process.is_alive() or time.monotonic() - waited > WAIT:
                raise RuntimeError(f"Kuzu's process ended with {self._process.exitcode}")
        return int(self._pipe.recv())


@contextmanager
def kuzu_with(edges: np.ndarray, vectors: np.ndarray, neighbors: list[int]) -> Iterator[Kuzu]:
    """A database of facts, int64 [2, E], and of vectors of entities, float32 [N, d]."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "nodes.csv").open("w", encoding="utf-8") as file:
            for number, vector in enumerate(vectors.tolist()):
                file.write(f'{number},"[{",".join(map(str, vector))}]"\n')
        np.savetxt(Path(folder) / "edges.csv", edges.T, "%d", ",")
        width = vectors.shape[1]
        process = context.Process(target=_serve, args=(theirs, folder, width, neighbors))
        process.start()
        try:
            kuzu = Kuzu(ours, process)
            kuzu.answer()
            yield kuzu
        finally:
            process.kill()
            process.join()


def _serve(pipe: Connection, folder: str, width: int, neighbors: list[int]) -> None:
    import kuzu

    torch.set_num_threads(1)
    database = kuzu.Database(f"{folder}/db")
    connection = kuzu.Connection(database)
    connection.execute(
        f"CREATE NODE TABLE Entity(id INT64, vector FLOAT[{width}], PRIMARY KEY(id))"
    )
    connection.execute("CREATE REL TABLE fact(FROM Entity TO Entity)")
    connection.execute(f"COPY Entity FROM '{folder}/nodes.csv'")
    connection.execute(f"COPY fact FROM '{folder}/edges.csv'")
    features, graph = database.get_torch_geometric_remote_backend()
    nodes = features.get_tensor_size("Entity", "id")[0]
    # Its topology comes into memory here, once, as PyG's sampler wants it.
    loader = NeighborLoader(
        (features, graph), neighbors, input_nodes=("Entity", torch.arange(nodes)), batch_size=1
    )
    pipe.send(nodes)
    while True:
        batch = loader(pipe.recv())
        pipe.send(batch["Entity"].vector.shape[0])
