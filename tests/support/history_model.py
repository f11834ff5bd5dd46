"""What a database must hold after any writes and undos, in plain Python: the machine's oracle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Fact = tuple[str, str, str]

LLM = "llm"


def text_entity(name: str) -> str:
    """The id of what only texts name."""
    return f"text:{name}"


@dataclass
class GraphModel:
    """One graph.

    Attributes:
        entities: Ids of ``Entity`` nodes with the sources that claim them.
        facts: With the sources that claim them, ``llm`` for texts.
        documents: By run and document what each is found to say.
        texts: By run and document the text that was read, so that it is not read again.
        statuses: Of candidates.
        decisions: What a person has said.
        stale: Candidates that have lost support since they were judged.
        answers: By run the entities of each answer's way that are there.
        predicted: Links of runs, as run and fact.
        vectors: By run, the entities that have one of its vectors.
    """

    entities: dict[str, set[str]] = field(default_factory=dict)
    facts: dict[Fact, set[str]] = field(default_factory=dict)
    documents: dict[tuple[str, str], frozenset[Fact]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    statuses: dict[Fact, str] = field(default_factory=dict)
    decisions: dict[Fact, str] = field(default_factory=dict)
    stale: set[Fact] = field(default_factory=set)
    answers: dict[str, list[str]] = field(default_factory=dict)
    predicted: set[tuple[str, Fact]] = field(default_factory=set)
    vectors: dict[str, set[str]] = field(default_factory=dict)

    def load(self, source: str, triples: Iterable[Fact], *, replace: bool) -> None:
        """What ``kgp load`` does."""
        triples = list(dict.fromkeys(triples))
        for head, relation, tail in triples:
            for end in (head, tail):
                self.entities.setdefault(end, set()).add(source)
            self.facts.setdefault((head, relation, tail), set()).add(source)
        if not replace:
            return
        for fact in [fact for fact, claims in self.facts.items() if source in claims]:
            if fact not in triples:
                self._unclaim(fact, source)
        named = {end for head, _, tail in triples for end in (head, tail)}
        for entity in [each for each, claims in self.entities.items() if source in claims]:
            if entity not in named:
                self.entities[entity].discard(source)
                if not self.entities[entity] and not self._needed(entity):
                    self._remove_entity(entity)

    def extract(self, run: str, texts: Mapping[str, tuple[str, Iterable[Fact]]]) -> None:
        """What ``kgp extract`` does: texts by their documents, and the names that they tell of."""
        pending = {
            key: each for key, each in texts.items() if self.texts.get((run, key)) != each[0]
        }
        # Names are looked up among what is there before the documents are read.
        found = {
            key: frozenset((self._named(h), r, self._named(t)) for h, r, t in said)
            for key, (_, said) in pending.items()
        }
        touched = {fact for key in found for fact in self.documents.get((run, key), ())}
        touched |= {fact for said in found.values() for fact in said}
        for key, said in found.items():
            self.documents[run, key] = said
            self.texts[run, key] = pending[key][0]
        if pending:
            pairs = {(head, relation) for head, relation, _ in touched}
            self._judge(touched | {fact for fact in self.statuses if fact[:2] in pairs})
        self._judge(set(self.stale))
        self.stale.clear()

    def decide(self, fact: Fact, status: str) -> None:
        """What ``kgp review`` does."""
        if status == "staged":
            self.decisions.pop(fact, None)
        else:
            self.decisions[fact] = status
        self._apply(fact, status)

    def undo(self, run: str) -> None:
        """What ``kgp undo`` takes out of a graph."""
        self.answers.pop(run, None)
        self.predicted = {each for each in self.predicted if each[0] != run}
        self.vectors.pop(run, None)
        lost: set[Fact] = set()
        for key in [key for key in self.documents if key[0] == run]:
            lost |= self.documents.pop(key)
            self.texts.pop(key)
        for fact in lost:
            if self._support(fact):
                self.stale.add(fact)
            else:
                self._forget(fact)

    def new_entities(self) -> set[str]:
        """Ids of what texts name and no accepted fact is about."""
        ends = {end for head, _, tail in self.statuses for end in (head, tail)}
        return {end for end in ends if end.startswith("text:") and end not in self.entities}

    def _named(self, name: str) -> str:
        return name if name in self.entities else text_entity(name)

    def _support(self, fact: Fact) -> int:
        return sum(fact in said for said in self.documents.values())

    def _judge(self, facts: set[Fact]) -> None:
        for fact in sorted(facts):
            support = self._support(fact)
            if not support:
                self._forget(fact)
                continue
            judged = "accepted" if support > 1 else "staged"
            judged = "rejected" if fact[0] == fact[2] else judged
            self._apply(fact, self.decisions.get(fact, judged))

    def _apply(self, fact: Fact, status: str) -> None:
        self.statuses[fact] = status
        if status != "accepted":
            self._unclaim(fact, LLM)
            return
        ends = (fact[0], fact[2])
        if all(end in self.entities or end.startswith("text:") for end in ends):
            for end in ends:
                self.entities.setdefault(end, {LLM})
            self.facts.setdefault(fact, set()).add(LLM)

    def _forget(self, fact: Fact) -> None:
        self.statuses.pop(fact, None)
        self.stale.discard(fact)
        self._unclaim(fact, LLM)

    def _unclaim(self, fact: Fact, source: str) -> None:
        claims = self.facts.get(fact)
        if claims is None or source not in claims:
            return
        claims.discard(source)
        if claims:
            return
        del self.facts[fact]
        if source == LLM:
            for end in (fact[0], fact[2]):
                # What no source claims was there for its facts alone.
                if self.entities.get(end) in ({LLM}, set()) and not self._needed(end):
                    self._remove_entity(end)

    def _needed(self, entity: str) -> bool:
        return any(entity in (head, tail) for head, _, tail in self.facts)

    def _remove_entity(self, entity: str) -> None:
        self.entities.pop(entity, None)
        self.predicted = {
            (run, fact) for run, fact in self.predicted if entity not in (fact[0], fact[2])
        }
        for having in self.vectors.values():
            having.discard(entity)
        for run, way in self.answers.items():
            self.answers[run] = [each for each in way if each != entity]
