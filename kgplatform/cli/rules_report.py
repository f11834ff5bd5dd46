"""What ``kgp rules`` does and prints for several of its commands."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kgplatform.cli.output import note, progress_bar, table
from kgplatform.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.progress import Progress
    from kgplatform.rules.files import RuleSet
    from kgplatform.rules.mine import MiningConfig
    from kgplatform.rules.predict import RulePrediction
    from kgplatform.settings import Settings
    from kgplatform.training.artifacts import Run

COLUMNS = ("rule", "confidence", "support", "body_size", "coverage", "length", "sampled")
METRICS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")


def combined(
    trained: Run, snapshot: KGSnapshot, config: MiningConfig, progress: Progress
) -> dict[str, Any]:
    """Mine from a run's training facts, learn the weights, and measure all three."""
    from kgplatform.graph.split import ensure_split
    from kgplatform.rules.apply import Applier
    from kgplatform.rules.combine import evaluate_combined, learn_combination
    from kgplatform.rules.evaluate import choose_length, train_matrices
    from kgplatform.rules.mine import mine_rules
    from kgplatform.training.artifacts import load_model
    from kgplatform.training.loop import check_snapshot

    check_snapshot(trained, snapshot)
    split = ensure_split(
        snapshot,
        seed=trained.config.seed,
        valid_share=trained.config.valid_share,
        test_share=trained.config.test_share,
        by=trained.config.split,
    )
    model = load_model(trained)
    matrices = train_matrices(split)
    found = mine_rules(matrices, config, progress)
    length = choose_length(matrices, found, split) if len(split.triples("valid")) else 0
    applier = Applier(matrices, found[found.length <= length])
    combination = learn_combination(model, applier, split, progress)
    weights = [
        {"relation": split.relations[relation], "side": side, "weight": weight}
        for (relation, side), weight in sorted(combination.of.items())
    ]
    return {
        "max_length": length,
        "weight": combination.common,
        "weights": weights,
        "metrics": evaluate_combined(model, applier, split, combination, progress),
    }


def combined_text(data: dict[str, Any]) -> str:
    """What :func:`combined` found, for a person."""
    rows = [
        [name, split, *(f"{values[metric]:.3f}" for metric in METRICS)]
        for name, splits in data["metrics"].items()
        for split, values in splits.items()
    ]
    last = "test" if "test" in data["metrics"]["both"] else "valid"
    mrr = {name: splits[last]["mrr"] for name, splits in data["metrics"].items()}
    gain = mrr["both"] - max(mrr["rules"], mrr["model"])
    better = max(("rules", "model"), key=lambda name: mrr[name])
    return "\n".join(
        [
            f"rules of length {data['max_length']} at most; of a score, {data['weight']:.0%} is "
            "theirs where a relation has no weight of its own",
            table(["by", "split", *METRICS], rows),
            f"both together: {gain:+.3f} MRR on {last} against the {better} alone",
        ]
    )


def write_back(
    settings: Settings, found: RuleSet, graph: str | None, most: int, dry_run: bool
) -> tuple[dict[str, Any], str]:
    """Write a set's rules as nodes, or say what would be written: data, and text."""
    from kgplatform import queries
    from kgplatform.connection import open_store
    from kgplatform.rules.files import node_properties
    from kgplatform.store.rules import write_rules

    graph = graph or found.source.get("graph")
    if graph is None:
        raise UsageError(
            "the rules were mined from a query, which does not say what graph they are of",
            hint="kgp rules write RULES --graph G",
        )
    nodes = node_properties(found, most)
    if dry_run:
        statements = [queries.get("write/merge_rule_set"), queries.get("write/merge_rules")]
        told = f"would write {len(nodes):,} rules to graph {graph}; nothing was written"
        data = {"rules": found.id, "would_write": len(nodes), "statements": statements}
        return data, "\n".join([*statements, told])
    record = {"snapshot": found.digest, "created": found.created, "facts": found.facts}
    with open_store(settings) as store, progress_bar() as progress:
        written = write_rules(
            store, found.id, graph, record | asdict(found.config), nodes, progress
        )
    text = f"{written:,} rules of {found.id} written to graph {graph} as (:Rule) nodes"
    if found.rules > written:
        note(f"{found.rules - written:,} less sure rules were not written: see --written")
    return {"rules": found.id, "graph": graph, "written": written}, text


def listed_rules(found: RuleSet, relation: str | None, top: int) -> list[dict[str, Any]]:
    """The surest rules of a set, or those of one relation, as plain values."""
    import pyarrow.compute as pc

    from kgplatform.rules.files import read_table

    rows = read_table(found)
    if relation is not None:
        known = pc.unique(rows["head"]).to_pylist()
        if relation not in known:
            raise UnknownNameError("relation among the rules' heads", relation, known)
        rows = rows.filter(pc.equal(rows["head"], relation))
    listed: list[dict[str, Any]] = rows.select(list(COLUMNS)).slice(0, top).to_pylist()
    return listed


def rules_table(listed: list[dict[str, Any]]) -> str:
    """Rules for a person."""
    rows = [
        [
            f"{each['confidence']:.3f}",
            f"{each['support']:,}" + (" (sampled)" if each["sampled"] else ""),
            f"{each['body_size']:,}",
            f"{each['coverage']:.1%}",
            each["rule"],
        ]
        for each in listed
    ]
    return table(["confidence", "support", "body", "coverage", "rule"], rows)


def set_data(found: RuleSet) -> dict[str, Any]:
    """A set of rules as the command line's JSON has it."""
    return {
        "rules": found.id,
        "folder": str(found.folder),
        "count": found.rules,
        "facts": found.facts,
        "created": found.created,
        "source": dict(found.source),
        "config": asdict(found.config),
    }


def set_text(found: RuleSet) -> str:
    """A set of rules in a line."""
    return f"{found.id}: {found.rules:,} rules of {found.facts:,} facts, in {found.folder}"


def predictions_text(links: list[RulePrediction]) -> str:
    """Predictions with the rules that give them, for a person."""
    if not links:
        return "no rule gives an answer that the graph lacks"
    lines = []
    for link in links:
        lines.append(f"{link.confidence:.3f}  {link.head} {link.relation} {link.tail}")
        for reason in link.reasons:
            facts = "; ".join(" ".join(fact) for fact in reason.facts)
            lines.append(f"       {reason.confidence:.3f} {reason.rule}: {facts}")
        if (more := link.rules - len(link.reasons)) > 0:
            lines.append(f"       and {more:,} more rules")
    return "\n".join(lines)
