"""Weights of pairs that come with the package."""

from kgplatform.facts.pair_score import PairWeights

DEFAULT_PAIRS = PairWeights(
    {
        "equal": 4.0,
        "sorted": 3.0,
        "tokens": 2.0,
        "contained": 1.0,
        "initials": 2.0,
        "last_word": 1.0,
        "acronym": 2.0,
        "digits_differ": -4.0,
        "given_differ": -4.0,
        "rare": 2.0,
        "rivals": -1.5,
        "text": 5.0,
        "around": 1.0,
        "same_label": 0.5,
        "other_label": -2.0,
        "same_source": 1.0,
    },
    bias=-6.0,
    fitted_on="nothing: set by hand",
)
