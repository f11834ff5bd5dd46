"""What stands beside an MRR: rules alone, relations, cardinalities, an interval."""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.cli.results import results_text
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.models import DistMult
from kgplatform.training import groups
from kgplatform.training.baseline import fit_baseline, strongest_rules
from kgplatform.training.bootstrap import mrr_interval
from kgplatform.training.evaluate import baseline_results, evaluate_splits
from kgplatform.training.groups import by_cardinality, by_relation, cardinalities
from kgplatform.training.known import known_of_snapshot
from kgplatform.training.metrics import metrics_of
from kgplatform.training.ranks import Ranks, rank_triples
from kgplatform.triples import SPLITS, Split, Triple

WN18RR = Path(__file__).resolve().parents[3] / "shared" / "data" / "wn18rr"


def slow_score(facts: set[tuple[int, int, int]], h: int, r: int, t: int) -> float:
    """Every rule by a loop over all facts: the score of r(h, t)."""
    missing: list[float] = []
    for other in {fact[1] for fact in facts}:
        of_other = {fact for fact in facts if fact[1] == other}
        for turned in (False, True):
            if other == r and not turned:
                continue
            premise = (t, other, h) if turned else (h, other, t)
            if premise not in facts:
                continue
            proper = {(a, b) for a, _, b in of_other if a != b}
            holds = sum(((b, r, a) if turned else (a, r, b)) in facts for a, b in proper)
            missing.append(1 - holds / (len(of_other) + 1))
    return -sum(math.log(share) for share in missing)


@settings(deadline=None, max_examples=60)
@given(st.sets(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=25))
def test_rules_equal_a_slow_loop(facts: set[tuple[int, int, int]]) -> None:
    snapshot = from_triples([Triple(f"e{h}", f"r{r}", f"e{t}", "train") for h, r, t in facts])
    baseline = fit_baseline(snapshot)
    rows = {tuple(row) for row in snapshot.triples("train").tolist()}
    n = snapshot.num_entities
    for r in range(snapshot.num_relations):
        of_r = [row for row in rows if row[1] == r]
        for anchor in range(n):
            a, b = torch.tensor([anchor]), torch.tensor([r])
            tails = baseline.score_tails(a, b)[0]
            heads = baseline.score_heads(b, a)[0]
            for other in range(n):
                often = sum(row[2] == other for row in of_r) / (len(of_r) + 1)
                expected = slow_score(rows, anchor, r, other) - math.log(1 - often)
                assert float(tails[other]) == pytest.approx(expected, abs=1e-5)
                often = sum(row[0] == other for row in of_r) / (len(of_r) + 1)
                expected = slow_score(rows, other, r, anchor) - math.log(1 - often)
                assert float(heads[other]) == pytest.approx(expected, abs=1e-5)
            some = torch.arange(n // 2, n)
            assert torch.equal(baseline.score_tails(a, b, some)[0], tails[n // 2 :])


def test_rules_of_a_leaking_graph_are_named_and_found() -> None:
    triples = []
    for i in range(40):
        split: Split = "test" if i % 10 == 0 else "train"
        triples += [
            Triple(f"m{i:02}", "married", f"w{i:02}", split),
            Triple(f"w{i:02}", "married", f"m{i:02}", "train"),
            Triple(f"m{i:02}", "parent", f"c{i:02}", split),
            Triple(f"c{i:02}", "child", f"m{i:02}", "train"),
        ]
    snapshot = from_triples(triples)
    values = baseline_results(snapshot, {"test": snapshot.triples("test")})["test"]
    assert values["mrr"] == 1.0
    assert values["linked"] == 1.0
    named = {(rule["kind"], rule["if"], rule["then"]): rule for rule in values["rules"]}
    assert named["symmetric", "married", "married"]["facts"] == 72
    assert named["symmetric", "married", "married"]["confidence"] == pytest.approx(
        72 / 77, abs=1e-4
    )
    assert named["inverse", "child", "parent"]["facts"] == 36
    assert named["inverse", "parent", "child"]["facts"] == 36


@pytest.mark.skipif(not WN18RR.exists(), reason="needs the data folder beside the repository")
def test_wn18rr_leaks_as_is_known() -> None:
    triples = []
    for split in SPLITS:
        for line in (WN18RR / f"{split}.tsv").read_text("utf-8").splitlines():
            head, relation, tail = line.split("\t")
            triples.append(Triple(head, relation, tail, split))
    snapshot = from_triples(triples)
    baseline = fit_baseline(snapshot)
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    facts = snapshot.triples("test")
    assert baseline.linked(facts) == pytest.approx(0.35, abs=0.01)
    mrr = metrics_of(rank_triples(baseline, facts, known)).mrr
    assert 0.35 < mrr < 0.40  # DistMult's published figure is .43
    first = strongest_rules(baseline, tuple(snapshot.relations))[0]
    assert (first["kind"], first["if"]) == ("symmetric", "_derivationally_related_form")


def test_without_train_or_relations_there_is_no_baseline() -> None:
    only_test = from_triples([Triple("a", "r", "b", "test")])
    assert baseline_results(only_test, {"test": only_test.triples("test")}) == {}


def kinds_graph() -> KGSnapshot:
    triples = []
    for i in range(6):
        triples += [
            Triple(f"a{i}", "one", f"b{i}", "train"),
            Triple(f"a{i // 3}", "fans", f"c{i}", "train"),
            Triple(f"c{i}", "born", f"a{i // 3}", "valid"),
            Triple(f"a{i}", "mixed", f"b{(i + 1) % 6}", "train"),
            Triple(f"a{i}", "mixed", f"b{(i + 2) % 6}", "test"),
        ]
    return from_triples(triples)


def test_cardinalities_by_hand() -> None:
    snapshot = kinds_graph()
    kinds = dict(zip(snapshot.relations, cardinalities(snapshot), strict=True))
    assert kinds == {"one": "1-1", "fans": "1-N", "born": "N-1", "mixed": "N-N"}


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=40, unique=True),
    st.integers(1, 45),
)
def test_cardinalities_equal_a_slow_loop(facts: list[tuple[int, int, int]], part: int) -> None:
    snapshot = from_triples([Triple(f"e{h}", f"r{r}", f"e{t}", "train") for h, r, t in facts])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "EDGES_AT_ONCE", part)
        kinds = cardinalities(snapshot)
    for name, kind in zip(snapshot.relations, kinds, strict=True):
        tails, heads = defaultdict(set), defaultdict(set)
        for h, r, t in facts:
            if f"r{r}" == name:
                tails[h].add(t)
                heads[t].add(h)
        many_tails = np.mean([len(found) for found in tails.values()]) >= 1.5
        many_heads = np.mean([len(found) for found in heads.values()]) >= 1.5
        assert kind == f"{'N' if many_heads else '1'}-{'N' if many_tails else '1'}"


