"""Facts by GLiNER2, a small encoder that reads a schema beside the text (Zaratiana et al. 2025).

The extra ``nlp`` brings its code; its weights come from a hub or a folder. It names relations as
the schema does, so that snapping has only their ends to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kgplatform.errors import InputError, UsageError
from kgplatform.progress import Progress
from kgplatform.text.chunk import Span, chunk, sentences
from kgplatform.text.extract.records import ExtractedFact, Extractor, Phrase
from kgplatform.text.extract.schema import Schema
from kgplatform.text.words import relation_words

DEFAULT_MODEL = "fastino/gliner2-base-v1"
"""The authors' base model at the hub: 205 million weights, Apache-2.0."""

WORDS_AT_ONCE = 250
"""Words of a text that are read together, with the schema within an encoder's 512 tokens."""

WINDOWS_AT_ONCE = 8
THRESHOLD = 0.5
STAGE = "extracting facts"


class _GlinerExtractor:
    """The extractor; made by :func:`gliner_extractor`."""

    name = "gliner"

    def __init__(self, model: Any, schema: Schema, threshold: float) -> None:
        self._model = model
        self._threshold = threshold
        self._relations: dict[str, str] = {}
        relations: dict[str, dict[str, str]] = {}
        for name, kind in schema.relations.items():
            words = relation_words(name)
            if words in relations:
                words = name
            relations[words] = {"description": kind.description} if kind.description else {}
            # It answers by the words, or by the words with their description.
            self._relations[words] = name
            self._relations[f"{words}: {kind.description}"] = name
        labels = {
            label: {"description": text} if text else {} for label, text in schema.labels.items()
        }
        asked = model.create_schema()
        self._asked = (asked.entities(labels) if labels else asked).relations(relations)

    def __call__(self, texts: Sequence[str], progress: Progress) -> Iterator[list[ExtractedFact]]:
        """The facts of each text, in the order of the texts; long texts are read in windows."""
        for done, text in enumerate(texts, 1):
            windows = chunk("", text, max_tokens=WORDS_AT_ONCE, overlap_tokens=0)
            answers = self._model.batch_extract(
                [window.text for window in windows],
                self._asked,
                batch_size=WINDOWS_AT_ONCE,
                threshold=self._threshold,
                include_confidence=True,
                include_spans=True,
            )
            found: list[ExtractedFact] = []
            spans = list(sentences(text))
            for window, answer in zip(windows, answers, strict=True):
                found += self._facts(text, spans, window.start, answer)
            yield found
            progress(STAGE, done, len(texts))

    def _facts(
        self, text: str, spans: Sequence[Span], offset: int, answer: Mapping[str, Any]
    ) -> Iterator[ExtractedFact]:
        """The facts of one window, their places moved to those of the text."""
        labels = _labels(answer.get("entities") or {}, offset)
        for said, pairs in (answer.get("relation_extraction") or {}).items():
            relation = self._relations.get(said)
            if relation is None:
                continue
            for pair in pairs:
                head, tail = (_place(text, pair[side], offset) for side in ("head", "tail"))
                if head is None or tail is None or head == tail:
                    continue
                yield ExtractedFact(
                    Phrase(text[slice(*head)], head, labels.get(head)),
                    relation,
                    Phrase(text[slice(*tail)], tail, labels.get(tail)),
                    _sentence(spans, head, tail),
                    # Both ends must be right.
                    min(pair["head"]["confidence"], pair["tail"]["confidence"]),
                    self.name,
                )


def gliner_extractor(
    schema: Schema, *, model: str = DEFAULT_MODEL, threshold: float = THRESHOLD
) -> Extractor:
    """An extractor by a GLiNER2 model.

    Args:
        schema: The labels and relations that are asked for; there must be a relation.
        model: A folder, or a name at the hub.
        threshold: The least confidence of an end.

    Raises:
        UsageError: GLiNER2 is not installed, or the schema has no relations.
        InputError: The model cannot be loaded.
    """
    if not schema.relations:
        raise UsageError(
            "GLiNER2 finds only relations that a schema names, and this one has none",
            hint="give a schema with relations: `kgp schema GRAPH` writes one",
        )
    try:
        from gliner2 import AutoExtractor
    except ImportError:
        raise UsageError(
            "facts by GLiNER2 need its package", hint="pip install 'kgplatform[nlp]'"
        ) from None
    try:
        loaded = AutoExtractor.from_pretrained(model)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:300]
        raise InputError(
            f"GLiNER2 model {model!r} cannot be loaded: {detail}",
            hint="give a folder with a saved model, or a name at the hub",
        ) from None
    return _GlinerExtractor(loaded.eval(), schema, threshold)


def _place(text: str, end: Mapping[str, Any], offset: int) -> Span | None:
    """Where an end stands, without the marks that the word splitter leaves at it; None if empty."""
    start, stop = end["start"] + offset, end["end"] + offset
    piece = text[start:stop]
    bare = piece.strip(" \t\r\n.,;:()[]\"'")
    if not bare:
        return None
    start += piece.index(bare)
    return start, start + len(bare)


def _labels(entities: Mapping[str, Sequence[Mapping[str, Any]]], offset: int) -> dict[Span, str]:
    """The surest label of each name, by place."""
    best: dict[Span, tuple[float, str]] = {}
    for label, found in entities.items():
        for each in found:
            span = (each["start"] + offset, each["end"] + offset)
            best[span] = max(best.get(span, (0.0, "")), (each["confidence"], label))
    return {span: label for span, (_, label) in best.items()}


def _sentence(spans: Sequence[Span], head: Span, tail: Span) -> Span:
    """The sentences that both ends stand in."""
    first, last = min(head[0], tail[0]), max(head[1], tail[1])
    over = [span for span in spans if span[0] < last and first < span[1]]
    return over[0][0], over[-1][1]
