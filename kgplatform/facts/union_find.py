"""Which records are one entity: sets that are joined, some of which must stay apart.

Union by size with path halving, almost constant in time a step: Tarjan and van Leeuwen 1984,
"Worst-case analysis of set union algorithms".
"""

from __future__ import annotations

from collections.abc import Iterable


class UnionFind:
    """Disjoint sets of the numbers below ``count``."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._size = [1] * count

    def find(self, element: int) -> int:
        """The number that stands for an element's set."""
        parent = self._parent
        while parent[element] != element:
            parent[element] = parent[parent[element]]
            element = parent[element]
        return element

    def join(self, left: int, right: int) -> int:
        """Make one set of two elements' sets; returns what stands for it."""
        left, right = self.find(left), self.find(right)
        if left == right:
            return left
        if self._size[left] < self._size[right]:
            left, right = right, left
        self._parent[right] = left
        self._size[left] += self._size[right]
        return left

    def sets(self) -> list[list[int]]:
        """All sets, each in order, by their first elements."""
        found: dict[int, list[int]] = {}
        for element in range(len(self._parent)):
            found.setdefault(self.find(element), []).append(element)
        return list(found.values())


class Clusters:
    """Disjoint sets that know which others they must not be joined with.

    Args:
        count: Records.
        anchors: Records that are known to be different from one another: entities of a graph.
        apart: Pairs that must never be in one set.
    """

    def __init__(
        self, count: int, anchors: Iterable[int] = (), apart: Iterable[tuple[int, int]] = ()
    ) -> None:
        self._sets = UnionFind(count)
        self._anchor: dict[int, int] = {each: each for each in anchors}
        self._apart: dict[int, set[int]] = {}
        for left, right in apart:
            if left != right:
                self._apart.setdefault(left, set()).add(right)
                self._apart.setdefault(right, set()).add(left)

    def find(self, record: int) -> int:
        """What stands for a record's set."""
        return self._sets.find(record)

    def may_join(self, left: int, right: int) -> bool:
        """Whether two records are in one set already or nothing keeps theirs apart."""
        left, right = self.find(left), self.find(right)
        if left == right:
            return True
        if left in self._anchor and right in self._anchor:
            return False
        return right not in self._apart.get(left, ())

    def join(self, left: int, right: int) -> bool:
        """Join two records' sets if nothing keeps them apart; whether they are one now."""
        if not self.may_join(left, right):
            return False
        left, right = self.find(left), self.find(right)
        if left == right:
            return True
        kept = self._sets.join(left, right)
        gone = right if kept == left else left
        if gone in self._anchor:
            self._anchor[kept] = self._anchor.pop(gone)
        # Whatever was apart from the one that went is apart from the one that stays.
        moved = self._apart.pop(gone, set())
        for other in moved:
            self._apart[other].discard(gone)
            self._apart[other].add(kept)
        if moved:
            self._apart.setdefault(kept, set()).update(moved)
        return True

    def anchor(self, record: int) -> int | None:
        """The known entity of a record's set, if there is one."""
        return self._anchor.get(self.find(record))

    def sets(self) -> list[list[int]]:
        """All sets, each in order, by their first records."""
        return self._sets.sets()
