"""What a model's opinion hangs on, against slow ways of saying the same."""

import pytest
import torch

from kgplatform.models import DistMult, Edges, LinkModel, TransE
from kgplatform.models.gcn import GCN
from kgplatform.training.influence import influences, opinion, similar_facts

FACTS = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 0, 2], [2, 0, 3], [3, 1, 4], [4, 1, 0], [1, 1, 5]])
ENTITIES, RELATIONS = 6, 2


def trained(model: LinkModel) -> None:
    """A model that has learnt the facts."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    head, relation, tail = FACTS.unbind(1)
    for _ in range(150):
        scores = model.score_tails(head, relation)
        turned = model.score_tails(tail, relation + RELATIONS)
        loss = torch.nn.functional.cross_entropy(scores, tail)
        loss = loss + torch.nn.functional.cross_entropy(turned, head)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@pytest.fixture(scope="module")
def model() -> DistMult:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    made = DistMult(ENTITIES, RELATIONS, 8, generator=generator)
    trained(made)
    return made.eval()


def test_an_opinion_leaves_known_answers_out(model: DistMult) -> None:
    found = opinion(model, (0, 0, 2), FACTS)
    with torch.no_grad():
        scores = model.score_tails(torch.tensor([0]), torch.tensor([0]))[0]
    # (0, 0, 1) is known, and does not compete.
    rivals = [scores[entity] for entity in (0, 2, 3, 4, 5)]
    share = scores[2].exp() / sum(rival.exp() for rival in rivals)
    assert found.probability == pytest.approx(float(share), rel=1e-5)
    assert found.rank == 1 + sum(bool(rival > scores[2]) for rival in rivals)


def test_similar_facts_have_ends_that_are_alike() -> None:
    vectors = torch.nn.functional.normalize(
        torch.randn(ENTITIES, 5, generator=torch.Generator().manual_seed(1)), dim=1
    )
    found = similar_facts(vectors, FACTS, (0, 0, 1), most=9)
    # Of the relation, without the fact itself and the same turned round.
    assert {each.fact for each in found} == {(0, 0, 2), (2, 0, 3)}
    for each in found:
        head, _, tail = each.fact
        alike = (vectors[head] @ vectors[0] + vectors[tail] @ vectors[1]) / 2
        assert each.similarity == pytest.approx(float(alike), rel=1e-5)
    assert [each.similarity for each in found] == sorted(
        (each.similarity for each in found), reverse=True
    )


def test_a_link_is_less_likely_without_the_facts_that_say_it(model: DistMult) -> None:
    found = influences(model, FACTS, (0, 0, 1), most=6)
    by_fact = {each.fact: each for each in found}
    own = by_fact.get((0, 0, 1)) or by_fact[1, 0, 0]
    assert own.mirrored  # (1, 0, 0) goes with it
    assert own.after.probability < own.before.probability
    assert found[0] is own
    assert own.before == opinion(model, (0, 0, 1), FACTS)
    # What touches neither end changes nothing, and is not looked at.
    assert all({0, 1} & {head, tail} for (head, _, tail) in by_fact)
    told = influences(model, FACTS, (0, 0, 1), of=[(0, 0, 2), (3, 1, 4)], most=0)
    assert [each.fact for each in told] == [(0, 0, 2)]
    assert influences(model, FACTS, (0, 0, 1), most=6) == found  # nothing was changed
    assert influences(model, FACTS[:0], (0, 0, 1)) == []


def test_of_an_encoder_the_messages_change() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    edges = Edges(FACTS[:, [0, 2]].T, FACTS[:, 1])
    encoder = GCN(8, 8, RELATIONS, layers=1, generator=generator)
    made = TransE(ENTITIES, RELATIONS, 8, encoder=encoder, edges=edges, generator=generator)
    made.eval()
    found = influences(made, FACTS, (0, 0, 1), most=5)
    assert found
    own = next(each for each in found if each.fact in ((0, 0, 1), (1, 0, 0)))
    less = Edges(edges.index[:, 2:], edges.type[2:])
    slow = TransE(ENTITIES, RELATIONS, 8, encoder=encoder, edges=less, generator=generator)
    slow.load_state_dict(
        made.state_dict() | {"edge_index": less.index, "edge_type": less.type}, strict=False
    )
    slow.eval()
    expected = opinion(slow, (0, 0, 1), FACTS)
    assert own.after.probability == pytest.approx(expected.probability, rel=1e-5)
    assert own.after.rank == expected.rank
