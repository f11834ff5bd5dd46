"""Named projections: queries kept in the database, with their parameters and versions.

A changed definition makes a new version; the old ones stay, so that what a run was trained on can
be looked up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.store.client import Store
from kgplatform.store.schema import migrate
from kgplatform.triples import fault_of_name


@dataclass(frozen=True)
class Definition:
    """What a projection takes from the database.

    Attributes:
        graph: kgplatform's graph that its entities are in; without ``cypher`` all its facts.
        cypher: A reading query that returns ``head, relation, tail[, split, weight, time]``.
        params: Parameters of all its queries.
        label: Label of the user's own nodes.
        key: The property that identifies them.
        features: A query that returns ``entity`` and a column a feature.
        labels: A query that returns ``entity, label[, split]``.
        edge_features: A query that returns ``head, relation, tail[, time]`` and a column a
            feature.
    """

    graph: str | None = None
    cypher: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    key: str | None = None
    features: str | None = None
    labels: str | None = None
    edge_features: str | None = None


@dataclass(frozen=True)
class Projection:
    """A definition under its name.

    Attributes:
        name: Its name.
        version: 1 for the first.
        definition: What it takes.
        created: When it was made, as the server's clock has it.
    """

    name: str
    version: int
    definition: Definition
    created: str

    def source(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What a run keeps of it: all that is needed to read the same again.

        Args:
            params: Values that take the place of the projection's own.

        Raises:
            UnknownNameError: It has no such parameter.
        """
        known = self.definition.params
        for name in params:
            if name not in known:
                raise UnknownNameError(f"parameter of projection {self.name}", name, known)
        given = asdict(self.definition) | {"params": {**known, **params}}
        return {"projection": self.name, "version": self.version, **given}


def definition_of(source: Mapping[str, Any]) -> Definition:
    """The definition among what a run keeps of its source."""
    given = {each.name: source[each.name] for each in fields(Definition) if each.name in source}
    return Definition(**given)


def save_projection(store: Store, name: str, definition: Definition) -> tuple[Projection, bool]:
    """Keep a definition under a name.

    Returns:
        The projection, and whether this made a new version: the same definition as the newest
        changes nothing.

    Raises:
        InputError: The name is empty, too long or holds a control character or ``@``.
    """
    if (fault := fault_of_name("projection", name)) or "@" in name:
        fault = fault or f"projection {name!r} holds @, which comes before a version"
        raise InputError(f"the name of the {fault}", hint="give another")
    migrate(store)
    versions = _versions(store, name)
    if versions and versions[-1].definition == definition:
        return versions[-1], False
    version = versions[-1].version + 1 if versions else 1
    properties = asdict(definition)
    properties["params"] = json.dumps(properties["params"], ensure_ascii=False, sort_keys=True)
    # Of two writers that make one version, the constraint lets one through.
    store.run(
        queries.get("write/create_projection"),
        name=name,
        version=version,
        definition={key: value for key, value in properties.items() if value is not None},
    )
    return find_projection(store, f"{name}@{version}"), True


def find_projection(store: Store, name: str) -> Projection:
    """The newest version of a projection, or the one that ``NAME@VERSION`` names.

    Raises:
        UnknownNameError: There is none of that name.
        UsageError: It has no such version.
    """
    plain, at, wanted = name.partition("@")
    versions = _versions(store, plain)
    if not versions:
        known = {projection.name for projection in list_projections(store)}
        raise UnknownNameError("projection", plain, known)
    if not at:
        return versions[-1]
    for projection in versions:
        if str(projection.version) == wanted:
            return projection
    raise UsageError(
        f"projection {plain} has no version {wanted!r}",
        hint=f"versions: {', '.join(str(each.version) for each in versions)}",
    )


def list_projections(store: Store) -> list[Projection]:
    """The newest version of each projection, by name."""
    newest = {projection.name: projection for projection in _versions(store, None)}
    return list(newest.values())


def remove_projection(store: Store, name: str) -> int:
    """Remove a projection; runs that were trained on it keep what they need.

    Returns:
        How many versions there were.

    Raises:
        UnknownNameError: There is none of that name.
    """
    find_projection(store, name)
    return int(store.run(queries.get("write/remove_projection"), name=name).row["removed"])


def _versions(store: Store, name: str | None) -> list[Projection]:
    rows = store.rows(queries.get("read/list_projections"), name=name)
    return [_projection(row["projection"]) for row in rows]


def _projection(kept: Mapping[str, Any]) -> Projection:
    given: dict[str, Any] = {each.name: kept.get(each.name) for each in fields(Definition)}
    given["params"] = json.loads(kept.get("params") or "{}")
    return Projection(
        kept["name"], kept["version"], Definition(**given), kept["created"].iso_format()
    )
