"""The real stages: an extractor with snapping, resolution by names and texts, the judge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.facts.background import Background, TrainedModel, background_of
from kgplatform.facts.judge import Policy, judge
from kgplatform.facts.judge_model import Judge
from kgplatform.facts.mentions import Mentioned, around_of_graph, known_records
from kgplatform.facts.name_decisions import name_pairs
from kgplatform.facts.records import CandidateFact, Judged, NewEntity
from kgplatform.facts.resolve import ResolvePolicy, resolve
from kgplatform.facts.stage_records import ReadFacts, Resolution, Stages
from kgplatform.facts.text_plausibility import TextPlausibility, by_text_link
from kgplatform.graph.projection import snapshot_of_query
from kgplatform.joint.text_run import TextLinkRun
from kgplatform.progress import Progress, silent
from kgplatform.rules.files import RuleSet, load_rules
from kgplatform.store.client import Store
from kgplatform.store.labels import all_kinds
from kgplatform.store.names import EntityNames, end_names, read_all_names
from kgplatform.store.stream_vectors import read_set
from kgplatform.store.texts import active_set_of
from kgplatform.store.writeback import Target
from kgplatform.text.encode import TextEncoder
from kgplatform.text.extract.llm_extractor import LLMExtractor
from kgplatform.text.extract.records import Extractor
from kgplatform.text.extract.schema import Schema
from kgplatform.text.extract.schema_file import schema_yaml
from kgplatform.text.extract.snap import Snapper
from kgplatform.text.link import Linker
from kgplatform.text.llm.cost import MeteredModel
from kgplatform.text.names import Gazetteer
from kgplatform.text.vector_cache import cached_text_vectors
from kgplatform.triples import Document


@dataclass(frozen=True)
class Tools:
    """What the stages work with.

    Attributes:
        extractor: Reads facts out of texts.
        schema: What may be found.
        judge: Says how likely a candidate is true.
        encoder: Reads texts for snapping, linking and resolution; None to do by names.
        cache: Where vectors of texts are kept.
        models: Trained models of the graph, by which candidates are judged, too.
        text: A run of links by text, by which candidates are judged, too, and its encoder.
        rules: Mined rules, or None.
        policy: What becomes of candidates.
        merging: What becomes of names that may be one entity.
        metered: The language model, if the extractor asks one: it counts what that costs.
    """

    extractor: Extractor
    schema: Schema
    judge: Judge
    encoder: TextEncoder | None
    cache: Path
    models: Sequence[TrainedModel] = ()
    text: tuple[TextLinkRun, TextEncoder] | None = None
    rules: RuleSet | None = None
    policy: Policy | None = None
    merging: ResolvePolicy | None = None
    metered: MeteredModel | None = None


def stages_of(store: Store, graph: str, tools: Tools, progress: Progress = silent) -> Stages:
    """The stages over a graph."""
    judging = GraphJudge(store, graph, tools, progress)
    return Stages(
        SchemaReader(tools.extractor, tools.schema, tools.encoder, tools.metered),
        Resolver(store, graph, tools, judging).__call__,
        judging.__call__,
    )


class SchemaReader:
    """An extractor whose facts are taken to a schema.

    Args:
        extractor: Reads facts out of texts.
        schema: What may be found.
        encoder: Compares relations' words; None for words alone.
        metered: Counts what the extractor asks a language model.
    """

    def __init__(
        self,
        extractor: Extractor,
        schema: Schema,
        encoder: TextEncoder | None = None,
        metered: MeteredModel | None = None,
    ) -> None:
        self.name = extractor.name
        self._extractor = extractor
        self._snapper = Snapper(schema, encoder)
        self._metered = metered
        own = getattr(extractor, "digest", extractor.name)
        decided = (own, schema_yaml(schema), encoder.digest if encoder else "")
        self.digest = hashlib.sha256("\0".join(decided).encode()).hexdigest()[:16]

    def __call__(self, documents: Sequence[Document], progress: Progress) -> ReadFacts:
        """What the documents' chunks say."""
        chunks = [(one, each.document_id) for each in documents for one in each.chunks]
        read = ReadFacts([])
        texts = [chunk.text for chunk, _ in chunks]
        facts_of = self._extractor(texts, progress)
        for (chunk, document_id), facts in zip(chunks, facts_of, strict=True):
            snapped = self._snapper(facts, chunk.text)
            read.extracted += len(facts)
            read.invented += len(snapped.invented)
            read.dropped += snapped.dropped.total()
            read.chunks.append(
                Mentioned(
                    chunk.chunk_id,
                    document_id,
                    chunk.text,
                    tuple(snapped.known),
                    tuple(snapped.proposed),
                )
            )
        if isinstance(self._extractor, LLMExtractor):
            for failure in self._extractor.failures:
                read.failed[chunks[failure.text][0].chunk_id] = failure.reason
        return read

    def spent(self) -> dict[str, float]:
        """What the language model was asked so far."""
        if self._metered is None:
            return {}
        usage = self._metered.usage
        return {
            "requests": usage.requests,
            "cached": usage.cached,
            "prompt_tokens": usage.prompt_tokens,
            "answer_tokens": usage.answer_tokens,
            **({} if usage.cost is None else {"cost": usage.cost}),
        }


