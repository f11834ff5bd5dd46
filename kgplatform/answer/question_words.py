"""How relations are asked about in English: words of a relation's name become questions.

A name is read as what its words look like: ``HAS_CAPITAL`` is a noun that the head has, ``SPEAKS``
a verb, ``WRITTEN_IN`` a participle, ``IN_REGION`` a place with its kind, ``SUBREGION_OF`` a noun
that the head is. A word that can be two things (``borders``) is read as both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kgplatform.text.words import relation_words

Kind = Literal["noun", "verb", "participle", "place", "beside", "part"]

PREPOSITIONS = frozenset(
    "in of by at on from to for near with into within under over through about beside".split()  # noqa: SIM905
)
_HAVING = frozenset(["has", "have", "had", "with"])
_BEING = frozenset(["is", "are", "was", "were", "been"])
_PARTICIPLES = frozenset(
    "born written made built known held led won spoken taught sung drawn found set shown".split()  # noqa: SIM905
)
_IRREGULAR = {
    "speak": "spoken", "write": "written", "make": "made", "build": "built", "win": "won",
    "lead": "led", "teach": "taught", "know": "known", "hold": "held", "sing": "sung",
    "find": "found", "have": "had", "take": "taken", "give": "given", "eat": "eaten",
}  # fmt: skip

SAID: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "currency": (
        ("what money is used in {x}", "what do people pay with in {x}", "money of {x}",
         "what is the legal tender of {x}"),
        ("where is {x} legal tender", "where do people pay with {x}", "where can {x} be spent"),
    ),
    "capital": (
        ("what is the capital city of {x}", "what is the seat of government of {x}",
         "which city is {x} governed from"),
        ("{x} is the capital city of what", "what is governed from {x}"),
    ),
    "language": (
        ("what do people speak in {x}", "which tongue is spoken in {x}",
         "what language do they speak in {x}"),
        ("where do people speak {x}", "where is {x} spoken", "who speaks {x}"),
    ),
    "border": (
        ("what are the neighbours of {x}", "which are next to {x}", "what adjoins {x}",
         "neighbors of {x}", "what shares a border with {x}"),
        ("what has a border with {x}", "who is a neighbour of {x}"),
    ),
    "timezone": (
        ("what time zone does {x} have", "which clock does {x} use", "what zone is {x} in"),
        ("where is it {x}", "which places are on {x}"),
    ),
    "region": (
        ("on which continent is {x}", "what part of the world is {x} in", "where is {x} located"),
        ("what lies in {x}", "what is located in {x}"),
    ),
    "written": (
        ("what alphabet does {x} use", "which script does {x} use", "what letters does {x} have",
         "in what alphabet is {x}"),
        ("what uses the {x} alphabet", "what is written with {x} letters"),
    ),
    "near": (
        ("what is close to {x}", "what lies nearby {x}", "what is not far from {x}",
         "what is around {x}"),
        (),
    ),
    "spouse": (
        ("who is {x} married to", "who is the wife of {x}", "who is the husband of {x}",
         "what is the name of {x} 's couple", "who did {x} marry"),
        ("who is married to {x}",),
    ),
    "parent": (
        ("who is the father of {x}", "who is the mother of {x}", "who are the parents of {x}"),
        ("who is a child of {x}", "who are the sons of {x}"),
    ),
    "children": (
        ("who is the son of {x}", "who is the daughter of {x}", "who is the kid of {x}",
         "which child does {x} have"),
        ("whose child is {x}", "who is the father of {x}"),
    ),
    "nationality": (
        ("what country is {x} from", "which nation does {x} belong to",
         "where does {x} come from"),
        ("who is from {x}",),
    ),
    "profession": (
        ("what does {x} do for a living", "what is the job of {x}", "what work does {x} do",
         "what is {x} 's occupation"),
        ("who works as {x}",),
    ),
    "religion": (
        ("what does {x} believe in", "what faith does {x} follow", "what is {x} 's belief"),
        ("who believes in {x}",),
    ),
    "birth": (
        ("where was {x} born", "what is the birthplace of {x}"),
        ("who was born in {x}",),
    ),
    "death": (
        ("where did {x} die", "how did {x} die", "what did {x} die of"),
        ("who died in {x}", "who died of {x}"),
    ),
    "gender": (("is {x} a man or a woman", "what sex is {x}"), ()),
    "institution": (
        ("where did {x} study", "which school did {x} attend", "what university is {x} from"),
        ("who studied at {x}",),
    ),
    "author": (("who wrote {x}", "who is {x} by"), ("what did {x} write",)),
    "founder": (("who founded {x}", "who set up {x}"), ("what did {x} found",)),
    "location": (("where is {x}", "where does {x} lie"), ("what is in {x}",)),
    "member": (("who belongs to {x}",), ("what does {x} belong to",)),
}  # fmt: skip
"""What people say without the relation's word: of a head, then of a tail. By hand, in English."""

