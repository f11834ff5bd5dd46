"""Fusions: shapes, null vectors, weights; attention against torch's; subgraphs; controls."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from kgplatform.errors import UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.joint.build import TEXT, Joint, train_joint
from kgplatform.joint.controls import permuted, random_vectors, shuffled_edges
from kgplatform.joint.dataset import linked_texts
from kgplatform.joint.evidence import (
    FUSED,
    MUST_BEAT,
    Difference,
    difference,
    helped,
    macro_f1_of,
    verdict,
)
from kgplatform.joint.exchange import DeepExchange, subgraph_edges
from kgplatform.joint.fit import probabilities
from kgplatform.joint.fusion import FUSIONS, CrossAttention
from kgplatform.joint.nodes import Modality, hop_means
from kgplatform.joint.settings import settings_from
from kgplatform.joint.subgraph import Between, with_neighbours
from kgplatform.models import Edges


def macro_f1(truth: torch.Tensor, told: torch.Tensor) -> float:
    return float(f1_score(truth.numpy(), told.numpy(), average="macro"))


def ring(count: int, parts: int = 2) -> KGSnapshot:
    """Rings of ``count`` entities each; entity names sort by ring."""
    head = np.arange(count * parts)
    tail = head // count * count + (head + 1) % count
    names = [f"e{at:03}" for at in head]
    zeros = np.zeros(len(head), np.int64)
    return from_columns(names, ["next"], head, zeros, tail, np.full(len(head), -1))


def two_rings() -> Joint:
    """Texts that say nothing; entities' texts that say the ring, but only of even ones."""
    snapshot = ring(30)
    labels = ["a"] * 30 + ["b"] * 30
    dataset, missing = linked_texts(
        ["x"] * 60, labels, [[name] for name in snapshot.entities], snapshot, test_share=0.3
    )
    assert missing == 0
    values = torch.zeros(60, 4)
    values[0:30:2, 0] = 1
    values[30:60:2, 1] = 1
    present = torch.ones(60, dtype=torch.bool)
    return Joint(
        dataset,
        snapshot,
        text_vectors=torch.zeros(60, 4),
        modalities={TEXT: Modality(values, present)},
    )


@pytest.mark.parametrize("name", FUSIONS)
def test_a_fusion_takes_what_is_missing_by_a_null_vector(name: str) -> None:
    torch.manual_seed(0)
    fusion = FUSIONS[name](6, 5, 8)
    text, graph = torch.randn(3, 4, 6), torch.randn(3, 2, 5)
    text_mask = torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])
    graph_mask = torch.tensor([[True, False], [False, False], [True, True]])
    found = fusion(text, text_mask, graph, graph_mask)
    assert found.vector.shape == (3, 8)
    assert torch.allclose(found.weights.sum(1), torch.ones(3))
    # What is masked changes nothing.
    text[1, 2:], text[2], graph[0, 1], graph[1] = 9.0, 9.0, 9.0, 9.0
    again = fusion(text, text_mask, graph, graph_mask)
    assert torch.allclose(found.vector, again.vector, atol=1e-6)


def test_cross_attention_is_softmax_over_null_and_entities() -> None:
    torch.manual_seed(0)
    fusion = CrossAttention(8, 8, 8)
    text, graph = fusion.of_text(torch.randn(1, 1, 8)), fusion.of_graph(torch.randn(1, 3, 8))
    one = torch.ones(1, 1, dtype=torch.bool)
    mask = torch.tensor([[True, True, False]])
    found = fusion.fuse(text, one, graph, mask).vector[0]
    keys = torch.cat((fusion.no_entity[None], graph[0, :2]))
    attention = fusion.attention
    assert attention.in_proj_weight is not None
    wq, wk, wv = attention.in_proj_weight.chunk(3)
    heads = []
    for at in range(4):
        part = slice(2 * at, 2 * at + 2)
        query, key, value = (
            (side @ weight.T)[:, part] for side, weight in ((text[0], wq), (keys, wk), (keys, wv))
        )
        heads.append(torch.softmax(query @ key.T / 2**0.5, dim=1) @ value)
    slow = text[0, 0] + (torch.cat(heads, 1) @ attention.out_proj.weight.T)[0]
    assert torch.allclose(found, slow, atol=1e-5)


def test_deep_exchange_reads_only_its_subgraph() -> None:
    torch.manual_seed(0)
    fusion = DeepExchange(6, 5, 8).eval()
    graph = torch.randn(2, 3, 5)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    linked = torch.tensor([[True, False, False], [True, False, False]])
    between = torch.zeros(2, 3, 3, dtype=torch.bool)
    between[0, 0, 1] = between[0, 1, 0] = True
    text, text_mask = torch.randn(2, 2, 6), torch.ones(2, 2, dtype=torch.bool)
    found = fusion(text, text_mask, graph, mask, between, linked)
    graph[1, 1:] = 7.0
    assert torch.allclose(
        found.vector, fusion(text, text_mask, graph, mask, between, linked).vector
    )
    edges = {tuple(each) for each in subgraph_edges(between, mask, linked).T.tolist()}
    assert edges == {(0, 1), (1, 0), (1, 2), (2, 1), (4, 5), (5, 4)}


def test_means_of_hops_leave_the_entity_itself_out() -> None:
    snapshot = ring(6, 1)
    edges = Edges(snapshot.edge_index, snapshot.edge_type)
    one, two = hop_means(torch.eye(6), edges, 2)
    assert one[0].tolist() == [0, 0.5, 0, 0, 0, 0.5]
    assert two[0].tolist() == [0, 0, 0.25, 0, 0.25, 0]


