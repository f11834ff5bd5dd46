"""The answer as text: what a language model is asked, what it should at least beat, and which
entities a text names.

An agent that stops hands over its path, a list of :class:`Step`: facts as they were walked, the
answer at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from kgplatform.errors import InputError
from kgplatform.text.names import Gazetteer
from kgplatform.text.words import relation_words
from kgplatform.walk.language_model import LanguageModel

INSTRUCTION = "Answer the question with one sentence."


class Step(NamedTuple):
    """A fact that was walked over, by names: ``head -relation-> tail`` as the graph has it.

    Attributes:
        head: Name of an entity.
        relation: The relation.
        tail: Name of an entity.
        inverse: Whether it was walked from tail to head.
    """

    head: str
    relation: str
    tail: str
    inverse: bool = False

    @property
    def start(self) -> str:
        """Where the step begins."""
        return self.tail if self.inverse else self.head

    @property
    def end(self) -> str:
        """Where it leads."""
        return self.head if self.inverse else self.tail


@dataclass(frozen=True)
class Example:
    """A question with its path and the sentence that answers it, to show a model the form."""

    question: str
    steps: Sequence[Step]
    answer: str


def check_path(steps: Sequence[Step]) -> None:
    """Raise unless each step begins where the one before ended.

    Raises:
        InputError: One does not, or there is no step.
    """
    if not steps:
        raise InputError("a path without steps leads nowhere", hint="give at least one step")
    for number, (first, second) in enumerate(pairwise(steps), 2):
        if first.end != second.start:
            raise InputError(
                f"step {number} begins at {second.start!r}, the one before ended at {first.end!r}",
                hint="a step is (head, relation, tail, walked from tail to head)",
            )


def fact_sentence(step: Step) -> str:
    """A fact in words: "The place of birth of Ada is London."."""
    return f"The {relation_words(step.relation)} of {step.head} is {step.tail}."


def copied_answer(steps: Sequence[Step]) -> str:
    """The baseline that copies: the name at the path's end."""
    check_path(steps)
    return steps[-1].end


def template_answer(steps: Sequence[Step]) -> str:
    """The baseline of a template: "The nationality of the spouse of Ada is England."."""
    check_path(steps)
    way = steps[0].start
    for step in steps:
        words = relation_words(step.relation)
        way = f"the one whose {words} is {way}" if step.inverse else f"the {words} of {way}"
    return f"{way[0].upper()}{way[1:]} is {steps[-1].end}."


def prompt_of(
    question: str,
    steps: Sequence[Step] = (),
    examples: Sequence[Example] = (),
    *,
    facts: bool = True,
) -> str:
    """What a language model is asked.

    Args:
        question: The question.
        steps: The path whose facts it is told.
        examples: Answered questions that come first.
        facts: Whether facts are told, in examples too; without, it has the question alone.

    Returns:
        A text that an answer follows, a space between.
    """
    if facts:
        check_path(steps)
    blocks = [INSTRUCTION]
    for example in examples:
        told = _told(example.question, example.steps if facts else ())
        blocks.append(f"{told} {example.answer}")
    blocks.append(_told(question, steps if facts else ()))
    return "\n\n".join(blocks)


def write_answers(
    model: LanguageModel,
    questions: Sequence[str],
    paths: Sequence[Sequence[Step]],
    examples: Sequence[Example] = (),
    *,
    max_new_tokens: int = 32,
    seed: int | None = None,
) -> list[str]:
    """The action that ends a walk: a text for each question from the path that was walked.

    An agent that stopped where it began has walked no path; then the question alone is asked, and
    so are the examples.

    Args:
        model: What writes.
        questions: The questions.
        paths: One for each.
        examples: Answered questions that come first.
        max_new_tokens: Most tokens of a text.
        seed: Of the sampling; None: the likeliest token each time.
    """
    prompts = [
        prompt_of(question, steps, examples, facts=bool(steps))
        for question, steps in zip(questions, paths, strict=True)
    ]
    texts = model.generate(prompts, max_new_tokens=max_new_tokens, seed=seed)
    return [written[0] for written in texts]


def _told(question: str, steps: Iterable[Step]) -> str:
    facts = " ".join(map(fact_sentence, steps))
    lines = [f"Facts: {facts}"] if facts else []
    return "\n".join([*lines, f"Question: {' '.join(question.split())}", "Answer:"])


class Entities:
    """Names of entities, to be found in texts.

    Args:
        names: All names of the graph, the answers of questions among them.
        aliases: Further names of some of them.

    Raises:
        InputError: There is no name.
    """

    def __init__(
        self, names: Iterable[str], aliases: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        also = aliases or {}
        known = {name: (name, *also.get(name, ())) for name in names}
        self._gazetteer = Gazetteer(known)
        self._known = frozenset(known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def named_in(self, text: str) -> list[frozenset[str]]:
        """Entities that a text names, in its order, once each.

        Where several have the name that the text has, they come together: any may be meant.
        """
        ids = self._gazetteer.entities
        places = self._gazetteer.find(text)
        return list(dict.fromkeys(frozenset(ids[at] for at in place.entities) for place in places))
