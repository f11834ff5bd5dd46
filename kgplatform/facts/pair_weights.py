"""Weights of pairs that come with the package."""

from kgplatform.facts.pair_score import PairWeights

DEFAULT_PAIRS = PairWeights(
    {
        "equal": 3.8,
        "sorted": 5.6,
        "tokens": 9.7,
        "contained": 1.4,
        "initials": 4.3,
        "last_word": 1.0,
        "acronym": 8.4,
        "digits_differ": -0.2,
        "given_differ": -1.3,
        "rare": -0.9,
        "rivals": -1.7,
        "text": 4.7,
        "around": 1.0,
        "no_around": 0.3,
        "same_label": 0.4,
        "other_label": -2.2,
        "same_source": 1.4,
    },
    bias=-13.7,
    fitted_on="names in encyclopaedia summaries, most of them shortened by a program",
)
"""Rounded from what ``tests/benchmarks/resolution.py`` finds with seed 0 (docs/benchmarks.md)."""
