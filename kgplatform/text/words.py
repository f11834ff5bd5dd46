"""Relations as words: what ``born_in`` or ``/people/person/birthplace`` says; without torch."""

from __future__ import annotations

import re
from urllib.parse import unquote

_IRI = re.compile(r"[a-z][a-z0-9+.-]*:(?:\S*[/#:])?(?=[^/#:])", re.IGNORECASE)
# Before a capital after a small letter or digit; between an acronym and a word: XMLFile.
_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=\d)(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MARKS = re.compile(r"[\W_]+")


def relation_words(relation: str) -> str:
    """A relation's name as words in lower case.

    ``born_in``, ``BORN_IN`` and ``bornIn`` are ``born in``; ``/people/person/birthplace`` is
    ``people person birthplace``; of an IRI, what stands after the last mark. A name without a
    letter or digit stays as it is.
    """
    name = unquote(_IRI.sub("", relation)) if _IRI.match(relation) else relation
    words = _MARKS.sub(" ", _HUMP.sub(" ", name)).lower().split()
    # Freebase says it twice: /people/person and person/place.
    kept = [word for at, word in enumerate(words) if at == 0 or word != words[at - 1]]
    return " ".join(kept) or relation
