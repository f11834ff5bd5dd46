"""Encoders against PyG's layers and slow loops, and what they keep while they are evaluated."""

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GATConv, GCNConv, RGCNConv, SAGEConv

from kgplatform.models import ENCODERS, CompGCN, DistMult, Edges, Encoder
from kgplatform.models.gcn import normalized_adjacency

N, R, D = 11, 3, 8

EDGES = Edges(
    torch.tensor([[0, 1, 2, 3, 4, 0, 0, 2], [1, 2, 3, 4, 5, 1, 9, 2]]),
    torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]),
)


def one_layer(name: str, **options: str) -> Encoder:
    generator = torch.Generator().manual_seed(3)
    return ENCODERS[name].encoder(D, D, R, layers=1, generator=generator, **options)


def encode(encoder: Encoder, x: Tensor) -> Tensor:
    """What the layer alone adds."""
    relation = torch.zeros(2 * R, D)
    with torch.no_grad():
        entity: Tensor = encoder(x, relation, EDGES)[0]
        return entity - x


@pytest.fixture
def x() -> Tensor:
    return torch.randn(N, D, generator=torch.Generator().manual_seed(4))


def set_weight(module: torch.nn.Module, weight: Tensor) -> None:
    module.weight = torch.nn.Parameter(weight.detach().T.clone())


def test_gcn_is_pygs(x: Tensor) -> None:
    encoder = one_layer("gcn")
    peer = GCNConv(D, D, bias=False)
    set_weight(peer.lin, encoder.linear[0])  # type: ignore[index]
    # PyG leaves out a loop that is there before it adds its own: so does this test's graph.
    plain = Edges(EDGES.index[:, :-1], EDGES.type[:-1])
    both = plain.both_ways(R).index
    with torch.no_grad():
        ours = encoder(x, torch.zeros(2 * R, D), plain)[0] - x
        torch.testing.assert_close(ours, peer(x, both))


def test_sage_is_pygs(x: Tensor) -> None:
    encoder = one_layer("sage")
    peer = SAGEConv(D, D, aggr="mean", bias=False)
    set_weight(peer.lin_l, encoder.neighbours[0])  # type: ignore[index]
    set_weight(peer.lin_r, encoder.own[0])  # type: ignore[index]
    with torch.no_grad():
        torch.testing.assert_close(encode(encoder, x), peer(x, EDGES.both_ways(R).index))


def test_gat_is_pygs(x: Tensor) -> None:
    encoder = one_layer("gat")
    peer = GATConv(D, D // 4, heads=4, bias=False, add_self_loops=False)
    set_weight(peer.lin, encoder.linear[0])  # type: ignore[index]
    peer.att_src = torch.nn.Parameter(encoder.to_source[0].detach().unsqueeze(0))  # type: ignore[index]
    peer.att_dst = torch.nn.Parameter(encoder.to_target[0].detach().unsqueeze(0))  # type: ignore[index]
    loops = torch.arange(N).expand(2, -1)
    both = torch.cat((EDGES.both_ways(R).index, loops), dim=1)
    with torch.no_grad():
        torch.testing.assert_close(encode(encoder, x), peer(x, both))


@pytest.mark.parametrize("decomposition", ["basis", "block"])
def test_rgcn_is_pygs(x: Tensor, decomposition: str) -> None:
    encoder = one_layer("rgcn", decomposition=decomposition)
    both = EDGES.both_ways(R)
    options = {"num_bases": 8} if decomposition == "basis" else {"num_blocks": 4}
    peer = RGCNConv(D, D, 2 * R, bias=False, **options)
    peer.root = torch.nn.Parameter(encoder.own[0].detach())  # type: ignore[index]
    if decomposition == "basis":
        peer.comp = torch.nn.Parameter(encoder.share[0].detach())  # type: ignore[index]
        peer.weight = torch.nn.Parameter(encoder.basis[0].detach())  # type: ignore[index]
    else:
        peer.weight = torch.nn.Parameter(encoder.block[0].detach())  # type: ignore[index]
    with torch.no_grad():
        torch.testing.assert_close(encode(encoder, x), peer(x, both.index, both.type))


@pytest.mark.parametrize("composition", ["multiply", "subtract"])
def test_compgcn_is_its_formula(x: Tensor, composition: str) -> None:
    encoder = one_layer("compgcn", composition=composition)
    assert isinstance(encoder, CompGCN)
    relation = torch.randn(2 * R, D, generator=torch.Generator().manual_seed(6))

    def composed(entity: Tensor, kind: Tensor) -> Tensor:
        return entity * kind if composition == "multiply" else entity - kind

    slow = composed(x, encoder.loop[0]) @ encoder.own[0]
    out, into = (torch.bincount(EDGES.index[side], minlength=N) for side in (0, 1))
    for h, t, r in zip(*EDGES.index, EDGES.type, strict=True):
        share = 1 / (out[h] * into[t]).sqrt()
        slow[t] = slow[t] + share * composed(x[h], relation[r]) @ encoder.forth[0]
        slow[h] = slow[h] + share * composed(x[t], relation[r + R]) @ encoder.back[0]
    entity, after = encoder(x, relation, EDGES)
    torch.testing.assert_close(entity, x + slow / 3)
    torch.testing.assert_close(after, relation @ encoder.between[0])


def built(name: str) -> DistMult:
    generator = torch.Generator().manual_seed(3)
    encoder = ENCODERS[name].encoder(D, D, R, generator=generator)
    return DistMult(N, R, D, encoder=encoder, edges=EDGES, generator=generator)


@pytest.mark.parametrize("name", ENCODERS)
def test_gradients_flow_two_steps_far(name: str) -> None:
    model = built(name).train()
    model.entity_vectors()[1].sum().backward()  # type: ignore[no-untyped-call]
    gradient = model.entity.grad
    assert gradient is not None
    # Entity 3 is two steps from 1, entity 5 four: only the first reaches it.
    assert gradient[3].abs().sum() > 0
    assert gradient[5].abs().sum() == 0


@pytest.mark.parametrize("name", ENCODERS)
def test_encoded_vectors_are_kept_until_weights_change(name: str) -> None:
    model = built(name).eval()
    before = model.entity_vectors()
    assert model.entity_vectors() is before
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict(state | {"entity": state["entity"] * 2})
    assert not torch.equal(model.entity_vectors(), before)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_graph_without_edges_is_encoded(name: str) -> None:
    model = built(name).train()
    none = Edges(torch.empty(2, 0, dtype=torch.int64), torch.empty(0, dtype=torch.int64))
    assert torch.isfinite(model.vectors(none).entity).all()


def test_adjacency_of_an_isolated_entity_is_its_loop() -> None:
    dense = normalized_adjacency(torch.tensor([[0], [1]]), 3).to_dense()
    expected = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(dense, expected)
