"""Snapshots on disk: what opening, refreshing and training on one costs.

    python tests/benchmarks/snapshots.py                # both parts
    python tests/benchmarks/snapshots.py --only memory  # 20,000,000 edges, no database
    python tests/benchmarks/snapshots.py --only refresh # 1,000,000 facts on a server of its own

memory   a synthetic snapshot is written to a folder; opening it is compared with ``torch.load`` of
         the same tensors and names (with ``mmap=True`` too), each with a read of a thousand
         edges; then one epoch of DistMult on the folder in a process of its own, whose peaks are
         printed: VmHWM (mapped pages of files count) and the highest RssAnon.
refresh  in turn, ``--rounds`` times: an export saved into a new folder; a refresh when nothing was
         committed; one when something else was, which reads everything and finds it unchanged.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from kgplatform.graph.projection import snapshot_of_graph
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.snapshot_folder import describe_snapshot, open_snapshot, save_snapshot
from kgplatform.store.state import database_state
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train

HELD_OUT = 1_000
"""Facts in each of valid and test; ranking one among a million entities takes milliseconds."""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=("memory", "refresh"))
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--relations", type=int, default=50)
    parser.add_argument("--facts", type=int, default=1_000_000, help="of the refreshed graph")
    parser.add_argument("--unsplit", action="store_true", help="no split is given: made at random")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train is not None:
        _train(given.train, given.unsplit)
        return
    if given.only != "refresh":
        _memory(given)
    if given.only != "memory":
        _refresh(given)


def synthetic(edges: int, entities: int, relations: int, unsplit: bool) -> KGSnapshot:
    """Random facts, sorted as a snapshot's are, with ``HELD_OUT`` in each of valid and test."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, entities * relations * entities, edges + edges // 1_000)
    keys = np.sort(rng.permutation(np.unique(drawn))[:edges])
    head, rest = np.divmod(keys, relations * entities)
    relation, tail = np.divmod(rest, entities)
    split = np.full(edges, -1 if unsplit else 0, dtype=np.int8)
    if not unsplit:
        held = rng.permutation(edges)[: 2 * HELD_OUT]
        split[held[:HELD_OUT]], split[held[HELD_OUT:]] = 1, 2
    return KGSnapshot(
        entities=tuple(f"entity_{i:09}" for i in range(entities)),
        relations=tuple(f"relation_{i:03}" for i in range(relations)),
        edge_index=torch.from_numpy(np.stack((head, tail))),
        edge_type=torch.from_numpy(relation),
        split=torch.from_numpy(split),
    )


def _memory(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, packed = Path(folder) / "snapshot", Path(folder) / "snapshot.pt"
        snapshot = synthetic(given.edges, given.entities, given.relations, given.unsplit)
        began = time.perf_counter()
        size = save_snapshot(snapshot, place.parent, source={}, path=place).size
        print(f"folder: {size / 1e6:,.0f} MB, written in {time.perf_counter() - began:.1f} s")
        names = ("edge_index", "edge_type", "split")
        torch.save(
            {name: getattr(snapshot, name) for name in names}
            | {"entities": list(snapshot.entities), "relations": list(snapshot.relations)},
            packed,
        )
        del snapshot
        at = torch.randint(given.edges, (1_000,))
        ways: dict[str, Callable[[], torch.Tensor]] = {
            "open_snapshot": lambda: open_snapshot(place).edge_index[:, at],
            "torch.load": lambda: torch.load(packed, weights_only=True)["edge_index"][:, at],
            "torch.load, mmap": lambda: torch.load(packed, weights_only=True, mmap=True)[
                "edge_index"
            ][:, at],
        }
        _in_turn(ways, given.rounds)
        command = [sys.executable, __file__, "--train", str(place)]
        subprocess.run(command + ["--unsplit"] * given.unsplit, check=True)


def _train(place: Path, unsplit: bool) -> None:
    snapshot = open_snapshot(place)
    peak = [0]

    def watch() -> None:
        while True:
            peak[0] = max(peak[0], _status("RssAnon"))
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    options = {
        "embedding_dim": 32,
        "epochs": 1,
        "batch_size": 131_072,
        "negatives": 128,
        "device": "cpu",
    }
    if unsplit:
        # All of a tenth of the facts could not be ranked among a million entities in a day.
        options |= {"valid_share": HELD_OUT / snapshot.num_edges, "test_share": 0.0}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = train(
            snapshot, resolve_config("distmult", snapshot, options), Path(folder) / "run", source={}
        )
    print(
        f"training: {time.perf_counter() - began:.0f} s, of them {run.seconds:.0f} s the epoch; "
        f"VmHWM {_status('VmHWM'):,} MB, RssAnon {peak[0]:,} MB at most"
    )


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return int(values[name].split()[0]) * 1024 // 1_000_000


def _refresh(given: argparse.Namespace) -> None:
    import graphs
    from own_server import own_server

    from kgplatform.store.load import load

    with own_server() as (store, _), tempfile.TemporaryDirectory() as folder:
        triples = graphs.random(given.facts, given.facts // 10, 20, 0)
        load(store, "benchmark", [], triples, source="random")

        def full() -> None:
            shutil.rmtree(folder)
            state, frozen = database_state(store), snapshot_of_graph(store, "benchmark")
            save_snapshot(frozen, Path(folder), source={}, state=state, path=Path(folder) / "s")

        def unchanged() -> None:
            assert describe_snapshot(Path(folder) / "s").state == database_state(store)

        def read_again() -> None:
            old = describe_snapshot(Path(folder) / "s")
            assert old.state != database_state(store)
            assert snapshot_of_graph(store, "benchmark").digest == old.digest

        full()  # warms the server up
        ways: dict[str, Callable[[], object]] = {
            "export into a folder": full,
            "refresh, nothing committed": unchanged,
            "refresh, something else committed": read_again,
        }
        _in_turn(ways, given.rounds, lambda: store.run("CREATE (:Elsewhere)"))


def _in_turn(
    ways: dict[str, Callable[[], object]] | dict[str, Callable[[], torch.Tensor]],
    rounds: int,
    before_last: Callable[[], object] = lambda: None,
) -> None:
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            if way == list(ways)[-1]:
                before_last()
            began = time.perf_counter()
            run()
            seconds[way].append(time.perf_counter() - began)
    first = statistics.median(seconds[next(iter(ways))])
    for way, values in seconds.items():
        median = statistics.median(values)
        spread = f"{min(values) * 1e3:,.1f} to {max(values) * 1e3:,.1f}"
        print(f"{way}: {median * 1e3:,.1f} ms ({spread}), {median / first:.3f} times")


if __name__ == "__main__":
    main()
