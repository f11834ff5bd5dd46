"""What an encoder makes of relations: of their names as words, or of texts that describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder, text_vectors
from kgplatform.text.words import relation_words as relation_words


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
