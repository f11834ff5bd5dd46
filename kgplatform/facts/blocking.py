"""Which records may be one entity: few for each, found without comparing all with all.

By names: an inverted index of words, trigrams and acronyms; what stands in too many names is left
out, so that a record meets a bounded number of others (token blocking with purging: Papadakis et
al. 2020, "Blocking and Filtering Techniques for Entity Resolution"). By vectors: a forest of
random hyperplanes, whose leaves are compared within.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from kgplatform.facts.name_likeness import acronym, as_acronym, words

MOST_IN_BLOCK = 200
"""What stands in more names than that says nothing, and is left out."""

NAMES_A_RECORD = 15
"""Nearest records by name that each is compared with."""

VECTORS_A_RECORD = 3
"""Nearest records by vector that each is compared with."""

EQUALS_A_RECORD = 3
"""Records of the same name that each is compared with."""

LEAF = 24
TREES = 4
ROWS_AT_ONCE = 2_048


@dataclass(frozen=True)
class Pairs:
    """Records that are to be compared.

    Attributes:
        left: Smaller number of each pair, int64 [P].
        right: The greater one, [P].
        rare: How much that few have stands in both names, from 0 to 1, [P].
        met: How many times two records met in a block: what finding them cost.
    """

    left: np.ndarray
    right: np.ndarray
    rare: np.ndarray
    met: int


def grams(name: str) -> set[str]:
    """What a name is found by: its words, their trigrams, and its acronym."""
    found = set()
    for word in words(name):
        found.add(f"={word}")
        marked = f"^{word}$"
        found.update(marked[at : at + 3] for at in range(len(marked) - 2))
    found.update(f"!{each}" for each in (acronym(name), as_acronym(name)) if len(each) > 1)
    return found


def name_pairs(
    names: Sequence[Sequence[str]],
    asked: np.ndarray,
    *,
    most: int = NAMES_A_RECORD,
    in_block: int = MOST_IN_BLOCK,
) -> Pairs:
    """For each record that is asked about, those with the most alike names.

    Args:
        names: The names of each record, [n].
        asked: Records that are asked about, [m]; all others are only found.
        most: Records that each is paired with.
        in_block: Names beyond which a gram is left out.
    """
    owner = np.array([row for row, of in enumerate(names) for _ in of], dtype=np.int64)
    table = _gram_table([name for of in names for name in of], in_block)
    wanted = np.zeros(len(names), dtype=bool)
    wanted[asked] = True
    rows = np.flatnonzero(wanted[owner]) if len(owner) else np.empty(0, dtype=np.int64)
    turned = sp.csr_array(table.T)
    met = 0
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        product = sp.csr_array(table[part] @ turned)
        met += product.nnz
        left = owner[np.repeat(part, np.diff(product.indptr))]
        right = owner[product.indices]
        other = left != right
        found.append(_best(left[other], right[other], product.data[other], most))
    if not found:
        none = np.empty(0, dtype=np.int64)
        return Pairs(none, none, np.empty(0), 0)
    left, right, rare = (np.concatenate(each) for each in zip(*found, strict=True))
    return _unique_pairs(left, right, rare, met)


def equal_pairs(names: Sequence[str], records: np.ndarray) -> Pairs:
    """Records of the same name, each with the next few: a common name costs no more than a rare.

    Args:
        names: Folded names, [m].
        records: Whose they are, [m].
    """
    order = sorted(range(len(names)), key=lambda at: (names[at], records[at]))
    found = [
        (records[one], records[other])
        for place, one in enumerate(order)
        for other in order[place + 1 : place + 1 + EQUALS_A_RECORD]
        if names[one] == names[other] and records[one] != records[other]
    ]
    left, right = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return _unique_pairs(left, right, np.ones(len(left)), len(left))


def vector_pairs(vectors: np.ndarray, records: np.ndarray, *, seed: int = 0) -> Pairs:
    """For each record its nearest by the cosine of vectors, as far as a forest finds them.

    Args:
        vectors: float [m, D]; zero vectors are left out.
        records: Whose they are, [m].
        seed: For the hyperplanes.
    """
    length = np.linalg.norm(vectors, axis=1)
    kept = np.flatnonzero(length > 0)
    units = vectors[kept] / length[kept, None]
    drawn = np.random.default_rng(seed)
    met = 0
    found = []
    for _ in range(TREES if len(kept) > 1 else 0):
        for leaf in _leaves(units, np.arange(len(kept)), drawn):
            near = units[leaf] @ units[leaf].T
            met += len(leaf) * (len(leaf) - 1)
            np.fill_diagonal(near, -np.inf)
            order = np.argsort(-near, axis=1, kind="stable")[:, :VECTORS_A_RECORD]
            order = order[:, : len(leaf) - 1]
            left = np.repeat(leaf, order.shape[1])
            found.append((left, leaf[order.ravel()]))
    if not found:
        none = np.empty(0, dtype=np.int64)
        return Pairs(none, none, np.empty(0), 0)
    left, right = (np.concatenate(each) for each in zip(*found, strict=True))
    cosine = np.einsum("ij,ij->i", units[left], units[right])
    left, right, _ = _best(left, right, cosine, VECTORS_A_RECORD)
    left, right = records[kept[left]], records[kept[right]]
    return _unique_pairs(left, right, np.zeros(len(left)), met)


def joined_pairs(several: Sequence[Pairs]) -> Pairs:
    """The pairs of all, each once."""
    return _unique_pairs(
        np.concatenate([each.left for each in several]),
        np.concatenate([each.right for each in several]),
        np.concatenate([each.rare for each in several]),
        sum(each.met for each in several),
    )


def _gram_table(names: Sequence[str], in_block: int) -> sp.csr_array:
    """Names by grams, rarer ones weighted more, rows of length 1, [n, G]."""
    place: dict[str, int] = {}
    row, column = [], []
    for at, name in enumerate(names):
        for gram in sorted(grams(name)):
            row.append(at)
            column.append(place.setdefault(gram, len(place)))
    shape = (len(names), max(1, len(place)))
    table = sp.csr_array(sp.coo_array((np.ones(len(row)), (row, column)), shape=shape))
    size = np.bincount(table.indices, minlength=shape[1])
    # As long as the whole name weighs, what was left out counts as not shared.
    weight = np.log((len(names) + 1) / np.maximum(size, 1)) + 0.1
    length = np.sqrt(table @ weight**2)
    kept = np.where((size > 1) & (size <= in_block), weight, 0.0)
    table.data *= kept[table.indices]
    table.data /= np.repeat(np.maximum(length, 1e-9), np.diff(table.indptr))
    table.eliminate_zeros()
    return table


def _best(
    left: np.ndarray, right: np.ndarray, value: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ``most`` best others of each left one; a pair that occurs again has its best value."""
    order = np.lexsort((-value, right, left))
    left, right, value = left[order], right[order], value[order]
    first = np.ones(len(left), dtype=bool)
    first[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    left, right, value = left[first], right[first], value[first]
    order = np.lexsort((right, -value, left))
    left, right, value = left[order], right[order], value[order]
    start = np.searchsorted(left, left)
    kept = np.arange(len(left)) - start < most
    return left[kept], right[kept], value[kept]


def _unique_pairs(left: np.ndarray, right: np.ndarray, rare: np.ndarray, met: int) -> Pairs:
    low, high = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((-rare, high, low))
    low, high, rare = low[order], high[order], rare[order]
    first = np.ones(len(low), dtype=bool)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return Pairs(low[first], high[first], rare[first], met)


def _leaves(units: np.ndarray, rows: np.ndarray, drawn: np.random.Generator) -> list[np.ndarray]:
    """Rows cut by hyperplanes between two of them until at most :data:`LEAF` are together."""
    waiting, leaves = [rows], []
    while waiting:
        here = waiting.pop()
        if len(here) <= LEAF:
            leaves.append(here)
            continue
        one, other = drawn.choice(here, 2, replace=False)
        side = units[here] @ (units[one] - units[other])
        # The middle, not zero: the halves are even, and equal vectors cannot go on for ever.
        order = np.argsort(side, kind="stable")
        half = len(here) // 2
        waiting += [here[order[:half]], here[order[half:]]]
    return [leaf for leaf in leaves if len(leaf) > 1]
