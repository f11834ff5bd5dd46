"""The example of docs/guide/language-models.md runs."""

import re
from pathlib import Path
from typing import Any

import pytest

from kgplatform.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "guide"


def test_the_example_runs(
    model_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    said = '{"facts": [{"head": "Chopin", "relation": "born_in", "tail": "Żelazowa Wola"}]}'
    server = model_server(lambda heard: said)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGP_LLM_MODEL", "small")
    guide = (DOCS / "language-models.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    exec(example.replace("http://localhost:8000/v1", server.url), {})
    assert "Chopin born_in Żelazowa Wola (38, 51) 0.5" in capsys.readouterr().out
    # Every setting of language models is in the table, with its default.
    rows = [row.split("|")[1:] for row in guide.splitlines() if row.startswith("| `KGP_LLM")]
    for name, field in Settings.model_fields.items():
        if name.startswith("kgp_llm"):
            (default,) = [row[2].strip() for row in rows if f"`{name.upper()}`" in row[0]]
            if isinstance(field.default, int | float):
                assert default == f"{field.default:g}"
