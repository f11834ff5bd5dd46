"""Every example of docs/guide/text.md runs."""

import re
import shlex
from pathlib import Path
from typing import Any

from kgplatform.store.client import Store

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "text.md").read_text(encoding="utf-8")


def test_the_examples_run(kgp: Any, store: Store, monkeypatch: Any) -> None:
    monkeypatch.setenv("KGP_CACHE", str(Path("cache").resolve()))
    Path("facts.tsv").write_text("Poland\tborders\tGermany\nWarsaw\tcapital of\tPoland\n")
    Path("notes").mkdir()
    Path("notes/a.txt").write_text("Warsaw is the capital of Poland.")
    Path("texts.txt").write_text("Warsaw is the capital of Poland.\n")
    assert kgp("load", "facts.tsv", "--graph", "default").code == 0
    assert kgp("load", "notes", "--format", "documents", "--graph", "default").code == 0
    store.command("CREATE CONSTRAINT guide_email FOR (n:Person) REQUIRE n.email IS UNIQUE")
    store.command("CREATE (:Person {email: 'a@example.org', bio: 'likes graphs'})")
    commands = "".join(re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)).splitlines()
    assert len(commands) == 5
    for command in commands:
        ended = kgp(*shlex.split(command)[1:])
        assert ended.code == 0, f"{command}: {ended.err}"
        assert ended.out, command
    for example in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(example, {})
    # Others' people have an email, too, and not each their own.
    store.command("DROP CONSTRAINT guide_email")
    store.command("MATCH (n:Person {email: 'a@example.org'}) DETACH DELETE n")
