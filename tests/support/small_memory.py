"""A process that exports a snapshot, with so much memory left and no more; run as a program.

The limit is the system's (``RLIMIT_DATA``), set when all that is needed has been imported and the
snapshot is open, so that it counts what the export itself asks for.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

MIB = 1 << 20


def _held(what: str) -> int:
    """Bytes that this process has, from the system's table of it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the system does not say {what}")


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def main(snapshot: Path, form: str, to: Path, room: int) -> None:
    """Export, and print what it came to."""
    from kgplatform.graph.interchange import export
    from kgplatform.graph.snapshot import from_triples
    from kgplatform.graph.snapshot_folder import open_snapshot
    from kgplatform.triples import Triple

    opened = open_snapshot(snapshot)
    # A small one first, for which the libraries are imported.
    export(from_triples([Triple("a", "r", "b")]), to.with_name(f"{to.name}-first"), form)
    limit = _held("VmData") + room * MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    before = _held("VmRSS")
    done = export(opened, to, form)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(json.dumps({"facts": done.facts, "bytes": _size(to), "grown": grown}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
