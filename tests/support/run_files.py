"""Files of runs, so that two runs of the same settings are alike: without times and names."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import safetensors

OF_TIME = {"seconds", "created", "triples_per_second", "id"}
"""What a run's files say that is another thing every time."""


def run_files(runs: Path) -> dict[str, str]:
    """Digests of the files of runs, by their place; runs that are named by time are numbered."""
    found: dict[str, str] = {}
    for number, folder in enumerate(sorted(each.parent for each in runs.glob("*/run.json"))):
        name = "a run" if re.match(r"\d{8}-", folder.name) else folder.name
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                place = f"{name} {number}/{path.relative_to(folder)}"
                found[place] = hashlib.sha256(_content(path, folder.name)).hexdigest()
    return found


def _content(path: Path, run: str) -> bytes:
    """A file without times, speeds and the name of its run."""
    if path.name == "run.json":
        return _plain(json.loads(path.read_text()), run)
    if path.name == "metrics.jsonl":
        return b"\n".join(_plain(json.loads(line), run) for line in path.open())
    if path.name == "state.safetensors":
        with safetensors.safe_open(path, framework="pt") as file:
            told = file.metadata()
            tensors = {name: file.get_tensor(name).numpy().tobytes() for name in file.keys()}  # noqa: SIM118
        told["counters"] = _plain(json.loads(told["counters"]), run).decode()
        return repr((sorted(told.items()), sorted(tensors.items()))).encode()
    if path.name == "card.md":
        text = path.read_text().replace(run, "RUN")
        return re.sub(r"[\d.,:T+-]+ s\b|\d{4}-\d\d-\d\dT[\d:+.-]+", "TIME", text).encode()
    return path.read_bytes()


def _plain(values: dict[str, Any], run: str) -> bytes:
    kept = {name: value for name, value in values.items() if name not in OF_TIME}
    return json.dumps(kept, sort_keys=True).replace(run, "RUN").encode()
