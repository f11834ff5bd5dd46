"""The demo graph: the countries of the world, built from installed packages.

Countries, capitals, borders, regions, time zones, area and population come from
``countryinfo`` (MIT); languages, scripts, currencies and all names from the Unicode CLDR
data in ``babel`` (BSD; CLDR: Unicode licence). No fact is typed in here: what the packages
have wrong is left out by a rule, and each rule reports what it leaves out.

Descriptions are made of facts that are no triples (population, area, latitude, native
name), so that a model that reads them does not read the links that it is to predict.
"""

import itertools
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.languages import get_territory_language_info
from babel.numbers import get_territory_currencies
from countryinfo import CountryInfo

from kgplatform.triples import Entity, Triple

OnSkip = Callable[[str], None]

_CURRENCIES_ON = date(2025, 1, 1)
"""The day whose legal tender counts: a fixed one, so that the graph is the same every day."""

_SPOKEN_BY = 1.0
"""Percent of a country's people from which on a language counts as spoken there."""

_NEAREST = 3
"""How many of the other capitals each capital is ``NEAR`` to."""

_SAME_PLACE_KM = 50.0
"""Capitals of one name that are nearer than this are one city."""

_FAR_KM = 2_000.0
"""A capital farther than this and the country's width from its middle is another town."""


@dataclass(frozen=True)
class _Country:
    """One record of the package under its CLDR name.

    Attributes:
        id: Its entity_id.
        code: ISO 3166-1 alpha-2.
        name: Its CLDR name.
        record: The package's data.
    """

    id: str
    code: str
    name: str
    record: dict[str, Any]


def countries(on_skip: OnSkip | None = None) -> tuple[list[Entity], list[Triple]]:
    """Build the graph of the world's countries; the same packages give the same graph.

    Args:
        on_skip: Called with a sentence on each fact of the packages that is left out.

    Returns:
        The entities, each with name, description and type, and their triples, none twice.
    """
    skip = on_skip or (lambda _: None)
    english = Locale("en")
    all_countries = _all_countries(english, skip)
    parts = [
        _regions(all_countries),
        _capitals(all_countries, skip),
        _languages(all_countries, english, skip),
        _currencies(all_countries, english),
        _time_zones(all_countries, english, skip),
    ]
    triples = list(_borders(all_countries, skip))
    entities = [_country_entity(country) for country in all_countries]
    for part_entities, part_triples in parts:
        entities += part_entities
        triples += part_triples
    linked = {t.head for t in triples} | {t.tail for t in triples}
    for entity in entities:
        if entity.entity_id not in linked:
            skip(f"{entity.name} has no facts")
    return [e for e in entities if e.entity_id in linked], list(dict.fromkeys(triples))


def _all_countries(english: Locale, skip: OnSkip) -> list[_Country]:
    """One country for each code that CLDR names, from the fullest record that has it."""
    best: dict[str, dict[str, Any]] = {}
    for record in CountryInfo.all().values():
        code = record.get("ISO", {}).get("alpha2", "")
        if code not in english.territories:
            skip(f"{record['name']} has no current ISO code")
        elif code in best:
            worse, better = sorted((best[code], dict(record)), key=_fullness)
            best[code] = better
            skip(f"{worse['name']} is a second record of {better['name']}")
        else:
            best[code] = dict(record)
    names = {code: english.territories[code] for code in best}
    return [
        _Country(_slug(names[code]), code, names[code], best[code])
        for code in sorted(best, key=names.__getitem__)
    ]


def _fullness(record: dict[str, Any]) -> int:
    return sum(bool(value) for value in record.values())


def _country_entity(country: _Country) -> Entity:
    record = country.record
    native = record.get("nativeName")
    known_as = f" ({native})" if native and native != country.name else ""
    facts = []
    if record.get("population"):
        facts.append(f"has about {_amount(record['population'])} people")
    if record.get("area"):
        facts.append(f"covers {record['area']:,} km²")
    if record.get("latlng"):
        facts.append(f"lies around {_place(record['latlng'])}")
    if record.get("demonym"):
        facts.append(f"calls its people {record['demonym']}")
    text = f"{country.name}{known_as} " + (_listed(facts) if facts else "is a territory") + "."
    return Entity(country.id, country.name, text, ("Country",))


