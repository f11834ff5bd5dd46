"""Filtered evaluation of a model, with what it takes to judge the figures."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import LinkModel
from kgplatform.progress import Progress, silent
from kgplatform.training.baseline import MOST_EDGES, RuleBaseline, fit_baseline, strongest_rules
from kgplatform.training.bootstrap import mrr_interval
from kgplatform.training.groups import by_cardinality, by_relation, cardinalities
from kgplatform.training.known import Known, known_of_snapshot
from kgplatform.training.metrics import Metrics, metrics_of
from kgplatform.training.ranks import Ranks, rank_triples, scores_that_suit
from kgplatform.triples import Split

EVALUATED: tuple[Split, ...] = ("valid", "test")


def evaluate(
    model: LinkModel,
    triples: Tensor,
    known: Known,
    *,
    scores_at_once: int | None = None,
    progress: Progress = silent,
    stage: str = "evaluating",
) -> Metrics:
    """Rank the head and the tail of each triple among all entities that are not known answers.

    Args:
        model: On the device of ``known``; left in evaluation mode.
        triples: Facts to rank, [n, 3], n ≥ 1.
        known: Facts that do not compete: train, valid and test for a test result.
        scores_at_once: Most scores held at a time; by default what suits the device.
        progress: Told of triples done.
        stage: What to call this towards ``progress``.

    Raises:
        TrainingError: There is no triple, or a score is NaN or infinite.
    """
    return metrics_of(
        ranks_of(
            model,
            triples,
            known,
            scores_at_once=scores_at_once,
            progress=progress,
            stage=stage,
        )
    )


def ranks_of(
    model: LinkModel,
    triples: Tensor,
    known: Known,
    *,
    scores_at_once: int | None = None,
    progress: Progress = silent,
    stage: str = "evaluating",
) -> Ranks:
    """The ranks that :func:`evaluate` makes its figures of; arguments and errors as there."""
    if not len(triples):
        raise TrainingError("there is no triple to evaluate on")
    model.eval()
    budget = scores_at_once or scores_that_suit(model.device)
    return rank_triples(
        model,
        triples.to(model.device),
        known,
        scores_at_once=max(1, budget // model.floats_a_score),
        advanced=lambda done: progress(stage, done // 2, len(triples)),
    )


def evaluate_splits(
    model: LinkModel,
    snapshot: KGSnapshot,
    *,
    splits: tuple[Split, ...] = EVALUATED,
    progress: Progress = silent,
) -> dict[str, dict[str, Any]]:
    """Results on the validation and the test split, each if there is one.

    Both are filtered by the facts of all splits, as published figures are; see
    docs/decisions/0003-evaluation-protocol.md. Beside the metrics of each split stand
    ``mrr_interval`` (95 %), ``relations``, ``cardinalities``, and ``baseline``: what rules
    fitted on train reach on the same facts.

    Args:
        model: A trained model over the snapshot's vocabulary.
        snapshot: With its split; see :func:`kgplatform.graph.split.ensure_split`.
        splits: Which to evaluate on.
        progress: Told of triples done.
    """
    evaluated = {split: facts for split in splits if len(facts := snapshot.triples(split))}
    if not evaluated:
        return {}
    known = known_of_snapshot(snapshot, model.device)
    kinds = cardinalities(snapshot)
    names = tuple(snapshot.relations)
    results: dict[str, dict[str, Any]] = {}
    for split, facts in evaluated.items():
        ranks = ranks_of(model, facts, known, progress=progress, stage=f"evaluating on {split}")
        results[split] = {
            **metrics_of(ranks).to_json(),
            "mrr_interval": list(mrr_interval(ranks)),
            "cardinalities": by_cardinality(ranks, facts[:, 1], kinds),
            "relations": by_relation(ranks, facts[:, 1], names, kinds),
        }
    for split, values in baseline_results(snapshot, evaluated, progress).items():
        results[split]["baseline"] = values
    return results


def baseline_results(
    snapshot: KGSnapshot, evaluated: dict[Split, Tensor], progress: Progress = silent
) -> dict[Split, dict[str, Any]]:
    """What rules reach on some splits' facts; nothing if the graph is too large or has no train."""
    if snapshot.num_edges > MOST_EDGES or not len(snapshot.rows("train")):
        return {}
    baseline = fit_baseline(snapshot)
    known = known_of_snapshot(snapshot, baseline.pair.device)
    return {
        split: _baseline_result(baseline, facts, known, snapshot, progress)
        for split, facts in evaluated.items()
    }


def _baseline_result(
    baseline: RuleBaseline, facts: Tensor, known: Known, snapshot: KGSnapshot, progress: Progress
) -> dict[str, Any]:
    ranks = rank_triples(
        baseline,
        facts,
        known,
        advanced=lambda done: progress("evaluating rules", done // 2, len(facts)),
    )
    values = metrics_of(ranks).to_json()
    return {
        **{name: value for name, value in values.items() if name not in ("head", "tail")},
        "linked": baseline.linked(facts),
        "rules": strongest_rules(baseline, tuple(snapshot.relations)),
    }
