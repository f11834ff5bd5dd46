"""Which entity a name means: by prior, by sentence, by what else is named, or none."""

from dataclasses import replace

import numpy as np
import pytest

from kgplatform.errors import InputError
from kgplatform.text.encode import TextEncoder, load_encoder, text_vectors
from kgplatform.text.link import WITHOUT_TEXTS, GoldLink, Linker, fit_weights, link
from kgplatform.text.names import Gazetteer
from kgplatform.triples import Mention

NAMES = {
    "planet": ["Mercury", "planet Mercury"],
    "element": ["Mercury"],
    "god": ["Mercury"],
    "venus": ["Venus"],
    "gold": ["gold"],
}
SAID = {
    "planet": "Mercury: smallest planet, nearest to the Sun",
    "element": "Mercury: liquid metal, chemical element 80",
    "god": "Mercury: Roman god of trade, messenger of the gods",
    "venus": "Venus: second planet from the Sun",
    "gold": "gold: yellow precious metal",
}


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_encoder()


@pytest.fixture(scope="module")
def linker(encoder: TextEncoder) -> Linker:
    return Linker(Gazetteer(NAMES), None, encoder, text_vectors(encoder, list(SAID.values())))


def meant(found: tuple[Mention, ...]) -> list[str | None]:
    return [mention.entity_id for mention in found]


def test_the_sentence_decides(linker: Linker) -> None:
    texts = [
        "Mercury orbits the Sun in 88 days.",
        "The thermometer holds mercury, a metal that is liquid.",
        "The Romans prayed to Mercury, the winged messenger.",
        "The planet Mercury is hot. Nothing else.",
        "",
        "Nobody is named.",
    ]
    found = link(linker, texts)
    assert [meant(each) for each in found] == [["planet"], ["element"], ["god"], ["planet"], [], []]
    assert texts[3][found[3][0].start : found[3][0].end] == "planet Mercury"
    assert all(0 <= mention.confidence <= 1 for each in found for mention in each)


def test_nothing_fits(linker: Linker) -> None:
    (found,) = link(linker, ["Freddie Mercury sang with the band at the stadium in London."])
    assert meant(found) == [None]
    assert 0.5 < found[0].confidence <= 1


def test_what_else_is_named_decides() -> None:
    names = {"a": ["same"], "b": ["same"], "c": ["near a"], "d": ["near b"], "e": ["far"]}
    graph = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [0, 0]], dtype=np.float32)
    weights = replace(WITHOUT_TEXTS, graph=10, threshold=0)
    linker = Linker(Gazetteer(names), graph=graph, weights=weights)
    found = link(linker, ["same and near a", "near b, then same", "same and far", "same"])
    assert [meant(each) for each in found[:2]] == [["a", "c"], ["d", "b"]]
    assert found[0][0].confidence > found[3][0].confidence


def test_without_vectors_the_one_with_more_facts_is_meant() -> None:
    linker = Linker(Gazetteer(NAMES), np.array([5, 50, 1, 0, 0]))
    assert [meant(each) for each in link(linker, ["Mercury"])] == [["element"]]


def test_weights_are_learnt_from_known_links() -> None:
    drawn = np.random.default_rng(0)
    names = {f"{side}{i}": [f"name{i}"] for i in range(20) for side in "ab"}
    names |= {"A": ["left"], "B": ["right"]}
    graph = np.array([[1.0, 0] if name[0] in "aA" else [0, 1.0] for name in names])
    linker = Linker(Gazetteer(names), graph=graph.astype(np.float32))
    gold = []
    for i in range(20):
        side = str(drawn.choice(["a", "b"]))
        text = f"name{i} is {'left' if side == 'a' else 'right'}"
        gold.append(GoldLink(text, 0, len(f"name{i}"), f"{side}{i}"))
        gold.append(GoldLink(f"name{i} alone", 0, len(f"name{i}"), None))
    fitted = fit_weights(linker, gold)
    assert fitted.used.graph > 1
    assert fitted.used.text == 0
    right = [
        meant(found)[0] == each.entity_id
        for found, each in zip(link(fitted, [each.text for each in gold]), gold, strict=True)
    ]
    assert all(right)
    with pytest.raises(InputError, match="known links with candidates"):
        fit_weights(linker, gold[:3])


def test_tables_that_do_not_fit_are_refused(encoder: TextEncoder) -> None:
    gazetteer = Gazetteer(NAMES)
    with pytest.raises(InputError, match="2 rows of prior for 5 entities"):
        Linker(gazetteer, np.ones(2))
    with pytest.raises(InputError, match=r"'minilm' makes vectors of 384 numbers.*of 7"):
        Linker(gazetteer, None, encoder, np.ones((5, 7), dtype=np.float32))
