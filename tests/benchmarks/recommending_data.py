"""MovieLens out of Debian's ``r-cran-dslabs``, as the graph that ``kgp train recommend`` reads.

The package keeps its data in R's lazy-load files: ``Rdata.rdx`` says where in ``Rdata.rdb`` each
object begins and how long it is; there it is deflated, behind four bytes with its size.
"""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgplatform.graph.snapshot import KGSnapshot, from_columns

LIKES, GENRE, YEAR, DECADE = "LIKES", "IN_GENRE", "OF_YEAR", "OF_DECADE"
GOOD = 4.0


@dataclass(frozen=True)
class Films:
    """The graph, and what films are called.

    Attributes:
        snapshot: Users like films; films have genres and years.
        titles: By entity_id.
        ratings: In the data, before the threshold.
    """

    snapshot: KGSnapshot
    titles: dict[str, str]
    ratings: int


def read_object(folder: Path, name: str) -> Any:
    """An object of a package's lazy-load files, in the folder that holds ``Rdata.rdb``."""
    import rdata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        index = rdata.conversion.convert(
            rdata.parser.parse_data((folder / "Rdata.rdx").read_bytes())
        )
        start, length = (int(value) for value in index["variables"][name])
        packed = (folder / "Rdata.rdb").read_bytes()[start : start + length]
        (size,) = struct.unpack(">I", packed[:4])
        data = zlib.decompress(packed[4:])
        assert len(data) == size
        return rdata.conversion.convert(rdata.parser.parse_data(data))


def films(folder: Path) -> Films:
    """MovieLens: a rating of four stars and more is a like, at its time."""
    table = read_object(folder, "movielens")
    title = table["title"]
    year = table["year"].fillna(0)
    film = "film-" + table["movieId"].astype(int).astype(str)
    user = "user-" + table["userId"].astype(int).astype(str)
    good = (table["rating"] >= GOOD).to_numpy()
    triples: dict[tuple[str, str, str], int] = {}
    times = table["timestamp"].astype(int)
    for row in np.flatnonzero(good):
        triples[(user.iloc[row], LIKES, film.iloc[row])] = int(times.iloc[row])
    titles: dict[str, str] = {}
    for row in table.drop_duplicates("movieId").index:
        name = film[row]
        # A few titles without a year were lost when the package was made.
        if isinstance(title[row], str):
            titles[name] = re.sub(r"^(.*), (The|A|An)$", r"\2 \1", title[row])
        for genre in str(table["genres"][row]).split("|"):
            if not genre.startswith("("):
                triples[(name, GENRE, f"genre-{genre}")] = 0
        made = float(year[row])
        if made > 0:
            triples[(name, YEAR, f"year-{made:.0f}")] = 0
            triples[(name, DECADE, f"decade-{made // 10 * 10:.0f}")] = 0
    return Films(_snapshot(triples), titles, len(table))


def _snapshot(triples: dict[tuple[str, str, str], int]) -> KGSnapshot:
    entities: dict[str, int] = {}
    relations: dict[str, int] = {}
    rows = np.array(
        [
            (
                entities.setdefault(head, len(entities)),
                relations.setdefault(relation, len(relations)),
                entities.setdefault(tail, len(entities)),
                time,
            )
            for (head, relation, tail), time in triples.items()
        ]
    ).T
    return from_columns(
        list(entities),
        list(relations),
        rows[0],
        rows[1],
        rows[2],
        np.full(rows.shape[1], -1),
        time=rows[3],
    )


def without(snapshot: KGSnapshot, relation: str) -> KGSnapshot:
    """The same graph without a relation's facts."""
    kept = snapshot.edge_type != list(snapshot.relations).index(relation)
    return replace(
        snapshot,
        edge_index=snapshot.edge_index[:, kept],
        edge_type=snapshot.edge_type[kept],
        split=snapshot.split[kept],
        time=None if snapshot.time is None else snapshot.time[kept],
    )


def read_texts(found: Films, cache: Path) -> torch.Tensor:
    """Vectors of all entities' texts by MiniLM: of films their titles, of others nothing."""
    from kgplatform.text.encode import load_encoder
    from kgplatform.text.vector_cache import cached_text_vectors

    entities = found.snapshot.entities
    named = [row for row, name in enumerate(entities) if name in found.titles]
    encoder = load_encoder()
    vectors = torch.zeros(len(entities), encoder.dimension)
    titles = [found.titles[entities[row]] for row in named]
    vectors[named] = torch.from_numpy(cached_text_vectors(encoder, titles, cache))
    return vectors
