"""Search: entities and chunks by names, words, vectors of texts, vectors and facts of the graph.

What each of these channels finds is made one ranking by reciprocal rank fusion, or with weights
that were learned from examples. The vectors of the graph begin with what the others found first:
what lies around it is more likely meant than what does not. Facts begin with what the text names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kgplatform import queries
from kgplatform.answer.fuse import CHANNELS, USUAL, Ranking, Weights, fuse, load_weights
from kgplatform.answer.search_names import named
from kgplatform.answer.search_reasons import hits_of, steps_from
from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.find import (
    ActiveSet,
    Filter,
    Found,
    Key,
    active_sets,
    around,
    ensure_search_indexes,
    find_by_facts,
    find_candidates,
    find_near_seeds,
)
from kgplatform.store.lucene import content_words
from kgplatform.store.search import Hit

if TYPE_CHECKING:
    from kgplatform.text.encode import TextEncoder

POOL = 50
"""Candidates of a channel; more where more hits are wanted."""

WIDEST = 20_000
"""Most candidates of a channel, where a filter leaves too few."""

SEEDS = 5
"""Entities that the vectors of the graph begin with."""

NAMED = 10
"""Entities that a text names from which facts are followed."""

LONGEST = 10_000
"""Characters of a text that is looked for."""

MOST = 1_000
"""Hits at once."""

NODES_ASKED = 200_000
"""Nodes that are asked for their labels, where a filter leaves nothing."""


@dataclass(frozen=True)
class Searcher:
    """What is opened once and searched often.

    Attributes:
        store: The database.
        graph: The graph.
        encoder: Of its texts' vectors; None where it has none.
        weights: How channels are made one ranking.
        missing: Channels that the graph has nothing for, and what makes it.
    """

    store: Store
    graph: str
    encoder: TextEncoder | None = None
    weights: Weights = USUAL
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it searches."""
        return tuple(channel for channel in CHANNELS if channel not in self.missing)


@dataclass(frozen=True)
class Searched:
    """What the channels found, before it is made one ranking.

    Attributes:
        rankings: By channel.
        seeds: Entities that the vectors of the graph began with.
        named: Entities that the text names.
    """

    rankings: Mapping[str, Ranking]
    seeds: Sequence[Key] = ()
    named: Sequence[Key] = ()


def open_searcher(
    store: Store,
    settings: Settings,
    graph: str,
    *,
    encoder: TextEncoder | None = None,
    weights: Weights | None = None,
) -> Searcher:
    """Open what search needs: full-text indexes, made if they are not there, and the encoder.

    Args:
        store: The database; it has to stay open.
        settings: Of this process; they may name a file of learned weights.
        graph: The graph.
        encoder: One that is loaded already; the one that made the graph's vectors by default.
        weights: Learned ones; those of the settings by default, else reciprocal rank fusion.

    Raises:
        UnknownNameError: There is no such graph.
        InputError: The encoder cannot be loaded, or is not the one of the graph's vectors.
        SchemaError: An index cannot be made.
    """
    _check_graph(store, graph)
    ensure_search_indexes(store)
    sets = active_sets(store, graph)
    missing = {}
    names = {each.encoder: each for each in reversed(sets) if each.kind == "text" and each.encoder}
    if not names:
        missing["text"] = "`kgp encode --write` makes vectors of texts"
    elif encoder is None:
        from kgplatform.text.encode import load_encoder

        # Of several encoders, the one that read the entities.
        read = sorted(names.values(), key=lambda each: each.label != "Entity")
        encoder = load_encoder(str(read[0].encoder))
    elif encoder.name not in names:
        listed = ", ".join(map(repr, names))
        raise InputError(
            f"the vectors of graph {graph!r} are by encoder {listed}, not {encoder.name!r}",
            hint="leave the encoder to the graph, or `kgp encode --write --replace`",
        )
    if names and encoder is not None:
        _check_encoder(encoder, sets)
    if _graph_set(sets) is None:
        missing["graph"] = "`kgp train MODEL`, then `kgp write RUN`, makes vectors of the graph"
    if weights is None:
        given = settings.kgp_search_weights
        weights = USUAL if given is None else load_weights(given)
    return Searcher(store, graph, encoder if names else None, weights, missing)


def _check_encoder(encoder: TextEncoder, sets: Sequence[ActiveSet]) -> None:
    """Refuse to compare a text's vector with those that other files of the encoder made."""
    from kgplatform.text.encode import check_digest

    for each in sets:
        if (each.kind, each.encoder) == ("text", encoder.name) and each.encoder_digest:
            check_digest(encoder, each.encoder_digest)


def search(
    searcher: Searcher,
    text: str,
    *,
    top_k: int = 10,
    labels: Sequence[str] = (),
    where: Mapping[str, Any] | None = None,
    by: Sequence[str] | None = None,
    expand: int = 0,
) -> list[Hit]:
    """What a text means or describes, the best first, each hit with its reasons.

    Args:
        searcher: Made by :func:`open_searcher`.
        text: A name, a description, a question.
        top_k: Most hits.
        labels: Hits have one of these; ``Chunk`` is the one of chunks.
        where: Hits have these values of their properties; of a list of values, one.
        by: Channels to search, of ``CHANNELS``; all that there are by default.
        expand: Further entities, a step along the graph from the hits; they come after these.

    Raises:
        InputError: The text is empty or too long, or a channel is wanted for which the graph has
            nothing.
        UsageError: A number is out of its range.
        UnknownNameError: There is no such channel, or no such label or property in the graph.
    """
    _check_call(searcher, text, top_k, by, expand)
    wanted = Filter(tuple(labels), {name: _values(of) for name, of in (where or {}).items()})
    searched = candidates(searcher, text, top_k=top_k, wanted=wanted, by=by)
    fused = fuse(searched.rankings, searcher.weights)[:top_k]
    if not fused and wanted:
        _check_filter(searcher, wanted)
    known = around(searcher.store, searcher.graph, [key for key, _ in fused])
    hits = hits_of(text, fused, searched.rankings, known, searched.seeds, searched.named)
    if expand:
        steps = steps_from(fused, known)[:expand]
        there = around(searcher.store, searcher.graph, [step.key for step in steps])
        hits += [step.hit(there[step.key]) for step in steps if step.key in there]
    return hits


