"""The style of a graph in Browser: asserted, predicted and candidate facts told apart at sight.

GraSS, Browser's style language, has colours, widths, sizes and captions; it has no dashes and looks
at labels and types alone, never at properties. So what is predicted or not yet accepted differs in
colour and width, and its caption is the relation that it stands for.
"""

from __future__ import annotations

import json
import re

from kgplatform.browser.contents import Contents

Sheet = dict[str, dict[str, str]]
"""Properties by selector; later selectors prevail."""

ASSERTED = "#A5ABB6"
PREDICTED = "#D4351C"
CANDIDATE = "#F79767"
ANSWER = "#8E5BB5"

# Fill, border and text of entities, a type each; blues, greens and earths, so that the reds and
# oranges stay with what is not asserted.
TYPES = (
    ("#4C8EDA", "#2870C2", "#FFFFFF"),
    ("#8DCC93", "#5DB665", "#2A2C34"),
    ("#57C7E3", "#23B3D7", "#2A2C34"),
    ("#569480", "#447666", "#FFFFFF"),
    ("#C990C0", "#B261A5", "#FFFFFF"),
    ("#D9C8AE", "#C0A378", "#2A2C34"),
    ("#7B8CC4", "#5A6CA8", "#FFFFFF"),
    ("#B5CE6E", "#97B34A", "#2A2C34"),
    ("#6E7F80", "#536162", "#FFFFFF"),
    ("#A3D9D3", "#74BFB7", "#2A2C34"),
    ("#604A0E", "#423204", "#FFFFFF"),
    ("#9FB4D8", "#7C96C4", "#2A2C34"),
)

# The platform's own nodes: colours, diameter and caption.
NODES = (
    ("NewEntity", "#FFF1E6", CANDIDATE, "#2A2C34", "50px", "{name}"),
    ("Candidate", CANDIDATE, "#F36924", "#2A2C34", "65px", "{relation}"),
    ("Document", "#FFC454", "#D7A013", "#2A2C34", "50px", "{title}"),
    ("Chunk", "#FFF3D1", "#E5C25A", "#2A2C34", "65px", "{text}"),
    ("Run", "#2A2C34", "#000000", "#FFFFFF", "65px", "{model}"),
    ("EmbeddingSet", "#C7CCD4", "#9AA1AC", "#2A2C34", "50px", "{kind}"),
    ("Answer", ANSWER, "#6C3F91", "#FFFFFF", "65px", "{name}"),
    ("RuleSet", "#2A2C34", "#000000", "#FFFFFF", "50px", "{graph}"),
    ("Rule", "#C7CCD4", "#9AA1AC", "#2A2C34", "65px", "{name}"),
)

# The platform's own relationships: colour, width and caption.
RELATIONSHIPS = (
    ("PREDICTED", PREDICTED, "3px", "{relation}"),
    ("EVIDENCE", CANDIDATE, "3px", "<type>"),
    ("MENTIONED_IN", "#E5C25A", "1px", "<type>"),
    ("PART_OF", "#D7A013", "1px", "<type>"),
    ("NEXT", "#E5C25A", "1px", "<type>"),
    ("STEP", ANSWER, "3px", "{way}.{i}"),
    ("WROTE", "#2A2C34", "2px", "<type>"),
    ("HOLDS", "#2A2C34", "1px", "<type>"),
)

_PLAIN = re.compile(r"[^\W\d]\w*")
_NOT_ENTITIES = {"Entity", *(name for name, *_ in NODES)}


def style_sheet(contents: Contents) -> Sheet:
    """The style of a graph: a colour for each of its types, and for those of other graphs."""
    sheet: Sheet = {
        "node": _node(ASSERTED, "#8A909B", "#FFFFFF", "50px", "{name}"),
        "relationship": _relationship(ASSERTED, "1px", "<type>"),
        "node.Entity": _node(ASSERTED, "#8A909B", "#FFFFFF", "60px", "{name}"),
    }
    types = dict.fromkeys([*(name for name, _ in contents.types), *contents.labels])
    for i, name in enumerate(name for name in types if name not in _NOT_ENTITIES):
        sheet[_selector("node", name)] = _node(*TYPES[i % len(TYPES)], "60px", "{name}")
    for name, color, border, text, diameter, caption in NODES:
        sheet[_selector("node", name)] = _node(color, border, text, diameter, caption)
    for name, color, width, caption in RELATIONSHIPS:
        sheet[_selector("relationship", name)] = _relationship(color, width, caption)
    return sheet


def as_json(sheet: Sheet) -> str:
    """A style as the JSON that Browser's ``:style`` takes too; any name of a type stays itself."""
    return json.dumps(sheet, indent=1, ensure_ascii=False)


def as_grass(sheet: Sheet) -> str:
    """A style as GraSS, to drag into Browser.

    Its reader knows no way to write blanks, braces or quotes in a selector: types with such names
    are left to the colours that Browser itself gives.
    """
    lines = []
    for selector, properties in sheet.items():
        if all(_PLAIN.fullmatch(part) for part in selector.split(".")):
            lines.append(f"{selector} {{")
            lines += [f"  {name}: {_grass(name, value)};" for name, value in properties.items()]
            lines.append("}\n")
    return "\n".join(lines)


def _selector(tag: str, name: str) -> str:
    # Browser cuts a selector at its dots, but for those after a backslash.
    escaped = name.replace(".", "\\.")
    return f"{tag}.{escaped}"


def _grass(name: str, value: str) -> str:
    return f'"{value}"' if name == "caption" else value


def _node(color: str, border: str, text: str, diameter: str, caption: str) -> dict[str, str]:
    return {
        "color": color,
        "border-color": border,
        "border-width": "2px",
        "text-color-internal": text,
        "diameter": diameter,
        "font-size": "11px",
        "caption": caption,
    }


def _relationship(color: str, width: str, caption: str) -> dict[str, str]:
    return {
        "color": color,
        "shaft-width": width,
        "font-size": "9px",
        "padding": "3px",
        "text-color-external": "#000000",
        "text-color-internal": "#FFFFFF",
        "caption": caption,
    }
