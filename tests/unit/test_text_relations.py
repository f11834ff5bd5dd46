"""Relations' names as words."""

from pathlib import Path

import numpy as np
import pytest

from kgplatform.errors import InputError
from kgplatform.text.encode import load_encoder
from kgplatform.text.relations import read_relation_texts, relation_vectors, relation_words


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("born_in", "born in"),
        ("BORN_IN", "born in"),
        ("bornIn", "born in"),
        ("BornIn", "born in"),
        ("born-in", "born in"),
        ("born in", "born in"),
        ("_hypernym", "hypernym"),
        ("/people/person/birthplace", "people person birthplace"),
        ("/film/film/genre./film/genre/name", "film genre film genre name"),
        ("http://example.org/ontology/birthPlace", "birth place"),
        ("http://example.org/ns#hasURL", "has url"),
        ("http://example.org/lieu%20de%20naissance", "lieu de naissance"),
        ("schema:birthPlace", "birth place"),
        ("XMLFile2Name", "xml file2 name"),
        ("P131", "p131"),
        ("geboren_в_Москве", "geboren в москве"),
        ("→", "→"),
    ],
)
def test_names_as_words(relation: str, words: str) -> None:
    assert relation_words(relation) == words


def test_vectors_of_the_same_words_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text("P19\tborn in\n\n")
    texts = read_relation_texts(tmp_path / "r.tsv")
    encoder = load_encoder()
    vectors = relation_vectors(encoder, ["born_in", "bornIn", "P19", "capitalOf"], texts)
    assert vectors.shape == (4, 384)
    assert np.array_equal(vectors[0], vectors[1])
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[3])


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text("P19\tborn in\nP20 died in\n")
    with pytest.raises(InputError, match=r"r\.tsv:2 has no tab"):
        read_relation_texts(tmp_path / "r.tsv")
    with pytest.raises(InputError, match="cannot be read"):
        read_relation_texts(tmp_path / "none")
