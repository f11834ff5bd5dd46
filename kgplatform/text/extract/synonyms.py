"""Phrases that say the same, for the relations that graphs commonly have.

A relation of a schema whose name or words stand in a group is said by all of the group. Made by
hand from the vocabulary of encyclopaedias; ``words`` in a schema add to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kgplatform.text.extract.kinds import NOUNS, TITLES
from kgplatform.text.extract.phrases import Form, form_of


@dataclass(frozen=True, slots=True)
class Group:
    """Phrases of one meaning.

    Attributes:
        forward: Phrases from head to tail.
        backward: Phrases from tail to head.
        also: Phrases that may say it, but name another relation: ``part of`` of places.
    """

    forward: frozenset[Form]
    backward: frozenset[Form] = field(default_factory=frozenset)
    also: frozenset[Form] = field(default_factory=frozenset)


def _group(forward: str, backward: str = "", also: str = "") -> Group:
    return Group(_forms(forward), _forms(backward), _forms(also))


def _forms(phrases: str) -> frozenset[Form]:
    return frozenset(form_of(phrase.strip()) for phrase in phrases.split(",") if phrase.strip())


_WORKS = ", ".join(
    f"{noun} of, {noun} by" for noun in sorted(NOUNS["work"] - {"language", "device", "system"})
)
_PLACES = ", ".join(
    f"{noun} of, {noun} in"
    for noun in sorted(NOUNS["place"] - {"capital", "site", "port", "tributary"})
)
_OFFICES = ", ".join(f"{title} of" for title in sorted(TITLES - {"director", "secretary"}))

GROUPS: tuple[Group, ...] = (
    _group("born in, born at, native of, birthplace, place of birth, birth place", "birthplace of"),
    _group(
        "died in, die in, die at, killed in, executed in, murdered in, assassinated in, "
        "place of death, death place, drown in, perish in",
        "place of death of",
    ),
    _group("nationality, citizen of, country of citizenship, citizenship, demonym"),
    _group("occupation, profession, work as, job, trade, field of work"),
    _group(
        "educated at, study at, graduate from, attend, alma mater, enrolled at, graduate of, "
        "alumnus of, train at, matriculate at, earn degree from, receive degree from, "
        "earn doctorate from, obtain degree from, student at"
    ),
    _group(
        "child of, son of, daughter of, born to, father, mother, parent",
        "father of, mother of, parent of, child, son, daughter, father, sire",
    ),
    _group(
        "spouse, spouse of, wife of, husband of, married to, marry, wife, husband, wed, consort of",
        "spouse, spouse of, wife of, husband of, married to, marry, wife, husband, wed",
    ),
    _group(
        "sibling, brother of, sister of, brother, sister, half-brother of, half-sister of",
        "sibling, brother of, sister of, brother, sister",
    ),
    _group(
        f"{_OFFICES}, prime minister of, leader of, head of, rule, ruler of, lead, govern, "
        "reign over, reign in, captain, preside over, chair, command, director general of, "
        "secretary general of, general secretary of, serve as head of, head, rule over, "
        "founder and leader of, chief executive of, head coach of, manage, "
        "director of",
        "led by, headed by, ruled by, governed by, head of state, head of government, commanded by",
    ),
    _group(
        "member of, belong to, play for, work for, join, serve in, work at, professor at, "
        "player for, admitted to, accede to, serve on, elected to, perform with, teach at, "
        "founding member of, sign for, drive for, employed by, affiliate with, sit in",
        "member, employer of",
    ),
    _group(
        "win, receive, awarded, award received, laureate of, recipient of, honoured with, "
        "awarded with, earn, given, winner of, prize, honor with, honored with, granted, "
        "presented with, collect, share",
        "awarded to, won by, given to, presented to, conferred on, received by, granted to",
    ),
    _group(
        f"made by, written by, directed by, painted by, composed by, created by, developed by, "
        f"designed by, produced by, built by, author, director, composer, creator, developer, "
        f"illustrated by, sculpted by, invented by, artist, manufactured by, recorded by, "
        f"adapted by, drawn by, published and developed by, constructed by, architect, authored by,"
        f"choreographed by, attributed to, performed by, released by, "
        f"work of, painting of, {_WORKS}",
        "write, direct, paint, compose, create, develop, design, produce, build, author of, "
        "creator of, composer of, developer of, invent, illustrate, inventor of, designer of, "
        "sculpt, architect of, record, writer of, painter of, author, win for, known for writing, "
        "release, publish",
    ),
    _group(
        "released in, published in, premiere in, publication date, released on, come out in, "
        "debut in, completed in, published on, premiere on, air in, air on, painted in, "
        "written in, composed in, launch in, launched in, finished in, produced in, built in, "
        "broadcast in, issue in, first performed in, performed in, open in"
    ),
    _group(
        "founded by, established by, founder, set up by, started by, formed by, co-founded by",
        "founded, establish, founder of, co-founder of, cofounder of, co-found, start, form, "
        "set up, founding member of",
    ),
    _group(
        "founded in, established in, created in, formed in, inception, incorporated in, "
        "founded on, established on, created on, formed on, set up in, date of foundation, "
        "start in, organized in, launched in, come into existence in, form in, chartered in, "
        "independent in, declare independence in, opened in"
    ),
    _group(
        f"{_PLACES}, peak of, point in, area in, "
        "located in, situated in, lie in, headquartered in, based in, stand in, flow through, "
        "run through, pass through, city of, town of, village of, location, located on, "
        "located at, located within, situated on, situated at, lie on, lie within, "
        "lie at, stand on, extend across, stretch across, stretch through, extend through, "
        "cross, span, sit on, sit in, traverse, rise in, occupy part of, "
        "extend over, form across, spread across, city in, held in, take place in, fought in, "
        "occur in, headquarter, border in, municipality of, province of, state of, region of, "
        "district of, suburb of, island of, borough of, mountain of, lake of, "
        "occupy, cover, place in, neighborhood of, territory of, prefecture of, department of, "
        "county of, mountain in, river of, house in, stretch from, extend from, "
        "extend into, constituent country of, country of, begin in, originate in, wind through",
        "contain, home to, encompass, include, has city, consist of",
        "part of, form part of",
    ),
    _group(
        "capital of, capital city of, state capital of, seat of government of, "
        "administrative center of, administrative capital of, seat of, national capital of, "
        "federal capital of, capital",
        "capital, capital city, seat of government",
    ),
    _group(
        "border, bordered by, share border with, share border, border with, adjoin, "
        "adjacent to, neighbor, bounded by, border on, surrounded by, share land border with, "
        "share maritime border with, abut, border by, bound by, border to, separated by",
        "border, bordered by, share border with, adjoin, neighbor",
    ),
    _group(
        "flow into, empty into, drain into, tributary of, mouth, discharge into, "
        "flow to, empties in, flow in, pour into, branch of, meet, flow north into, "
        "flow south into, drain to",
        "fed by",
    ),
    _group(
        "part of, subsidiary of, division of, branch of, component of, in series, "
        "belong to, phase of, battle of, campaign of, installment in, instalment in, "
        "entry in, episode of, owned by, theatre of, theater of, successor of",
        "include, comprise, has part, own",
    ),
)


def groups_of(form: Form, *, named: bool = False) -> list[tuple[Group, bool]]:
    """The groups that a phrase stands in, and whether backward.

    Args:
        form: The phrase's.
        named: Whether it names a relation, so that what it may also say does not count.
    """
    found = [(g, False) for g in GROUPS if form in g.forward or (form in g.also and not named)]
    return found + [(group, True) for group in GROUPS if form in group.backward]
