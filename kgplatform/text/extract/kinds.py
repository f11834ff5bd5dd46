"""What kind of thing a word names, and which labels of a schema stand for that kind.

Made by hand from the vocabulary of encyclopaedias; none of it is learned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from kgplatform.text.extract.schema import Schema
from kgplatform.text.words import relation_words


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


NOUNS: Mapping[str, frozenset[str]] = {
    "place": _set(
        "place location area city town village capital country state province region county "
        "district municipality metropolis settlement borough suburb territory nation island "
        "islands archipelago peninsula continent subcontinent river stream tributary lake sea "
        "ocean bay gulf strait channel canal mountain mountains volcano range hill plateau "
        "desert forest valley glacier waterfall falls cape coast basin plain park reserve "
        "square street bridge port harbour harbor airport kingdom empire republic emirate "
        "duchy sultanate khanate caliphate principality prefecture oblast department commune "
        "castle palace temple cathedral mosque stadium monument tomb pyramid site building "
        "skyscraper tower fortress dam crater landform landmark canton colony federation "
        "monarchy democracy mount massif inlet gorge atoll reef oasis trench ridge wetland "
        "hamlet watershed"
    ),
    "organisation": _set(
        "organisation organization company corporation firm manufacturer university college "
        "school institute academy party band group team club church order agency bank union "
        "alliance league association federation committee council parliament court museum "
        "library army navy force newspaper magazine broadcaster network institution "
        "foundation society movement dynasty house tribe retailer airline studio "
        "orchestra label conglomerate bloc confederation ministry brand chain service body"
    ),
    "work": _set(
        "work book novel novella film movie play drama comedy tragedy poem epic story album "
        "song single symphony opera ballet concerto sonata painting fresco sculpture statue "
        "portrait series show sitcom game software program language system website engine "
        "console device machine aircraft airplane spacecraft telescope ship submarine car "
        "vehicle rifle weapon musical soundtrack manga anime comic treatise essay text "
        "manuscript encyclopedia encyclopaedia bible magazine newspaper artwork woodcut "
        "masterpiece trilogy fantasy thriller documentary franchise"
    ),
    "event": _set(
        "event war battle revolution rebellion revolt uprising siege campaign invasion "
        "conflict treaty agreement massacre genocide attack bombing disaster earthquake "
        "eruption famine pandemic plague crisis election festival tournament championship "
        "olympics games crusade expedition assassination riot protest coup conference "
        "congress ceremony period era"
    ),
    "award": _set("award prize medal trophy"),
    "language": _set("language dialect tongue"),
    "date": _set("date day year month century time"),
    "person": _set("person human people man woman individual being"),
    "nationality": _set("nationality demonym citizenship ethnicity adjective"),
    "occupation": _set("occupation profession job trade role career"),
}
"""Class nouns by the kind of what they are said of; for labels, also what describes them."""

NO_TRADE = _set(
    "person man woman one figure member son daughter child brother sister wife husband father "
    "mother grandson nephew native citizen descendant king queen emperor empress tsar sultan "
    "pharaoh pope prince princess duke president chancellor monarch ruler name winner "
    "recipient founder character god goddess deity people group family hero symbol term title "
    "leader successor heir contemporary cousin consort nobleman noblewoman personality "
    "pioneer champion part lord count spouse student pupil disciple friend follower proponent "
    "survivor regent minister head sibling genius pair couple cofounder co-founder giant "
    "master legend icon star brothers titan species genus"
)
"""Nouns said of persons that are not what they do."""

_TRADE_ENDINGS = (
    "er",
    "or",
    "ist",
    "ian",
    "man",
    "woman",
    "men",
    "eur",
    "grapher",
    "sopher",
    "itect",
)
PERSONS = NO_TRADE - _set(
    "part title term name symbol group pair couple species genus star family character figure one "
    "people god goddess deity personality lord count legend icon giant titan"
)
"""Of these, those that are said of human beings alone."""

_SURE_ENDINGS = ("ist", "ian", "eur", "grapher", "sopher", "itect", "actor", "author", "writer")

_NOT_TRADES = _set(
    "powder suborder thunder river number power paper water order letter border matter cancer "
    "fever flower tower "
    "computer container disorder polymer layer center theater theatre chapter wonder reactor "
    "vector motor sector error color colour factor predator conductor tensor inductor cluster "
    "monster barrier silver copper manner transfer winter summer quarter corner cover danger "
    "offer answer master finger liver filter meter diameter parameter perimeter gender fiber "
    "timber rubber sugar butter pepper ginger tiger spider beaver hamster amphibian mirror "
    "floor door vapor flavor labor behavior ancestor donor sensor processor transistor "
    "resistor capacitor editor-in operator precursor successor competitor supporter newcomer "
    "outsider settler voter other bearer carrier counter chamber cylinder crater frontier "
    "pioneer ladder lever locomotor user speaker holder maker taker consumer producer-of "
    "another former latter rather ever never under reader follower lover member character "
    "encounter laser router server browser"
)
"""What ends like a trade and is none."""

_TRADES = _set(
    "actress abbess waitress poetess minister mechanic merchant lieutenant consultant "
    "accountant assistant servant student-activist agent producer comedian sergeant tailor "
    "wizard bookseller poet polymath cleric priest monk nun saint soldier spy chef coach "
    "pilot athlete judge diplomat statesman playwright architect artist scientist apostle "
    "prophet bishop archbishop cardinal missionary nurse surgeon physician scholar activist "
    "model guru swimmer mystic theologian bard critic officer general admiral aviator "
    "economist pirate sage warlord aristocrat academic feminist revolutionary strategist "
    "friar autocrat dictator guitarist essayist novelist chemist biochemist logician knight "
    "composer drummer sculptor"
)

TITLES = _set(
    "king queen emperor empress tsar tsarina sultan caliph pharaoh pope prince princess duke "
    "duchess count earl lord president chancellor governor voivode minister premier secretary "
    "director chairman chairwoman ceo head leader ruler bishop archbishop patriarch captain "
    "commander mayor senator monarch khan shah chief dean abbot consul dictator general "
    "regent manager coach rector viceroy ambassador doge elector margrave landgrave speaker "
    "officer shogun chair khagan"
)
"""Nouns of an office; ``of`` after them names what is led, and is no part of the name."""

PRAISE = _set(
    "famous great prominent notable leading influential renowned first last former early late "
    "important celebrated retired young professional several many most best greatest other "
    "prolific successful acclaimed controversial noted eminent distinguished major key "
    "central well-known legendary self-taught modern contemporary ancient medieval only same "
    "main chief principal second third fourth fifth eldest youngest powerful new largest- "
    "known outspoken"
)
"""Adjectives before a trade that say nothing of what it is."""

COMPASS = _set(
    "north south east west northeast northwest southeast southwest north-east north-west "
    "south-east south-west northern southern eastern western northeastern northwestern "
    "southeastern southwestern central"
)

OF_PART = _set(
    "part portion coast end side slope slopes edge shore shores corner tip foothill foothills "
    "heart centre center bank banks outskirts suburb north south east west northeast "
    "northwest southeast southwest much half extension section whole all region middle "
    "interior fringe quarter mouth"
)
"""Nouns whose ``of`` names what something is in, on or at: the west coast of Africa."""

FAITHS = _set("christian protestant catholic muslim islamic buddhist hindu sikh orthodox anglican")
"""Adjectives that the recogniser takes for peoples."""

OFFICE_WORDS = TITLES | _set(
    "prime vice deputy grand supreme first second high general secretary holy"
)
"""Words of offices' names, which are no names of anybody."""

