"""Links by text: neighbours, training, fusion, leaks, and what a run keeps."""

import dataclasses
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from kgplatform.errors import RunError, TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.joint.text_assess import assess, ranks_by, report
from kgplatform.joint.text_fusion import learn_fusion
from kgplatform.joint.text_leaks import by_named, masked_texts, named_in, pattern_of
from kgplatform.joint.text_link import TextLink
from kgplatform.joint.text_neighbours import neighbours_of, surroundings
from kgplatform.joint.text_run import (
    TextLinkRun,
    load_text_link,
    save_text_link,
    vectors_of,
    with_new_entities,
)
from kgplatform.joint.text_settings import TextLinkSettings, settings_of
from kgplatform.joint.text_train import train_text_link
from kgplatform.joint.text_tune import TuneSettings, tune_encoder
from kgplatform.models import DistMult
from kgplatform.text.encode import TextEncoder, load_encoder, text_vectors
from kgplatform.training.metrics import metrics_of
from kgplatform.training.vector_run import save_vector_run
from kgplatform.triples import Split, Triple

FAST = TextLinkSettings(
    hidden=64,
    dropout=0.0,
    alone=0.3,
    negatives=8,
    epochs=30,
    batch_size=16,
    learning_rate=0.003,
    patience=30,
)
KINDS = ("dog", "bird", "fish", "tree", "boat", "drum")


def zoo() -> tuple[KGSnapshot, dict[str, str]]:
    """Breeds whose texts say what they are, and facts that say the same; some are held out."""
    texts = {kind: f"{kind}, any {kind} of the world" for kind in KINDS}
    facts = []
    for kind in KINDS:
        for i in range(8):
            breed = f"{kind}-{i}"
            texts[breed] = f"number {i}, a {kind} of the village number {i}"
            split: Split = "test" if i == 7 else "valid" if i == 6 else "train"
            facts.append(Triple(breed, "is_a", kind, split))
            facts.append(Triple(breed, "lives_near", f"{kind}-{(i + 1) % 8}", "train"))
    return from_triples(facts), texts


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_encoder()


@pytest.fixture(scope="module")
def vectors(encoder: TextEncoder) -> torch.Tensor:
    snapshot, texts = zoo()
    return torch.from_numpy(text_vectors(encoder, [texts[name] for name in snapshot.entities]))


@pytest.fixture(scope="module")
def trained(vectors: torch.Tensor) -> TextLink:
    return train_text_link(zoo()[0], vectors, FAST)[0]


def test_surroundings_are_what_a_slow_loop_finds() -> None:
    rng = np.random.default_rng(0)
    rows = np.unique(np.stack([rng.integers(0, top, 60) for top in (12, 3, 12)], axis=1), axis=0)
    facts, texts = torch.from_numpy(rows), torch.randn(12, 5)
    hidden = torch.tensor([0, 7, 20])
    asked = torch.tensor([3, 0, 11, 3])
    found = surroundings(neighbours_of(facts, 12, 3), texts, asked, hidden)
    slow: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, (head, relation, tail) in enumerate(facts.tolist()):
        if place not in hidden.tolist():
            slow[head, relation].append(tail)
            slow[tail, relation + 3].append(head)
    expected = [
        (row, relation, others)
        for row, entity in enumerate(asked.tolist())
        for relation in range(6)
        if (others := slow.get((entity, relation)))
    ]
    assert found.row.tolist() == [row for row, _, _ in expected]
    assert found.relation.tolist() == [relation for _, relation, _ in expected]
    assert found.count.tolist() == [len(others) for _, _, others in expected]
    means = torch.stack([texts[others].mean(0) for _, _, others in expected])
    assert torch.allclose(found.text, means, atol=1e-6)
    kept = found.of_rows(torch.tensor([True, False, True, False]))
    assert set(kept.row.tolist()) <= {0, 2}