def _borders(all_countries: list[_Country], skip: OnSkip) -> Iterator[Triple]:
    """Both directions of each border.

    The package lists a border with each of the two countries. Where only one has it, it is
    believed if the outlines of the two touch: Kuwait and Iraq do, Chad and South Sudan don't.
    """
    by_code = {c.record["ISO"]["alpha3"]: c for c in all_countries}
    by_code |= {c.code: c for c in all_countries}
    listed: set[tuple[str, str]] = set()
    for country in all_countries:
        for code in country.record.get("borders", []):
            if code in by_code:
                listed.add((country.code, by_code[code].code))
            else:
                skip(f"{country.name} borders {code}, which is no current code")
    for here, there in sorted(listed):
        if (there, here) not in listed:
            one, other = by_code[here], by_code[there]
            if not _outline(one.record) & _outline(other.record):
                skip(f"only {one.name} says that it borders {other.name}")
                continue
            yield Triple(other.id, "BORDERS", one.id)
        yield Triple(by_code[here].id, "BORDERS", by_code[there].id)


def _outline(record: dict[str, Any]) -> set[tuple[float, float]]:
    """The corners of a country's outline, rounded to about a kilometre."""
    corners: set[tuple[float, float]] = set()
    pending = [f["geometry"]["coordinates"] for f in record.get("geoJSON", {}).get("features", [])]
    while pending:
        item = pending.pop()
        if item and isinstance(item[0], int | float):
            corners.add((round(item[0], 2), round(item[1], 2)))
        else:
            pending.extend(item)
    return corners


def _regions(all_countries: list[_Country]) -> tuple[list[Entity], list[Triple]]:
    """Each country in its smallest subregion and its region; subregions in their larger one."""
    found: dict[str, Entity] = {}
    triples = []
    for country in all_countries:
        levels = ("intermediateregion", "subregion", "region")
        names = [name for level in levels if (name := country.record.get(level))]
        if not names:
            continue
        ids = [_id("region", name) for name in names]
        for region, name in zip(ids, names, strict=True):
            # Records spell a region with and without capitals; the first spelling stays.
            kind = "Region" if region == ids[-1] else "Subregion"
            text = f"{name} is a region of the world."
            found.setdefault(region, Entity(region, name, text, (kind,)))
        triples.append(Triple(country.id, "IN_REGION", ids[-1]))
        if len(ids) > 1:
            triples.append(Triple(country.id, "IN_SUBREGION", ids[0]))
        triples += [Triple(a, "SUBREGION_OF", b) for a, b in itertools.pairwise(ids)]
    return list(found.values()), triples


def _capitals(all_countries: list[_Country], skip: OnSkip) -> tuple[list[Entity], list[Triple]]:
    """The capitals, and of each the capitals that are nearest to it."""
    places: dict[str, tuple[str, list[float]]] = {}
    triples = []
    for country in all_countries:
        name, place = country.record.get("capital"), _capital_place(country, skip)
        if isinstance(name, list):
            name = name[0]
        if not name or place is None:
            skip(f"{country.name} has no single capital with coordinates")
            continue
        city = _id("city", name)
        if city in places and _kilometres(places[city][1], place) > _SAME_PLACE_KM:
            city = _id("city", f"{name} {country.name}")
        places.setdefault(city, (name, place))
        triples.append(Triple(country.id, "HAS_CAPITAL", city))
    for city, (_, place) in places.items():
        others = sorted(
            (_kilometres(place, other_place), other)
            for other, (_, other_place) in places.items()
            if other != city
        )
        triples += [Triple(city, "NEAR", other) for _, other in others[:_NEAREST]]
    entities = [
        Entity(city, name, f"{name} is a city at {_place(place)}.", ("City",))
        for city, (name, place) in places.items()
    ]
    return entities, triples


def _capital_place(country: _Country, skip: OnSkip) -> list[float] | None:
    """Where the capital is; the country's middle if the package has another town's place."""
    place, middle = country.record.get("capital_latlng"), country.record.get("latlng")
    if not place or not all(isinstance(degrees, int | float) for degrees in place):
        return None
    width = math.sqrt(country.record.get("area") or 0)
    if middle and _kilometres(place, middle) > _FAR_KM + width:
        skip(f"the capital of {country.name} is not at {_place(place)}")
        place = middle
    assert isinstance(place, list)
    return place