def test_groups_are_of_their_own_facts() -> None:
    ranks = Ranks(
        head=torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64),
        tail=torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64),
    )
    relation = torch.tensor([1, 0, 1])
    found = by_relation(ranks, relation, ("x", "y", "unused"), ("1-N", "N-N", "1-1"))
    assert list(found) == ["y", "x"]  # most facts first
    assert found["y"]["mrr"] == pytest.approx((1 + 1 / 4 + 1 + 1 / 2) / 4)
    assert (found["x"]["mrr"], found["x"]["count"], found["x"]["cardinality"]) == (0.75, 2, "1-N")
    kinds = by_cardinality(ranks, relation, ("1-N", "N-N", "1-1"))
    assert list(kinds) == ["1-N", "N-N"]
    assert kinds["1-N"]["head"]["mrr"] == 0.5
    assert kinds["1-N"]["tail"]["mrr"] == 1.0


def test_the_interval_holds_what_it_promises() -> None:
    rng = np.random.default_rng(3)
    # Where the true mean is known, 95 % of the intervals should hold it.
    held = 0
    for trial in range(60):
        ranks = torch.from_numpy(rng.integers(1, 11, (2, 200))).double()
        low, high = mrr_interval(Ranks(head=ranks[0], tail=ranks[1]), seed=trial)
        held += low <= sum(1 / k for k in range(1, 11)) / 10 <= high
    assert held >= 52
    same = torch.full((50,), 4.0, dtype=torch.float64)
    assert mrr_interval(Ranks(head=same, tail=same)) == (0.25, 0.25)


def test_what_is_printed_says_where_rules_do_as_well() -> None:
    snapshot = kinds_graph()
    model = DistMult(snapshot.num_entities, snapshot.num_relations, 4)
    metrics = evaluate_splits(model, snapshot)
    assert list(metrics) == ["valid", "test"]
    assert evaluate_splits(model, snapshot, splits=("valid",)) == {"valid": metrics["valid"]}
    low, high = metrics["test"]["mrr_interval"]
    assert low <= metrics["test"]["mrr"] <= high
    assert metrics["test"]["relations"]["mixed"]["count"] == metrics["test"]["count"] == 12
    text = results_text(metrics, most_relations=1)
    assert "rules alone" in text
    assert "test by cardinality" in text
    assert "100% of test's facts" not in text
    metrics["test"]["mrr"] = 0.0
    assert "does not beat these rules" in results_text(metrics)
    # Runs of earlier versions have none of this.
    old = {"test": {k: v for k, v in metrics["test"].items() if not isinstance(v, dict | list)}}
    assert "rules" not in results_text(old, most_relations=5)
