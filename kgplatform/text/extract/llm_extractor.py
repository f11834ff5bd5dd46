"""Facts read out of texts by a language model, guided by a schema."""

from __future__ import annotations

import hashlib
import json
import math
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product

from kgplatform.errors import PromptTooLongError
from kgplatform.progress import Progress, silent
from kgplatform.text.chunk import Span, sentences
from kgplatform.text.extract.llm_prompt import ReadFact, conversation, fact_type, question
from kgplatform.text.extract.locate import Folded, locate
from kgplatform.text.extract.records import ExtractedFact, Phrase
from kgplatform.text.extract.schema import Schema
from kgplatform.text.llm.protocol import LanguageModel
from kgplatform.text.llm.structured import Listed, ask_list, list_schema

STAGE = "reading facts"

UNKNOWN_CONFIDENCE = 0.5
"""Of facts whose tokens' probabilities the backend does not tell; the judge makes of it what facts
of that extractor turned out to be worth."""

FACTS_A_TEXT, FACTS_A_SENTENCE = 4, 4
TOKENS_A_FACT = 64
MORE = 4
"""How much more one sentence may have, asked for again because its answer did not end."""

_PRONOUNS = frozenset(
    {"he", "she", "it", "they", "him", "her", "them", "his", "hers", "its", "their", "theirs"}
    | {"this", "that", "these", "those", "who", "whom", "whose", "which", "i", "we", "you", "one"}
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A piece of a text that was not read, or not all of it.

    Attributes:
        text: Number of the text in the call, from 0.
        span: The piece, in characters of the text.
        reason: What went wrong.
    """

    text: int
    span: Span
    reason: str


@dataclass(frozen=True)
class _Read:
    """What came of a piece of a text."""

    facts: tuple[ExtractedFact, ...] = ()
    failures: tuple[tuple[Span, str], ...] = ()
    dropped: int = 0


class LLMExtractor:
    """An extractor that asks a language model; see :func:`llm_extractor`.

    Attributes:
        name: ``llm:`` and the model's.
        digest: Of the model, the schema and the question: of all that decides what it finds.
        failures: What of the last call's texts was not read.
        dropped: Facts of the last call that named nothing: an end is a pronoun, or both are one.
    """

    def __init__(
        self, model: LanguageModel, schema: Schema, *, free_relations: bool = False
    ) -> None:
        self.name = f"llm:{model.name}"
        self.failures: list[Failure] = []
        self.dropped = 0
        self._model = model
        self._schema = schema
        self._item = fact_type(schema, free_relations=free_relations)
        self._before = conversation(schema)
        told = [message.content for message in (*self._before, question([]))]
        decided = [model.digest, told, list_schema(self._item, 1)]
        self.digest = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()

    def __call__(
        self, texts: Sequence[str], progress: Progress = silent
    ) -> Iterator[list[ExtractedFact]]:
        """The facts of each text, in the order of the texts.

        As many texts are read at once as the model answers requests.

        Raises:
            LanguageModelError: The model cannot be asked. Answers so far are kept where the model
                keeps them, so that a repetition goes on from there.
        """
        self.failures, self.dropped = [], 0
        pool = ThreadPoolExecutor(self._model.concurrency, thread_name_prefix="kgp-llm")
        try:
            for at, read in enumerate(self._in_order(pool, texts)):
                self.failures += [Failure(at, span, reason) for span, reason in read.failures]
                self.dropped += read.dropped
                progress(STAGE, at + 1, len(texts))
                yield list(read.facts)
        finally:
            # Answers that are on their way are paid for: they are waited for, and kept.
            pool.shutdown(cancel_futures=True)

    def _in_order(self, pool: ThreadPoolExecutor, texts: Sequence[str]) -> Iterator[_Read]:
        waiting: deque[Future[_Read]] = deque()
        for text in texts:
            waiting.append(pool.submit(self._read_text, text))
            if len(waiting) > 2 * self._model.concurrency:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _read_text(self, text: str) -> _Read:
        read = self._read(text, Folded(text), list(sentences(text)))
        return replace(read, facts=tuple(_unique(read.facts)))

    def _read(self, text: str, folded: Folded, spans: list[Span], *, last: bool = False) -> _Read:
        """Facts of some sentences; of halves of them, where all at once is too much."""
        if not spans:
            return _Read()
        most = (FACTS_A_TEXT + FACTS_A_SENTENCE * len(spans)) * (MORE if last else 1)
        asked = (*self._before, question([text[slice(*span)] for span in spans]))
        try:
            listed = ask_list(
                self._model, asked, self._item, most=most, max_tokens=most * TOKENS_A_FACT
            )
        except PromptTooLongError as error:
            listed, problem = Listed((), (), (), cut=True), str(error)
        else:
            problem = "the answer does not end, or has more facts than are credible"
        if not listed.cut:
            return self._facts(text, folded, spans, listed)
        if len({_key(item) for item in listed.items}) < len(listed.items):
            # It has said what it had to say; of its halves, a model finds less sense.
            problem = "the model repeats itself, so that there may be more"
        elif len(spans) > 1:
            middle = len(spans) // 2
            first = self._read(text, folded, spans[:middle])
            second = self._read(text, folded, spans[middle:])
            return _together(first, second)
        elif not last:
            return self._read(text, folded, spans, last=True)
        read = self._facts(text, folded, spans, listed)
        whole = (spans[0][0], spans[-1][1])
        return replace(read, failures=(*read.failures, (whole, problem)))

    def _facts(
        self, text: str, folded: Folded, spans: list[Span], listed: Listed[ReadFact]
    ) -> _Read:
        whole = (spans[0][0], spans[-1][1])
        facts = []
        for item, confidence in zip(listed.items, listed.confidences, strict=True):
            fact = self._fact(text, folded, spans, item)
            if fact is not None:
                sure = UNKNOWN_CONFIDENCE if confidence is None else confidence
                facts.append(replace(fact, confidence=sure))
        failures = tuple((whole, f"not usable: {problem}") for problem in listed.problems)
        return _Read(tuple(facts), failures, len(listed.items) - len(facts))

    def _fact(
        self, text: str, folded: Folded, spans: list[Span], item: ReadFact
    ) -> ExtractedFact | None:
        relation = self._schema.relations.get(item.relation)
        heads = locate(item.head, text, folded, spans)
        tails = locate(item.tail, text, folded, spans)
        at = _nearest_ends(heads, tails, spans)
        head = _phrase(item.head, text, at[0], relation.heads if relation else ())
        tail = _phrase(item.tail, text, at[1], relation.tails if relation else ())
        names = head.name.casefold(), tail.name.casefold()
        if names[0] == names[1] or not _PRONOUNS.isdisjoint(names):
            return None
        begin, end = _times(item.when, text[spans[0][0] : spans[-1][1]])
        return ExtractedFact(
            head=head,
            relation=item.relation,
            tail=tail,
            sentence=_sentence(spans, *at),
            confidence=UNKNOWN_CONFIDENCE,
            extractor=self.name,
            valid_from=begin,
            valid_to=end,
        )


def llm_extractor(
    model: LanguageModel, schema: Schema, *, free_relations: bool = False
) -> LLMExtractor:
    """An extractor that asks a language model for the facts of a schema.

    The model gets the schema's labels and relations, with domains, ranges and an example each, and
    the text, a sentence a line. It answers with names; where they stand is looked up in the text:
    exactly, then without regard to case, accents and spaces, then nearly. An end that stands
    nowhere has no span: the model made it up.

    An answer that is cut off is not used: the text is halved at a sentence's end and both halves
    are asked for. What cannot be read even so is in the extractor's ``failures``.

    Args:
        model: From :func:`kgplatform.text.llm.load.load_model`.
        schema: What may be found; if it is open, or has no relations, other relations, too.
        free_relations: Whether the model may write other relations than it is told of, which are
            left to :func:`kgplatform.text.extract.snap.snap`. A small model that may not write what
            it means writes what it may: that a river which rises somewhere was released there.
    """
    return LLMExtractor(model, schema, free_relations=free_relations)


def _nearest_ends(
    heads: list[Span], tails: list[Span], spans: list[Span]
) -> tuple[Span | None, Span | None]:
    """The places of both ends: in one sentence if that can be, and nearest to one another."""
    if not heads or not tails:
        return next(iter(heads), None), next(iter(tails), None)

    def apart(pair: tuple[Span, Span]) -> tuple[bool, float]:
        (head, tail), starts = pair, [start for start, _ in spans]
        between = max(head[0] - tail[1], tail[0] - head[1])
        same = bisect_right(starts, head[0]) == bisect_right(starts, tail[0])
        # Places in one another are not two ends if there are others.
        return not same, between if between >= 0 else math.inf

    return min(product(heads, tails), key=apart)


def _phrase(name: str, text: str, span: Span | None, labels: tuple[str, ...]) -> Phrase:
    # A relation's end with one label can be nothing else; of several, the text does not say which.
    label = labels[0] if len(labels) == 1 else None
    return Phrase(name if span is None else text[slice(*span)], span, label)


def _sentence(spans: list[Span], head: Span | None, tail: Span | None) -> Span:
    """The sentence that states a fact: the tail's, as the head may be spoken of by a pronoun."""
    named = tail or head
    if named is None:
        return spans[0][0], spans[-1][1]
    return next(span for span in spans if span[0] <= named[0] < span[1])


def _times(when: str | None, text: str) -> tuple[str | None, str | None]:
    """From when and until when, if the text has these years."""
    begin, _, end = (when or "/").partition("/")
    numbers = set(re.findall(r"\d+", text))
    begin, end = (time if time[:4] in numbers else "" for time in (begin, end))
    return begin or None, end or None


def _key(item: ReadFact) -> tuple[str, str, str]:
    return item.head.casefold(), item.relation, item.tail.casefold()


def _unique(facts: Sequence[ExtractedFact]) -> list[ExtractedFact]:
    """Each fact once, as it was found best: in the text, and with the most confidence."""
    best: dict[tuple[str, str, str], ExtractedFact] = {}
    for fact in facts:
        key = fact.head.name.casefold(), fact.relation, fact.tail.name.casefold()
        known = best.get(key)
        if known is None or _worth(fact) > _worth(known):
            best[key] = fact
    return list(best.values())


def _worth(fact: ExtractedFact) -> tuple[bool, float]:
    return not fact.invented, fact.confidence


def _together(first: _Read, second: _Read) -> _Read:
    return _Read(
        first.facts + second.facts,
        first.failures + second.failures,
        first.dropped + second.dropped,
    )
