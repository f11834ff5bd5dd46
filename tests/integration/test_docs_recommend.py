"""Every example of docs/guide/recommend.md runs."""

import re
import shlex
from pathlib import Path

import pytest

from kgplatform.store.client import Store
from kgplatform.store.remove import remove_graph

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "recommend.md").read_text("utf-8")


def test_the_examples_run(  # type: ignore[no-untyped-def]
    kgp, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tastes,) = re.findall(r"```text\n(head.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "tastes.tsv").write_text(tastes, "utf-8")
    outputs = {}
    for kind, block in re.findall(r"```(sh|python)\n(.*?)```", GUIDE, re.DOTALL):
        if kind == "python":
            exec(compile(block, "recommend.md", "exec"), {})
            continue
        for command in block.replace("\\\n", " ").splitlines():
            ended = kgp(*shlex.split(command)[1:])
            assert ended.code == 0, f"{command}: {ended.err}"
            outputs[command] = ended.out
    assert "the_fly" in outputs["kgp recommend ann --relation LIKES"]
    assert "IN_GENRE" in outputs["kgp recommend ann --relation LIKES"]
    assert "the_fly" in capsys.readouterr().out
    assert kgp("write", "latest").code == 0
    assert kgp("undo", "latest").code == 0
    remove_graph(store, "tastes")
