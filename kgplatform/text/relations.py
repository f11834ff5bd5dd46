"""Relations as words: what an encoder can read of ``born_in`` or ``/people/person/birthplace``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder, text_vectors

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


def relation_vectors(
    encoder: TextEncoder,
    relations: Sequence[str],
    texts: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """What an encoder makes of relations, float32 [R, D].

    Args:
        encoder: A frozen encoder.
        relations: Their names.
        texts: What to read in place of a name, from :func:`read_relation_texts`.
        progress: Told of texts.
    """
    said = texts or {}
    read = [said.get(relation) or relation_words(relation) for relation in relations]
    return text_vectors(encoder, read, progress)


def read_relation_texts(path: Path) -> dict[str, str]:
    """A file of relations and what to call them, a tab between, a relation a line.

    Raises:
        InputError: The file cannot be read, or a line has no tab.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="check the path") from None
    found = {}
    for number, line in enumerate(lines, 1):
        relation, tab, text = line.partition("\t")
        if not tab and line.strip():
            raise InputError(f"{path}:{number} has no tab", hint="relation<TAB>text, one a line")
        if text.strip():
            found[relation] = text.strip()
    return found
