"""GraphML files, read as a stream: keys with types and defaults, nodes, edges, their data.

The format is that of http://graphml.graphdrawing.org/primer/graphml-primer.html. Files of
networkx, Gephi, yEd, igraph and Neo4j's APOC are in it. The parser is expat itself: unlike
ElementTree it tells the line of each element and lets document types be refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.parsers import expat

from kgplatform.errors import InputError, UsageError
from kgplatform.sources.files import check_exists, open_binary
from kgplatform.sources.graphs import entity_of, relation_of, triple_of
from kgplatform.sources.labelled import refuse_table_options
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.sources.tables import rejected
from kgplatform.triples import Entity, Triple

_CHUNK = 1 << 16
_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_FOREIGN = "foreign"
_LONGEST = 16 << 20
"""Bytes of a tag or a text that are held."""

_DEEPEST = 1_000
"""Elements in one another; nested graphs are a few deep."""

_LABELS = ("NodeLabel", "EdgeLabel")
"""Where yEd keeps what is written on a node or an edge."""


def _boolean(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.strip().lower()]


_TYPES: dict[str, Callable[[str], object]] = {
    "boolean": _boolean,
    "int": int,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
}


@dataclass(frozen=True)
class _Key:
    """A declared attribute: its name, whose it is, its type, its default as text."""

    name: str
    domain: str
    kind: str
    default: str | None = None


@dataclass
class _Element:
    """A node or an edge, or another element that may hold data, while it is read.

    Attributes:
        tag: Its name without the namespace.
        line: Where it begins.
        given: Its XML attributes.
        directed: Whether an edge has a direction.
        values: Its data so far, by the names of their keys.
        faults: What of its data could not be taken.
    """

    tag: str
    line: int
    given: dict[str, str]
    directed: bool = True
    values: dict[str, object] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Survey:
    """What a whole file holds: how many elements of each kind, and its keys."""

    counts: Counter[str]
    keys: dict[str, _Key]


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open a GraphML file, compressed or not.

    The file is parsed once, all of it, so that one that is cut or broken fails here. Nodes are
    entities and edges triples by the rules of ``kgplatform.sources.graphs.from_networkx``; a
    node or edge without data for a key with a default has the default. An undirected edge is
    read once, from the id that comes first in the alphabet. Of drawings by yEd the labels are
    read.

    Args:
        given: The file.
        options: Neither columns nor a file of entities can be said.

    Raises:
        UsageError: Several paths are given, or options that do not fit.
        InputError: It is missing, not well-formed, not GraphML, or has a document type.
    """
    if len(given) != 1:
        raise UsageError("a GraphML file is loaded alone", hint="name one file")
    refuse_table_options(options, given)
    path = Path(given[0])
    check_exists(path)
    survey = _survey(path)
    if not survey.counts["graph"]:
        raise InputError(
            f"{path} is not GraphML: it has no graph", hint="save it as GraphML once more"
        )
    return Source(
        path.name,
        "graphml",
        triples=lambda on_reject: _triples(path, on_reject),
        entities=lambda on_reject: _entities(path, on_reject),
        notes=_notes(survey),
    )


def _notes(survey: _Survey) -> tuple[str, ...]:
    counts = survey.counts
    notes = []
    if counts["graph"] > 1:
        notes.append(f"{counts['graph']} graphs are read as one; which lies in which is not kept")
    if counts["undirected"]:
        notes.append(
            f"{counts['undirected']:,} edges are undirected: each is read once, from the id that "
            "comes first"
        )
    for tag in ("hyperedge", "port"):
        if counts[tag]:
            notes.append(f"{counts[tag]:,} elements are not read: {tag}")
    if counts["graph data"]:
        notes.append("attributes of the graph are not read")
    if counts["edge id"]:
        notes.append("the ids of edges are not read")
    if counts[_FOREIGN]:
        notes.append("of drawings and other extensions only the labels are read")
    for key in survey.keys.values():
        if key.kind not in _TYPES:
            notes.append(f"{key.name} is of the type {key.kind}, which is read as text")
    return tuple(notes)


