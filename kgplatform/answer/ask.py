"""Questions in words: each strategy that fits is asked, and the surest answer is taken.

How sure a strategy is was fitted on questions whose answers are known, so that the confidences of
different strategies can be compared; below the threshold the answer is that it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kgplatform.answer.ask_choose import Choice, Planner, choices
from kgplatform.answer.ask_offers import Offer, surest, trusted
from kgplatform.answer.ask_open import (
    OpenRuns,
    named_runs,
    open_fitting,
    open_runs,
    runs_of_graph,
)
from kgplatform.answer.ask_runs import joint_answer, link_answer, walker_answer
from kgplatform.answer.ask_template import template_answer
from kgplatform.answer.plan_choice import THRESHOLD
from kgplatform.answer.records import Answer
from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.progress import Progress, silent

if TYPE_CHECKING:
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.text.encode import TextEncoder
    from kgplatform.text.llm.protocol import LanguageModel

STRATEGIES = ("template", "cypher", "link", "joint", "walker")
NONE = "none"
LONGEST = 1_000
"""Characters of a question."""

UNKNOWN = "I don't know."

WANTED = {
    "cypher": "--llm MODEL",
    "link": "--run RUN of kgp train MODEL",
    "joint": "--run RUN of kgp train joint-qa",
    "walker": "--run RUN of kgp train walker --questions",
}
"""What a strategy cannot do without."""


@dataclass(frozen=True, eq=False)
class Asker:
    """What is needed to answer questions about a graph.

    Attributes:
        store: The database.
        settings: Of the process.
        graph: The graph.
        planner: What chooses queries.
        runs: What was trained.
        model: What writes queries, if anything does.
        left: Why newest runs are not asked, by their ids.
    """

    store: Store
    settings: Settings
    graph: str
    planner: Planner
    runs: OpenRuns
    model: LanguageModel | None = None
    left: Mapping[str, str] = field(default_factory=dict)

    @property
    def strategies(self) -> tuple[str, ...]:
        """Those that can be asked."""
        there = {
            "template": True,
            "cypher": self.model is not None,
            "link": self.runs.links is not None,
            "joint": self.runs.joint is not None,
            "walker": self.runs.walker is not None,
        }
        return tuple(name for name in STRATEGIES if there[name])

    @property
    def names(self) -> Mapping[str, str]:
        """What entities are called."""
        return self.planner.names.called


def open_asker(
    store: Store,
    settings: Settings,
    graph: str,
    *,
    runs: Sequence[str] = (),
    llm: LanguageModel | str | None = None,
    examples: Path | None = None,
    encoder: TextEncoder | None = None,
    progress: Progress = silent,
) -> Asker:
    """Make ready to answer questions about a graph.

    Args:
        store: The database.
        settings: Where runs are, and vectors of texts.
        graph: The graph.
        runs: Ids of runs to ask; none for the newest of the graph for each strategy.
        llm: A language model that writes queries, or its name.
        examples: A table of questions with their answers, as for ``kgp train joint-qa``; they teach
            the words in which this graph is asked.
        encoder: What reads questions; minilm if not given.
        progress: Told of texts.

    Raises:
        InputError: There is no such graph, or it has no facts.
        UnknownNameError: There is no such run.
        RunError: A run answers no questions, or does not fit the graph.
        LanguageModelError: The model cannot be loaded.
    """
    from kgplatform.answer.ask_learn import open_planner
    from kgplatform.text.encode import load_encoder
    from kgplatform.text.llm.load import load_model

    reader = encoder or load_encoder()
    planner = open_planner(store, settings, graph, reader, examples, progress)
    left: dict[str, str] = {}
    if runs:
        chosen = named_runs(settings, runs)
        opened = open_runs(store, chosen, reader, progress)
    else:
        # Nobody asked for these: one that does not fit any more is no reason to answer nothing.
        chosen = runs_of_graph(settings, graph)
        opened, left = open_fitting(store, chosen, reader, progress)
    model = load_model(llm, settings=settings) if isinstance(llm, str) else llm
    asker = Asker(store, settings, graph, planner, opened, model, left)
    if opened.joint is None and opened.walker is None:
        return asker
    from kgplatform.answer.ask_trials import with_trust

    return with_trust(asker, chosen, progress)


def ask(asker: Asker, question: str, *, strategy: str | None = None, top_k: int = 5) -> Answer:
    """The answer to a question.

    Args:
        asker: Whom to ask.
        question: In words.
        strategy: One of :data:`STRATEGIES`; None for all that can be asked, the surest taken.
        top_k: Most entities.

    Returns:
        The answer; with the strategy ``none`` and no entities where it is not known.

    Raises:
        InputError: The question is empty or too long.
        UsageError: No such strategy, or what it needs was not given.
    """
    if not question.strip():
        raise InputError("the question is empty", hint="ask something about the graph")
    if len(question) > LONGEST:
        raise InputError(
            f"the question has {len(question):,} characters", hint=f"at most {LONGEST:,}"
        )
    if top_k < 1:
        raise UsageError(f"top_k cannot be {top_k}", hint="ask for at least one answer")
    if strategy is not None and strategy not in STRATEGIES:
        raise UnknownNameError("strategy", strategy, STRATEGIES)
    if strategy is not None and strategy not in asker.strategies:
        raise UsageError(
            f"strategy {strategy!r} needs what was not given", hint=f"add {WANTED[strategy]}"
        )
    asked = asker.strategies if strategy is None else (strategy,)
    offers = offered(asker, question, asked, top_k)
    best = surest(offers)
    if best is None or best.confidence < THRESHOLD:
        return unknown(question, best)
    return best


def offered(asker: Asker, question: str, strategies: Sequence[str], top_k: int) -> list[Offer]:
    """What strategies say, as sure as they are; those that say nothing are left out."""
    return trusted(raw_offers(asker, question, strategies, top_k), asker.runs.trust)


def raw_offers(asker: Asker, question: str, strategies: Sequence[str], top_k: int) -> list[Offer]:
    """The same, as sure as they think they are."""
    found = choices(asker.planner, asker.store, question)
    offers = [_offer(asker, question, found, each, top_k) for each in strategies]
    return [offer for offer in offers if offer is not None]


def unknown(question: str, best: Answer | None) -> Answer:
    """That it is not known; how sure the best guess was, with the query that it came from."""
    if best is None:
        return Answer(question, UNKNOWN, (), NONE, 0.0)
    return Answer(question, UNKNOWN, (), NONE, best.confidence, best.cypher, best.params)


def _offer(
    asker: Asker, question: str, found: Sequence[Choice], strategy: str, top_k: int
) -> Offer | None:
    store, graph = asker.store, asker.graph
    if strategy == "template":
        return template_answer(store, graph, question, found, top_k)
    if strategy == "link":
        return link_answer(asker.runs, graph, asker.names, question, found, top_k)
    if strategy == "cypher":
        from kgplatform.answer.ask_cypher import cypher_answer

        assert asker.model is not None
        shape, names = asker.planner.index.shape, asker.planner.names
        return cypher_answer(store, shape, names, asker.model, question, top_k)
    topics = [entity for choice in found for entity in choice.entities[:1]]
    if strategy == "joint":
        return joint_answer(store, asker.runs, graph, asker.names, question, topics, top_k)
    settings = asker.settings
    return walker_answer(store, asker.runs, settings, graph, asker.names, question, topics, top_k)
