"""Guide, style, saved queries and links as texts, names that would break out of them included."""

import csv
import io
import json
import re
import zipfile
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from kgplatform.browser.contents import Claim, Contents, Example, VectorSet, WrittenRun
from kgplatform.browser.editor import deep_link, filled, literal, names, params_of, split
from kgplatform.browser.guide import guide
from kgplatform.browser.saved import FOLDERS, as_csv, as_zip, saved_queries
from kgplatform.browser.serve import allowed_origin
from kgplatform.browser.style import PREDICTED, as_grass, as_json, style_sheet
from kgplatform.errors import UnknownNameError, UsageError

BASE = "http://127.0.0.1:7400"
ELEMENTS = {"title", "article", "carousel", "slide", "h3", "p", "b", "a", "pre", "span"} | {
    "table",
    "tr",
    "th",
    "td",
}
HOSTILE = """x' OR 1=1 //</pre><script>alert("1")</script>]]>`}{ \\u0027 onload="a" &amp; #?"""
WHOLE = Contents(
    "films",
    (("films", 3), ("other & more", 2)),
    (("entities", 3), ("predicted", 1), ("staged", 1), ("answers", 1), ("rules", 1)),
    (("Film", 2), ("Person", 1)),
    (("DIRECTED", 2),),
    (VectorSet("graph", "run-1", "embedding_1", 8, active=True),),
    (WrittenRun("run-1", "transe", 0.5, 1, 1),),
    (Example("f1", "Alien", ("Film",), 2, 1), Example("p1", "Scott", ("Person",), 2, 0)),
    Claim("run-1", "Alien", "DIRECTED", "Scott", 0.9),
    Claim("c" * 64, "Alien", "DIRECTED", "Scott", 0.5),
)
ENEMY = Contents(
    HOSTILE,
    ((HOSTILE, 1), (f"{HOSTILE} 2", 1)),
    (("entities", 1), ("predicted", 1), ("staged", 1)),
    ((HOSTILE, 1),),
    ((HOSTILE, 1),),
    (VectorSet(HOSTILE, HOSTILE, HOSTILE, 1, active=True),),
    (WrittenRun(HOSTILE, HOSTILE, None, 1, 1),),
    (Example(HOSTILE, HOSTILE, (HOSTILE,), 1, 1), Example(HOSTILE, HOSTILE, (), 1, 0)),
    Claim(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0.9),
    Claim(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0.5),
)


class Read(HTMLParser):
    """What a page holds: its elements, its attributes, and the texts of its queries."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.queries: list[str] = []
        self.executed: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        given = dict(attrs)
        self.attributes |= set(given)
        self._inside = tag == "pre" and "runnable" in (given.get("class") or "")
        if self._inside:
            self.queries.append("")
        if executed := given.get("data-exec"):
            self.executed.append(executed)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.queries[-1] += data


def cleaned_by_browser(html: str) -> str:
    """What Browser takes out of a guide before it shows it, by the patterns that it uses."""
    html = re.sub(r"""(\s+(on[^\s=]+)[^\s=]*\s*=\s*("[^"]*"|'[^']*'|[\w\-.:]+\s*))""", "", html)
    html = re.sub(r"<script\b[^<]*(?:(?!</script>)<[^<]*)*(</script>)?", "", html, flags=re.I)
    return re.sub(r"""href=(".*javascript:[^"]*"|'.*javascript:[^']*')""", 'href=""', html, count=1)


def in_editor(link: str) -> str:
    """What Browser puts into its editor for a link: it decodes first, and cuts then."""
    decoded = unquote(link.replace("+", " "))
    found = re.search(r"[?&]arg=([^&#]*)", decoded)
    assert found
    return found.group(1)


@pytest.mark.parametrize("contents", [WHOLE, ENEMY], ids=["usual", "hostile"])
def test_a_guide_has_queries_of_all_that_is_there_and_browser_changes_none(
    contents: Contents,
) -> None:
    html = guide(contents, BASE)
    read = Read(html)
    assert cleaned_by_browser(html) == html
    assert read.elements.count("slide") == 9
    assert set(read.elements) <= ELEMENTS
    assert read.attributes == {"class", "style", "data-exec", "href"}
    shown = contents.params() | {"limit": 10}
    assert filled("show_entity", contents.params()) in read.queries
    assert filled("find_nearest", contents.params()) in read.queries
    assert filled("show_candidates", shown) in read.queries
    # Nothing is said to be lacking.
    assert not re.search(r"<p>(No|Nothing) ", html)


def test_what_a_graph_lacks_is_said_by_the_command_that_makes_it() -> None:
    bare = Contents("films", (("films", 3),), (("entities", 3),))
    html = guide(bare, BASE)
    for command in ("kgp train", "kgp predict latest", "kgp extract", "kgp rules --graph films"):
        assert command in html
    assert "kgp demo" in guide(Contents(""), BASE)


def test_links_to_other_guides_are_commands_in_one_piece() -> None:
    played = [text for text in Read(guide(WHOLE, BASE)).executed if text.startswith("play ")]
    assert played == [f"play {BASE}/guide.html?graph=other%20%26%20more"]
    for text in Read(guide(ENEMY, BASE)).executed:
        assert re.fullmatch(r"(play|guide|style) http://127\.0\.0\.1:7400/\S+", text)
        assert ";" not in text


