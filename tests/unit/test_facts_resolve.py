"""Which names are one entity: likeness of names, blocking, and what becomes of extracted facts."""

import numpy as np
import pytest

from kgplatform.errors import InputError, UsageError
from kgplatform.facts.blocking import equal_pairs, grams, name_pairs, vector_pairs
from kgplatform.facts.mentions import Mentioned, around_of_graph, known_records, new_entity_id
from kgplatform.facts.name_likeness import NAME_FEATURES, folded, is_term, name_features
from kgplatform.facts.pair_score import (
    IN_WORDS,
    PAIR_FEATURES,
    PairWeights,
    Record,
    candidate_pairs,
    fit_pairs,
    pair_features,
)
from kgplatform.facts.pair_weights import DEFAULT_PAIRS
from kgplatform.facts.resolve import Resolved, ResolvePolicy, resolve
from kgplatform.text.extract.records import ExtractedFact, Phrase
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.link import Linker
from kgplatform.text.names import Gazetteer

SURE = PairWeights({"equal": 20.0, "initials": 20.0, "last_word": 15.0}, -10.0, "a test")


def likeness(left: str, right: str) -> dict[str, float]:
    return dict(zip(NAME_FEATURES, name_features(left, right), strict=True))


def chunk(
    chunk_id: str, source: str, text: str, *facts: tuple[str, str, str], proposed: bool = False
) -> Mentioned:
    def phrase(name: str) -> Phrase:
        at = text.find(name)
        return Phrase(name, (at, at + len(name)) if at >= 0 else None, None)

    found = tuple(
        ExtractedFact(phrase(h), r, phrase(t), (0, len(text)), 0.8, "test") for h, r, t in facts
    )
    return Mentioned(chunk_id, source, text, *(((), found) if proposed else (found,)))


def names_of(resolved: Resolved) -> set[tuple[str, ...]]:
    return {each.names for each in resolved.entities}


def test_ways_to_shorten_a_name() -> None:
    assert likeness("The Beatles", "beatles")["equal"] == 1
    assert likeness("Dvořák", "DVORAK")["equal"] == 1
    assert likeness("Paris (France)", "Paris")["equal"] == 1
    assert likeness("J. S. Bach", "Johann Sebastian Bach")["initials"] == 1
    assert likeness("J. Bach", "Johann Sebastian Bach")["initials"] == 1
    assert likeness("K. Bach", "Johann Sebastian Bach")["initials"] == 0
    assert likeness("Curie", "Marie Curie")["last_word"] == 1
    assert likeness("UN", "United Nations")["acronym"] == 1
    assert likeness("Apollo 11", "Apollo 13")["digits_differ"] == 1
    assert likeness("Alexander I of Russia", "Alexander II")["digits_differ"] == 1
    assert likeness("Apollo 11", "Apollo")["digits_differ"] == 0
    assert likeness("Johann Bernoulli", "Jakob Bernoulli")["given_differ"] == 1
    assert likeness("J. Bernoulli", "Jakob Bernoulli")["given_differ"] == 0
    assert likeness("Marie Curie", "Pierre Curie")["given_differ"] == 1
    for pair in (("UN", "United Nations"), ("Curie", "Marie Curie"), ("J. Bach", "Johann Bach")):
        assert name_features(*pair) == name_features(*reversed(pair))


def test_names_of_nothing_but_marks_and_small_words_do_no_harm() -> None:
    for name in ("", "?!", "the", "...", "'s"):
        assert len(name_features(name, "The Who")) == len(NAME_FEATURES)
        assert np.isfinite(name_features(name, name)).all()
    assert new_entity_id("?!", None) != new_entity_id("...", None)


def test_pairs_that_are_compared_grow_with_the_records_not_with_their_square() -> None:
    drawn = np.random.default_rng(0)
    met, compared = [], []
    for count in (500, 1_000, 2_000, 4_000):
        names = [(f"F{drawn.integers(50)} Last{drawn.integers(count)}",) for _ in range(count)]
        pairs = name_pairs(names, np.arange(count), in_block=20)
        # Each gram that counts stands in at most so many names, itself among them.
        assert pairs.met <= count * 20 * max(len(grams(name)) for (name,) in names)
        near = vector_pairs(drawn.normal(size=(count, 8)), np.arange(count))
        met.append((pairs.met + near.met) / count)
        compared.append((len(pairs.left) + len(near.left)) / count)
    # Of all pairs each record would have eight times as many in the last as in the first.
    assert max(met) < 2 * met[0]
    assert max(compared) < 25


def test_one_name_in_thousands_of_documents_costs_no_more_than_a_rare_one() -> None:
    count = 3_000
    pairs = equal_pairs(["einstein"] * count, np.arange(count))
    assert len(pairs.left) < 4 * count
    assert len(name_pairs([("Einstein",)] * count, np.arange(count)).left) == 0


