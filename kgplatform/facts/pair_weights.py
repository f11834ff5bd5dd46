"""Weights of pairs that come with the package."""

from kgplatform.facts.pair_score import PairWeights

DEFAULT_PAIRS = PairWeights(
    {
        "equal": 3.3,
        "sorted": 6.0,
        "tokens": 8.6,
        "contained": 1.2,
        "initials": 4.0,
        "last_word": 1.0,
        "acronym": 8.1,
        "digits_differ": -4.0,
        "given_differ": -1.4,
        "rare": -0.8,
        "rivals": -1.5,
        "text": 5.2,
        "around": 1.0,
        "no_around": 0.3,
        "same_label": 0.4,
        "other_label": -2.2,
        "same_source": 2.2,
    },
    bias=-13.1,
    fitted_on="names in encyclopaedia summaries, most of them shortened by a program",
)
"""Rounded from what ``tests/benchmarks/resolution.py`` finds with seed 0 (docs/benchmarks.md), but
for ``digits_differ``: it finds -2.6, where hardly any title has a number."""
