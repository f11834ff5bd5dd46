"""The notebooks of docs/notebooks run from the first cell to the last, in a kernel of their own."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What each code cell printed; a cell that fails is an error with its traceback."""
    nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    # `kgp` as it is installed beside this Python.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "jupyter"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    place: dict[str, Any] = {"metadata": {"path": str(folder)}}
    # On a busy machine a kernel may take more than the usual minute to start.
    waits = {"timeout": 600, "startup_timeout": 300}
    nbclient.NotebookClient(notebook, resources=place, **waits).execute()
    if os.environ.get("UPDATE_DOCS"):
        nbformat.write(cleaned(notebook), NOTEBOOKS / name)
    return [
        "".join(out.get("text", "") for out in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def cleaned(notebook: Any) -> Any:
    """The notebook with what its cells printed, and nothing of when and where they did."""
    nbformat = pytest.importorskip("nbformat")

    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            text = "".join(out.text for out in cell.outputs if out.get("name") == "stdout")
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
            cell.execution_count = None
    return notebook


@pytest.mark.slow
def test_joint_training(
    kgp: Any, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGP_CACHE", str(tmp_path / "cache"))
    if not os.environ.get("UPDATE_DOCS"):
        monkeypatch.setenv("SEEDS", "1")
    files, loaded, trained, reported, library, written, found, undone = run(
        "joint_training.ipynb", tmp_path, monkeypatch
    )
    assert "texts, such as" in files
    assert "created" in loaded
    for shown in (trained, reported):
        assert "entities permuted" in shown
    assert "text alone" in reported.splitlines()[-1]  # the verdict, in words
    assert "'fused'" in library
    assert "now active" in written
    assert "'dimension': 128" in found
    assert found.count("text 1.00") < 15  # some of what is near has both in it
    assert "removed" in undone
    left = "MATCH (n:Entity {graph: 'notebook'}) RETURN count(n) AS nodes"
    assert store.rows(left)[0]["nodes"] == 0
