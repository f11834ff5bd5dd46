"""A schema as a YAML file: read with every mistake named by its line, and written for editing.

::

    labels:
      Person: A human being.
      Place:
    relations:
      born_in:
        heads: [Person]
        tails: [Place]
        description: The place where a person was born.
        example: [Chopin was born in Warsaw., Chopin, Warsaw]
        words: [birthplace, native of]
        functional: true
    open: false
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kgplatform.errors import InputError
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.triples import fault_of_name

_KEYS = ("labels", "relations", "open")
_OF_RELATION = (
    "heads",
    "tails",
    "description",
    "example",
    "words",
    "functional",
    "symmetric",
)
_YES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def read_schema(path: Path) -> Schema:
    """The schema of a YAML file.

    Raises:
        InputError: It cannot be read; a key or a label is not known, a name is reserved for the
            platform or given twice, or a value is of the wrong kind. The message has the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}",
            hint="check the path; `kgp schema GRAPH > FILE` writes a schema",
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} cannot be read: {error}", hint="give a file in UTF-8") from None
    return parse_schema(text, str(path))


def parse_schema(text: str, name: str = "schema") -> Schema:
    """The schema of a text in YAML; ``name`` is what errors call it, else as ``read_schema``."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or "unreadable"
        raise InputError(f"{where}: not YAML: {problem}", hint=_FORMAT_HINT) from None
    reader = _Reader(name)
    if root is None:
        raise InputError(f"{name} is empty", hint=_FORMAT_HINT)
    parts = reader.mapping(root, "a schema", _KEYS)
    labels = _labels(reader, parts["labels"]) if "labels" in parts else {}
    relations: dict[str, RelationType] = {}
    if "relations" in parts:
        for key, node in reader.pairs(parts["relations"], "relations"):
            relations[key.value] = _relation(reader, key, node, labels)
    opened = reader.boolean(parts["open"], "open") if "open" in parts else False
    if not relations and not opened:
        raise InputError(f"{name} has no relations", hint="name some, or write `open: true`")
    return Schema(labels, relations, opened)


def schema_yaml(schema: Schema) -> str:
    """A schema as YAML that ``parse_schema`` reads back as the same."""
    data: dict[str, Any] = {
        "labels": dict(schema.labels),
        "relations": {name: _plain(kind) for name, kind in schema.relations.items()},
    }
    if schema.open:
        data["open"] = True
    return yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,
    )


_FORMAT_HINT = "docs/guide/extraction.md has the format; `kgp schema GRAPH` writes one"


class _Dumper(yaml.SafeDumper):
    """Lists on one line, mappings never."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> Any:
        """As the parent's, without braces but for what is empty."""
        return super().represent_mapping(tag, mapping, flow_style=not mapping)


def _plain(kind: RelationType) -> dict[str, Any]:
    """What a relation has, without what is not said."""
    found: dict[str, Any] = {"heads": list(kind.heads), "tails": list(kind.tails)}
    if kind.description:
        found["description"] = kind.description
    if kind.example:
        found["example"] = list(kind.example)
    if kind.words:
        found["words"] = list(kind.words)
    if kind.functional:
        found["functional"] = True
    if kind.symmetric:
        found["symmetric"] = True
    return found