def test_blocking_finds_what_is_alike() -> None:
    names = [
        ("Marie Curie",),
        ("M. Curie",),
        ("United Nations",),
        ("UN",),
        ("Warsaw",),
        ("Warsww",),
    ]
    pairs = name_pairs(names, np.arange(len(names)))
    found = set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    assert {(0, 1), (2, 3), (4, 5)} <= found
    drawn = np.random.default_rng(1)
    centres = drawn.normal(size=(100, 16))
    vectors = np.repeat(centres, 2, axis=0) + 0.01 * drawn.normal(size=(200, 16))
    near = vector_pairs(vectors, np.arange(200))
    found = set(zip(near.left.tolist(), near.right.tolist(), strict=True))
    assert sum((2 * at, 2 * at + 1) in found for at in range(100)) > 80
    assert len(vector_pairs(np.zeros((5, 4)), np.arange(5)).left) == 0


def test_every_feature_of_a_pair_has_words() -> None:
    assert set(IN_WORDS) == set(PAIR_FEATURES)
    assert set(DEFAULT_PAIRS.weights) <= set(PAIR_FEATURES)


def test_a_name_that_others_fit_as_well_has_rivals() -> None:
    records = [
        Record(("Curie",), source="a"),
        Record(("Marie Curie",), entity_id="m"),
        Record(("Pierre Curie",), entity_id="p"),
        Record(("Bohr",), source="a"),
        Record(("Niels Bohr",), entity_id="b"),
    ]
    pairs = candidate_pairs(records)
    rivals = pair_features(records, pairs)[:, PAIR_FEATURES.index("rivals")]
    of = dict(zip(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True), rivals, strict=True))
    assert of[0, 1] == of[0, 2] == pytest.approx(np.log(2))
    assert of[3, 4] == 0
    # Two entities of the graph are never compared.
    assert (1, 2) not in of


def test_weights_are_learned_from_known_pairs() -> None:
    drawn = np.random.default_rng(0)
    features = drawn.random((300, len(PAIR_FEATURES)))
    same = features[:, 0] + 0.1 * drawn.normal(size=300) > 0.5
    weights = fit_pairs(features, same, "made-up pairs", ["equal", "sorted"])
    assert set(weights.weights) == {"equal", "sorted"}
    assert weights.weights["equal"] > 3 > abs(weights.weights["sorted"])
    assert ((weights.probability(features) > 0.5) == same).mean() > 0.85
    with pytest.raises(InputError, match="known pairs"):
        fit_pairs(features[:5], same[:5], "too few")


def test_facts_of_several_documents_become_candidates_with_their_evidence() -> None:
    text = "Marie Curie was born in Warsaw."
    mentioned = [
        chunk("c1", "d1", text, ("Marie Curie", "BORN_IN", "Warsaw")),
        chunk("c2", "d2", "M. Curie was born in Warsaw.", ("M. Curie", "BORN_IN", "Warsaw")),
        chunk("c3", "d3", "Bohr met Curie.", ("Bohr", "MET", "Curie"), proposed=True),
    ]
    names = {"Q1": ("Warsaw",)}
    linker = Linker(Gazetteer(names))
    found = resolve(mentioned, linker, known_records(names), weights=SURE)
    born, met = found.candidates
    assert born.tail == "Q1"
    assert [each.source for each in born.evidence] == ["d1", "d2"]
    assert not born.proposed
    assert met.proposed
    assert met.tail == born.head
    assert names_of(found) == {("Bohr",), ("Curie", "M. Curie", "Marie Curie")}
    (new,) = [each for each in found.entities if each.entity_id == born.head]
    assert new.name == "Marie Curie"
    # Of each merge it is known what the other would have been alone.
    assert {each.kept for each in found.merges} >= {born.head}
    assert all(each.kept != each.other and each.reasons for each in found.merges)
    assert found == resolve(mentioned, linker, known_records(names), weights=SURE)


def test_between_the_thresholds_a_person_is_asked() -> None:
    mentioned = [
        chunk("c1", "d1", "Marie Curie met Bohr.", ("Marie Curie", "MET", "Bohr")),
        chunk("c2", "d2", "M. Curie met Planck.", ("M. Curie", "MET", "Planck")),
    ]
    unsure = PairWeights({"initials": 10.5}, -10.0, "a test")
    found = resolve(mentioned, weights=unsure, policy=ResolvePolicy(0.9, 0.5))
    assert found.merges == []
    (asked,) = found.reviews
    assert {*asked.names} == {"Marie Curie", "M. Curie"}
    assert resolve(mentioned, weights=unsure, policy=ResolvePolicy(0.6, 0.5)).reviews == []
    with pytest.raises(UsageError, match="joined from"):
        ResolvePolicy(0.4, 0.5)


