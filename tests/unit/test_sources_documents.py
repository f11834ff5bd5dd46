"""Documents of every kind: their text, titles and ids, and what is rejected."""

import bz2
import gzip
import hashlib
import io
import json
import time
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from kgplatform.errors import InputError, UsageError
from kgplatform.sources import documents as module
from kgplatform.sources import open_source as open_any
from kgplatform.sources.documents import open_source
from kgplatform.sources.html_text import read_html
from kgplatform.sources.source import Options, Source
from kgplatform.triples import Document, Reject


def read(source: Source) -> tuple[list[Document], list[Reject]]:
    rejects: list[Reject] = []
    return list(source.documents(rejects.append)), rejects


def read_one(path: Path) -> Document:
    (found,), rejects = read(open_source((str(path),), Options()))
    assert rejects == []
    return found


def reason_of(path: Path) -> str:
    found, (reject,) = read(open_source((str(path),), Options()))
    assert found == []
    assert reject.file == str(path)
    return reject.reason


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text_of(document: Document) -> str:
    """The only chunk's text."""
    (piece,) = document.chunks
    return piece.text


def pdf(*pages: str, title: str | None = None) -> bytes:
    """A PDF file by hand: a page a text, in a font that every reader has."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    if title is not None:
        objects.append(f"<< /Title ({title}) >>")
    out = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    info = f" /Info {len(objects)} 0 R" if title is not None else ""
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{info} >>\n".encode()
    return out + f"startxref\n{start}\n%%EOF\n".encode()


def encrypted(data: bytes, password: str) -> bytes:
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(data)))
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_text_file_is_a_document_of_chunks(tmp_path: Path) -> None:
    text = "It rains. It pours. It stops.\n"
    path = put(tmp_path / "notes" / "rain.txt", text)
    (found,), rejects = read(open_source((str(path),), Options(chunk_tokens=6, overlap_tokens=3)))
    assert rejects == []
    assert found.document_id == "notes/rain.txt"
    assert found.uri == path.resolve().as_uri()
    assert found.title == "rain.txt"
    assert found.content_hash == hashlib.sha256(text.encode()).hexdigest()
    assert [(c.text, c.start, c.end, c.index) for c in found.chunks] == [
        ("It rains. It pours.", 0, 19, 0),
        ("It pours. It stops.", 10, 29, 1),
    ]


def test_an_id_is_the_same_from_everywhere_and_after_a_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "notes" / "a.txt", "Text.")
    put(tmp_path / "other" / "a.txt", "Text.")
    first = read_one(path)
    monkeypatch.chdir(path.parent)
    assert read_one(Path("a.txt")) == first
    assert read_one(Path()) == first
    assert read_one(Path("../notes")) == first
    assert read_one(Path("../other/a.txt")).document_id == "other/a.txt"
    (tmp_path / "notes").rename(tmp_path / "other" / "notes")
    moved = read_one(tmp_path / "other" / "notes")
    assert (moved.document_id, moved.chunks) == (first.document_id, first.chunks)
    assert moved.uri != first.uri


def test_two_files_of_one_id_are_refused_and_a_file_given_twice_is_read_once(
    tmp_path: Path,
) -> None:
    one = put(tmp_path / "x" / "notes" / "a.txt", "One.")
    two = put(tmp_path / "y" / "notes" / "a.txt", "Two.")
    with pytest.raises(InputError, match=r"would be one document: both are notes/a\.txt"):
        open_source((str(one), str(two)), Options())
    found, _ = read(open_source((str(one), str(one.parent)), Options()))
    assert len(found) == 1


def test_a_folder_is_read_in_order_and_what_is_not_is_said(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "c.HTML", "z.docx", ".hidden.txt", "sub/d.txt", "data.jsonl"):
        put(tmp_path / name, "Some text.")
    put(tmp_path / "e.pdf", pdf("Page."))
    put(tmp_path / "f.jsonl", '{"text": "Line.", "author": "x", "id": "1"}\n')
    source = open_source((str(tmp_path),), Options())
    found, rejects = read(source)
    assert [one.document_id.rpartition("/")[2] for one in found] == [
        "a.txt",
        "b.md",
        "c.HTML",
        "e.pdf",
        "1",
    ]
    assert rejects == []
    assert source.notes == (
        "f.jsonl: fields that are not read: author",
        "not read, since they are no documents: data.jsonl, z.docx",
        f"folders in {tmp_path} are not read, name those that should be: sub",
    )
    assert (source.name, source.format) == (tmp_path.name, "documents")
    # Each pass begins anew.
    assert read(source)[0] == found


def test_one_bad_document_does_not_stop_the_others(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", b"good\nbad \xff")
    put(tmp_path / "b.pdf", b"%PDF-1.4 nothing")
    put(tmp_path / "c.txt", " \n ")
    put(tmp_path / "d.txt.gz", gzip.compress(b"Damaged.")[:-6])
    put(tmp_path / "e.jsonl.gz", gzip.compress(b'{"text": "x"}\n')[:-6])
    put(tmp_path / "z.txt", "Good.")
    found, rejects = read(open_source((str(tmp_path),), Options()))
    # Of lines, those before the damage are read.
    assert [one.title for one in found] == ["e.jsonl.gz", "z.txt"]
    assert [Path(reject.file).name for reject in rejects] == [
        "a.txt",
        "b.pdf",
        "c.txt",
        "d.txt.gz",
        "e.jsonl.gz",
    ]
    assert "not UTF-8: line 2, byte 9" in rejects[0].reason
    assert "damaged or no PDF" in rejects[1].reason
    assert rejects[2].reason == "it holds no text"
    assert "damaged or cut .gz file" in rejects[3].reason
    assert "damaged or cut .gz file" in rejects[4].reason


def test_compressed_files_are_read(tmp_path: Path) -> None:
    assert text_of(read_one(put(tmp_path / "a.txt.gz", gzip.compress(b"Text.")))) == "Text."
    assert read_one(put(tmp_path / "a.md.bz2", bz2.compress(b"# Head"))).title == "Head"
    assert text_of(read_one(put(tmp_path / "a.pdf.gz", gzip.compress(pdf("Page."))))) == "Page."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("UTF-16 text".encode("utf-16"), "it is UTF-16"),
        (b"one\ntwo \0", "NUL byte on line 2"),
        ("Füße".encode("latin-1"), "not UTF-8: line 1, byte 1"),
        (b"", "it holds no text"),
    ],
)
def test_what_is_no_text_is_rejected(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in reason_of(put(tmp_path / "a.txt", content))


def test_too_large_documents_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_TEXT", 10)
    assert read_one(put(tmp_path / "a.txt", "0123456789")).title == "a.txt"
    assert "longer than 10 char" in reason_of(put(tmp_path / "b.txt", "01234567890"))
    assert "longer than 10 char" in reason_of(put(tmp_path / "c.pdf", pdf("0123", "4567", "890")))
    monkeypatch.setattr(module, "LARGEST_FILE", 20)
    assert "larger than 20 bytes" in reason_of(put(tmp_path / "d.txt", "é" * 11))
    lines = ['{"text": "short"}', '{"text": "' + "x" * 50 + '"}', '{"text": "last"}']
    found, rejects = read(
        open_source((str(put(tmp_path / "e.jsonl", "\n".join(lines))),), Options())
    )
    assert [text_of(one) for one in found] == ["short", "last"]
    assert [(one.line, one.reason) for one in rejects] == [(2, "the line is longer than 20 bytes")]


def test_line_ends_and_byte_order_marks_are_those_of_python(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", b"\xef\xbb\xbfOne\r\ntwo\rthree")
    found = read_one(path)
    text = path.read_text(encoding="utf-8-sig")
    assert text_of(found) == text == "One\ntwo\nthree"
    assert found.content_hash == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# One #\n# Two", "One"),
        ("Before.\n\n### Third level  \n", "Third level"),
        ("```\n# comment\n```\n\nUnder\nlined\n-----\n", "lined"),
        ("---\ntitle: front\n# no\n---\n\nYes\n===", "Yes"),
        ("~~~\n```\n# no\n~~~\n# yes", "yes"),
        ("#hashtag\n\n---\n", "a.md"),
        ("#\n## Not empty", "Not empty"),
    ],
)
def test_the_title_of_markdown_is_its_first_heading(tmp_path: Path, text: str, title: str) -> None:
    assert read_one(put(tmp_path / "a.md", text)).title == title


def test_a_page_gives_what_a_reader_sees() -> None:
    page = """<!DOCTYPE html><!-- no --><html><head><title>A &amp;
      B</title><style>p > a {}</style><script>if (a < b) "</p>";</script></head>
    <body class="x>y"><h1>Head</h1><p>One <b>bo</b>ld &lt;tag&gt; &eacute;&#x41;.<p>Two<br>lines
    <p hidden>gone <div>seen</div><template><p>no</p></template><p style="display: none">no</p>
    <span aria-hidden="true">no</span><ul><li>a<li>b</ul>
    <table><tr><td>1</td><td>2</td></tr><tr><td>3</table>
    <svg><title>no</title><path/></svg><noscript>no</noscript><pre>  x
   y</pre>1 < 2 tail</body></html>"""
    assert read_html(page) == (
        "A & B",
        "Head\n\nOne bold <tag> éA.\n\nTwo\nlines\n\nseen\n\na\nb\n\n1\t2\n3\n\n"
        "  x\n   y\n\n1 < 2 tail",
    )


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("</p></b>a<i>b</p>c</i></i></div>d", "ab\n\nc\n\nd"),
        ("a <a href='x", "a <a href='x"),
        ('a <a href="x>b</a> c', "a b c"),
        ("a <a title='x>y'>b</a>", "a b"),
        ("a<!-- never closed <p>b", "a"),
        ("a<!-->b<!--->c", "abc"),
        ("a<![x <b>c</b> <?php b ?>d", "ac d"),
        ("a<script>b", "a"),
        ("a<SCRIPT>b</Script >c", "ac"),
        ("<head><meta charset=utf-8>a<span>b", "ab"),
        ("<div hidden>a<div>b</div>c</div>d", "d"),
        ("<div hidden/>a", ""),
        ("<p>a<p hidden>b<p>c", "a\n\nc"),
        ("<", "<"),
        ("", ""),
    ],
)
def test_malformed_pages_are_read_anyway(page: str, text: str) -> None:
    assert read_html(page) == (None, text)


@pytest.mark.parametrize("unit", ["<a ", "<!--", "<![", "</", "<p x='", '<p ="', "<", "<b></i>"])
def test_a_page_that_is_made_to_be_slow_is_read_in_time(unit: str) -> None:
    begun = time.process_time()
    read_html(unit * (200_000 // len(unit)))
    assert time.process_time() - begun < 5


def test_the_title_and_the_encoding_of_a_page_are_its_own(tmp_path: Path) -> None:
    page = '<meta charset="ISO-8859-1"><title>Füße</title>“Tür”'
    found = read_one(put(tmp_path / "a.html", page.encode("cp1252")))
    assert (found.title, text_of(found)) == ("Füße", "“Tür”")
    assert read_one(put(tmp_path / "b.html", "<p>Tür")).title == "b.html"
    assert "not UTF-8" in reason_of(put(tmp_path / "c.html", "<p>Tür".encode("latin-1")))
    assert "unknown encoding: nonsense" in reason_of(
        put(tmp_path / "d.html", "<meta charset=nonsense>x")
    )
    assert "no text" in reason_of(put(tmp_path / "e.html", "<script>x</script>"))


def test_a_pdf_is_read_page_by_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = read_one(put(tmp_path / "a.pdf", pdf("First page.", "", "Third.", title="My Title")))
    assert found.title == "My Title"
    assert found.content_hash == hashlib.sha256(b"First page.\f\fThird.").hexdigest()
    assert text_of(found) == "First page.\f\fThird."
    assert read_one(put(tmp_path / "b.pdf", pdf("Text."))).title == "b.pdf"
    # Where its parts lie is wrong by some bytes: mended, and not spoken of.
    shifted = pdf("Text.").replace(b"%PDF-1.4\n", b"%PDF-1.4\n%%%%%\n")
    assert text_of(read_one(put(tmp_path / "c.pdf", shifted))) == "Text."
    assert caplog.records == []


def test_a_pdf_without_text_or_with_a_password_is_rejected(tmp_path: Path) -> None:
    assert reason_of(put(tmp_path / "a.pdf", pdf("", ""))) == "it holds no text"
    locked = encrypted(pdf("Secret."), "password")
    assert reason_of(put(tmp_path / "b.pdf", locked)) == "it is encrypted with a password"
    # One that opens without a password is as readable here as in any viewer.
    assert text_of(read_one(put(tmp_path / "c.pdf", encrypted(pdf("Open."), "")))) == "Open."


def test_a_line_of_json_is_a_document(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "title": "T", "uri": "https://x.example/1", "text": "One."},
        {"id": 7, "url": "https://x.example/2", "text": "Two."},
        {"url": "https://x.example/3", "text": "Three."},
        {"text": "Four.", "title": " "},
    ]
    path = put(tmp_path / "d" / "a.jsonl", "\n\n".join(map(json.dumps, rows)))
    found, rejects = read(open_source((str(path),), Options()))
    assert rejects == []
    own = f"d/a.jsonl#{hashlib.sha256(b'Four.').hexdigest()[:16]}"
    place = path.resolve().as_uri()
    assert [(one.document_id, one.title, one.uri) for one in found] == [
        ("a", "T", "https://x.example/1"),
        ("7", "7", "https://x.example/2"),
        ("https://x.example/3", "a.jsonl", "https://x.example/3"),
        (own, "a.jsonl", place),
    ]
    assert [text_of(one) for one in found] == ["One.", "Two.", "Three.", "Four."]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{nonsense", "it is not JSON"),
        (b'["text"]', "it is not a JSON object"),
        (b'{"id": "1"}', "no field text"),
        (b'{"text": 3}', "no field text"),
        (b'{"text": "  "}', "it holds no text"),
        (b'{"text": "x", "id": ""}', "id is empty"),
        (b'{"text": "x", "id": true}', "neither a text nor a whole number"),
        (b'{"text": "x", "id": 1.5}', "neither a text nor a whole number"),
        (b'{"text": "x", "id": "a\\nb"}', "id holds a control character"),
        (b'{"text": "x", "title": 3}', "its title or uri is not a text"),
        (b'{"text": "\\ud800"}', "text holds half a character"),
        (b'{"text": "x", "id": "\\udfff"}', "id holds half a character"),
        (b'{"text": "\xff"}', "not UTF-8 (byte 10 of the line)"),
        (b"[" * 100_000, "it is not JSON"),
    ],
)
def test_a_line_that_is_no_document_is_rejected_with_its_place(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    path = put(tmp_path / "a.jsonl", b'{"text": "Good."}\n' + line + b'\n{"text": "Last."}\n')
    found, (reject,) = read(open_source((str(path),), Options()))
    assert [text_of(one) for one in found] == ["Good.", "Last."]
    assert (reject.file, reject.line) == (str(path), 2)
    assert reason in reject.reason
    assert reject.text == line.decode("utf-8", "replace")[:1000]


def test_what_cannot_be_opened_says_why_and_what_to_do(tmp_path: Path) -> None:
    def refused(path: Path) -> tuple[str, str]:
        with pytest.raises(InputError) as caught:
            open_source((str(path),), Options())
        return str(caught.value), caught.value.hint

    assert "no such file" in refused(tmp_path / "none.txt")[0]
    assert "ending that no document has" in refused(put(tmp_path / "a.docx", "x"))[0]
    said, hint = refused(put(tmp_path / "a.jsonl", '{"head": "x"}\n'))
    assert "line 1: no JSON object with a field text" in said
    assert '"text"' in hint
    put(tmp_path / "empty" / "sub" / "x.txt", "x")
    said, hint = refused(tmp_path / "empty")
    assert "holds no documents" in said
    assert hint.endswith(str(Path("empty") / "sub"))
    with pytest.raises(UsageError, match="chunks of 5 tokens cannot overlap by 5"):
        open_source((str(put(tmp_path / "a.txt", "x")),), Options(chunk_tokens=5, overlap_tokens=5))


def test_an_error_of_who_takes_the_rejects_is_not_taken_for_the_file(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "")

    def full(_: Reject) -> None:
        raise InputError("the disk is full")

    with pytest.raises(InputError, match="the disk is full"):
        list(open_source((str(path),), Options()).documents(full))


def test_the_format_is_found_by_looking(tmp_path: Path) -> None:
    path = put(tmp_path / "a.md", "# Head\n\nText.")
    (found,), _ = read(open_any([str(path)]))
    assert found.title == "Head"
