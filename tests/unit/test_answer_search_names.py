"""Which entities a text calls by name; texts as queries of an index."""

import pytest

from kgplatform.answer.search_names import named
from kgplatform.store.find import Found, Key
from kgplatform.store.lucene import content_words, named_in, said_in

FOUND = [
    Found(Key("pl", False), ("Poland", "Rzeczpospolita Polska"), 3.0, True),
    Found(Key("gb", False), ("Bank of England",), 2.0, True),
    Found(Key("waw", False), ("Warsaw",), 1.0, True),
]


@pytest.mark.parametrize(
    ("text", "seeds", "meant"),
    [
        ("poland", ["pl"], ["pl"]),
        ("Polnad", ["pl"], ["pl"]),
        ("capital of Poland", ["pl"], ["pl"]),
        ("rzeczpospolita polska", ["pl"], ["pl"]),
        ("the bank in england", ["gb"], ["gb"]),
        ("bank in Poland", ["pl"], ["pl"]),
        ("the river that flows through Warsaw into the Baltic Sea", ["waw"], []),
        ("the river that flows through Warsw into the Baltic Sea", ["waw"], []),
        ("a long text with very many words which mentions Polnd by a slip of pen", [], []),
        ("Polish", [], []),
        ("", [], []),
    ],
)
def test_whole_names_in_a_text(text: str, seeds: list[str], meant: list[str]) -> None:
    read = named(text, FOUND)
    assert [key.id for key in read.seeds] == seeds
    assert [each.key.id for each in read.meant] == meant


def test_words_alone_reach_an_index() -> None:
    hostile = 'a" OR name:* AND (x~2^9) +foo -bar \\ /re.*/ [1 TO 2] {} && || !'
    for query in (named_in(hostile), said_in("g", hostile)):
        assert "*" not in query.replace('"g"', "")
        assert "OR" not in query
        assert "AND" not in query
    assert said_in('g" OR "\\', "x").startswith('+graph:"g\\" OR \\"\\\\"^0 +(')
    assert said_in("g", "the of") == said_in("g", "?!") == ""
    assert content_words("The Who, the who") == ["who"]
    assert content_words("the") == ["the"]
    assert "~" not in named_in(" ".join(f"word{at}" for at in range(20)))
