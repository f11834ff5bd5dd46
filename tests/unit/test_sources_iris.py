import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.sources import iris
from kgplatform.sources.iris import WELL_KNOWN, Prefixes, expand, generated_prefix

EX = {"ex": "http://ex.org/", "GO": "http://go.org/GO_"}


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("http://www.w3.org/2004/02/skos/core#broader", "skos:broader"),
        ("http://www.wikidata.org/entity/Q42", "wd:Q42"),
        ("http://www.wikidata.org/entity/statement/Q42-1", "wds:Q42-1"),
        ("http://dbpedia.org/resource/AC/DC", "dbr:AC/DC"),
        ("http://ex.org/a", "ex:a"),
        ("http://ex.org/a%20b/c:d", "ex:a%20b/c:d"),
        ("http://go.org/GO_0001", "GO:0001"),
        # A namespace alone has no local name.
        ("http://ex.org/", "http://ex.org/"),
        ("http://www.w3.org/2004/02/skos/core#", "http://www.w3.org/2004/02/skos/core#"),
        ("http://other.org", "http://other.org"),
        ("urn:isbn:1", "urn:isbn:1"),
        ("mailto:a@b.org", "mailto:a@b.org"),
        # IRIs that look like short names.
        ("ex:a", "<ex:a>"),
        ("skos:broader", "<skos:broader>"),
    ],
)
def test_names(iri: str, name: str) -> None:
    prefixes = Prefixes(EX)
    assert prefixes.shorten(iri) == name
    assert expand(name, prefixes.used) == iri


def test_the_table_holds_only_prefixes_that_were_used() -> None:
    prefixes = Prefixes(EX)
    assert prefixes.used == {}
    prefixes.shorten("http://ex.org/a")
    prefixes.shorten("urn:a")
    assert prefixes.used == {"ex": "http://ex.org/"}


@pytest.mark.parametrize(
    ("iri", "namespace", "word"),
    [
        ("http://www.acme.org/onto/core#Person", "http://www.acme.org/onto/core#", "core"),
        ("https://data.acme.org/person/17/address", "https://data.acme.org/person/", "person"),
        ("http://www.acme.org/Person", "http://www.acme.org/", "acme"),
        ("http://acme.org/2020/x", "http://acme.org/2020/", "acme"),
        ("http://localhost:3030/x", "http://localhost:3030/", "localhost3030"),
        ("http://127.0.0.1/x", "http://127.0.0.1/", "ns"),
        ("file:///a.owl#Person", "file:///a.owl#", "a"),
    ],
)
def test_other_namespaces_get_a_prefix_of_their_own(iri: str, namespace: str, word: str) -> None:
    prefixes = Prefixes()
    prefix, _, local = prefixes.shorten(iri).partition(":")
    assert prefix.rpartition("_")[0] == word
    assert prefix == generated_prefix(namespace)
    assert prefixes.used == {prefix: namespace}
    assert namespace + local == iri


def test_a_generated_prefix_does_not_depend_on_what_came_before() -> None:
    one, other = Prefixes(), Prefixes(EX)
    for number in range(50):
        other.shorten(f"http://host{number}.org/core/x")
    assert one.shorten("http://acme.org/core/x") == other.shorten("http://acme.org/core/x")


def test_two_namespaces_of_one_generated_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iris, "generated_prefix", lambda _: "same_1")
    prefixes = Prefixes()
    assert prefixes.shorten("http://a.org/x") == "same_1:x"
    assert prefixes.shorten("http://b.org/x") == "http://b.org/x"
    assert prefixes.shorten("http://a.org/y") == "same_1:y"


def test_the_table_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iris, "MAX_GENERATED", 2)
    prefixes = Prefixes()
    names = [prefixes.shorten(f"http://h{number}.org/x") for number in (1, 2, 3, 1)]
    assert names[2] == "http://h3.org/x"
    assert names[3] == names[0] != "http://h1.org/x"
    assert len(prefixes.used) == 2


@pytest.mark.parametrize(
    ("prefix", "namespace"),
    [
        ("", "http://ex.org/"),  # every file means its own by it
        ("http", "http://ex.org/"),
        ("skos", "http://ex.org/"),  # well known, and another one
        ("my", WELL_KNOWN["skos"]),  # has a better name
        ("ex", "http://ex.org/core"),  # lacks its end
        ("ex", "http:"),
        ("ex", "no-iri"),
        ("e:x", "http://ex.org/"),
    ],
)
def test_declared_prefixes_that_are_not_used(prefix: str, namespace: str) -> None:
    prefixes = Prefixes({prefix: namespace})
    shortened = prefixes.shorten("http://ex.org/core/a")
    assert shortened.partition(":")[0] == generated_prefix("http://ex.org/core/")
    assert prefixes.shorten("http://www.w3.org/2004/02/skos/core#a") == "skos:a"


_LETTERS = st.text("abAB01-._~%/#?:@=é漢", max_size=12)
_IRIS = st.one_of(
    st.builds("{}{}".format, st.sampled_from(sorted(WELL_KNOWN.values())), _LETTERS),
    st.builds("{}:{}".format, st.sampled_from([*WELL_KNOWN, "ex", "GO", "urn", "x-y"]), _LETTERS),
    st.builds("http://{}{}".format, st.sampled_from(["ex.org", "go.org/GO_", "a", ""]), _LETTERS),
    st.builds("https://{}/{}".format, _LETTERS, _LETTERS),
)


@given(st.lists(_IRIS, max_size=20))
def test_every_iri_can_be_had_back_and_has_a_name_of_its_own(given_iris: list[str]) -> None:
    prefixes = Prefixes(EX)
    names = {iri: prefixes.shorten(iri) for iri in given_iris}
    assert {iri: expand(name, prefixes.used) for iri, name in names.items()} == {
        iri: iri for iri in given_iris
    }
    assert len(set(names.values())) == len(set(given_iris))
