"""The text of a PDF file, page by page, and its title."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

from kgplatform.errors import InputError

PAGE_BREAK = "\f"
"""Between the texts of two pages: the page of a place is one more than these before it."""


def read_pdf(data: bytes, longest: int) -> tuple[str | None, str]:
    """The title and the text of a PDF file.

    A file that is encrypted but opens without a password is read; pages that are pictures
    alone have no text.

    Args:
        data: The file.
        longest: The most characters of text; reading ends there.

    Returns:
        The title of its metadata, or None, and its pages' text, each page after the first
        behind a form feed. It is longer than ``longest`` if the file has more text than that.

    Raises:
        InputError: It is no PDF file, is damaged, or asks for a password.
    """
    from pypdf import PasswordType, PdfReader
    from pypdf.errors import DependencyError

    with _quiet():
        try:
            reader = PdfReader(io.BytesIO(data))
            if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
                raise InputError("it is encrypted with a password")
            pages: list[str] = []
            length = 0
            for page in reader.pages:
                pages.append(page.extract_text())
                length += len(pages[-1])
                if length > longest:
                    break
            title = reader.metadata.title if reader.metadata else None
        except InputError:
            raise
        except DependencyError as error:
            raise InputError("it is encrypted in a way that cannot be read here") from error
        except Exception as error:
            # What pypdf meets in a damaged file ends in errors of any kind, also in KeyError,
            # RecursionError and the like.
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"it is damaged or no PDF file ({reason})") from error
    return _clean(title or "") or None, _clean(PAGE_BREAK.join(pages))


def _clean(text: str) -> str:
    """Without what wrong tables of characters leave: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep pypdf from logging on the terminal what it mends."""
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
