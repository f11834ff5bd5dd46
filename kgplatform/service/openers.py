"""How each thing that answers is opened, for each graph of a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from kgplatform.service.config import DOORS, ServiceConfig
from kgplatform.service.doors import Opener
from kgplatform.settings import Settings
from kgplatform.store.client import Store

if TYPE_CHECKING:
    from kgplatform.answer.ask import Asker
    from kgplatform.answer.check import Checker
    from kgplatform.answer.explainer import Explainer
    from kgplatform.answer.recommend import Recommender
    from kgplatform.answer.search import Searcher
    from kgplatform.text.encode import TextEncoder
    from kgplatform.text.llm.protocol import LanguageModel
    from kgplatform.training.artifacts import Run


@dataclass(frozen=True, eq=False)
class Openers:
    """Opens what answers about graphs; what graphs have in common is loaded once.

    Attributes:
        store: The database.
        settings: Of the process.
        config: How the service is run.
        model: The language model, if there is one.
    """

    store: Store
    settings: Settings
    config: ServiceConfig
    model: LanguageModel | None

    def wanted(self) -> Mapping[tuple[str, str], Opener]:
        """An opener for each thing of each graph, those first that are open soonest."""
        ways: dict[str, Callable[[str], object]] = {
            "search": self.searcher,
            "recommend": self.recommenders,
            "ask": self.asker,
            "generate": self.checker,
            "explain": self.explainer,
        }
        assert tuple(ways) == DOORS
        return {
            (name, graph): partial(way, graph)
            for name, way in ways.items()
            if name not in self.config.without
            for graph in self.config.graphs
        }

    @cached_property
    def encoder(self) -> TextEncoder:
        """The encoder that comes with the installation."""
        from kgplatform.text.encode import load_encoder

        return load_encoder()

    def searcher(self, graph: str) -> Searcher:
        """What searches a graph."""
        from kgplatform.answer.search import open_searcher
        from kgplatform.store.find import active_sets
        from kgplatform.text.encode import DEFAULT_ENCODER

        of_texts = {each.encoder for each in active_sets(self.store, graph) if each.kind == "text"}
        shared = self.encoder if of_texts == {DEFAULT_ENCODER} else None
        return open_searcher(self.store, self.settings, graph, encoder=shared)

    def asker(self, graph: str) -> Asker:
        """What answers questions about a graph."""
        from kgplatform.answer.ask import open_asker

        runs = tuple(run.id for run in self.runs if run.source.get("graph") == graph)
        return open_asker(
            self.store, self.settings, graph, runs=runs, llm=self.model, encoder=self.encoder
        )

    def recommenders(self, graph: str) -> list[Recommender]:
        """The runs that recommend in a graph: those named, else the newest one."""
        from kgplatform.answer.recommend import find_recommender, open_recommender
        from kgplatform.recommend.run import TASK

        named = [
            run.id
            for run in self.runs
            if run.source.get("task") == TASK and run.source.get("graph") == graph
        ]
        names = named or [find_recommender(self.settings, graph, None)]
        return [open_recommender(self.store, self.settings, name) for name in names]

    def checker(self, graph: str) -> Checker:
        """What reads texts again."""
        from kgplatform.answer.check import open_checker

        return open_checker(self.store, graph)

    def explainer(self, graph: str) -> Explainer:
        """What explains links of a graph, with the model of the first run named that has one."""
        from kgplatform.answer.explainer import open_explainer
        from kgplatform.models import MODELS

        fitting = [
            run
            for run in self.runs
            if run.source.get("graph") == graph and run.config.model in MODELS
        ]
        run = fitting[0] if fitting else None
        return open_explainer(self.store, self.settings, graph, run=run)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs that were named."""
        from kgplatform.training.artifacts import find_run, load_run

        return tuple(load_run(find_run(self.settings.kgp_runs, name)) for name in self.config.runs)