class GraphJudge:
    """Judges by what a graph asserts beside what texts alone say: no text speaks for itself.

    Args:
        store: The database.
        graph: The graph.
        tools: Judge, models, rules, policy.
        progress: Told of facts read.
    """

    def __init__(self, store: Store, graph: str, tools: Tools, progress: Progress = silent) -> None:
        self._store = store
        self._graph = graph
        self._tools = tools
        self._progress = progress

    @cached_property
    def background(self) -> Background:
        """What is known of the graph. Extraction does not change it, so it is read once."""
        tools = self._tools
        try:
            snapshot, _ = snapshot_of_query(
                self._store,
                queries.get("read/project_trusted"),
                {"graph": self._graph},
                self._progress,
            )
        except InputError:
            # No facts but those of texts.
            none = np.empty((0, 3), dtype=np.int64)
            return Background((), (), none, schema=tools.schema, models=tools.models)
        rules = None if tools.rules is None else load_rules(tools.rules, snapshot)
        return background_of(snapshot, schema=tools.schema, models=tools.models, rules=rules)

    def __call__(self, facts: Sequence[CandidateFact], new: Sequence[NewEntity]) -> list[Judged]:
        """What is thought of candidates that stand for and against one another."""
        kinds = all_kinds(self._store, self._graph)
        for each in new:
            if each.label is not None:
                kinds.labels.setdefault(each.entity_id, (each.label,))
        unknown = kinds.new | {each.entity_id for each in new}
        background = self.background.with_kinds(kinds.labels, unknown)
        if self._tools.text is not None:
            background = replace(background, text=self._plausibility(facts, new))
        return judge(facts, self._tools.judge, background, self._tools.policy)

    def _plausibility(
        self, facts: Sequence[CandidateFact], new: Sequence[NewEntity]
    ) -> TextPlausibility:
        """By the run of links by text, over its entities and the other ends of the candidates."""
        assert self._tools.text is not None
        ends = list(dict.fromkeys(end for fact in facts for end in (fact.head, fact.tail)))
        names = {each.entity_id: each.name for each in new}
        names |= end_names(self._store, self._graph, ends)
        return by_text_link(*self._tools.text, {end: names.get(end, end) for end in ends})


class Resolver:
    """Says which entities, of a graph or new, the ends of facts are.

    Args:
        store: The database.
        graph: The graph.
        tools: Encoder, schema, thresholds.
        judging: Has read the graph's facts.
    """

    def __init__(self, store: Store, graph: str, tools: Tools, judging: GraphJudge) -> None:
        self._store = store
        self._graph = graph
        self._tools = tools
        self._judging = judging

    @cached_property
    def _trained(self) -> dict[str, np.ndarray]:
        """Vectors of the graph's facts, where a run has written some."""
        active = active_set_of(self._store, Target(graph=self._graph), "graph")
        if active is None:
            return {}
        found = read_set(self._store, active["name"])
        return dict(zip(found.ids, found.values, strict=True))

    def __call__(self, chunks: Sequence[Mentioned], without: AbstractSet[str]) -> Resolution:
        """What chunks' facts are about, by the graph as it is now."""
        tools = self._tools
        names = read_all_names(self._store, self._graph, without)
        text = None
        if tools.encoder is not None and names.texts:
            text = cached_text_vectors(tools.encoder, names.texts, tools.cache)
        resolved = resolve(
            chunks,
            self._linker(names, text),
            known_records(
                names.names, all_kinds(self._store, self._graph).labels, text, self._around(names)
            ),
            schema=tools.schema,
            encoder=tools.encoder,
            policy=tools.merging,
        )
        return Resolution(
            resolved.candidates,
            resolved.entities,
            len(resolved.merges),
            [*name_pairs(resolved.merges, "merged"), *name_pairs(resolved.reviews, "doubtful")],
        )

    def _linker(self, names: EntityNames, text: np.ndarray | None) -> Linker | None:
        if not names.names:
            return None
        vectors = None
        if trained := self._trained:
            none = np.zeros_like(next(iter(trained.values())))
            vectors = np.stack([trained.get(key, none) for key in names.names])
        return Linker(
            Gazetteer(names.names),
            names.facts,
            self._tools.encoder,
            text,
            vectors,
            cache=self._tools.cache,
        )

    def _around(self, names: EntityNames) -> dict[str, frozenset[str]]:
        known = self._judging.background
        facts = (
            (known.entities[head], known.relations[relation], known.entities[tail])
            for head, relation, tail in known.facts.tolist()
        )
        return around_of_graph(names.names, facts)