OUTSIDE = (
    "president", "king", "queen", "prime minister", "population", "height", "age", "weather",
    "price", "colour", "religion", "anthem", "founder", "author", "winner", "owner", "husband",
    "weight", "recipe", "meaning", "best restaurant", "highest mountain", "longest river",
    "area", "history", "airport", "university", "football team", "climate", "birthday", "flag",
    "gdp", "leader", "inventor", "length", "opinion", "phone number", "favourite food",
)  # fmt: skip
"""What is asked about and few graphs know; those that one does know are no counter-examples."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A relation's name as words of a sentence.

    Attributes:
        kind: What the words are.
        word: The noun, the verb's stem, the participle, or what is beside.
        preposition: What goes with it, if anything.
        verb: The verb before a noun, if there is one: ``use`` of ``uses currency``.
    """

    kind: Kind
    word: str
    preposition: str = ""
    verb: str = ""


def readings(relation: str) -> list[Reading]:
    """The ways in which a relation's name can be read."""
    words = relation_words(relation).split()
    if len(words) > 1 and words[0] in (_HAVING | _BEING):
        having = words[0] in _HAVING
        words = words[1:]
        if having and words[-1] not in PREPOSITIONS:
            return [Reading("noun", " ".join(words))]
    if words[-1] in PREPOSITIONS:
        *before, preposition = words
        if not before:
            return [Reading("beside", preposition)]
        if _is_participle(before[-1]):
            return [Reading("participle", " ".join(before), preposition)]
        if preposition == "of":
            return [Reading("part", " ".join(before), preposition)]
        return [Reading("verb", f"{_stem(before[0])} {' '.join([*before[1:], preposition])}")]
    if words[0] in PREPOSITIONS:
        return [Reading("place", " ".join(words[1:]), words[0])]
    if len(words) > 1 and _is_third_person(words[0]):
        return [Reading("noun", " ".join(words[1:]), verb=_stem(words[0]))]
    if len(words) == 1 and _is_third_person(words[0]):
        return [Reading("verb", _stem(words[0])), Reading("noun", _stem(words[0]))]
    return [Reading("noun", " ".join(words))]


def sayings(relation: str) -> tuple[list[str], list[str]]:
    """What else is said of a relation: of its head, and of its tail."""
    words = {singular(word) for word in relation_words(relation).split()}
    words |= {"language"} if "speak" in words else set()
    words |= {"timezone"} if {"time", "zone"} <= words else set()
    forward: list[str] = []
    backward: list[str] = []
    for key, (of_head, of_tail) in SAID.items():
        if singular(key) in words or key in words:
            forward += of_head
            backward += of_tail
    return forward, backward


def plural(noun: str) -> str:
    """A noun in plural."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun if noun.endswith("s") and not noun.endswith("ss") else noun + "es"
    return noun + "s"


def singular(noun: str) -> str:
    """A noun in singular, crudely."""
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith("s") and not noun.endswith("ss") and len(noun) > 3:
        return noun[:-1]
    return noun


def past_participle(verb: str) -> str:
    """What is done: ``used`` of ``use``."""
    first, _, rest = verb.partition(" ")
    if first in _IRREGULAR:
        done = _IRREGULAR[first]
    else:
        done = first + ("d" if first.endswith("e") else "ed")
    return f"{done} {rest}".strip()


def third_person(verb: str) -> str:
    """``uses`` of ``use``."""
    first, _, rest = verb.partition(" ")
    return f"{plural(first)} {rest}".strip()


def _is_participle(word: str) -> bool:
    return word in _PARTICIPLES or (word.endswith("ed") and len(word) > 4)


def _is_third_person(word: str) -> bool:
    return word.endswith("s") and not word.endswith("ss") and len(word) > 3


def _stem(verb: str) -> str:
    return singular(verb) if _is_third_person(verb) else verb
