"""What somebody else wrote, and what was found to break the commands that read it."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kgplatform.cli.train import from_file
from kgplatform.errors import LONGEST_MESSAGE, InputError, KGPlatformError, UsageError
from kgplatform.graph.lazy_names import open_names, write_names
from kgplatform.parsed import parsed_array, parsed_json, parsed_yaml
from kgplatform.settings import load_settings
from kgplatform.sources import open_source
from kgplatform.sources.detect import detect
from kgplatform.text.llm.protocol import Answer, Request
from kgplatform.text.llm.structured import ask_list

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, "{", ""])
def test_json_of_any_kind_is_a_value_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed_json(text)


@pytest.mark.parametrize(
    "text",
    [LAUGHS, "a: " + "[" * 20_000, "a: 2001-99-99", "a: !!python/name:os.system", "a: !!binary x"],
)
def test_yaml_of_any_kind_is_a_value_or_a_value_error(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed_yaml(text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kgplatform.yaml").write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        from_file(tmp_path / "kgplatform.yaml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings()


@pytest.mark.parametrize("header", [b"{'descr': '<f4', 'shape'(", b"{'shape': (2**60,)}", b"\xff"])
def test_an_array_whose_header_is_broken_is_a_value_error(header: bytes, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3, np.float32))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:10] + header + whole[10 + len(header) :])
    for mode in (None, "c"):
        with pytest.raises(ValueError, match=r"."):
            parsed_array(tmp_path / "a.npy", mode)


def test_names_whose_places_lie_outside_of_their_text_are_refused(tmp_path: Path) -> None:
    write_names(tmp_path / "names.arrow", ("ann", "bob"))
    whole = (tmp_path / "names.arrow").read_bytes()
    places = np.array([0, 3, 6], np.int64).tobytes()
    assert places in whole
    wrong = whole.replace(places, np.array([0, 3, 1 << 40], np.int64).tobytes())
    (tmp_path / "names.arrow").write_bytes(wrong)
    with pytest.raises(pa.ArrowInvalid):
        open_names(tmp_path / "names.arrow")


def test_an_error_that_quotes_is_cut() -> None:
    assert len(str(KGPlatformError("a" * 100_000))) < LONGEST_MESSAGE + 10


class Speaker:
    """A model that always says the same."""

    name, digest, concurrency = "speaker", "0", 1

    def __init__(self, text: str) -> None:
        self.text = text

    def complete(self, _request: Request) -> Answer:
        return Answer(self.text, 1, 1, "stop", 0.0)


def test_an_answer_with_an_endless_number_is_a_problem_of_the_answer() -> None:
    from pydantic import BaseModel

    class Said(BaseModel):
        head: str

    speaker = Speaker('{"facts": [{"head": ' + "9" * 5_000 + "}]}")
    listed = ask_list(speaker, (), Said, most=5, max_tokens=5)
    assert listed.problems
    assert not listed.items


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    with pytest.raises(InputError) as error:
        list(open_source((str(path),)).triples(lambda _: None))
    return str(error.value)


def test_what_has_no_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    endless = b"a" * (40 << 20)
    rdf = b"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:e='http://e/'><e:a>"
    graph = b"<graphml xmlns='http://graphml.graphdrawing.org/xmlns'>"
    assert "too long" in refused(tmp_path / "a.nt.gz", b'<http://e/a> <http://e/p> "' + endless)
    assert "too long" in refused(tmp_path / "a.rdf.gz", rdf + b"<e:p>" + endless)
    text = graph + b"<graph><node id='a'><data key='k'>" + endless
    assert "longer than" in refused(tmp_path / "a.graphml.gz", text)
    assert "longer than" in refused(tmp_path / "b.graphml.gz", graph + b"<graph id='" + endless)
    deep = refused(tmp_path / "c.graphml", graph + b"<graph>" * 5_000)
    assert "in one another" in deep


def test_a_format_is_told_by_the_beginning_of_a_line_without_an_end(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.txt", "a.csv"):
        (tmp_path / name).write_bytes(b"[" * 3_000_000)
        assert detect([str(tmp_path / name)]) in ("table", "documents")
