"""IRIs as readable names, and back.

A name is a prefix, a colon and the rest of the IRI: ``skos:broader`` stands for
``http://www.w3.org/2004/02/skos/core#broader``. Where an IRI gets its prefix from, in this
order; the longest namespace wins within each:

1. ``WELL_KNOWN``, whatever a file calls it: so that two files give one IRI one name.
2. The prefixes that stand at the beginning of the files themselves, unless another namespace
   has that prefix already. The empty prefix is not used: nearly every file means its own by it.
3. A generated one for IRIs with a host, such as ``onto_5e1f0a``: a word of the namespace and
   the beginning of its hash. It depends on the namespace alone, so a file gets the same names
   whatever else is loaded with it. The namespace ends at ``#``, or else at the first folder of
   the path: further ones often are part of a record's key (``/person/17/address``), and a
   prefix for each record would help nobody.

All other IRIs (``urn:…``, ``mailto:…``) stay as they are. Whatever is made of an IRI,
``expand`` gives the IRI back: an IRI that itself looks like a prefix and a name is put into
angle brackets, which no IRI may hold.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

WELL_KNOWN: dict[str, str] = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "skosxl": "http://www.w3.org/2008/05/skos-xl#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "dcmitype": "http://purl.org/dc/dcmitype/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "prov": "http://www.w3.org/ns/prov#",
    "void": "http://rdfs.org/ns/void#",
    "sh": "http://www.w3.org/ns/shacl#",
    "org": "http://www.w3.org/ns/org#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "time": "http://www.w3.org/2006/time#",
    "sosa": "http://www.w3.org/ns/sosa/",
    "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
    "geosparql": "http://www.opengis.net/ont/geosparql#",
    "gn": "http://www.geonames.org/ontology#",
    "schema": "http://schema.org/",
    "schemas": "https://schema.org/",
    "dbo": "http://dbpedia.org/ontology/",
    "dbr": "http://dbpedia.org/resource/",
    "dbp": "http://dbpedia.org/property/",
    "yago": "http://yago-knowledge.org/resource/",
    "wd": "http://www.wikidata.org/entity/",
    "wds": "http://www.wikidata.org/entity/statement/",
    "wdt": "http://www.wikidata.org/prop/direct/",
    "wdtn": "http://www.wikidata.org/prop/direct-normalized/",
    "p": "http://www.wikidata.org/prop/",
    "ps": "http://www.wikidata.org/prop/statement/",
    "pq": "http://www.wikidata.org/prop/qualifier/",
    "wikibase": "http://wikiba.se/ontology#",
    "obo": "http://purl.obolibrary.org/obo/",
    "oboInOwl": "http://www.geneontology.org/formats/oboInOwl#",
    "bibo": "http://purl.org/ontology/bibo/",
    "cc": "http://creativecommons.org/ns#",
    "viaf": "http://viaf.org/viaf/",
}
"""Prefix → namespace, for vocabularies that many data sets share."""

MAX_GENERATED = 1_000
"""Most generated prefixes of one source. Beyond that, IRIs of further namespaces stay whole:
the table of prefixes is held in memory and kept with the graph."""

OWN = "urn:kgplatform:"
"""Begins the IRI of a name that stands for none; the name follows, percent-encoded."""

_PREFIX = re.compile(r"[^\W\d_][\w.-]*\Z")
_SCHEMES = frozenset({"http", "https", "file", "ftp", "urn", "mailto", "tel", "data", "doi"})
"""Schemes of IRIs that are not taken for prefixes: they would read as whole IRIs."""

_ORIGIN = re.compile(r"[^:/?#]+:(?://[^/?#]*)?")
_NAMESPACE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)(/[^#]*)?(#)?")
_CACHED = 65_536


class Prefixes:
    """The prefixes of one source, and the names that they give.

    Attributes:
        used: Prefix → namespace, of the names given so far.
        shorten: The name of an IRI; ``expand`` of it is the IRI again.
    """

    def __init__(self, declared: Mapping[str, str] | None = None) -> None:
        """Take over the usable ones of the prefixes that files declare."""
        self.used: dict[str, str] = {}
        self._table = dict(WELL_KNOWN)
        namespaces = set(WELL_KNOWN.values())
        for prefix, namespace in (declared or {}).items():
            if _usable(prefix, namespace, self._table) and namespace not in namespaces:
                self._table[prefix] = namespace
                namespaces.add(namespace)
        self._namespaces = _by_origin(self._table)
        self._generated: dict[str, str] = {}
        self.shorten = lru_cache(maxsize=_CACHED)(self._shorten)

    def _shorten(self, iri: str) -> str:
        if iri.startswith(OWN):
            name = unquote(iri[len(OWN) :], errors="replace")
            # A name that stands for an IRI itself must not stand for two.
            return name if iri_of(name, self._table) == iri else iri
        origin = _ORIGIN.match(iri)
        known = self._namespaces.get(origin[0]) if origin else None
        for namespace, prefix in known or ():
            if iri.startswith(namespace) and len(iri) > len(namespace):
                self.used[prefix] = namespace
                return f"{prefix}:{iri[len(namespace) :]}"
        namespace = _namespace_of(iri)
        if namespace and (prefix := self._generate(namespace)):
            return f"{prefix}:{iri[len(namespace) :]}"
        scheme = iri.partition(":")[0]
        return f"<{iri}>" if scheme in self._table or iri.startswith("<") else iri

    def _generate(self, namespace: str) -> str:
        """The generated prefix of a namespace; empty if it may not have one."""
        prefix = self._generated.get(namespace)
        if prefix is None:
            if len(self._generated) == MAX_GENERATED:
                return ""
            prefix = generated_prefix(namespace)
            taken = self._table.get(prefix) or self.used.get(prefix)
            # Two namespaces of one word and one hash: the second one's IRIs stay whole.
            self._generated[namespace] = prefix = "" if taken else prefix
            if prefix:
                self.used[prefix] = namespace
        return prefix


def expand(name: str, prefixes: Mapping[str, str]) -> str:
    """The IRI of a name that ``Prefixes.shorten`` gave.

    Args:
        name: The name.
        prefixes: Prefix → namespace, as in ``Source.prefixes``.
    """
    if name.startswith("<") and name.endswith(">"):
        return name[1:-1]
    prefix, colon, local = name.partition(":")
    return prefixes[prefix] + local if colon and prefix in prefixes else name


def iri_of(
    name: str, prefixes: Mapping[str, str], is_iri: Callable[[str], bool] = lambda _: True
) -> str:
    """The IRI that a name is written as: its own, or one below ``OWN``, which loads as the name.

    Args:
        name: The id or relation of a graph.
        prefixes: Prefix → namespace.
        is_iri: Whether a text may be an IRI.
    """
    if (iri := expand(name, prefixes)) != name and is_iri(iri):
        return iri
    if name.partition(":")[0] in _SCHEMES and ":" in name and is_iri(name):
        return name
    return OWN + quote(name, safe="")


def generated_prefix(namespace: str) -> str:
    """The prefix of a namespace that has none: a word of it, ``_`` and six digits of its hash.

    The underscore may stand in no scheme, so a prefix is never taken for one. The hash is there
    even if the word alone would do: whether it does depends on what else is loaded.
    """
    match = _NAMESPACE.match(namespace)
    _, host, path, _ = match.groups("") if match else ("", "", namespace, "")
    segments = [part for part in path.split("/") if re.search(r"[A-Za-z]{2}", part)]
    labels = [part for part in host.partition(":")[0].split(".") if part not in ("www", "")]
    word = segments[-1].partition(".")[0] if segments else labels[-2] if labels[1:] else host
    letters = re.sub(r"[^a-z0-9]+", "", word.lower()).lstrip("0123456789")[:20] or "ns"
    return f"{letters}_{hashlib.sha256(namespace.encode()).hexdigest()[:6]}"


def _usable(prefix: str, namespace: str, table: Mapping[str, str]) -> bool:
    """Whether a declared prefix can be used.

    A namespace that ends in a letter or digit is nearly always one that lacks its ``#``.
    """
    origin = _ORIGIN.match(namespace)
    return bool(
        _PREFIX.match(prefix)
        and prefix not in table
        and prefix.lower() not in _SCHEMES
        and origin
        and (len(namespace) > len(origin[0]) or "://" not in namespace)
        and not namespace[-1].isalnum()
    )


def _by_origin(table: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Scheme and host → the namespaces there with their prefixes, in the order of preference."""
    found: dict[str, list[tuple[str, str]]] = {}
    for prefix, namespace in table.items():
        origin = _ORIGIN.match(namespace)
        assert origin is not None  # of ours by sight, of others by _usable
        found.setdefault(origin[0], []).append((namespace, prefix))
    for pairs in found.values():
        pairs.sort(key=lambda pair: (pair[1] not in WELL_KNOWN, -len(pair[0])))
    return found


def _namespace_of(iri: str) -> str:
    """Where a generated namespace of an IRI ends; empty if it has none or no local name."""
    match = _NAMESPACE.match(iri)
    if match is None:
        return ""
    scheme, host, path, fragment = match.groups("")
    if not (host or path) or not (path or fragment):
        return ""
    if fragment:
        namespace = match[0]
    else:
        slash = path.find("/", 1)
        namespace = scheme + host + (path[: slash + 1] if slash > 0 else "/")
    return namespace if len(iri) > len(namespace) else ""
