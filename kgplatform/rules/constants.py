"""Rules with constants: h(X,c) <- b(X,d), and h(X,c) <- b(X,A) for any A.

An entity has the features (q, d) of its facts, inverses included, and (q, any) of its relations.
How many entities have two features is one product of a sparse matrix with its transpose.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kgplatform.rules.groups import place_in_group
from kgplatform.rules.matrices import RelationMatrices
from kgplatform.rules.table import MOST_ATOMS, NONE, UNSEEN, RuleTable, joined

PAIRS_AT_ONCE = 4_000_000


def features(matrices: RelationMatrices) -> sp.csr_array:
    """Which entity has which feature, int32 [N, 2R · N + 2R].

    Column q · N + d: q(X, d). Column 2R · N + q: q(X, A) for some A.
    """
    n, directed = matrices.num_entities, matrices.num_directed
    start, relation, _ = matrices.directed_facts.T
    pairs = np.unique(start * directed + relation)
    any_end = sp.csr_array(
        sp.coo_array(
            (np.ones(len(pairs), np.int32), (pairs // directed, pairs % directed)),
            shape=(n, directed),
        )
    )
    return sp.hstack([matrices.beside, any_end], format="csr")


def mine_constants(
    matrices: RelationMatrices, min_support: int, min_confidence: float, most: int
) -> RuleTable:
    """The best ``most`` rules for each relation and constant, exactly counted."""
    n, directed = matrices.num_entities, matrices.num_directed
    every = features(matrices)
    size = np.bincount(every.indices, minlength=every.shape[1])
    # What fewer entities have than a rule needs for its support is in no rule.
    frequent = np.flatnonzero(size >= min_support)
    columns = every[:, frequent]
    size = size[frequent]
    bound = int(np.searchsorted(frequent, directed * n))
    targets = sp.csr_array(columns[:, :bound].T)
    cost = targets @ np.diff(columns.indptr)
    parts = np.cumsum(cost) // PAIRS_AT_ONCE
    head_size = np.tile(np.bincount(matrices.facts[:, 1], minlength=matrices.num_relations), 2)
    found = []
    for part in np.split(np.arange(bound), np.flatnonzero(np.diff(parts)) + 1):
        product = targets[part] @ columns
        target = np.repeat(part, np.diff(product.indptr))
        feature, support = product.indices, product.data.astype(np.int64)
        head, constant = np.divmod(frequent[target], n)
        any_end = feature >= bound
        body = np.where(any_end, frequent[feature] - directed * n, frequent[feature] // n)
        good = support >= np.maximum(min_support, min_confidence * (size[feature] + UNSEEN))
        # Neither h(X,c) <- h(X,c) nor h(X,c) <- h(X,A), which c itself would fulfil.
        good &= (target != feature) & ~(any_end & (body == head))
        chosen = np.flatnonzero(good)
        atoms = np.full((len(chosen), MOST_ATOMS), NONE)
        atoms[:, 0] = body[chosen]
        rules = RuleTable(
            head=head[chosen],
            head_entity=constant[chosen],
            body=atoms,
            body_entity=np.where(any_end, NONE, frequent[feature] % n)[chosen],
            support=support[chosen],
            body_size=size[feature[chosen]],
            head_size=head_size[head[chosen]],
            sampled=np.zeros(len(chosen), dtype=bool),
        ).in_order()
        found.append(rules[place_in_group(rules.head * n + rules.head_entity) < most])
    return joined(found)
