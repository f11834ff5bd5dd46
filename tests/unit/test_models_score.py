"""All models: their score functions say the same, and what their papers say."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from kgplatform.errors import UsageError
from kgplatform.models import (
    DECODERS,
    ENCODERS,
    ComplEx,
    ConvE,
    DistMult,
    Edges,
    LinkModel,
    RotatE,
    SimplE,
    TransE,
    TransH,
    TuckER,
)

N, R, D, B = 11, 3, 32, 7

EDGES = Edges(
    torch.tensor([[0, 1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 1, 9]]),
    torch.tensor([0, 1, 2, 0, 1, 2, 0]),
)


def build(
    name: str, *, reciprocal: bool = True, encoder: str | None = None, **options: Any
) -> LinkModel:
    spec = DECODERS[name]
    generator = torch.Generator().manual_seed(3)
    if encoder is not None:
        options["encoder"] = ENCODERS[encoder].encoder(
            spec.model.entity_width(D), spec.model.relation_width(D), R, generator=generator
        )
        options["edges"] = EDGES
    model = spec.model(N, R, D, reciprocal=reciprocal, generator=generator, **options)
    return model.eval()


def queries() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return (
        torch.randint(N, (B,), generator=generator),
        torch.randint(R, (B,), generator=generator),
        torch.randint(N, (B,), generator=generator),
    )


CASES: list[dict[str, Any]] = [
    *({"name": name} for name in DECODERS),
    *({"name": name, "norm": 1} for name in DECODERS if "norm" in DECODERS[name].options),
    *(
        {"name": name, "reciprocal": False}
        for name, spec in DECODERS.items()
        if not spec.model.needs_reciprocal
    ),
    *({"name": "distmult", "encoder": encoder} for encoder in ENCODERS),
    *({"name": name, "encoder": "compgcn"} for name in DECODERS),
    *({"name": name, "features": torch.ones(N, 2)} for name in DECODERS),
    *({"name": name, "features": torch.rand(N, 2), "table": False} for name in DECODERS),
]


def described(case: dict[str, Any]) -> str:
    return "-".join(str(value) for value in case.values() if not isinstance(value, Tensor))


cases = pytest.mark.parametrize("case", CASES, ids=described)


@cases
def test_score_functions_agree(case: dict[str, Any]) -> None:
    model = build(**case)
    head, relation, tail = queries()
    score = model.score(head, relation, tail)
    torch.testing.assert_close(model(head, relation, tail), score)
    tails = model.score_tails(head, relation)
    heads = model.score_heads(relation, tail)
    assert tails.shape == heads.shape == (B, N)
    torch.testing.assert_close(tails[torch.arange(B), tail], score, atol=1e-4, rtol=1e-4)
    other = model.score(tail, relation + R, head) if model.reciprocal else score
    torch.testing.assert_close(heads[torch.arange(B), head], other, atol=1e-4, rtol=1e-4)
    some = torch.tensor([5, 0, 10])
    close = torch.testing.assert_close
    close(model.score_tails(head, relation, some), tails[:, some])
    close(model.score_heads(relation, tail, some), heads[:, some])


@cases
def test_gradients_are_those_of_finite_differences(case: dict[str, Any]) -> None:
    model = build(**case).double().train()
    head, relation, tail = queries()
    # Normalisation over a batch is not a function of one triple: it is checked as it is used.
    state = {name: value.clone() for name, value in model.state_dict().items()}

    def total() -> Tensor:
        model.load_state_dict(state, strict=False, assign=False)
        scores = model.score_tails(head, relation)
        return scores[torch.arange(B), tail].sum() + scores.logsumexp(1).sum()

    parameters = dict(model.named_parameters())
    model.zero_grad()
    total().backward()  # type: ignore[no-untyped-call]
    generator = torch.Generator().manual_seed(5)
    for name, parameter in parameters.items():
        if not parameter.numel():
            continue
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        before, step, found = state[name].clone(), 1e-6, []
        for sign in (1, -1):
            state[name] = before + sign * step * direction
            with torch.no_grad():
                found.append(total())
        state[name] = before
        expected = (found[0] - found[1]) / (2 * step)
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        slope = (gradient * direction).sum()
        assert slope.item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-4), name


@pytest.mark.parametrize("name", DECODERS)
def test_vectors_have_a_row_an_index(name: str) -> None:
    model = build(name)
    spec = DECODERS[name]
    assert model.entity_vectors().shape == (N, spec.model.entity_width(D))
    assert model.entity_vectors().dtype == torch.float32
    assert model.relation_vectors().shape == (2 * R, spec.model.relation_width(D))


@cases
def test_same_generator_same_weights(case: dict[str, Any]) -> None:
    torch.manual_seed(1)
    first = build(**case).state_dict()
    torch.manual_seed(2)
    second = build(**case).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(
    "name", [name for name, spec in DECODERS.items() if spec.model.needs_reciprocal]
)
def test_what_asks_for_tails_only_says_so(name: str) -> None:
    _, relation, tail = queries()
    with pytest.raises(UsageError, match="ranks heads with reciprocal relations only"):
        build(name, reciprocal=False).score_heads(relation, tail)


def by_hand(name: str, **options: Any) -> tuple[LinkModel, Tensor, Tensor, Tensor, Tensor]:
    """A model, its scores of some triples, and the vectors that these are made of."""
    model = build(name, reciprocal=DECODERS[name].model.needs_reciprocal, **options)
    head, relation, tail = queries()
    with torch.no_grad():
        score = model.score(head, relation, tail)
    return model, score, model.entity[head], model.relation[relation], model.entity[tail]


def complex_of(vectors: Tensor) -> Tensor:
    return torch.complex(*vectors.chunk(2, dim=1))


@pytest.mark.parametrize("norm", [1, 2])
def test_transe_is_a_distance(norm: int) -> None:
    _, score, head, relation, tail = by_hand("transe", norm=norm)
    torch.testing.assert_close(score, -(head + relation - tail).norm(p=norm, dim=1))


def test_transh_is_a_distance_in_the_plane() -> None:
    _, score, head, relation, tail = by_hand("transh")
    for s, h, r, t in zip(score, head, relation, tail, strict=True):
        translation, normal = r.chunk(2)
        normal = normal / normal.norm()
        plane = torch.eye(D) - torch.outer(normal, normal)
        torch.testing.assert_close(s, -(plane @ (h + translation - t)).norm())


@pytest.mark.parametrize("norm", [1, 2])
def test_rotate_turns(norm: int) -> None:
    _, score, head, relation, tail = by_hand("rotate", norm=norm)
    turned = complex_of(head) * torch.polar(torch.ones_like(relation), relation)
    distance = (turned - complex_of(tail)).abs().norm(p=norm, dim=1)
    torch.testing.assert_close(score, -distance)


def test_distmult_is_a_trilinear_product() -> None:
    _, score, *parts = by_hand("distmult")
    torch.testing.assert_close(score, torch.einsum("bd,bd,bd->b", *parts))


def test_complex_is_a_hermitian_product() -> None:
    _, score, head, relation, tail = by_hand("complex")
    product = complex_of(head) * complex_of(relation) * complex_of(tail).conj()
    torch.testing.assert_close(score, product.sum(1).real)


def test_simple_is_the_mean_of_both_directions() -> None:
    _, score, *parts = by_hand("simple")
    (h, h2), (r, r2), (t, t2) = (part.chunk(2, dim=1) for part in parts)
    torch.testing.assert_close(score, ((h * r * t2).sum(1) + (t * r2 * h2).sum(1)) / 2)


def test_tucker_is_a_core_times_three_vectors() -> None:
    model, score, head, relation, tail = by_hand("tucker")
    assert isinstance(model, TuckER)
    # A new batch normalisation divides by √(1 + ε) only.
    scale = math.sqrt(1 + model.normalize_head.eps)
    slow = torch.einsum("aij,ba,bi,bj->b", model.core, relation, head, tail) / scale**2
    torch.testing.assert_close(score, slow)


def test_conve_has_a_bias_an_entity() -> None:
    model, score, *_ = by_hand("conve")
    assert isinstance(model, ConvE)
    head, relation, tail = queries()
    with torch.no_grad():
        model.entity[:, -1] += torch.arange(N)
        # The bias of the head is no part of the query.
        torch.testing.assert_close(model.score(head, relation, tail), score + tail)


@pytest.mark.parametrize("model", [TransE, TransH, RotatE])
def test_the_gradient_is_finite_where_the_distance_is_zero(model: type[LinkModel]) -> None:
    one = model(N, R, D, reciprocal=False)
    with torch.no_grad():
        one.entity.zero_()
        one.relation.zero_()
    index = torch.zeros(1, dtype=torch.int64)
    one.score_tails(index, index).sum().backward()  # type: ignore[no-untyped-call]
    one.score(index, index, index).sum().backward()  # type: ignore[no-untyped-call]
    for parameter in one.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("model", [ComplEx, DistMult, SimplE])
def test_features_alone_give_equal_entities_equal_vectors(model: type[LinkModel]) -> None:
    features = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]])
    one = model(3, R, D, features=features, table=False)
    vectors = one.entity_vectors()
    assert torch.equal(vectors[0], vectors[2])
    assert not torch.equal(vectors[0], vectors[1])
