"""Text that is data: what keeps a document from speaking to a model as its user does.

Nothing here makes a model obey. What comes of an answer does not depend on that: it can only be
items of a schema, and what they name is looked for in the text.
"""

from __future__ import annotations

import hashlib
import re

_SPECIAL = re.compile(r"<(?=[|\uff5c/!\w])|\[(?=/?[A-Z_]{2,}\])")


def harmless(text: str) -> str:
    """A text in one line, without what tokenizers read as the marks between turns.

    ``<|im_start|>``, ``</s>`` or ``[INST]`` in a document would begin a turn that seems the user's
    or the system's: chat templates are filled in as text, and read as a whole.
    """
    return _SPECIAL.sub(r"\g<0> ", " ".join(text.split()))


def fenced(lines: str) -> str:
    """Text between two marks that it does not contain.

    The mark is the text's own hash: who writes a text that has it in it has found a preimage of
    64 bits with a fixed point, and equal texts have equal prompts, which can be kept and repeated.
    """
    mark = hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"<<<document {mark}>>>\n{lines}\n<<<end of document {mark}>>>"