class _Reader:
    """Turns a stream of XML into elements, holding the open ones only.

    Attributes:
        done: Elements of the wanted tag that have ended; whoever takes them empties it.
        keys: What is declared so far.
        counts: How many elements of each tag there are so far, and of what notes speak of.
    """

    def __init__(self, path: Path, wanted: str | None) -> None:
        self.done: list[_Element] = []
        self.keys: dict[str, _Key] = {}
        self.counts: Counter[str] = Counter()
        self._path = path
        self._wanted = wanted
        self._open: list[_Element] = []
        self._text: list[str] | None = None
        self._label: str | None = None
        self._foreign = 0
        self._fed = self._held = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def parse(self, chunk: bytes, last: bool = False) -> None:
        """Take the next piece of the file; ``done`` then has what ended in it."""
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, last)
            # A tag without an end is held by the parser, whatever its length.
            if self._fed - max(self._parser.CurrentByteIndex, 0) > _LONGEST:
                raise self._too_long()
        except expat.ExpatError as error:
            raise InputError(
                f"{self._path}, line {error.lineno}: {expat.ErrorString(error.code)}",
                hint="the file is cut or not GraphML; save or fetch it again",
            ) from error
        except (LookupError, ValueError) as error:
            raise InputError(
                f"{self._path} is in an encoding that cannot be read: {error}",
                hint="save it as UTF-8",
            ) from error

    def _refuse(self, *_: object) -> None:
        # Entities that a document type declares can grow without bound, or name other files.
        raise InputError(
            f"{self._path}, line {self._parser.CurrentLineNumber}: document types are not read",
            hint="delete the <!DOCTYPE ...> of the file if you trust where it is from",
        )

    def _start(self, name: str, given: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        if self._foreign or namespace not in ("", _NAMESPACE):
            self._start_foreign(tag)
            return
        if not self._open and tag != "graphml":
            raise InputError(
                f"{self._path}, line {self._parser.CurrentLineNumber}: the file begins with "
                f"<{tag}>, not with <graphml>",
                hint="it is another kind of XML; save it as GraphML",
            )
        element = _Element(tag, self._parser.CurrentLineNumber, given)
        if tag == "key":
            self._declare(given)
        elif tag in ("data", "default"):
            self._text, self._label, self._held = [], None, 0
        elif tag == "edge":
            element.directed = self._is_directed(given)
            self.counts["undirected"] += not element.directed
            self.counts["edge id"] += "id" in given
        self.counts[tag] += 1
        self._open.append(element)
        self._check_depth()

    def _check_depth(self) -> None:
        if len(self._open) + self._foreign > _DEEPEST:
            raise InputError(
                f"{self._path}, line {self._parser.CurrentLineNumber}: more than {_DEEPEST} "
                "elements in one another",
                hint="save it as GraphML once more",
            )

    def _start_foreign(self, tag: str) -> None:
        self._foreign += 1
        self._check_depth()
        self.counts[_FOREIGN] += 1
        if self._label is None and tag in _LABELS:
            self._text, self._held = [], 0

    def _end(self, name: str) -> None:
        if self._foreign:
            self._foreign -= 1
            if name.rpartition(" ")[2] in _LABELS and self._label is None:
                self._label = "".join(self._text or ()).strip()
            if not self._foreign:
                # What stands around an extension is no value.
                self._text = None
            return
        element = self._open.pop()
        if element.tag == "data":
            self._set(self._open[-1], element.given.get("key", ""))
        elif element.tag == "default" and self._open[-1].tag == "key":
            key = self._open[-1].given.get("id", "")
            self.keys[key] = replace(self.keys[key], default="".join(self._text or ()))
        elif element.tag == self._wanted:
            self.done.append(element)
        if element.tag in ("data", "default"):
            self._text = None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
            self._held += len(text)
            if self._held > _LONGEST:
                raise self._too_long()

    def _too_long(self) -> InputError:
        return InputError(
            f"{self._path}, line {self._parser.CurrentLineNumber}: a text or tag is longer than "
            f"{_LONGEST >> 20} MiB",
            hint="it is no value of a node or an edge; correct the file, or save it again",
        )

    def _declare(self, given: dict[str, str]) -> None:
        key = given.get("id", "")
        kind = given.get("attr.type", "string").lower()
        self.keys[key] = _Key(given.get("attr.name", key), given.get("for", "all"), kind)

    def _is_directed(self, given: dict[str, str]) -> bool:
        if "directed" in given:
            return given["directed"].strip().lower() in ("true", "1")
        graph = next((element for element in reversed(self._open) if element.tag == "graph"), None)
        return graph is not None and graph.given.get("edgedefault") == "directed"

    def _set(self, owner: _Element, key_id: str) -> None:
        """Give an element the value of the data that has just ended."""
        self.counts["graph data"] += owner.tag == "graph"
        if owner.tag != self._wanted:
            return
        if self._text is None:
            if self._label:
                owner.values["label"] = self._label
            return
        key = self.keys.get(key_id)
        if key is None:
            owner.faults.append(f"there is no key {key_id!r}")
        else:
            _give(owner, key, "".join(self._text))


def _give(owner: _Element, key: _Key, text: str) -> None:
    try:
        owner.values[key.name] = _TYPES.get(key.kind, str)(text)
    except (ValueError, KeyError):
        owner.faults.append(f"{key.name} is {text[:60]!r}, not of the type {key.kind}")


def _survey(path: Path) -> _Survey:
    reader = _Reader(path, wanted=None)
    with open_binary(path) as stream:
        while chunk := stream.read(_CHUNK):
            reader.parse(chunk)
        reader.parse(b"", last=True)
    return _Survey(reader.counts, reader.keys)


def _elements(path: Path, tag: str) -> Iterator[_Element]:
    """The nodes or the edges of a file, defaults given, in the order in which they end."""
    reader = _Reader(path, wanted=tag)
    defaults: list[_Key] | None = None
    with open_binary(path) as stream:
        while chunk := stream.read(_CHUNK):
            reader.parse(chunk)
            if defaults is None and reader.done:
                defaults = [key for key in reader.keys.values() if key.domain in (tag, "all")]
                defaults = [key for key in defaults if key.default is not None]
            for element in reader.done:
                for key in defaults or ():
                    if key.name not in element.values:
                        _give(element, key, key.default or "")
                yield element
            reader.done.clear()
        reader.parse(b"", last=True)


def _entities(path: Path, on_reject: OnReject) -> Iterator[Entity]:
    for element in _elements(path, "node"):
        entity_id = element.given.get("id", "")

        def report(reason: str, line: int = element.line, text: str = entity_id) -> None:
            on_reject(rejected(path, line, reason, text))

        for fault in element.faults:
            report(fault)
        entity = entity_of(entity_id, element.values, report)
        if entity is not None:
            yield entity


def _triples(path: Path, on_reject: OnReject) -> Iterator[Triple]:
    for element in _elements(path, "edge"):
        head, tail = element.given.get("source", ""), element.given.get("target", "")
        if not element.directed:
            head, tail = sorted((head, tail))

        relation, text = relation_of(element.values), f"{head}\t{tail}"

        def report(
            reason: str, line: int = element.line, text: str = text, relation: str = relation
        ) -> None:
            on_reject(rejected(path, line, reason, text, relation))

        for fault in element.faults:
            report(fault)
        triple = triple_of(head, tail, element.values, report)
        if triple is not None:
            yield triple