def test_the_ends_of_a_fact_are_never_one_entity_nor_two_of_the_graph() -> None:
    text = "Curie married Marie Curie."
    names = {"m": ("Marie Curie",), "p": ("Pierre Curie",)}
    mentioned = [chunk("c1", "d1", text, ("Curie", "MARRIED", "Marie Curie"))]
    found = resolve(mentioned, Linker(Gazetteer(names)), known_records(names), weights=SURE)
    (fact,) = found.candidates
    assert fact.tail == "m"
    assert fact.head == "p"
    assert found.entities == []


def test_terms_are_one_in_all_documents_and_nothing_is_like_them() -> None:
    assert [is_term(name) for name in ("painter", "1960", "12 May", "Bohr", "東京")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    mentioned = [
        chunk("c1", "d1", "Bohr was a chemist.", ("Bohr", "WAS", "chemist")),
        chunk("c2", "d2", "Curie was a chemist.", ("Curie", "WAS", "chemist")),
        chunk("c3", "d3", "Dee was an alchemist.", ("Dee", "WAS", "alchemist")),
    ]
    alike = PairWeights({"sorted": 40.0}, -30.0, "a test")
    found = resolve(mentioned, weights=alike)
    one, two, three = (each.tail for each in found.candidates)
    assert one == two != three
    assert found.merges == found.reviews == []


def test_what_a_sentence_says_side_by_side_is_apart() -> None:
    text = "She won an Emmy Award and an Emmys Award."
    won = [("She", "WON", "Emmy Award"), ("She", "WON", "Emmys Award")]
    alike = PairWeights({"sorted": 40.0}, -30.0, "a test")
    one, other = resolve([chunk("c", "d", text, *won)], weights=alike).candidates
    assert one.tail != other.tail
    apart = [chunk(f"c{at}", "d", text, fact) for at, fact in enumerate(won)]
    assert len({each.tail for each in resolve(apart, weights=alike).candidates}) == 1


def test_one_sentence_says_nothing_of_whether_its_names_are_one() -> None:
    vector = np.ones(4)
    records = [
        Record(("Orville Wright",), vector=vector, source="d"),
        Record(("Wilbur Wright",), vector=vector, source="d"),
        Record(("Orville Wright",), vector=vector, entity_id="o"),
    ]
    pairs = candidate_pairs(records)
    text = pair_features(records, pairs)[:, PAIR_FEATURES.index("text")]
    of = dict(zip(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True), text, strict=True))
    assert of[0, 1] == 0
    assert of[0, 2] == pytest.approx(0.7)


def test_a_phrase_is_not_what_a_part_of_it_names() -> None:
    text = "She studied at the University of Oxford."
    names = {"oxford": ("Oxford",)}
    mentioned = [chunk("c", "d", text, ("She", "STUDIED_AT", "University of Oxford"))]
    equal = PairWeights({"equal": 20.0}, -10.0, "a test")
    found = resolve(mentioned, Linker(Gazetteer(names)), known_records(names), weights=equal)
    assert found.candidates[0].tail != "oxford"


def test_a_symmetric_fact_is_one_whichever_way_round() -> None:
    schema = Schema({}, {"MET": RelationType("MET", symmetric=True)})
    mentioned = [
        chunk("c1", "d1", "Bohr met Curie.", ("Bohr", "MET", "Curie")),
        chunk("c2", "d2", "Curie met Bohr.", ("Curie", "MET", "Bohr")),
    ]
    (fact,) = resolve(mentioned, schema=schema, weights=SURE).candidates
    for each, text in zip(fact.evidence, ("Bohr met Curie.", "Curie met Bohr."), strict=True):
        assert each.head is not None
        assert folded(text[slice(*each.head)]) in fact.head


def test_namesakes_that_are_apart_have_ids_of_their_own() -> None:
    apart = PairWeights({}, -10.0, "a test")
    mentioned = [
        chunk("c1", "d1", "Jordan met Bohr.", ("Jordan", "MET", "Bohr")),
        chunk("c2", "d2", "Jordan met Curie.", ("Jordan", "MET", "Curie")),
    ]
    one, other = resolve(mentioned, weights=apart).candidates
    assert one.head != other.head
    turned = resolve(mentioned[::-1], weights=apart).candidates
    assert [each.head for each in turned] == [other.head, one.head]


def test_what_stands_beside_an_entity_in_the_graph_counts_as_in_texts() -> None:
    names = {"c": ("Marie Curie",), "w": ("Warsaw", "Warszawa"), "x": ()}
    around = around_of_graph(names, [("c", "BORN_IN", "w"), ("c", "MET", "x")])
    assert around["c"] == {"warsaw", "BORN_IN>warsaw"}
    assert around["w"] == {"marie curie", "BORN_IN<marie curie"}
    assert [each.entity_id for each in known_records(names, around=around)] == ["c", "w"]
