"""A parsed text with what its words stand for: subjects, pronouns, ``the city``, lists.

Summaries speak of one thing, which they name first: a pronoun, or ``the`` before the noun that was
said of it, means that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from kgplatform.text.extract.kinds import (
    COMPASS,
    OF_CLASS,
    OF_PART,
    PERSONS,
    TITLES,
    is_sure_trade,
    is_trade,
    kind_of_noun,
)
from kgplatform.text.extract.spacy_names import Mention, mentions_of

LONGEST_TITLE = 14
"""Tokens of what a text is about, as it stands before its first verb."""

_PERSONAL = frozenset(["he", "she", "him", "her", "his", "hers", "himself", "herself"])
_IMPERSONAL = frozenset(["it", "its", "itself"])
_BETWEEN = frozenset([",", "and", "or", "&", "both", "the", "as", "well"])
_TITLE_ENDS = frozenset([",", "(", ";", "or", "also", "officially", "formerly"])
_TITLE_STARTS = frozenset(["For", "Of", "On", "From"])
_INSIDE = frozenset(["ADP", "DET", "PART", "CCONJ", "PUNCT", "PRON"])


class Reading:
    """A parsed text, its mentions, and what it is about.

    Attributes:
        doc: The parse.
        mentions: Names and dates in order.
        subject: What the text is about, as it names it first.
        nouns: Class nouns that were said of the subject.
    """

    def __init__(self, doc: Any) -> None:
        self.doc = doc
        self.mentions = _with_title(doc, mentions_of(doc))
        self._at = {at: m for m in self.mentions for at in range(m.first, m.last)}
        self.subject = self._subject()
        self.nouns: frozenset[str] = frozenset()
        if self.subject is not None:
            self.nouns = frozenset(self._said_of(self.subject))
            kind, sure = self._kind_of_subject(self.subject)
            self._rename(self.subject, replace(self.subject, kind=kind, sure=sure))

    def mention(self, token: Any) -> Mention | None:
        """The name or date that a token is part of."""
        return self._at.get(token.i)

    def one(self, token: Any) -> Mention | None:
        """What a token stands for: its name, or the name that it takes up."""
        found = self.mention(token)
        if found is not None:
            return self._fullest(found)
        if token.pos_ == "PRON":
            return self._of_pronoun(token)
        if token.pos_ in {"NOUN", "PROPN"}:
            return self._of_noun(token)
        return None

    def ends(self, token: Any) -> list[Mention]:
        """What a token and those joined to it by ``and`` stand for, each once."""
        tokens = [token, *joined(token)]
        found: list[Mention] = []
        for each in tokens:
            meant = self.one(each)
            if meant is not None:
                own = self.mention(each)
                listed = self.listed(own) if own is not None and own.kind != "date" else [meant]
                found += [self._fullest(m) for m in listed]
        return list(dict.fromkeys(found))

    def listed(self, mention: Mention) -> list[Mention]:
        """A name and those that a list goes on with, which the parser often breaks.

        ``by Tanzania to the north, Malawi and Zambia to the northwest``: commas, ``and`` and points
        of the compass alone stand between. Without an ``and`` it is no list: ``in Kyoto, Japan``.
        """
        found, at, joined = [mention], mention.last, False
        doc = self.doc
        while at < len(doc):
            token = doc[at]
            nearby = self._at.get(at)
            if nearby is not None:
                if (
                    nearby.kind == "date"
                    or token.dep_ in {"nsubj", "nsubjpass"}
                    or token.is_sent_start
                ):
                    break
                if nearby.kind != "nationality":
                    found.append(nearby)
                at = nearby.last
                continue
            if token.text in {"and", "or"}:
                joined = True
            elif token.text == "by" and doc[at - 1].text in COMPASS:
                pass
            elif token.text in {"to", "on", "in", "from"}:
                ahead = [doc[i].text for i in range(at + 1, min(at + 3, len(doc)))]
                if ahead[:1] not in (["the"], ["its"]) or ahead[-1] not in COMPASS:
                    break
            elif token.pos_ == "NUM" or token.text in {"a", "an", "its"}:
                pass
            elif token.text not in _BETWEEN and token.text not in COMPASS and token.text != "-":
                break
            at += 1
        return found if joined else found[:1]

    def subjects(self, verb: Any, depth: int = 0) -> list[Mention]:
        """What does or undergoes what a verb says."""
        for child in verb.children:
            if child.dep_ in {"nsubj", "nsubjpass"}:
                if child.tag_ in {"WDT", "WP"} or (child.text == "that" and verb.dep_ == "relcl"):
                    return self._antecedents(verb.head, depth)
                if any(c.dep_ == "cc" and c.text == "or" for c in child.children):
                    # The Amur or Heilong: two names of one.
                    return self._titled(child) or self.ends(child)[:1]
                return self._titled(child) or self.ends(child)
        if depth > 4:
            return []
        if verb.dep_ in {"acl", "relcl"}:
            return self._antecedents(verb.head, depth, verb)
        if (
            verb.dep_ in {"conj", "advcl", "xcomp", "ccomp", "pcomp", "dep"}
            and verb.head is not verb
        ):
            head = verb.head
            if verb.dep_ == "pcomp" and head.head is not head:
                head = head.head
            if head.pos_ in {"VERB", "AUX"}:
                return self.subjects(head, depth + 1)
            return self._antecedents(head, depth)
        if verb.dep_ == "ROOT" and verb.tag_ in {"VBN", "VBG"} and self.subject is not None:
            return [self.subject]
        return []

    def said_of(self, noun: Any, depth: int = 0) -> list[Mention]:
        """What a class noun is said of: ``X is a NOUN``, ``X, a NOUN``."""
        if depth > 4:
            return []
        if noun.dep_ == "conj":
            return self.said_of(noun.head, depth + 1)
        if noun.dep_ in {"attr", "oprd"}:
            return self.subjects(noun.head, depth + 1)
        if noun.dep_ == "appos":
            head = self.one(noun.head)
            return [head] if head is not None else self.said_of(noun.head, depth + 1)
        if noun.dep_ == "pobj" and noun.head.text in {"as", "among"}:
            return self.subjects(noun.head.head, depth + 1)
        if noun.dep_ == "pobj" and noun.head.text == "of" and noun.head.head.lemma_ in _PART:
            # One of the rivers; a range of mountains.
            return self.said_of(noun.head.head, depth + 1)
        return []

    def _titled(self, token: Any) -> list[Mention]:
        """The text's subject where a clause's begins with it: ``A, 1st Baron B, was``."""
        subject = self.subject
        if subject is None or token.i < subject.last or token.left_edge.i > subject.first:
            return []
        owns = self.doc[subject.last - 1].dep_ in {"poss", "pobj"}
        return [subject] if token.sent.start <= subject.first and not owns else []

    def _of_work(self, token: Any, verb: Any) -> bool:
        noun = token.head.head
        made = token.dep_ == "pobj" and token.head.text in {"of", "by"}
        return made and verb.lemma_ in _PUBLISHED and kind_of_noun(noun.lemma_.lower()) == "work"

    def _antecedents(self, token: Any, depth: int, verb: Any = None) -> list[Mention]:
        """What a relative or participial clause is said of."""
        if verb is not None and self._of_work(token, verb):
            # The novel of Gustave Flaubert, published in 1856.
            return self.said_of(token.head.head, depth + 1)
        if (named := self.mention(token)) is not None and named.kind != "nationality":
            return [self._fullest(named)]
        return self.said_of(token, depth + 1) or self.ends(token)

    def _of_pronoun(self, token: Any) -> Mention | None:
        word = token.text.lower()
        if word not in _PERSONAL | _IMPERSONAL:
            return None
        personal = word in _PERSONAL
        fits = [m for m in self.mentions if m.last <= token.i and _may_be(m, personal)]
        if self.subject is not None and (self.subject.kind == "person") == personal:
            return self.subject
        return self._fullest(fits[-1]) if fits and personal else None

    def _of_noun(self, token: Any) -> Mention | None:
        """What ``the state of Kerala``, ``the city`` or ``a Warsaw suburb, Praga`` stands for."""
        lemma = token.lemma_.lower()
        if lemma in OF_CLASS or lemma in OF_PART:
            for prep in token.children:
                if prep.text == "of":
                    names = [self.one(c) for c in prep.children if c.dep_ == "pobj"]
                    if names and names[0] is not None and names[0].kind != "date":
                        return names[0]
        for child in token.children:
            if child.dep_ == "appos" and self.mention(child) is not None and child.i > token.i:
                return self._fullest(self._at[child.i])
        definite = any(c.text.lower() in {"the", "this"} for c in token.lefts)
        # The Gangdise mountain range; in Jiangsu province.
        named = definite or (lemma in OF_CLASS and token.dep_ == "pobj")
        if named and token.dep_ in {"pobj", "dobj", "nsubj"} and (long := self._with_class(token)):
            return long
        modified = any(c.dep_ in {"prep", "amod", "acl", "relcl", "poss"} for c in token.children)
        if not definite or modified or self.subject is None:
            return None
        alike = (
            self.subject.kind in {"work", "organisation"}
            and kind_of_noun(lemma) == self.subject.kind
        )
        own = self.subject.name.lower().split()
        return self.subject if lemma in self.nouns or lemma in own or alike else None

    def _with_class(self, noun: Any) -> Mention | None:
        """A name with the class noun that ends it in lower case: the Gangdise mountain range."""
        kind = kind_of_noun(noun.lemma_.lower())
        if noun.i == 0 or kind not in {"place", "organisation", "event", "work"}:
            return None
        between = noun.i
        while (
            between > 0 and self.doc[between - 1].dep_ == "compound" and between - 1 not in self._at
        ):
            between -= 1
        name = self._at.get(between - 1)
        if name is None or name.kind in {"date", "person"} or name.last != between:
            return None
        if name.kind == "nationality" and kind != "event":
            return None
        piece = self.doc[name.first : noun.i + 1]
        span = (piece.start_char, piece.end_char)
        return Mention(span, name.first, noun.i + 1, piece.text, kind)

    def _fullest(self, mention: Mention) -> Mention:
        """The first mention of the longest name that this is a part of: Curie is Marie Curie."""
        if mention.kind in {"date", "nationality"}:
            return mention
        short = mention.name.split()
        best = mention
        for other in self.mentions:
            if other.first >= mention.first:
                break
            words = other.name.split()
            same = words == short
            part = len(words) > len(short) and short in (words[-len(short) :], words[: len(short)])
            if same or (part and _one_thing(mention, other)):
                return other
        return best

    def _subject(self) -> Mention | None:
        first = next((m for m in self.mentions if m.kind != "date"), None)
        start = next((s.start for s in self.doc.sents), 0)
        if first is None or first.first > start + 2:
            return None
        return first

    def _said_of(self, subject: Mention) -> Iterator[str]:
        for token in self.doc:
            if (
                token.dep_ in {"attr", "appos"}
                and token.pos_ == "NOUN"
                and subject in self.said_of(token)
            ):
                yield token.lemma_.lower()
                yield from (other.lemma_.lower() for other in joined(token))

    def _kind_of_subject(self, subject: Mention) -> tuple[str | None, bool]:
        """What the text is about: by the nouns that it says of it, by its pronouns, by the name."""
        kinds = [kind for noun in self.nouns if (kind := kind_of_noun(noun)) is not None]
        others = {"place", "work", "organisation", "event"} & set(kinds)
        words = [token.text.lower() for token in self.doc]
        he = sum(word in _PERSONAL for word in words) > sum(word in _IMPERSONAL for word in words)
        sure = any(is_sure_trade(n) or n in TITLES or n in PERSONS for n in self.nouns)
        trades = sum(is_trade(noun) for noun in self.nouns)
        if not others and (sure or (trades and (he or trades > 1 or subject.kind == "person"))):
            return "person", True
        if others:
            return max(sorted(others), key=kinds.count), True
        if he:
            return "person", True
        return subject.kind, subject.sure

    def _rename(self, old: Mention, new: Mention) -> None:
        """Put one mention in the place of another, and its kind on those of the same name."""
        changed = [
            new
            if m is old
            else replace(m, kind=new.kind, sure=new.sure)
            if m.name == old.name
            else m
            for m in self.mentions
        ]
        self.mentions = changed
        self._at = {at: m for m in changed for at in range(m.first, m.last)}
        self.subject = new


_PART = frozenset(["one", "range", "chain", "group", "series", "part", "member"])
_PUBLISHED = frozenset(["publish", "release", "issue", "premiere", "perform", "serialize"])


def joined(token: Any) -> list[Any]:
    """Tokens that follow one as its conjuncts, in order."""
    found = []
    waiting = [c for c in token.children if c.dep_ == "conj"]
    while waiting:
        each = waiting.pop(0)
        found.append(each)
        waiting += [c for c in each.children if c.dep_ == "conj"]
    return found


def _may_be(mention: Mention, personal: bool) -> bool:
    if personal:
        return mention.kind == "person"
    return mention.kind not in {"person", "date", "nationality", None}


def _one_thing(short: Mention, long: Mention) -> bool:
    """Whether a part of a name may stand for all of it: Curie, not Warsaw for its university."""
    if long.kind == "person":
        return short.kind in {"person", None}
    return short.kind == long.kind and len(short.name.split()) > 1


def _with_title(doc: Any, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions, with what stands before the first verb as one name if it looks like a title."""
    first = next(iter(doc.sents), None)
    if first is None:
        return list(mentions)
    verb = next((t.i for t in first if t.pos_ in {"AUX", "VERB"} and t.lemma_ == "be"), first.start)
    end = next((t.i for t in doc[first.start : verb] if t.text in _TITLE_ENDS), verb)
    start = first.start + (doc[first.start].text in {"The", "A", "An"} and end - first.start > 1)
    tokens = doc[start:end]
    while end > start and doc[end - 1].is_punct and doc[end - 1].text not in {"!", "?"}:
        end -= 1
    tokens = doc[start:end]
    capital = [token for token in tokens if token.text[0].isupper() or token.text[0].isdigit()]
    plain = [t for t in tokens if t not in capital and t.pos_ not in _INSIDE and len(t) > 3]
    if first[0].tag_ in {"VBN", "VBG", "IN"} and first[0].text not in _TITLE_STARTS:
        return list(mentions)
    fits = 0 < len(tokens) <= LONGEST_TITLE and len(capital) > 0 and not plain
    if not fits or tokens[0] not in capital or tokens[-1] not in capital:
        return list(mentions)
    inside = [m for m in mentions if m.first < end and m.last > start]
    if len(inside) == 1 and inside[0].first == start and inside[0].last == end:
        return list(mentions)
    if len(tokens) == 1 and tokens[0].pos_ not in {"PROPN", "X"}:
        return list(mentions)
    kinds = [m.kind for m in inside if m.kind not in {None, "date", "nationality"}]
    title = Mention(
        (tokens.start_char, tokens.end_char), start, end, tokens.text, kinds[0] if kinds else None
    )
    return sorted([title, *(m for m in mentions if m not in inside)], key=lambda m: m.span)