def candidates(
    searcher: Searcher,
    text: str,
    *,
    top_k: int = 10,
    wanted: Filter | None = None,
    by: Sequence[str] | None = None,
) -> Searched:
    """What each channel finds for a text; arguments as those of :func:`search`."""
    wanted = wanted or Filter()
    chosen = tuple(by) if by else CHANNELS
    sets = active_sets(searcher.store, searcher.graph)
    graph_set = _graph_set(sets) if "graph" in chosen else None
    encoder = searcher.encoder if "text" in chosen else None
    text_sets: list[ActiveSet] = []
    if encoder is not None:
        text_sets = [each for each in sets if (each.kind, each.encoder) == ("text", encoder.name)]
    vector = _vector(encoder, text) if encoder is not None and text_sets else []
    pool = max(POOL, 3 * top_k)
    while True:
        found = find_candidates(
            searcher.store,
            searcher.graph,
            text,
            # Where the graph alone is wanted, it begins with what the text's words find.
            words="fulltext" in chosen or chosen == ("graph",),
            sets=text_sets,
            vector=vector,
            pool=pool,
            wanted=wanted,
        )
        whole = named(text, found.pop("name"))
        calls = {key.id: 1.0 for key in whole.seeds[:NAMED]}
        seeds = _seeds(whole.seeds, found) if graph_set is not None else {}
        if graph_set is not None and seeds:
            near = find_near_seeds(searcher.store, searcher.graph, graph_set, seeds, pool, wanted)
            found["graph"] = near
        if calls and "facts" in chosen:
            found["facts"] = find_by_facts(
                searcher.store, searcher.graph, calls, text, pool, wanted
            )
        short = [
            channel
            for channel, part in found.items()
            if len(part) >= pool and sum(each.fits for each in part) < top_k
        ]
        if not short or not wanted or pool >= WIDEST:
            break
        pool = min(8 * pool, WIDEST)
    found["name"] = whole.meant
    rankings = {
        channel: [(each.key, each.score) for each in found.get(channel, ()) if each.fits]
        for channel in CHANNELS
        if channel in chosen
    }
    return Searched(rankings, [Key(each, False) for each in seeds], whole.seeds[:NAMED])


def _seeds(named_entities: Sequence[Key], found: Mapping[str, Sequence[Found]]) -> dict[str, float]:
    """Entities that the graph's channel begins with, and what each counts for.

    Those that the text names, and what the other channels find first.
    """
    rankings: dict[str, Ranking] = {
        "name": [(key, 1.0) for key in named_entities],
        **{channel: [(each.key, each.score) for each in part] for channel, part in found.items()},
    }
    first = [(key, score) for key, score in fuse(rankings) if not key.chunk][:SEEDS]
    return {key.id: score for key, score in first}


def _graph_set(sets: Sequence[ActiveSet]) -> ActiveSet | None:
    """Vectors of the graph: of its facts, else of texts and graph together."""
    of_entities = [each for each in sets if each.label == "Entity"]
    for kind in ("graph", "joint"):
        for each in of_entities:
            if each.kind == kind:
                return each
    return None


def _vector(encoder: TextEncoder, text: str) -> list[float]:
    found: list[float] = encoder(text).pooled[0].tolist()
    return found


def _values(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list | tuple | set | frozenset) else (given,)


def _check_call(
    searcher: Searcher, text: str, top_k: int, by: Sequence[str] | None, expand: int
) -> None:
    if not text.strip():
        raise InputError("nothing to search for", hint="give a name, a description or a question")
    if len(text) > LONGEST:
        raise InputError(
            f"a text of {len(text):,} characters", hint=f"search for {LONGEST:,} at most"
        )
    if not 1 <= top_k <= MOST or not 0 <= expand <= MOST:
        raise UsageError(f"{top_k} hits and {expand} further", hint=f"1 to {MOST:,} hits")
    for channel in by or ():
        if channel not in CHANNELS:
            raise UnknownNameError("channel of search", channel, CHANNELS)
        if channel in searcher.missing:
            raise InputError(
                f"graph {searcher.graph!r} has nothing for the channel {channel!r}",
                hint=searcher.missing[channel],
            )
    if by and "fulltext" in by and not content_words(text) and len(by) == 1:
        raise InputError(f"{text!r} has no words", hint="search by text, too")


def _check_graph(store: Store, graph: str) -> None:
    names = [str(row["name"]) for row in store.rows(queries.get("read/list_graphs"))]
    if graph not in names:
        raise UnknownNameError("graph", graph, names)


def _check_filter(searcher: Searcher, wanted: Filter) -> None:
    """Say of a filter that nothing passes which of its names the graph does not know."""
    (row,) = searcher.store.rows(
        queries.get("search/list_filter_names"), graph=searcher.graph, limit=NODES_ASKED
    )
    if row["nodes"] >= NODES_ASKED:
        return
    for label in wanted.labels:
        if label not in row["labels"]:
            raise UnknownNameError("label", label, row["labels"])
    for name in wanted.where:
        if name not in row["properties"]:
            known = [each for each in row["properties"] if not each.startswith("embedding_")]
            raise UnknownNameError("property", name, known)
