"""All models: their score functions say the same, and what their papers say."""

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GCNConv

from kgplatform.models import GCN, MODELS, DistMult, LinkModel, TransE
from kgplatform.models.gcn import normalized_adjacency

N, R, D, B = 11, 3, 8, 7

EDGES = torch.tensor([[0, 1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 1, 9]])


def build(name: str, *, reciprocal: bool, norm: int = 2) -> LinkModel:
    spec = MODELS[name]
    options = {"norm": norm} if "norm" in spec.options else {}
    if spec.passes_messages:
        options = {"edge_index": EDGES}  # type: ignore[dict-item]
    generator = torch.Generator().manual_seed(3)
    model = spec.model(N, R, D, reciprocal=reciprocal, generator=generator, **options)
    return model.eval()


def queries() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return (
        torch.randint(N, (B,), generator=generator),
        torch.randint(R, (B,), generator=generator),
        torch.randint(N, (B,), generator=generator),
    )


CASES = [
    (name, reciprocal, norm)
    for name in MODELS
    for reciprocal in (True, False)
    for norm in ((1, 2) if "norm" in MODELS[name].options else (2,))
]


@pytest.mark.parametrize(("name", "reciprocal", "norm"), CASES)
def test_score_functions_agree(name: str, reciprocal: bool, norm: int) -> None:
    model = build(name, reciprocal=reciprocal, norm=norm)
    head, relation, tail = queries()
    score = model.score(head, relation, tail)
    torch.testing.assert_close(model(head, relation, tail), score)
    tails = model.score_tails(head, relation)
    heads = model.score_heads(relation, tail)
    assert tails.shape == heads.shape == (B, N)
    torch.testing.assert_close(tails[torch.arange(B), tail], score, atol=1e-4, rtol=1e-4)
    other = model.score(tail, relation + R, head) if reciprocal else score
    torch.testing.assert_close(heads[torch.arange(B), head], other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_candidates_are_columns_of_all(name: str) -> None:
    model = build(name, reciprocal=True)
    head, relation, tail = queries()
    some = torch.tensor([5, 0, 10])
    close = torch.testing.assert_close
    close(model.score_tails(head, relation, some), model.score_tails(head, relation)[:, some])
    close(model.score_heads(relation, tail, some), model.score_heads(relation, tail)[:, some])


@pytest.mark.parametrize("name", MODELS)
def test_vectors_have_a_row_an_index(name: str) -> None:
    model = build(name, reciprocal=True)
    assert model.entity_vectors().shape == (N, D)
    assert model.entity_vectors().dtype == torch.float32
    assert model.relation_vectors().shape == (2 * R, D)
    assert build(name, reciprocal=False).relation_vectors().shape == (R, D)


@pytest.mark.parametrize("name", MODELS)
def test_same_generator_same_weights(name: str) -> None:
    torch.manual_seed(1)
    first = build(name, reciprocal=True).state_dict()
    torch.manual_seed(2)
    second = build(name, reciprocal=True).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("norm", [1, 2])
def test_transe_is_a_distance(norm: int) -> None:
    model = TransE(N, R, D, norm=norm, reciprocal=False)  # type: ignore[arg-type]
    head, relation, tail = queries()
    slow = [
        -(model.entity[h] + model.relation[r] - model.entity[t]).norm(p=norm).item()
        for h, r, t in zip(head, relation, tail, strict=True)
    ]
    torch.testing.assert_close(model.score(head, relation, tail), torch.tensor(slow))


def test_transe_gradient_is_finite_where_the_distance_is_zero() -> None:
    model = TransE(N, R, D, reciprocal=False)
    with torch.no_grad():
        model.entity.zero_()
        model.relation.zero_()
    index = torch.zeros(1, dtype=torch.int64)
    model.score_tails(index, index).sum().backward()  # type: ignore[no-untyped-call]
    model.score(index, index, index).sum().backward()  # type: ignore[no-untyped-call]
    assert model.entity.grad is not None
    assert torch.isfinite(model.entity.grad).all()


def test_distmult_is_a_trilinear_product() -> None:
    model = DistMult(N, R, D, reciprocal=False)
    head, relation, tail = queries()
    parts = model.entity[head], model.relation[relation], model.entity[tail]
    expected = torch.einsum("bd,bd,bd->b", *parts)
    torch.testing.assert_close(model.score(head, relation, tail), expected)


def test_gcn_equals_pyg_layers() -> None:
    model = build("gcn", reciprocal=True)
    assert isinstance(model, GCN)
    both = torch.cat((EDGES, EDGES.flip(0)), dim=1)
    layers = [GCNConv(D, D, bias=False) for _ in range(2)]
    for layer, weight in zip(layers, (model.weight1, model.weight2), strict=True):
        layer.lin.weight = torch.nn.Parameter(weight.detach().T.clone())
    with torch.no_grad():
        hidden = torch.relu(layers[0](model.entity, both))
        expected = layers[1](hidden, both) + model.entity
        torch.testing.assert_close(model.entity_vectors(), expected)


def test_gcn_gradient_flows_through_messages() -> None:
    model = build("gcn", reciprocal=True).train()
    model.entity_vectors()[1].sum().backward()  # type: ignore[no-untyped-call]
    gradient = model.entity.grad
    assert gradient is not None
    # Entity 3 is two steps from 1, entity 5 four: only the first reaches it.
    assert gradient[3].abs().sum() > 0
    assert gradient[5].abs().sum() == 0


def test_gcn_forgets_encoded_vectors_when_weights_change() -> None:
    model = build("gcn", reciprocal=True)
    before = model.entity_vectors().clone()
    state = {name: value * 2 for name, value in model.state_dict().items()}
    model.load_state_dict(state | {"edge_index": EDGES})
    assert not torch.equal(model.entity_vectors(), before)


def test_adjacency_of_an_isolated_entity_is_its_loop() -> None:
    dense = normalized_adjacency(torch.tensor([[0], [1]]), 3).to_dense()
    expected = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(dense, expected)