OF_CLASS = _set(
    "state city province town island islands region county district municipality river lake "
    "country nation republic kingdom village continent territory peninsula department "
    "prefecture borough port canton emirate commune oblast capital duchy area isle suburb "
    "archipelago federation mountain valley desert bay gulf city-state"
)
"""Nouns whose ``of`` names the thing itself: the state of Karnataka."""

_RECOGNISED = {
    "PERSON": "person",
    "GPE": "place",
    "LOC": "place",
    "FAC": "place",
    "ORG": "organisation",
    "NORP": "nationality",
    "WORK_OF_ART": "work",
    "PRODUCT": "work",
    "LAW": "work",
    "EVENT": "event",
    "LANGUAGE": "language",
}


def kind_of_label(recognised: str) -> str | None:
    """The kind that a label of spaCy's recogniser (OntoNotes') stands for."""
    return _RECOGNISED.get(recognised)


def kind_of_noun(noun: str) -> str | None:
    """The kind of what a class noun in lower case is said of; a trade is said of a person."""
    for kind, nouns in NOUNS.items():
        if noun in nouns:
            return kind
    return "person" if is_trade(noun) or noun in TITLES else None


_UNIONS = frozenset(["EU", "EZ", "UN", "ZZ"])


@cache
def territories() -> frozenset[str]:
    """English names of countries, in lower case; the recogniser misses many of them."""
    from babel import Locale

    names = Locale("en").territories
    return frozenset(
        name.lower() for code, name in names.items() if not code.isdigit() and code not in _UNIONS
    )


def is_trade(noun: str) -> bool:
    """Whether a noun in lower case, in the singular, is what a person does."""
    if noun in _TRADES:
        return True
    if noun in NO_TRADE or noun in _NOT_TRADES or any(noun in nouns for nouns in NOUNS.values()):
        return False
    return len(noun) > 4 and noun.endswith(tuple(_TRADE_ENDINGS))


def is_sure_trade(noun: str) -> bool:
    """Whether a noun is a trade for certain: what ends in ``er`` may be a powder or a suborder."""
    return is_trade(noun) and (noun in _TRADES or noun.endswith(_SURE_ENDINGS))


def labels_by_kind(schema: Schema) -> dict[str, list[str]]:
    """Which labels of a schema stand for a kind of thing, by their names and descriptions.

    A label whose name is a kind's word stands for that kind; else the first word of its
    description that is one decides. ``City`` and ``River`` both stand for places.
    """
    found: dict[str, list[str]] = {}
    for label, description in schema.labels.items():
        words = relation_words(label).split()[-1:] + re.findall(r"[a-z]+", description.lower())
        kind = next((k for word in words if (k := _kind_of_word(word))), None)
        if kind is not None:
            found.setdefault(kind, []).append(label)
    return found


def _kind_of_word(word: str) -> str | None:
    for form in (word, word.removesuffix("s")):
        for kind, nouns in NOUNS.items():
            if form in nouns:
                return kind
    return None
