"""Settings: defaults by model and size, strings of the command line, and what is refused."""

import json

import pytest
import torch

from kgplatform.errors import TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.models import MODELS
from kgplatform.training.config import (
    TrainingConfig,
    config_from_json,
    resolve_config,
    resolve_device,
)
from kgplatform.triples import Triple


@pytest.fixture
def small() -> KGSnapshot:
    return from_triples([Triple("a", "r", "b"), Triple("b", "r", "c")])


def wide(num_entities: int, num_edges: int) -> KGSnapshot:
    return KGSnapshot(
        entities=tuple(f"{i:07}" for i in range(num_entities)),
        relations=("r",),
        edge_index=torch.zeros(2, num_edges, dtype=torch.int64),
        edge_type=torch.zeros(num_edges, dtype=torch.int64),
        split=torch.zeros(num_edges, dtype=torch.int8),
    )


@pytest.mark.parametrize("model", MODELS)
def test_defaults_fit_every_model_and_json(model: str, small: KGSnapshot) -> None:
    config = resolve_config(model, small, {})
    assert config.loss == "cross_entropy"
    assert TrainingConfig(**json.loads(json.dumps(config.to_json()))) == config


def test_a_large_graph_gets_shared_negatives(small: KGSnapshot) -> None:
    assert resolve_config("distmult", wide(20_001, 10), {}).candidates == "sampled"
    assert resolve_config("distmult", wide(100, 100_000), {}).epochs < 100
    assert resolve_config("gcn", wide(100, 1_000_000), {}).batch_size == 50_000
    given = resolve_config("distmult", wide(20_001, 10), {"candidates": "all"})
    assert given.candidates == "all"


def test_strings_become_what_they_mean(small: KGSnapshot) -> None:
    config = resolve_config(
        "transe",
        small,
        {"norm": "1", "reciprocal": "false", "epochs": "7", "learning_rate": "1e-2", "seed": 4},
    )
    assert (config.norm, config.reciprocal, config.epochs) == (1, False, 7)
    assert (config.learning_rate, config.seed) == (0.01, 4)


def test_a_wrong_model_is_named_with_a_suggestion(small: KGSnapshot) -> None:
    with pytest.raises(UnknownNameError, match="no such model: 'transE2'") as caught:
        resolve_config("transE2", small, {})
    assert "did you mean 'transe'?" in caught.value.hint


@pytest.mark.parametrize("name", ["embeding_dim", "model"])
def test_a_wrong_setting_is_named_with_a_suggestion(name: str, small: KGSnapshot) -> None:
    with pytest.raises(UnknownNameError, match=f"no such setting: '{name}'") as caught:
        resolve_config("transe", small, {name: "3"})
    assert "embedding_dim" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("embedding_dim", "abc"),
        ("embedding_dim", "1.5"),
        ("embedding_dim", 1.5),
        ("embedding_dim", "0"),
        ("embedding_dim", None),
        ("embedding_dim", True),
        ("loss", "hinge"),
        ("norm", "3"),
        ("reciprocal", "perhaps"),
        ("learning_rate", "0"),
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("learning_rate_decay", "0"),
        ("regularization", "-1"),
        ("dropout", "1"),
        ("dropout", "nan"),
        ("edge_drop", "0.6"),
        ("valid_share", "0.95"),
        ("seed", "-1"),
        ("device", "toaster"),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: object, small: KGSnapshot) -> None:
    with pytest.raises(UsageError, match="cannot be") as caught:
        resolve_config("transe", small, {name: value})
    assert caught.value.hint


def test_devices() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda")
    missing = "cuda:99"
    with pytest.raises(TrainingError, match=f"device {missing} cannot be used"):
        resolve_device(missing)


def test_a_run_of_an_earlier_version_says_what_it_compared() -> None:
    config = config_from_json({"model": "distmult", "loss": "sampled", "negatives": 7})
    assert (config.loss, config.candidates, config.negatives) == ("cross_entropy", "sampled", 7)


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        ("tucker", {"reciprocal": False}, "asks for heads by relations of their own"),
        ("compgcn", {"reciprocal": False}, "asks for heads by relations of their own"),
        ("distmult", {"reciprocal": False, "candidates": "answers"}, "candidates=answers asks"),
        ("gcn", {"candidates": "answers"}, "cannot be trained with candidates=answers"),
        ("distmult", {"loss": "margin", "candidates": "answers"}, "compares one answer"),
        ("rotate", {"embedding_dim": 7}, "embedding_dim cannot be 7"),
        ("rgcn", {"decoder": "conve", "embedding_dim": 40}, "embedding_dim cannot be 40"),
        ("distmult", {"split": "inductive"}, "learns a vector an entity"),
    ],
)
def test_settings_that_contradict_each_other(
    model: str, settings: dict[str, object], message: str, small: KGSnapshot
) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_config(model, small, settings)


def test_a_wrong_decoder_is_named_with_a_suggestion(small: KGSnapshot) -> None:
    with pytest.raises(UnknownNameError, match="complx") as caught:
        resolve_config("rgcn", small, {"decoder": "complx"})
    assert "complex" in str(caught.value.hint)
