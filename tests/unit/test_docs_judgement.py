"""The examples of the guide on judgement run, in order."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "judgement.md"


def test_the_examples_run_and_print_what_the_guide_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (printed,) = re.findall(r"as evidence:\n\n```\n(.*?)```\n", text, re.DOTALL)
    names: dict[str, object] = {}
    assert len(blocks) == 3
    exec(compile(blocks[0], str(GUIDE), "exec"), names)
    assert capsys.readouterr().out == printed
    for block in blocks[1:]:
        exec(compile(block, str(GUIDE), "exec"), names)
    assert "CoDEx-S" in capsys.readouterr().out
