"""What the service does, without HTTP: a request and the engine make an answer."""

from __future__ import annotations

from kgplatform import queries
from kgplatform.service.engine import Engine
from kgplatform.service.models import (
    EntityRequest,
    EntityResponse,
    GraphSchema,
    PathsRequest,
    PathsResponse,
    RelationSchema,
    SchemaRequest,
    SimilarRequest,
    SimilarResponse,
)
from kgplatform.store.entity import entity_card
from kgplatform.store.observed_schema import schema_of_graph
from kgplatform.store.paths import shortest_paths, surest_path
from kgplatform.store.search import similar as find_similar
from kgplatform.store.statements import statements_around
from kgplatform.text.extract.schema import Schema


def similar(engine: Engine, asked: SimilarRequest) -> SimilarResponse:
    """The nearest entities to one."""
    graph = engine.graph(asked.graph)
    hits = find_similar(engine.store, graph, asked.entity, asked.top_k, asked.kind)
    return SimilarResponse(graph=graph, entity=asked.entity, hits=hits)


def entity(engine: Engine, asked: EntityRequest) -> EntityResponse:
    """An entity with its facts."""
    graph = engine.graph(asked.graph)
    card = entity_card(engine.store, graph, asked.entity)
    found = statements_around(
        engine.store,
        graph,
        [card.id],
        relations=asked.relations,
        predicted=asked.predicted,
        limit=asked.limit,
    )
    return EntityResponse(graph=graph, entity=card, statements=found[card.id])


def paths(engine: Engine, asked: PathsRequest) -> PathsResponse:
    """How two entities are connected."""
    graph = engine.graph(asked.graph)
    hops, predicted = asked.max_hops, asked.predicted
    if asked.weighted:
        surest = surest_path(
            engine.store, graph, asked.start, asked.end, max_hops=hops, predicted=predicted
        )
        found = [] if surest is None else [surest]
    else:
        found = shortest_paths(
            engine.store,
            graph,
            asked.start,
            asked.end,
            max_hops=hops,
            predicted=predicted,
            limit=asked.limit,
        )
    return PathsResponse(graph=graph, paths=found)


def schema(engine: Engine, asked: SchemaRequest) -> GraphSchema:
    """What a graph is made of; read anew when the graph has changed."""
    name = engine.graph(asked.graph)
    (record,) = engine.store.rows(queries.get("read/get_graph"), graph=name)
    known = engine.schemas.get(name)
    if known is None or known[0] != record["version"]:
        # One reader at a time: it counts every fact of the graph.
        with engine.guard:
            known = engine.schemas.get(name)
            if known is None or known[0] != record["version"]:
                known = (record["version"], schema_of_graph(engine.store, name))
                engine.schemas[name] = known
    return _shown(name, record["version"], record["entities"], known[1])


def _shown(graph: str, version: int, entities: int, found: Schema) -> GraphSchema:
    relations = [
        RelationSchema(
            name=each.name,
            heads=list(each.heads),
            tails=list(each.tails),
            functional=each.functional,
            symmetric=each.symmetric,
            example=each.example[0] if each.example else None,
        )
        for each in found.relations.values()
    ]
    return GraphSchema(
        graph=graph,
        version=version,
        entities=entities,
        labels=list(found.labels),
        relations=relations,
    )