def test_an_entity_without_neighbours_is_read_by_its_text(vectors: torch.Tensor) -> None:
    nobody = neighbours_of(torch.empty(0, 3, dtype=torch.int64), len(vectors), 2)
    model = TextLink(vectors, nobody, FAST).eval()
    scores = model.score_tails(torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert scores.shape == (2, len(vectors))
    some = torch.tensor([4, 2])
    assert torch.allclose(
        model.score_heads(torch.tensor([1]), torch.tensor([3]), some),
        model.score_heads(torch.tensor([1]), torch.tensor([3]))[:, some],
        atol=1e-5,
    )
    assert torch.allclose(model.all_answers().norm(dim=1), torch.ones(len(vectors)), atol=1e-5)


def test_texts_predict_held_out_facts_and_a_seed_repeats(
    trained: TextLink, vectors: torch.Tensor
) -> None:
    snapshot, _ = zoo()
    mrr = metrics_of(ranks_by(trained, snapshot)["test"])
    assert mrr.sides["tail"].mrr > 0.6
    short = TextLinkSettings(**{**FAST.__dict__, "epochs": 2})
    torch.manual_seed(5)
    first, curve = train_text_link(snapshot, vectors, short)
    torch.manual_seed(6)
    again, same = train_text_link(snapshot, vectors, short)
    assert curve == same
    assert torch.equal(first.all_answers(), again.all_answers())
    assert [epoch.epoch for epoch in curve] == [1, 2]


def test_without_validation_the_last_weights_are_kept(vectors: torch.Tensor) -> None:
    snapshot, _ = zoo()
    everything = snapshot.with_split(torch.zeros_like(snapshot.split))
    short = TextLinkSettings(**{**FAST.__dict__, "epochs": 2, "neighbours": False})
    model, curve = train_text_link(everything, vectors, short)
    assert curve[-1].valid_mrr is None
    data, both = assess(model, everything, ["x"] * 54, ["x"] * 54, lambda _: np.empty((0, 384)))
    assert both is None
    assert "nothing is known" in report(data)
    nothing = snapshot.with_split(torch.full_like(snapshot.split, 2))
    with pytest.raises(TrainingError, match="nothing to train on"):
        train_text_link(nothing, vectors, short)
    with pytest.raises(TrainingError, match="no validation facts"):
        learn_fusion(model, model, everything)


@pytest.mark.parametrize("epochs", [1, 2, 9, 10, 11])
def test_few_steps_are_enough(vectors: torch.Tensor, epochs: int) -> None:
    """Ten, as a graph of one batch has by default, once ended in a division by zero."""
    snapshot = zoo()[0]
    short = dataclasses.replace(FAST, epochs=epochs, batch_size=4096)
    assert len(snapshot.triples("train")) <= short.batch_size
    curve = train_text_link(snapshot, vectors, short)[1]
    assert all(math.isfinite(epoch.loss) for epoch in curve)


def test_fused_scores_are_at_least_as_good_on_validation_and_told_apart(
    trained: TextLink, encoder: TextEncoder
) -> None:
    snapshot, texts = zoo()
    untrained = DistMult(
        snapshot.num_entities, snapshot.num_relations, 8, generator=torch.Generator().manual_seed(0)
    )
    names = [texts[name].partition(", ")[0] for name in snapshot.entities]
    whole = [texts[name] for name in snapshot.entities]
    data, both = assess(
        trained, snapshot, names, whole, lambda new: text_vectors(encoder, new), untrained
    )
    mrr = {name: values["valid"]["mrr"] for name, values in data["metrics"].items()}
    assert mrr["both"] >= max(mrr["text"], mrr["structure"])
    assert data["fusion"]["common"] > 0.5
    leaks = data["leaks"]
    # The breed's text names its kind; the kind's text names no breed.
    assert leaks["named_share"] == pytest.approx(0.5)
    assert leaks["buckets"]["text"]["named"]["count"] == len(KINDS)
    assert leaks["masked_texts"] == 2 * len(KINDS)
    words = report(data)
    assert "the text with its neighbours' texts reaches" in words
    assert "names the answer in 50%" in words
    assert both is not None
    # A tile of some entities has the scores of all of them.
    head, relation = torch.tensor([0, 5]), torch.tensor([1, 0])
    some = torch.tensor([7, 3, 1])
    assert torch.allclose(
        both.score_heads(relation, head, some),
        both.score_heads(relation, head)[:, some],
        atol=1e-5,
    )


def test_names_are_found_as_words_and_taken_out() -> None:
    facts = [Triple("colt", "is_a", "horse", "test"), Triple("horse", "is_a", "animal", "train")]
    snapshot = from_triples(facts)
    names = list(snapshot.entities)
    texts = {
        "animal": "animal, a living thing",
        "colt": "colt, one of the young Horses on horseback",
        "horse": "horse, an animal",
    }
    whole = [texts[name] for name in names]
    named = named_in(names, whole, snapshot.triples("test"))
    assert named.tolist() == [[False, True]]
    assert masked_texts(names, whole, snapshot) == {
        names.index("colt"): "colt, one of the young something on horseback"
    }
    assert pattern_of("...") is None
    assert pattern_of("a+b") is not None
    ranks = ranks_by(DistMult(3, 1, 4), snapshot)["test"]
    parts = by_named(ranks, named)
    assert parts["named"]["mrr"] == pytest.approx(float(1 / ranks.tail[0]))
    assert parts["not_named"]["mrr"] == pytest.approx(float(1 / ranks.head[0]))


def test_a_run_reads_entities_that_came_later(
    trained: TextLink, encoder: TextEncoder, tmp_path: Path
) -> None:
    snapshot, _ = zoo()
    kept = TextLinkRun(
        trained,
        tuple(snapshot.entities),
        tuple(snapshot.relations),
        snapshot.triples("train"),
        encoder.name,
        encoder.digest,
        {"report": {}},
    )
    run = save_text_link(tmp_path / "run", kept, snapshot, {"graph": "zoo"}, {}, 1.0)
    again = load_text_link(run)
    assert np.array_equal(vectors_of(again, again.entities), trained.all_answers().numpy())
    texts = {"rex": "rex, a dog of the next village", "polly": "polly, a bird that talks"}
    new = with_new_entities(again, encoder, texts, [Triple("rex", "lives_near", "dog-1")])
    assert new.entities[-2:] == ("rex", "polly")
    assert vectors_of(new, ["rex"]).shape == (1, encoder.dimension)
    index = {name: i for i, name in enumerate(new.entities)}
    is_a = torch.tensor([new.relations.index("is_a")])
    for name, kind in (("rex", "dog"), ("polly", "bird")):
        scores = new.model.score_tails(torch.tensor([index[name]]), is_a)[0]
        best = int(scores[: len(again.entities)].argmax())
        assert new.entities[best].startswith(kind)
    with pytest.raises(UsageError, match="knows 'dog' already"):
        with_new_entities(again, encoder, {"dog": "a dog"})
    other = TextLinkRun(**{**again.__dict__, "digest": "another"})
    with pytest.raises(UsageError, match="trained with the encoder 'minilm'"):
        with_new_entities(other, encoder, texts)
    (tmp_path / "run" / "joint.safetensors").write_bytes(b"damaged")
    with pytest.raises(RunError, match="cannot be read"):
        load_text_link(run)
    plain = save_vector_run(
        tmp_path / "plain", "text", ["a"], np.ones((1, 2), np.float32), {"graph": "zoo"}
    )
    with pytest.raises(RunError, match="holds no links by text"):
        load_text_link(plain)


def test_a_tuned_encoder_tells_links_better_and_is_frozen_again() -> None:
    snapshot, texts = zoo()
    whole = [texts[name] for name in snapshot.entities]
    encoder = load_encoder()
    before, digest = text_vectors(encoder, whole), encoder.digest
    losses: list[float] = []
    settings = TuneSettings(facts=500, layers=1, batch_size=16)
    tune_encoder(encoder, snapshot, whole, settings, lambda _, loss: losses.append(loss))
    assert not any(weight.requires_grad for weight in encoder.network.parameters())
    assert not encoder.network.training
    assert encoder.digest != digest
    after = text_vectors(encoder, whole)
    assert not np.allclose(before, after, atol=1e-3)
    assert len(losses) == 1
    again = load_encoder()
    tune_encoder(again, snapshot, whole, settings)
    assert np.allclose(text_vectors(again, whole), after, atol=1e-5)


def test_settings_are_checked() -> None:
    assert settings_of({"epochs": "3", "neighbours": "false", "dropout": "0.2"}) == (
        TextLinkSettings(epochs=3, neighbours=False, dropout=0.2)
    )
    with pytest.raises(UnknownNameError) as unknown:
        settings_of({"epoch": "3"})
    assert "epochs" in unknown.value.hint
    for wrong in ({"epochs": "0"}, {"dropout": "1"}, {"hidden": "many"}, {"temperature": "nan"}):
        with pytest.raises(UsageError, match=f"setting {next(iter(wrong))} cannot be"):
            settings_of(wrong)
