"""Every promise of docs/reliability.md names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)?::(\w+)`")


def test_promises_name_their_tests() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    promises = text.partition("## Promises")[2].partition("## Counts")[0]
    rows = [row for row in promises.splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        module = ""
        for path, name in named:
            module = path or module
            assert f"def {name}(" in (ROOT / module).read_text(encoding="utf-8"), (module, name)
