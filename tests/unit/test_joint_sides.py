"""Ways to read a text; relations between its entities; link models that controls share."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kgplatform.errors import TrainingError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.joint.build import Joint, structure_of, train_joint
from kgplatform.joint.classify import (
    WEIGHTS_FILE,
    classify,
    save_joint,
    train_variant,
    with_structure,
)
from kgplatform.joint.controls import random_vectors
from kgplatform.joint.dataset import LinkedTexts, linked_texts
from kgplatform.joint.evidence import FUSED, RANDOM, macro_f1_of
from kgplatform.joint.fit import Fit, Task, probabilities
from kgplatform.joint.relations import Relations, relations_between
from kgplatform.joint.settings import JointSettings, settings_from
from kgplatform.joint.structure import trained_structure
from kgplatform.joint.subgraph import with_neighbours
from kgplatform.joint.text_side import FrozenTokens, TunedTokens, WordsLSTM
from kgplatform.text.encode import TextEncoder, load_encoder, text_vectors

ANIMALS = ["cat", "dog", "horse", "cow", "sheep", "goat", "pig", "hen", "duck", "goose"]
TOOLS = ["hammer", "saw", "drill", "axe", "spade", "rake", "file", "chisel", "plane", "wrench"]
QUICK = {"width": 16, "dropout": 0.1, "entity_dropout": 0.0, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_encoder()


def animals_and_tools(encoder: TextEncoder | None) -> Joint:
    """Short texts about either; each names one of two entities at random, with one fact."""
    words = ANIMALS + TOOLS
    texts = [form.format(word) for word in words for form in ("a {}", "this {} of mine", "my {}")]
    labels = ["animal"] * 30 + ["tool"] * 30
    zero = np.zeros(1, np.int64)
    snapshot = from_columns(["p", "q"], ["knows"], zero, zero, zero + 1, zero - 1)
    named = [["p" if at % 2 else "q"] for at in range(60)]
    dataset, _ = linked_texts(texts, labels, named, snapshot, test_share=0.3)
    return Joint(dataset, snapshot, encoder)


def on_test(fitted: Fit, task: Task) -> float:
    rows = task.dataset.rows("test")
    told = probabilities(fitted.model, task, rows).argmax(1).numpy()
    return macro_f1_of(task.dataset.labels[rows].numpy(), told, len(task.dataset.classes))


@pytest.mark.parametrize(
    "given",
    [
        {"text": "tokens", "fusion": "cross_attention"},
        {"text": "tokens", "fusion": "sum"},
        {"text": "tuned", "fusion": "sum", "epochs": 2},
        {"text": "lstm", "fusion": "gate"},
    ],
)
def test_each_way_to_read_a_text_learns(given: dict[str, object], encoder: TextEncoder) -> None:
    joint = animals_and_tools(encoder)
    before = {name: each.clone() for name, each in encoder.network.state_dict().items()}
    settings = settings_from({**QUICK, "epochs": 30, "batch_size": 16, **given})
    fitted, task = train_joint(joint, settings)
    # An LSTM knows the words of the training texts alone, and most animals and tools are there.
    assert on_test(fitted, task) > (0.6 if given["text"] == "lstm" else 0.85)
    after = encoder.network.state_dict()
    assert all(torch.equal(each, after[name]) for name, each in before.items())
    if given["text"] == "tuned":
        assert isinstance(fitted.model.text, TunedTokens)
        own = fitted.model.text.network.state_dict()
        assert any(not torch.equal(each, own[name]) for name, each in before.items())
    again = train_joint(joint, settings)[0].model.state_dict()
    assert all(torch.equal(each, again[name]) for name, each in fitted.model.state_dict().items())


def test_states_of_tokens_have_the_pooled_vector_as_their_mean(encoder: TextEncoder) -> None:
    texts = ["a cat", "the axe and the spade of my neighbour", "x"]
    states, mask = FrozenTokens(encoder, texts)(torch.tensor([2, 0, 1]))
    mean = (states * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True)
    mean = mean / mean.norm(dim=1, keepdim=True)
    pooled = text_vectors(encoder, [texts[2], texts[0], texts[1]])
    assert np.allclose(mean.numpy(), pooled, atol=1e-5)
    tuned = TunedTokens(load_encoder(), texts).eval()
    with torch.no_grad():
        same, there = tuned(torch.tensor([2, 0, 1]))
    assert torch.equal(there, mask)
    assert torch.allclose(same[mask], states[mask], atol=1e-5)


def test_an_lstm_reads_a_text_as_if_it_were_alone() -> None:
    texts = ["a cat", "a dog and a cat , a cow", "zebra"]
    side = WordsLSTM(texts, torch.tensor([0, 1]), 8).eval()
    states, mask = side(torch.tensor([0, 1, 2]))
    assert mask.sum(1).tolist() == [2, 8, 1]
    alone, _ = side(torch.tensor([0]))
    assert torch.allclose(states[0, :2], alone[0], atol=1e-6)
    # A word that training never saw has the row of all such words.
    assert side.codes[2].tolist() == [0]


def pairs(seed: int = 0) -> Joint:
    """Texts that say nothing and name two entities: whether these are friends or foes is asked."""
    draw = np.random.default_rng(seed)
    both = np.unique(draw.integers(0, 30, (300, 2)), axis=0)
    both = both[both[:, 0] < both[:, 1]]
    kind = draw.integers(0, 2, len(both))
    names = [f"e{at:02}" for at in range(30)]
    snapshot = from_columns(
        names, ["friend", "foe"], both[:, 0], kind, both[:, 1], np.full(len(both), -1)
    )
    labels = ["friend" if each == 0 else "foe" for each in kind]
    entities = [[names[one], names[other]] for one, other in both]
    dataset, _ = linked_texts(["x"] * len(both), labels, entities, snapshot, test_share=0.4)
    return Joint(dataset, snapshot, text_vectors=torch.zeros(len(both), 4))


@pytest.mark.parametrize(
    "given",
    [
        {"fusion": "concat"},
        {"fusion": "cross_attention", "embedding": "transe"},
        {"fusion": "sum", "link_weight": 0.1},
    ],
)
def test_relations_between_the_entities_of_a_text_are_read(given: dict[str, object]) -> None:
    joint = pairs()
    both = {"strategy": "embedding", "link_epochs": 1, "epochs": 60, **QUICK, **given}
    settings = settings_from({**both, "relations": True})
    assert on_test(*train_variant(joint, settings, FUSED)) > 0.95
    without = dataclasses.replace(settings, relations=False)
    assert on_test(*train_variant(joint, without, FUSED)) < 0.8


def slow_relations(dataset: LinkedTexts, around: LinkedTexts, graph: KGSnapshot) -> list[set[int]]:
    """The same, fact by fact."""
    found = []
    for row in range(len(dataset)):
        named = set(dataset.padded(torch.tensor([row]))[0][dataset.padded(torch.tensor([row]))[1]])
        named = {int(each) for each in named}
        entities, mask = around.padded(torch.tensor([row]))
        here = set(entities[mask].tolist())
        kinds = set()
        for head, kind, tail in graph.triples().tolist():
            if head in here and tail in here:
                back = tail in named and head not in named
                kinds.add(kind + back * graph.num_relations)
        found.append(kinds)
    return found


def test_relations_have_the_direction_of_what_the_text_names() -> None:
    draw = np.random.default_rng(1)
    head, tail = draw.integers(0, 20, (2, 80))
    kind = draw.integers(0, 3, 80)
    names = [f"{at:02}" for at in range(20)]
    graph = from_columns(names, ["r", "s", "t"], head, kind, tail, np.full(80, -1))
    entities = [[], ["00"], ["03", "07"], ["01", "02", "04"]] + [[name] for name in names]
    dataset, _ = linked_texts(["x"] * 24, ["a", "b"] * 12, entities, graph)
    for most in (0, 4):
        around = with_neighbours(dataset, graph, most)
        found = relations_between(dataset, around, graph)
        which, mask = found.padded(torch.arange(24))
        told = [set(row[there].tolist()) for row, there in zip(which, mask, strict=True)]
        assert told == slow_relations(dataset, around, graph)
    assert any(kind >= 3 for row in told for kind in row)


def test_a_model_without_opposites_has_one_vector_for_both_directions() -> None:
    torch.manual_seed(0)
    side = Relations(torch.randn(2, 4), 2, 8)
    states = side(torch.tensor([[0, 1, 2, 3]]))[0]
    assert torch.equal(states[:2], states[2:])
    both = Relations(torch.randn(4, 4), 2, 8)(torch.tensor([[0, 1, 2, 3]]))[0]
    assert not torch.allclose(both[:2], both[2:])


def test_controls_share_what_is_trained_on_the_same_graph() -> None:
    joint = pairs()
    settings = settings_from(
        {"strategy": "embedding", "link_epochs": 2, "epochs": 3, **QUICK, "relations": True}
    )
    result = classify(joint, settings, seeds=2, controls=True)
    # By seed: the graph itself, and the graph with its edges shuffled.
    assert len(joint.structures) == 4
    fresh = trained_structure(joint.snapshot, dataclasses.replace(settings, seed=1))
    kept = structure_of(joint, dataclasses.replace(settings, seed=1))
    assert torch.equal(fresh.entity, kept.entity)
    assert torch.equal(fresh.relation, kept.relation)
    alone = dataclasses.replace(joint, structures={})
    for name, scores in result.scores.items():
        if name not in ("majority", "TF-IDF"):
            seconds = dataclasses.replace(settings, seed=1)
            assert on_test(*train_variant(alone, seconds, name)) == scores[1]


def test_random_vectors_are_random_with_relations_and_end_to_end() -> None:
    joint = pairs()
    settings = JointSettings(strategy="embedding", width=16, link_epochs=1, relations=True)
    known = with_structure(joint, settings)
    other = random_vectors(known)
    assert known.relation_vectors is not None
    assert other.relation_vectors is not None
    assert other.relation_vectors.shape == (4, 16)
    assert torch.allclose(other.relation_vectors.norm(dim=1), known.relation_vectors.norm(dim=1))
    assert not torch.allclose(other.relation_vectors, known.relation_vectors)
    along = dataclasses.replace(settings, link_weight=0.1, epochs=2)
    fitted, _ = train_variant(joint, along, RANDOM)
    assert fitted.model.links is None
    with pytest.raises(TrainingError, match="vectors of relations"):
        train_joint(joint, settings)


def test_a_run_has_what_was_trained_along_once(tmp_path: Path) -> None:
    joint = pairs()
    given = {"strategy": "embedding", "link_weight": 0.1, "epochs": 2, "relations": True, **QUICK}
    settings = settings_from(given)
    run = save_joint(classify(joint, settings), settings, joint.snapshot, tmp_path / "run", {}, 1.0)
    kept = load_file(run.folder / WEIGHTS_FILE)
    shapes = [tuple(each.shape) for each in kept.values()]
    assert shapes.count((30, 16)) == 1
    assert shapes.count((4, 16)) == 1


def test_means_of_nothing_are_refused(encoder: TextEncoder) -> None:
    settings = settings_from({"encoder": "sgc", "text": "lstm"})
    with pytest.raises(TrainingError, match="nothing is known"):
        train_joint(animals_and_tools(encoder), settings)


def test_relations_are_refused_where_they_cannot_be_read() -> None:
    with pytest.raises(UsageError, match="relations is of the strategy embedding"):
        settings_from({"relations": "true"})
    with pytest.raises(UsageError, match="does not go with fusion=deep"):
        settings_from({"relations": "true", "strategy": "embedding", "fusion": "deep"})
    with pytest.raises(UsageError, match="link_epochs cannot be"):
        settings_from({"link_epochs": "-1", "strategy": "embedding"})
