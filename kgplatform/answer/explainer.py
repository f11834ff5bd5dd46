"""What explanations are made with: a graph's facts, mined rules and a run's model, opened once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from kgplatform.progress import Progress, silent
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.paths import FoundPath

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.models import LinkModel
    from kgplatform.rules.predict import RulePredictor
    from kgplatform.training.artifacts import Run

Triple = tuple[str, str, str]
"""Head, relation and tail by their names."""


@dataclass(frozen=True, eq=False)
class Explainer:
    """A graph, what was mined of it and what was trained on it; opened once.

    Attributes:
        graph: The graph.
        snapshot: Its facts, those without a split being training facts.
        rules: Mined rules over them; None where none were mined.
        rule_set: Their set's id.
        run: Whose model is asked; None for none.
        model: It.
    """

    graph: str
    snapshot: KGSnapshot
    rules: RulePredictor | None = None
    rule_set: str | None = None
    run: Run | None = None
    model: LinkModel | None = None


def open_explainer(
    store: Store,
    settings: Settings,
    graph: str,
    *,
    run: Run | str | None = None,
    progress: Progress = silent,
) -> Explainer:
    """Read a graph's facts, the newest rules mined from them, and a run's model.

    Args:
        store: The database.
        settings: Where runs and rules are.
        graph: The graph.
        run: A run of a model that scores links, or its id; None for none.
        progress: Told of facts read.

    Raises:
        UnknownNameError: There is no such run.
        RunError: It scores no links, is damaged, or the graph has changed since.
        InputError: There is no such graph, or it has no facts.
    """
    from kgplatform.graph.split import ensure_split
    from kgplatform.rules.evaluate import all_in_splits, train_matrices
    from kgplatform.rules.files import list_rules, load_rules
    from kgplatform.rules.predict import RulePredictor
    from kgplatform.training.artifacts import find_run, load_model, load_run
    from kgplatform.training.loop import check_snapshot

    if isinstance(run, str):
        run = load_run(find_run(settings.kgp_runs, run))
    snapshot = _snapshot(store, graph, run, progress)
    mined = [each for each in list_rules(settings.kgp_rules) if each.digest == snapshot.digest]
    facts = all_in_splits(snapshot)
    predictor = None
    if mined:
        table = load_rules(mined[-1], snapshot)
        predictor = RulePredictor(facts, train_matrices(facts), table)
    found = Explainer(graph, facts, predictor, mined[-1].id if mined else None)
    if run is None:
        return found
    check_snapshot(run, snapshot)
    trained = ensure_split(
        snapshot,
        seed=run.config.seed,
        valid_share=run.config.valid_share,
        test_share=run.config.test_share,
        by=run.config.split,
    )
    return replace(found, snapshot=trained, run=run, model=load_model(run))


def indexes_of(snapshot: KGSnapshot, fact: Triple) -> tuple[int, int, int] | None:
    """A fact by a snapshot's indices; None if the snapshot lacks an end or the relation."""
    head, relation, tail = fact
    try:
        ends = snapshot.entities.index(head), snapshot.entities.index(tail)
        return ends[0], snapshot.relations.index(relation), ends[1]
    except ValueError:
        return None


def names_of(snapshot: KGSnapshot, fact: tuple[int, int, int]) -> Triple:
    """A fact by its names."""
    head, relation, tail = fact
    return snapshot.entities[head], snapshot.relations[relation], snapshot.entities[tail]


def facts_of(path: FoundPath) -> list[Triple]:
    """The facts of a path in order."""
    return [(fact.head, fact.relation, fact.tail) for fact in path.facts]


def _snapshot(store: Store, graph: str, run: Run | None, progress: Progress) -> KGSnapshot:
    """The graph's facts as a run was trained on them; without a run, all of them."""
    from kgplatform.graph.projection import snapshot_of, snapshot_of_graph
    from kgplatform.graph.snapshot_folder import open_snapshot
    from kgplatform.store.projections import definition_of

    if run is None:
        return snapshot_of_graph(store, graph, progress)
    if run.source.get("snapshot"):
        return open_snapshot(FilePath(run.source["snapshot"]))
    return snapshot_of(store, definition_of(run.source), progress)[0]
