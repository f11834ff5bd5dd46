"""Saved queries in the two forms that Neo4j's editors import.

Browser takes a zip of ``.cypher`` files: a folder becomes a folder, the first line a query's name.
The newer Query tab (Neo4j's console, Desktop 2, Browser 2025) takes a CSV with the columns
``name, description, query, id, parentId, isFolder``.
"""

from __future__ import annotations

import csv
import io
import zipfile

from kgplatform.browser.contents import Contents
from kgplatform.browser.editor import filled, names, split

TOP = "kgp"
"""What folders begin with; short, as Browser cuts their names after some twenty letters."""

FOLDERS: dict[str, tuple[str, ...]] = {
    "1 what is there": (
        "show_graph",
        "show_schema",
        "count_types",
        "count_relations",
        "rank_entities",
        "show_documents",
    ),
    "2 an entity": (
        "show_entity",
        "show_relation",
        "find_path",
        "compare_entities",
        "list_sources",
    ),
    "3 vectors": ("find_nearest", "find_surprising_facts", "find_unembedded"),
    "4 predicted links": (
        "list_predictions",
        "show_predictions",
        "show_predicted",
        "explain_prediction",
        "list_rules",
    ),
    "5 facts from text": (
        "list_candidates",
        "show_candidates",
        "show_candidate",
        "show_evidence",
        "decide_candidate",
    ),
    "6 runs and answers": ("list_runs", "show_run", "show_answers"),
}

# A moment within what a zip can hold, always the same: the same graph gives the same file.
_MADE = (1980, 1, 1, 0, 0, 0)


def saved_queries(contents: Contents) -> list[tuple[str, str, str]]:
    """Each saved query as its folder, its name and its text, with values of this graph in it."""
    params = contents.params()
    placed = {name: folder for folder, listed in FOLDERS.items() for name in listed}
    found = []
    for name in names():
        folder = placed.get(name, "7 the demo")
        found.append((folder, split(name)[0].rstrip("."), filled(name, params)))
    return sorted(found, key=lambda each: each[0])


def as_zip(contents: Contents) -> bytes:
    """The saved queries as Browser imports them."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, (folder, title, text) in enumerate(saved_queries(contents), 1):
            place = f"{TOP} {folder}/{i:02d}_{_file(title)}.cypher"
            archive.writestr(zipfile.ZipInfo(place, _MADE), f"// {title}\n{_body(text)}")
    return held.getvalue()


def as_csv(contents: Contents) -> str:
    """The saved queries as the Query tab imports them."""
    held = io.StringIO()
    rows = csv.writer(held, lineterminator="\n")
    rows.writerow(["name", "description", "query", "id", "parentId", "isFolder"])
    numbers: dict[str, int] = {}
    count = 0
    for folder, title, text in saved_queries(contents):
        if folder not in numbers:
            numbers[folder] = count
            rows.writerow([f"{TOP} {folder}", "", "", count, "", "true"])
            count += 1
        rows.writerow([title, "", _body(text), count, numbers[folder], "false"])
        count += 1
    return held.getvalue()


def _body(text: str) -> str:
    """A query without its comment, which the name says."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("//")) + "\n"


def _file(title: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in title)[:60].strip("_")
