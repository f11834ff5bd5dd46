"""Hostile names in what Browser is given: they are shown as they are, and nothing of them runs."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from browser_window import needed_programs, opened
from campaign import counted, points
from hostile import NAMES, REFUSED_NAMES, canary

from kgplatform.browser.contents import Claim, Contents, Example, VectorSet, WrittenRun
from kgplatform.browser.guide import guide
from kgplatform.browser.saved import as_csv, as_zip
from kgplatform.browser.style import as_grass, as_json, style_sheet


def of_names(names: list[str]) -> Contents:
    """What a graph holds whose every name is one of these, the first above all."""
    name = names[0]
    return Contents(
        name,
        ((name, 1), *((f"{each} 2", 1) for each in names)),
        (("entities", 1), ("predicted", 1), ("staged", 1)),
        tuple((each, 1) for each in names),
        tuple((each, 1) for each in names),
        (VectorSet(name, name, name, 1, active=True),),
        (WrittenRun(name, name, None, 1, 1),),
        (Example(name, name, (name,), 1, 1), Example(names[-1], names[-1], (), 1, 0)),
        Claim(name, name, name, name, 0.9),
        Claim(name, name, name, name, 0.5),
    )


SCRIPTS = """
return {
  title: document.title,
  owned: window.owned === undefined ? null : String(window.owned),
  foreign: document.querySelectorAll(
    'script, img, svg, iframe, object, embed, link, form, base, meta, style').length,
  handlers: [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])
    .filter(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)).length,
  text: document.body.textContent,
}
"""


@pytest.mark.slow
def test_no_name_runs_in_a_guide_that_chromium_shows(tmp_path: Path) -> None:
    programs = needed_programs()
    names = [n for n in [*NAMES, *REFUSED_NAMES[1:12]] if n.isprintable() and 1 < len(n) < 1_000]
    # A guide lists the first of many: each dozen has a guide of its own.
    dozens = [names[at : at + 12] for at in range(0, len(names), 12)][: points(4, len(names))]
    with canary() as (address, asked):
        page = tmp_path / "guide.html"
        page.write_text("<title>begun</title>")
        with opened(programs, page.as_uri()) as window:
            for dozen in dozens:
                dozen = [each.replace("http://127.0.0.1:1", address) for each in dozen]
                html = guide(of_names(dozen), "http://127.0.0.1:7400")
                page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{html}", encoding="utf-8")
                window.driver.get(page.as_uri())
                window.driver.execute_script(
                    "for (const e of document.querySelectorAll('a, pre, b, td')) {"
                    "e.dispatchEvent(new MouseEvent('mouseover')); if (!e.href) e.click(); }"
                )
                seen = window.driver.execute_script(SCRIPTS)
                assert "owned" not in seen["title"].replace(dozen[0], "")
                assert seen["owned"] is None
                assert (seen["foreign"], seen["handlers"]) == (1, 0)  # the page's own charset
                for each in dozen:
                    assert each in seen["text"]
        assert asked == []
    tried = sum(map(len, dozens))
    counted("input", "names in guides that Chromium shows", tried, **{"kept literally": tried})


def test_names_stay_one_field_of_styles_and_saved_queries() -> None:
    names = [name for name in [*NAMES, *REFUSED_NAMES[3:12]] if name.strip()]
    names = names[:: points(4, 1)]
    usual = of_names(["plain"])
    with zipfile.ZipFile(io.BytesIO(as_zip(usual))) as archive:
        files = archive.namelist()
    rows = len(list(csv.DictReader(io.StringIO(as_csv(usual)))))
    for name in names:
        contents = of_names([name])
        with zipfile.ZipFile(io.BytesIO(as_zip(contents))) as archive:
            assert archive.namelist() == files
        assert len(list(csv.DictReader(io.StringIO(as_csv(contents))))) == rows
        sheet = style_sheet(contents)
        assert json.loads(as_json(sheet)) == sheet
        assert as_grass(sheet).count("\n}") in (len(sheet) - 1, len(sheet))
    counted(
        "input", "names in styles and saved queries", len(names), **{"kept literally": len(names)}
    )
