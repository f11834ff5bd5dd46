"""The visible text of a web page, and its title.

Follows the HTML Standard (html.spec.whatwg.org) where a page is well made, and reads the rest
as it comes: tags that are never closed, closed twice or closed in the wrong order. The
standard library's ``html.parser`` is not used: Python 3.11's gives up at ``<![x`` and takes
minutes for 100 kB of ``<a``. Here time grows with the length of the page alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

_XML = ("svg", "math")
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"}
    | {"track", "wbr"}
)
_UNSEEN = frozenset(
    {"canvas", "datalist", "head", "iframe", "math", "noscript", "object", "script", "style"}
    | {"svg", "template", "title", "audio", "video"}
)
"""Elements whose content is not shown, is not text, or is shown only where something fails."""

_PARAGRAPHS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "details", "dialog", "div", "dl"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"header", "hgroup", "hr", "main", "menu", "nav", "ol", "p", "pre", "section", "summary"}
    | {"table", "caption", "ul"}
)
_LINES = frozenset({"br", "dd", "dt", "legend", "li", "option", "tr"})
_CELLS = frozenset({"td", "th"})

_ENDED_BY = {
    "p": _PARAGRAPHS,
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "option": frozenset({"option"}),
    "tr": frozenset({"tr"}),
    "td": frozenset({"td", "th", "tr"}),
    "th": frozenset({"td", "th", "tr"}),
}
"""Elements that the beginning of another one ends, their own end tag being optional."""

_IN_HEAD = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})
"""What a head may hold; anything else ends it."""

_RAW = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("iframe", "script", "style", "textarea", "title")
}
"""Elements that hold text and no tags, with what ends them."""

# Nothing is given back: a tag is read once, whatever it holds. A quote that is never closed
# is a letter like others, so that the tag ends at all.
_TAG = re.compile(
    r"""<([a-zA-Z][^\s/>]*+)((?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+)>""", re.DOTALL
)
_ATTRIBUTE = re.compile(r"""([^\s=/"']+)(?:\s*=\s*("[^"]*"|'[^']*'|\S+))?""")
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_NOT_DISPLAYED = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_NONE, _BLANK, _TAB, _LINE, _PARAGRAPH = range(5)
_BREAKS = ("", " ", "\t", "\n", "\n\n")


def read_html(html: str) -> tuple[str | None, str]:
    """The title of a page and its visible text.

    Scripts, styles, comments, templates and what is marked as hidden are left out, entities are
    decoded, and runs of space become one space, except in ``<pre>``. A paragraph, heading or
    other block stands between blank lines; an item of a list, a row of a table and ``<br>`` end
    a line; cells of a table are separated by tabs.

    Returns:
        The text of ``<title>``, or None, and that of the page.
    """
    reader = _Reader()
    for token in _tokens(html):
        if isinstance(token, str):
            reader.read_text(unescape(token))
        elif token.end:
            reader.end(token.name)
        else:
            reader.start(token)
    title = " ".join("".join(reader.title).split())
    return title or None, "".join(reader.text).strip()


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    attributes: str = ""
    end: bool = False


def _tokens(html: str) -> Iterator[str | _Tag]:
    """Cut a page into tags and the text between them; comments and declarations are left out."""
    place = 0
    while (opened := html.find("<", place)) >= 0:
        if opened > place:
            yield html[place:opened]
        following = html[opened + 1 : opened + 2]
        if following.isascii() and following.isalpha():
            tag = _TAG.match(html, opened)
            if tag is None:
                # No tag of the rest ends either.
                yield html[opened:]
                return
            name, place = tag[1].lower(), tag.end()
            yield _Tag(name, tag[2])
            if name in _RAW:
                closed = _RAW[name].search(html, place)
                end = closed.start() if closed else len(html)
                yield html[place:end]
                place = end
        elif following and following in "!?/":
            comment = html.startswith("!--", opened + 1)
            mark = "-->" if comment else ">"
            end = html.find(mark, opened + 2)
            if following == "/" and (named := _NAME.match(html, opened + 2)) and end >= 0:
                yield _Tag(named[0].lower(), end=True)
            place = len(html) if end < 0 else end + len(mark)
        else:
            yield "<"
            place = opened + 1
    yield html[place:]


class _Reader:
    """Collects text; knows which elements are open and how many of them hide their content."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.title: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._count: Counter[str] = Counter()
        self._hiding = 0
        self._break = _NONE

    def start(self, tag: _Tag) -> None:
        """Go into an element, out of those that its beginning ends."""
        name = tag.name
        if name not in _IN_HEAD:
            self._leave_head()
        while self._open and name in _ENDED_BY.get(self._open[-1][0], ()):
            self._pop()
        if not self._hiding:
            self._separate(name)
        if name in _VOID:
            return
        if tag.attributes.endswith("/") and (name in _XML or any(self._count[x] for x in _XML)):
            # In HTML itself the slash says nothing.
            return
        hides = name in _UNSEEN or _is_hidden(tag.attributes)
        self._open.append((name, hides))
        self._count[name] += 1
        self._hiding += hides

    def end(self, name: str) -> None:
        """Go out of an element and of what is still open in it; out of none if it is not open."""
        if self._count[name]:
            while self._pop() != name:
                pass
        if not self._hiding:
            self._separate(name)

    def read_text(self, data: str) -> None:
        """Take over what stands between two tags."""
        if not data.isspace():
            self._leave_head()
        if self._hiding:
            if self._open[-1][0] == "title" and not self._count["svg"] and not self.title:
                self.title.append(data)
            return
        if self._count["pre"]:
            self._add(data.replace("\r\n", "\n"))
            return
        bare = data.strip(" \t\n\r\f")
        if not bare:
            self._break = max(self._break, _BLANK if data else _NONE)
            return
        if _SPACE.match(data):
            self._break = max(self._break, _BLANK)
        self._add(_SPACE.sub(" ", bare))
        if data[-1] in " \t\n\r\f":
            self._break = _BLANK

    def _add(self, text: str) -> None:
        if self.text:
            self.text.append(_BREAKS[self._break])
        self.text.append(text)
        self._break = _NONE

    def _separate(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._break = _PARAGRAPH
        elif tag in _LINES:
            self._break = max(self._break, _LINE)
        elif tag in _CELLS:
            self._break = max(self._break, _TAB)

    def _leave_head(self) -> None:
        if self._open and self._open[-1][0] == "head":
            self._pop()

    def _pop(self) -> str:
        tag, hides = self._open.pop()
        self._count[tag] -= 1
        self._hiding -= hides
        return tag


def _is_hidden(attributes: str) -> bool:
    for name, value in _ATTRIBUTE.findall(attributes):
        given = value.strip("\"'").lower()
        match name.lower():
            case "hidden":
                return True
            case "aria-hidden" if given == "true":
                return True
            case "style" if _NOT_DISPLAYED.search(given):
                return True
    return False