def test_shuffled_edges_keep_degrees_and_make_no_loops() -> None:
    draw = np.random.default_rng(0)
    pairs = np.unique(draw.integers(0, 40, (200, 2)), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    kinds = np.arange(len(pairs)) % 2
    snapshot = from_columns(
        [f"{at:02}" for at in range(40)],
        ["r", "s"],
        pairs[:, 0],
        kinds,
        pairs[:, 1],
        np.full(len(pairs), -1),
    )
    other = shuffled_edges(snapshot, 1)
    for relation in range(2):
        for end in range(2):
            before, after = (
                torch.bincount(each.edge_index[end][each.edge_type == relation], minlength=40)
                for each in (snapshot, other)
            )
            assert torch.equal(before, after)
    rows = {tuple(each) for each in other.triples().tolist()}
    assert len(rows) == other.num_edges
    assert all(head != tail for head, _, tail in rows)
    kept = rows & {tuple(each) for each in snapshot.triples().tolist()}
    assert len(kept) < 0.4 * len(rows)


def test_controls_keep_norms_and_links() -> None:
    joint = two_rings()
    values = random_vectors(joint).modalities[TEXT].values
    assert torch.allclose(values.norm(dim=1), joint.modalities[TEXT].values.norm(dim=1))
    other = permuted(joint).dataset.entity_index
    assert sorted(other.tolist()) == list(range(60))
    assert not torch.equal(other, joint.dataset.entity_index)


def test_neighbours_come_behind_the_texts_own_entities() -> None:
    joint = two_rings()
    around = with_neighbours(joint.dataset, joint.snapshot, 2)
    entities, mask = around.padded(torch.tensor([0]))
    assert entities[0].tolist()[0] == 0
    assert set(entities[0].tolist()) == {0, 1, 29}
    assert mask.all()
    assert Between(joint.snapshot)(entities)[0, 0].tolist() == [False, True, True]


@pytest.mark.parametrize(
    "given",
    [
        {"encoder": "sgc", "fusion": "concat"},
        {"encoder": "sgc", "fusion": "gate"},
        {"encoder": "sage", "fusion": "sum"},
        {"encoder": "rgcn", "fusion": "cross_attention", "neighbours": 2},
        {"encoder": "sage", "fusion": "deep", "neighbours": 2, "tell_classes": True},
    ],
)
def test_what_only_neighbours_say_is_learned(given: dict[str, object]) -> None:
    joint = two_rings()
    plain = {
        "width": 16,
        "dropout": 0.1,
        "entity_dropout": 0.0,
        "epochs": 60,
        "learning_rate": 0.02,
    }
    fitted, task = train_joint(joint, settings_from({**plain, **given}))
    rows = joint.dataset.rows("test")
    told = probabilities(fitted.model, task, rows).argmax(1)
    assert macro_f1(joint.dataset.labels[rows], told) > 0.85
    blind, task = train_joint(joint, settings_from({**plain, **given}), sees_graph=False)
    told = probabilities(blind.model, task, rows).argmax(1)
    assert macro_f1(joint.dataset.labels[rows], told) < 0.6


def test_embeddings_are_trained_along_with_the_task() -> None:
    joint = two_rings()
    given = {"strategy": "embedding", "link_weight": 1.0, "width": 16, "epochs": 40}
    more = {"learning_rate": 0.02, "text": "lstm", "dropout": 0.1}
    fitted, task = train_joint(joint, settings_from({**given, **more}))
    assert fitted.model.nodes.names == [TEXT, "structure"]
    first = train_joint(joint, settings_from({**given, **more, "learning_rate": 1e-9}))[0]
    moved = fitted.model.state_dict()["links.relation"] - first.model.state_dict()["links.relation"]
    assert moved.abs().max() > 0.01
    assert len(probabilities(fitted.model, task, joint.dataset.rows("test"))) == 18


def test_macro_f1_is_that_of_sklearn_and_intervals_hold_the_difference() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 4, 300)
    good = np.where(draw.random(300) < 0.9, truth, draw.integers(0, 4, 300))
    poor = np.where(draw.random(300) < 0.5, truth, draw.integers(0, 4, 300))
    value = macro_f1(torch.from_numpy(truth), torch.from_numpy(good))
    assert macro_f1_of(truth, good, 4) == pytest.approx(value)
    found = difference(truth, good[None], poor[None], 4)
    assert found.low < found.mean < found.high
    assert found.sure
    assert not difference(truth, good[None], good[None], 4).sure


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no such setting"):
        settings_from({"fusoin": "sum"})
    with pytest.raises(UsageError, match="fusion cannot be"):
        settings_from({"fusion": "add"})
    with pytest.raises(UsageError, match="width cannot be"):
        settings_from({"width": "10"})
    with pytest.raises(UsageError, match="link_weight"):
        settings_from({"link_weight": "0.1"})


def test_a_gain_is_claimed_only_over_all_controls_with_enough_seeds() -> None:
    sure, unsure = Difference(0.1, 0.05, 0.15), Difference(0.01, -0.01, 0.03)
    every = dict.fromkeys(MUST_BEAT, sure)
    scores = {name: [0.5] * 5 for name in (FUSED, *MUST_BEAT)}
    few = {name: each[:1] for name, each in scores.items()}
    assert helped(every, 5) is True
    assert "The graph helped" in verdict(every, scores)
    assert helped(every, 1) is None
    assert "is open" in verdict(every, few)
    assert helped({"text only": sure}, 5) is None
    failed = {**every, "edges shuffled": unsure}
    assert helped(failed, 5) is False
    assert "other edges do as well" in verdict(failed, scores)