@dataclass(frozen=True)
class _Reader:
    """YAML nodes as values, or an error with file and line."""

    name: str

    def wrong(self, node: Node, message: str, hint: str = _FORMAT_HINT) -> NoReturn:
        """Refuse what a node says."""
        line = node.start_mark.line + 1
        raise InputError(f"{self.name}:{line}: {message}", hint=hint)

    def unknown(self, node: Node, kind: str, name: str, known: Collection[str]) -> NoReturn:
        """Refuse a name that is not among those known, with the nearest of them."""
        nearest = get_close_matches(name, known, n=1, cutoff=0.5)
        meant = f"did you mean {nearest[0]!r}? " if nearest else ""
        listed = ", ".join(known) or "none"
        self.wrong(node, f"no such {kind}: {name!r}", f"{meant}known: {listed}")

    def pairs(self, node: Node, what: str) -> list[tuple[ScalarNode, Node]]:
        """Keys and values of a mapping, no key twice."""
        if _is_null(node):
            return []
        if not isinstance(node, MappingNode):
            self.wrong(node, f"{what}: names with a colon after each are expected here")
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                self.wrong(key, f"{what}: a name is expected here")
            if key.value in seen:
                self.wrong(key, f"{key.value!r} stands in line {seen[key.value]}, too")
            seen[key.value] = key.start_mark.line + 1
        return list(node.value)

    def mapping(self, node: Node, what: str, known: Collection[str]) -> dict[str, Node]:
        """A mapping of known keys."""
        found = {}
        for key, value in self.pairs(node, what):
            if key.value not in known:
                self.unknown(key, f"key of {what}", key.value, known)
            found[key.value] = value
        return found

    def text(self, node: Node, what: str) -> str:
        """A text; nothing is the empty one."""
        if not isinstance(node, ScalarNode):
            self.wrong(node, f"{what}: a text is expected here")
        return "" if _is_null(node) else str(node.value).strip()

    def texts(self, node: Node, what: str) -> list[tuple[ScalarNode, str]]:
        """A list of texts with their nodes, no text twice; one text is a list of it."""
        if _is_null(node):
            return []
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        found: list[tuple[ScalarNode, str]] = []
        for each in nodes:
            said = self.text(each, what)
            if said in {other for _, other in found}:
                self.wrong(each, f"{what}: {said!r} is there twice")
            assert isinstance(each, ScalarNode)
            found.append((each, said))
        return found

    def boolean(self, node: Node, what: str) -> bool:
        """true or false."""
        said = _YES.get(node.value.lower()) if isinstance(node, ScalarNode) else None
        if said is None:
            self.wrong(node, f"{what}: true or false is expected here")
        return said

    def name_of(self, node: ScalarNode, kind: str) -> str:
        """A name that the graph may have."""
        fault = fault_of_name(kind, node.value)
        if fault:
            self.wrong(node, fault, "choose another name, for example in lower case")
        return str(node.value)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _labels(reader: _Reader, node: Node) -> dict[str, str]:
    """Descriptions by label; a list has labels without."""
    if isinstance(node, SequenceNode):
        return {reader.name_of(each, "type"): "" for each, _ in reader.texts(node, "labels")}
    return {
        reader.name_of(key, "type"): reader.text(value, f"label {key.value!r}")
        for key, value in reader.pairs(node, "labels")
    }


def _relation(
    reader: _Reader, key: ScalarNode, node: Node, labels: Collection[str]
) -> RelationType:
    name = reader.name_of(key, "relation")
    what = f"relation {name!r}"
    parts = {} if _is_null(node) else reader.mapping(node, what, _OF_RELATION)

    def ends(side: str) -> tuple[str, ...]:
        found = reader.texts(parts[side], f"{side} of {what}") if side in parts else []
        for each, label in found:
            if label not in labels:
                reader.unknown(each, "label", label, labels)
        return tuple(label for _, label in found)

    words = reader.texts(parts["words"], f"words of {what}") if "words" in parts else []
    return RelationType(
        name,
        ends("heads"),
        ends("tails"),
        reader.text(parts["description"], what) if "description" in parts else "",
        _example(reader, parts.get("example"), what),
        tuple(word for _, word in words if word),
        "functional" in parts and reader.boolean(parts["functional"], "functional"),
        "symmetric" in parts and reader.boolean(parts["symmetric"], "symmetric"),
    )


def _example(reader: _Reader, node: Node | None, what: str) -> tuple[str, str, str] | None:
    """A text and the names of both ends, which stand in it."""
    if node is None or _is_null(node):
        return None
    if not isinstance(node, SequenceNode) or len(node.value) != 3:
        reader.wrong(node, f"example of {what}: [text, head, tail] is expected here")
    text, head, tail = (reader.text(each, f"example of {what}") for each in node.value)
    for each in (head, tail):
        if not each or each not in text:
            reader.wrong(node, f"example of {what}: {each!r} does not stand in its text")
    return text, head, tail