def _languages(
    all_countries: list[_Country], english: Locale, skip: OnSkip
) -> tuple[list[Entity], list[Triple]]:
    """The languages that are official or commonly spoken, and their scripts."""
    speakers: dict[str, float] = {}
    triples = []
    for country in all_countries:
        for locale, use in get_territory_language_info(country.code).items():
            code = locale.split("_")[0]
            percent, status = float(use["population_percent"] or 0), use["official_status"]
            if not status and percent < _SPOKEN_BY:
                continue
            if code not in english.languages or code == "und":
                skip(f"{country.name} speaks {code}, which has no name")
                continue
            population = country.record.get("population") or 0
            speakers[code] = speakers.get(code, 0) + population * percent / 100
            language = _id("language", english.languages[code])
            if status:
                triples.append(Triple(country.id, "HAS_OFFICIAL_LANGUAGE", language))
            if percent >= _SPOKEN_BY:
                triples.append(Triple(country.id, "SPEAKS", language))
    entities = [_language_entity(code, english, speakers[code]) for code in sorted(speakers)]
    scripts: dict[str, str] = {}
    for code in sorted(speakers):
        script = next((p for p in _likely(code).split("_")[1:] if p in english.scripts), None)
        if script is None:
            skip(f"{english.languages[code]} has no known script")
            continue
        name = english.scripts[script]
        scripts[name] = _id("script", name)
        language = _id("language", english.languages[code])
        triples.append(Triple(language, "WRITTEN_IN", scripts[name]))
    entities += [
        Entity(script, f"{name} script", f"{name} is a writing system.", ("Script",))
        for name, script in scripts.items()
    ]
    return entities, triples


def _likely(code: str) -> str:
    found = get_global("likely_subtags").get(code, "")
    assert isinstance(found, str)
    return found


def _language_entity(code: str, english: Locale, speakers: float) -> Entity:
    name = english.languages[code]
    try:
        own = Locale(code).languages.get(code)
    except UnknownLocaleError:
        own = None
    known_as = f" ({own})" if own and own != name else ""
    count = f" of about {_amount(speakers)} people" if speakers >= 1 else ""
    text = f"{name}{known_as} is a language{count}."
    return Entity(_id("language", name), name, text, ("Language",))


def _currencies(
    all_countries: list[_Country], english: Locale
) -> tuple[list[Entity], list[Triple]]:
    """The money that is legal tender in each country."""
    used: dict[str, None] = {}
    triples = []
    for country in all_countries:
        for code in get_territory_currencies(country.code, _CURRENCIES_ON):
            used[code] = None
            currency = _id("currency", english.currencies[code])
            triples.append(Triple(country.id, "USES_CURRENCY", currency))
    entities = []
    for code in used:
        name, symbol = english.currencies[code], english.currency_symbols.get(code, code)
        short = code if symbol == code else f"{code}, {symbol}"
        text = f"{name} is a currency, written {short}."
        entities.append(Entity(_id("currency", name), name, text, ("Currency",)))
    return entities, triples


def _time_zones(
    all_countries: list[_Country], english: Locale, skip: OnSkip
) -> tuple[list[Entity], list[Triple]]:
    """The clocks that countries share, such as Central European Time."""
    # CLDR keeps a zone's oldest name, countryinfo its newest one: compare by the newest.
    newest = get_global("zone_aliases")
    clocks = {newest.get(zone, zone): clock for zone, clock in get_global("meta_zones").items()}
    names: dict[str, str] = {}
    triples = []
    for country in all_countries:
        for zone in country.record.get("timezoneNames", []):
            clock = clocks.get(newest.get(zone, zone))
            called = english.meta_zones[clock]["long"] if clock in english.meta_zones else {}
            name = called.get("generic") or called.get("standard")
            if not name:
                skip(f"the time zone {zone} has no clock with a name")
                continue
            names[_id("timezone", name)] = name
            triples.append(Triple(country.id, "IN_TIMEZONE", _id("timezone", name)))
    entities = [
        Entity(zone, name, f"{name} is a time zone.", ("TimeZone",)) for zone, name in names.items()
    ]
    return entities, triples


def _id(kind: str, name: str) -> str:
    return f"{kind}/{_slug(name)}"


def _slug(name: str) -> str:
    """A name as lower-case ASCII words joined by hyphens: São Tomé is sao-tome."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")


def _amount(number: float) -> str:
    if number >= 1_000_000_000:
        return f"{number / 1_000_000_000:.3g} billion"
    if number >= 1_000_000:
        return f"{number / 1_000_000:.3g} million"
    if number >= 10_000:
        return f"{number / 1_000:.3g} thousand"
    return f"{number:.0f}"


def _place(latlng: list[float]) -> str:
    latitude, longitude = latlng
    north, east = "north" if latitude >= 0 else "south", "east" if longitude >= 0 else "west"
    return f"{abs(latitude):.0f}° {north} and {abs(longitude):.0f}° {east}"


def _listed(facts: Iterable[str]) -> str:
    *most, last = facts
    return ", ".join(most) + (" and " if most else "") + last


def _kilometres(here: list[float], there: list[float]) -> float:
    """The great-circle distance between two pairs of latitude and longitude."""
    lat_a, lon_a, lat_b, lon_b = (math.radians(degrees) for degrees in (*here, *there))
    a = math.sin((lat_b - lat_a) / 2) ** 2
    b = math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6_371 * math.asin(math.sqrt(a + b))
