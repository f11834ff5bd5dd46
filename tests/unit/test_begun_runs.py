"""Which folders a killed import has left, and which are somebody else's."""

from pathlib import Path

from kgplatform.training.artifacts import is_begun


def test_a_folder_with_parts_of_a_run_is_begun(tmp_path: Path) -> None:
    assert is_begun(tmp_path)
    for name in ("entities.arrow", "relations.arrow.tmp", "weights.safetensors", "run.json.tmp"):
        (tmp_path / name).touch()
    assert is_begun(tmp_path)


def test_a_folder_with_other_files_is_not(tmp_path: Path) -> None:
    (tmp_path / "entities.arrow").touch()
    (tmp_path / "notes.txt").touch()
    assert not is_begun(tmp_path)
    assert not is_begun(tmp_path / "notes.txt")