def test_a_literal_holds_any_text_in_its_quotes() -> None:
    assert literal("Côte d'Ivoire") == "'Côte d\\'Ivoire'"
    assert literal(None) == "null"
    assert literal(5) == "5"
    inside = literal(HOSTILE)[1:-1]
    assert not re.search(r"(?<!\\)'", inside)
    assert not set("&#\n") & set(literal(HOSTILE + "\n"))


@pytest.mark.parametrize("text", ["RETURN 1 + 1", "RETURN '100 % ü €' AS x, 'a=b?c'", HOSTILE])
def test_a_link_puts_its_text_into_the_editor(text: str) -> None:
    query = f"// title\nRETURN {literal(text)} AS text"
    link = deep_link("http://127.0.0.1:7474/browser/", query)
    assert in_editor(link) == query
    assert urlsplit(link).query.startswith("cmd=edit&arg=")
    assert re.fullmatch(r"[!-~]+", link)


def test_a_link_goes_on_from_an_address_with_a_query() -> None:
    assert "?dbms=x&cmd=edit&arg=" in deep_link("https://host/?dbms=x", "RETURN 1")


def test_each_query_can_be_filled_and_says_what_it_lacks() -> None:
    for name in names():
        text = filled(name, WHOLE.params())
        assert text.startswith(f"// {split(name)[0]}\n")
        assert "$" not in text
        assert params_of(name)
    with pytest.raises(UsageError, match="show_entity needs a value for graph"):
        filled("show_entity", {})
    with pytest.raises(UnknownNameError, match="no such query") as error:
        filled("show_entitie", {})
    assert "did you mean 'show_entity'" in error.value.hint


def test_saved_queries_are_a_zip_of_folders_and_a_csv_of_the_same() -> None:
    saved = saved_queries(WHOLE)
    assert {folder for folder, _, _ in saved} == {*FOLDERS, "7 the demo"}
    with zipfile.ZipFile(io.BytesIO(as_zip(WHOLE))) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert len(files) == len(saved) == len(names())
    for name, text in files.items():
        assert re.fullmatch(r"kgp [\w ]+/\d\d_\w+\.cypher", name)
        assert text.startswith("// ")
    rows = list(csv.DictReader(io.StringIO(as_csv(WHOLE))))
    assert list(rows[0]) == ["name", "description", "query", "id", "parentId", "isFolder"]
    folders = {row["id"]: row["name"] for row in rows if row["isFolder"] == "true"}
    queries = [row for row in rows if row["isFolder"] == "false"]
    assert {folders[row["parentId"]] for row in queries} == {f"kgp {f}" for f, _, _ in saved}
    assert {f"// {row['name']}\n{row['query']}" for row in queries} == set(files.values())
    assert as_zip(WHOLE) == as_zip(WHOLE)


def test_saved_queries_of_a_hostile_graph_are_still_a_file_each() -> None:
    with zipfile.ZipFile(io.BytesIO(as_zip(ENEMY))) as archive:
        assert all(".." not in name and name.count("/") == 1 for name in archive.namelist())
    rows = list(csv.DictReader(io.StringIO(as_csv(ENEMY))))
    assert len(rows) == len(names()) + len(FOLDERS) + 1


def test_a_style_tells_asserted_predicted_and_candidate_facts_apart() -> None:
    sheet = style_sheet(WHOLE)
    looks = [
        sheet[selector]["color"]
        for selector in ("relationship", "relationship.PREDICTED", "relationship.EVIDENCE")
    ]
    assert len(set(looks)) == 3
    assert sheet["relationship.PREDICTED"]["caption"] == "{relation}"
    kinds = ("Film", "Person", "Chunk", "Document", "Candidate", "Run", "Answer")
    assert len({sheet[f"node.{kind}"]["color"] for kind in kinds}) == len(kinds)
    # Types come after what all entities share, and prevail.
    order = list(sheet)
    assert order.index("node.Entity") < order.index("node.Film") < order.index("node.Candidate")
    assert json.loads(as_json(sheet)) == sheet
    grass = as_grass(sheet)
    assert f"relationship.PREDICTED {{\n  color: {PREDICTED};" in grass
    assert 'caption: "{relation}";' in grass


def test_a_hostile_type_is_text_in_json_and_left_out_of_grass() -> None:
    sheet = style_sheet(ENEMY)
    assert any("script" in selector for selector in json.loads(as_json(sheet)))
    assert "script" not in as_grass(sheet)
    assert as_grass(sheet).count("{\n") == len(sheet) - 1


def test_scripts_of_this_machine_and_of_named_origins_may_read() -> None:
    assert allowed_origin("http://127.0.0.1:7474")
    assert allowed_origin("http://localhost:7474")
    assert allowed_origin("http://[::1]:7474")
    assert allowed_origin("https://browser.neo4j.io", ["https://browser.neo4j.io"])
    for origin in (
        None,
        "null",
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "http://[",
    ):
        assert not allowed_origin(origin)
